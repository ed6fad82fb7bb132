"""What people do in notebooks: cells again and again, await, interrupt, edit and reload, restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core_client.client import Client
from core_client.entities import Run
from integration_tests.notebook.conftest import Kernel

DATA = """
import autolog
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True)
autolog.autolog(log_models=False)
"""
ESTIMATOR = """
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import unique_labels

class Constant(ClassifierMixin, BaseEstimator):
    def __init__(self, answer={answer}):
        self.answer = answer

    def fit(self, X, y):
        self.classes_ = unique_labels(y)
        self.fitted_ = {answer}
        return self

    def predict(self, X):
        return [self.answer] * len(X)
"""
ACTIVE = """
import asyncio, autolog
async def nothing():
    await asyncio.sleep(0)
def active():
    run = autolog.active_run()
    print(run and run.info.run_name)
"""


def recorded(kernel: Kernel) -> list[Run]:
    """The runs that cells of this kernel have recorded, the first one first."""
    kernel.run("autolog.flush_async_logging()")
    return list(Client("sqlite:///mlflow.db").search_runs(["0"], order_by=["start_time ASC"]))


def statuses(runs: list[Run]) -> list[str]:
    return [run.info.status for run in runs]


def test_the_active_run_goes_from_cell_to_cell(kernel: Kernel) -> None:
    kernel.run(ACTIVE)
    kernel.run("autolog.start_run(run_name='first');")
    assert kernel.run("active()") == "first"
    assert kernel.run("await nothing(); active()") == "first"
    kernel.run("await nothing(); autolog.start_run(run_name='second', nested=True);")
    assert kernel.run("active()") == "second"
    kernel.run("await nothing(); autolog.end_run()")
    assert kernel.run("active(); autolog.end_run(); active()") == "first\nNone"
    assert kernel.run("await nothing(); active()") == "None"


def test_the_first_cell_may_await(kernel: Kernel) -> None:
    kernel.run(f"{ACTIVE}\nawait nothing()\nautolog.start_run(run_name='first');")
    assert kernel.run("active()") == "first"


def test_tasks_and_threads_of_a_cell_are_apart(kernel: Kernel) -> None:
    kernel.run(ACTIVE)
    kernel.run("autolog.start_run(run_name='mine');")
    kernel.run(
        "async def train(name):\n"
        "    with autolog.start_run(run_name=name, nested=True) as run:\n"
        "        await nothing()\n"
        "        assert autolog.active_run() is run\n"
        "async def forget():\n"
        "    autolog.start_run(run_name='forgotten', nested=True)"
    )
    assert kernel.run("await asyncio.gather(train('a'), train('b')); active()") == "mine"
    assert kernel.run("await asyncio.create_task(forget()); active()") == "mine"
    assert kernel.run("active()") == "mine"
    kernel.run("import threading; thread = threading.Thread(target=active)")
    assert kernel.run("thread.start(); thread.join()") == "None"


@pytest.mark.parametrize(
    ("environment", "first_cell", "name"),
    [
        ({"JPY_SESSION_NAME": "/data/My work.ipynb"}, "", "/data/My work.ipynb"),
        ({"JPY_SESSION_NAME": "/data/"}, "", "notebook"),  # a console beside the notebooks
        ({}, "__vsc_ipynb_file__ = '/data/code.ipynb'", "/data/code.ipynb"),
        ({}, "PAPERMILL_INPUT_PATH = 'in.ipynb'", "in.ipynb"),
    ],
)
def test_the_source_is_the_notebook(
    start: Callable[..., Kernel], environment: dict[str, str], first_cell: str, name: str
) -> None:
    kernel = start(**environment)
    kernel.run(first_cell)
    kernel.run("import autolog\nwith autolog.start_run(): pass")
    (run,) = recorded(kernel)
    assert run.data.tags["mlflow.source.type"] == "NOTEBOOK"
    assert run.data.tags["mlflow.source.name"] == name


def test_a_run_shows_itself_while_and_after_it_is_active(kernel: Kernel) -> None:
    begun = kernel.cell("import autolog\nautolog.start_run(run_name='seen')")
    (display,) = begun.displays
    assert "seen" in display["text/html"]
    assert "RUNNING" in display["text/html"]
    assert "text/plain" in display
    kernel.run("for step in range(5): autolog.log_metric('loss', 1 / (step + 1), step=step)")
    kernel.run("autolog.end_run()")
    (display,) = kernel.cell("autolog.last_active_run()").displays
    assert "<polyline" in display["text/html"]
    assert "FINISHED" in display["text/html"]


def test_cells_run_again_record_again_and_once(kernel: Kernel) -> None:
    for _ in range(3):
        kernel.run(DATA)
        kernel.run(
            "from sklearn.linear_model import LogisticRegression\n"
            "model = LogisticRegression(max_iter=300).fit(X, y)"
        )
    runs = recorded(kernel)
    assert statuses(runs) == ["FINISHED"] * 3
    for run in runs:
        assert run.data.params["max_iter"] == "300"
        assert "training_score" in run.data.metrics
    kernel.run("autolog.disable(); model.fit(X, y)")
    assert len(recorded(kernel)) == 3


def test_an_estimator_is_edited_and_reloaded(kernel: Kernel, own_place: Path) -> None:
    module = own_place / "constant.py"
    module.write_text(ESTIMATOR.format(answer=0))
    kernel.run("%load_ext autoreload\n%autoreload 2")
    kernel.run(DATA)
    kernel.run("from constant import Constant\nold = Constant().fit(X, y); print(old.fitted_)")
    module.write_text(ESTIMATOR.format(answer=12))  # another size: it is seen as changed
    assert kernel.run("new = Constant().fit(X, y); print(new.fitted_, new.answer)") == "12 12"
    assert kernel.run("old.fit(X, y); print(old.fitted_, old.answer)") == "12 0"
    runs = recorded(kernel)
    assert statuses(runs) == ["FINISHED"] * 3
    assert [run.data.params["answer"] for run in runs] == ["0", "12", "0"]

    kernel.run("autolog.disable()")
    assert kernel.run("print(Constant().fit(X, y).fitted_)") == "12"
    module.write_text(ESTIMATOR.format(answer=345))
    kernel.run("from constant import Constant")
    assert kernel.run("print(Constant().fit(X, y).fitted_)") == "345"
    assert len(recorded(kernel)) == 3


def test_an_estimator_is_written_in_a_cell_again(kernel: Kernel) -> None:
    kernel.run(DATA)
    for answer in (1, 2):
        kernel.run(ESTIMATOR.format(answer=answer))
        assert kernel.run("print(Constant().fit(X, y).fitted_)") == str(answer)
    runs = recorded(kernel)
    assert [run.data.params["answer"] for run in runs] == ["1", "2"]


def test_a_training_is_interrupted(kernel: Kernel) -> None:
    kernel.run(DATA)
    kernel.run(
        "import threading\n"
        "from sklearn.base import BaseEstimator\n"
        "class Endless(BaseEstimator):\n"
        "    def fit(self, X, y=None):\n"
        "        print('training', flush=True)\n"
        "        threading.Event().wait()"
    )

    def stop(text: str) -> None:
        assert text.startswith("training")
        kernel.interrupt()

    assert kernel.cell("Endless().fit(X)", on_text=stop).error == "KeyboardInterrupt"
    assert kernel.run("print(autolog.active_run())") == "None"
    kernel.run("from sklearn.tree import DecisionTreeClassifier\n")
    kernel.run("DecisionTreeClassifier().fit(X, y)")
    stopped, after = recorded(kernel)
    assert statuses([stopped, after]) == ["FAILED", "FINISHED"]
    assert "KeyboardInterrupt" in stopped.data.tags["autolog.error"]
    assert "training_score" in after.data.metrics


def test_an_interrupted_block_fails_its_run(kernel: Kernel) -> None:
    kernel.run("import autolog, threading")
    code = "with autolog.start_run():\n    print('on', flush=True)\n    threading.Event().wait()"
    cell = kernel.cell(code, on_text=lambda _: kernel.interrupt())
    assert cell.error == "KeyboardInterrupt"
    kernel.run("with autolog.start_run(): pass")
    assert statuses(recorded(kernel)) == ["FAILED", "FINISHED"]


def test_a_script_is_run(kernel: Kernel, own_place: Path) -> None:
    script = "from sklearn.tree import DecisionTreeClassifier\nDecisionTreeClassifier().fit(X, y)\n"
    (own_place / "train.py").write_text(DATA + script)
    kernel.run("%run train.py")
    kernel.run("%run train.py")
    runs = recorded(kernel)
    assert statuses(runs) == ["FINISHED", "FINISHED"]
    for run in runs:
        assert run.data.tags["estimator_name"] == "DecisionTreeClassifier"


def test_a_kernel_that_is_shut_down_ends_its_runs(start: Callable[..., Kernel]) -> None:
    for begin in ("", "import asyncio; await asyncio.sleep(0)\n"):
        kernel = start()
        kernel.run(f"{begin}import autolog\nautolog.start_run();")
        kernel.close()
    again = start()
    again.run("import autolog")
    assert statuses(recorded(again)) == ["FINISHED", "FINISHED"]


def test_a_restarted_kernel_leaves_nothing_open(start: Callable[..., Kernel]) -> None:
    kernel = start()
    kernel.run("import autolog\nautolog.start_run()\nautolog.log_metric('loss', 0.5)")
    kernel.kill()
    again = start()
    assert again.run("import autolog; print(autolog.search_runs().status[0])") == "KILLED"
    (run,) = recorded(again)
    assert run.data.metrics == {"loss": 0.5}
