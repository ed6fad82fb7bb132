"""Which run a call writes to, who ends it, and which processes and threads keep silent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import autolog
from autolog.engine import configure, on
from tests.engine.conftest import Toy, runs


@pytest.fixture
def fits(toy: Toy) -> Any:
    """`toylib.base` whose fits are recorded with the argument X as a param, and on."""

    @toy.on("Base.fit", subclasses=True)
    def fit(call: Any) -> Iterator[None]:
        call.run.log_param(f"X of {type(call.instance).__name__}", call.arguments["X"])
        yield
        call.run.log_metric("done", 1)

    toy.autolog()
    return toy.load("toylib.base")


def test_each_call_has_a_run_of_its_own(fits: Any) -> None:
    fits.Base().fit(1)
    fits.Base().fit(2)
    assert [run.data.params for run in runs()] == [{"X of Base": "1"}, {"X of Base": "2"}]
    assert {run.info.status for run in runs()} == {"FINISHED"}
    assert autolog.active_run() is None


def test_the_users_run_is_written_to_but_neither_ended_nor_tagged(toy: Toy, fits: Any) -> None:
    toy.autolog(extra_tags={"team": "a"})
    with autolog.start_run() as mine:
        fits.Base().fit(1)
        assert autolog.active_run() is mine
        with pytest.raises(ValueError, match="wrong"):
            fits.Base().fit(1, fail=ValueError("wrong"))
        assert autolog.get_run(mine.run_id).info.status == "RUNNING"
    [run] = runs()
    assert run.info.status == "FINISHED"
    assert run.data.params == {"X of Base": "1"}
    assert not {"team", "mlflow.autologging", "autolog.error"} & set(run.data.tags)


def test_extra_tags_are_on_runs_that_autologging_opened(toy: Toy, fits: Any) -> None:
    toy.autolog(extra_tags={"team": "a"})
    fits.Base().fit(1)
    [run] = runs()
    assert run.data.tags["team"] == "a"
    assert run.data.tags["mlflow.autologging"] == "toy"


def test_exclusive_keeps_out_of_the_users_runs(toy: Toy, fits: Any) -> None:
    toy.autolog(exclusive=True)
    with autolog.start_run() as mine:
        fits.Child().fit(1)
        assert autolog.active_run() is mine
    fits.Child().fit(2)
    assert [run.data.params for run in runs()] == [{}, {"X of Child": "2"}]


def test_exclusive_frameworks_share_a_run_that_autologging_opened(toy: Toy) -> None:
    @toy.on("Base.fit", subclasses=True)
    def fit(call: Any) -> Iterator[None]:
        call.run.log_param("outer", 1)
        yield

    @on("toylib.training", "train")
    def train(call: Any) -> Iterator[None]:
        call.run.log_param("inner", 1)
        yield

    toy.autolog(exclusive=True)
    values = {"disable": False, "exclusive": True, "extra_tags": None, "silent": False}
    configure("inner", values)
    base, training = toy.load("toylib.base"), toy.load("toylib.training")

    class Mine(base.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            return training.train({})

    Mine().fit(1)
    training.train({})
    both, alone = runs()
    assert both.data.params == {"outer": "1", "inner": "1"}
    assert both.data.tags["mlflow.autologging"] == "toy"
    assert alone.data.params == {"inner": "1"}
    assert alone.data.tags["mlflow.autologging"] == "inner"
    with autolog.start_run():
        Mine().fit(1)
    assert runs()[-1].data.params == {}


def test_nested_calls_of_one_framework_are_silent(fits: Any) -> None:
    class Meta(fits.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            fits.Base().fit("inner")
            super().fit(X)
            return self

    Meta().fit("outer")
    [run] = runs()
    assert run.data.params == {"X of Meta": "outer"}


def test_a_nested_hook_sees_the_calls_within_recorded_ones(toy: Toy) -> None:
    seen = []

    @toy.on("Base.fit", subclasses=True)
    def fit(call: Any) -> Iterator[None]:
        call.run.log_param("X", call.arguments["X"])
        yield

    @toy.on("train", "toylib.training", nested=True)
    def train(call: Any) -> Iterator[None]:
        seen.append(call.run.run_id)
        yield

    toy.autolog()
    base, training = toy.load("toylib.base"), toy.load("toylib.training")

    class Wrapper(base.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            training.train(X)
            return self

    Wrapper().fit(1)
    training.train(2)
    assert seen == [run.info.run_id for run in runs()]


def test_a_part_of_a_call_is_recorded_with_it(toy: Toy) -> None:
    """As a wrapper's fit that hands the work to the library's own training function."""

    @toy.on("Base.fit", subclasses=True)
    def fit(call: Any) -> Iterator[None]:
        call.scope(type(call.instance).__name__).log_param("X", call.arguments["X"])
        yield

    @toy.on("train", "toylib.training", part_of=fit)
    def train(call: Any) -> Iterator[None]:
        kind = "Booster" if call.whole is None else type(call.whole.instance).__name__
        call.scope(kind).log_param("params", call.arguments["params"])
        yield

    toy.autolog()
    base, training = toy.load("toylib.base"), toy.load("toylib.training")

    class Wrapper(base.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            training.train(X)
            return self

    class Meta(base.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            return Wrapper().fit(X)

    Wrapper().fit(1)
    with autolog.start_run():
        for X in (2, 3):
            Wrapper().fit(X)
        training.train(4)
    Meta().fit(5)
    one, several, meta = runs()
    assert one.data.params == {"X": "1", "params": "1"}
    assert several.data.params == {
        "X": "2", "params": "2", "Wrapper-2.X": "3", "Wrapper-2.params": "3", "Booster.params": "4",
    }  # fmt: skip
    assert meta.data.params == {"X": "5", "params": "5"}


def test_two_frameworks_that_see_one_fit_share_its_names(toy: Toy) -> None:
    """As scikit-learn and a library whose estimators are scikit-learn's too."""

    def seen_by(name: str) -> Any:
        def fit(call: Any) -> Iterator[None]:
            call.scope("Base").log_param(name, call.outer and call.outer.home)
            yield

        return fit

    toy.on("Base.fit")(seen_by("one"))
    on("toylib.base", "Base.fit")(seen_by("other"))
    toy.autolog()
    values = {"disable": False, "exclusive": False, "extra_tags": None, "silent": False}
    configure("toylib", values)
    base = toy.load("toylib.base")
    with autolog.start_run():
        base.Base().fit(1)
        base.Base().fit(2)
    base.Base().fit(3)
    mine, own = runs()
    assert {key.rpartition(".") for key in mine.data.params} == {
        ("", "", "one"), ("", "", "other"), ("Base-2", ".", "one"), ("Base-2", ".", "other"),
    }  # fmt: skip
    # Whichever sees the fit first: the class is at home in `toylib`.
    assert set(own.data.params.values()) == {"None", "toylib"}
    assert own.data.tags["mlflow.autologging"] == "toylib"


def test_a_handler_that_records_nothing_silences_what_is_below(toy: Toy) -> None:
    @toy.on("Base.fit", subclasses=True)
    def fit(call: Any) -> Iterator[None]:
        if type(call.instance).__name__ != "Child":
            call.run.log_param("X", call.arguments["X"])
        yield

    toy.autolog()
    toy.load("toylib.base").Child().fit(1)
    assert runs() == []


def test_a_run_that_the_training_starts_itself_is_left_alone(fits: Any) -> None:
    class Mine(fits.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            with autolog.start_run(nested=True):
                autolog.log_param("mine", 1)
            return self

    Mine().fit(1)
    outer, inner = runs()
    assert outer.data.metrics == {"done": 1}
    assert inner.data.params == {"mine": "1"}
    assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert autolog.active_run() is None


def test_a_run_that_the_training_ends_itself_stays_ended(fits: Any) -> None:
    class Mine(fits.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            autolog.end_run()
            return self

    Mine().fit(1)
    assert autolog.active_run() is None
    assert [run.info.status for run in runs()] == ["FINISHED"]


def test_threads_have_a_run_each(fits: Any) -> None:
    start = threading.Barrier(4)

    def work(X: int) -> None:
        start.wait()
        for _ in range(3):
            fits.Child().fit(X)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    found = sorted(run.data.params["X of Child"] for run in runs())
    assert found == sorted(str(X) for X in range(4) for _ in range(3))
    assert all(run.data.metrics == {"done": 1} for run in runs())


@pytest.mark.parametrize("backend", ["threading", "sequential", "loky", "multiprocessing"])
def test_joblib_workers_belong_to_the_call_that_started_them(
    toy: Toy, fits: Any, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_PARENT", str(os.getpid()))
    toy.write(
        "mine",
        """
        import os
        from joblib import Parallel, delayed
        import autolog
        from autolog.engine import configure, on
        from toylib.base import Base

        def part(X):
            Base().fit(X)
            if os.getpid() == int(os.environ["TOY_PARENT"]):
                autolog.log_metric("seen by the user", X)
            else:  # switched on here too, as by a script that the worker imports
                switch_on()
                Base().fit(X)
                assert len(calls) == 0
            return os.getpid(), X

        class Meta(Base):
            def fit(self, X, backend):
                self.parts = Parallel(n_jobs=2, backend=backend)(delayed(part)(x) for x in X)
                return self

        calls = []

        @on("toylib.base", "Base.fit")
        def record(call):
            calls.append(call.arguments)
            yield

        def switch_on():
            configure("mine", {"disable": False})
        """,
    )
    meta = toy.load("mine").Meta().fit(range(1, 5), backend=backend)
    assert [X for _, X in meta.parts] == [1, 2, 3, 4]
    assert {pid == os.getpid() for pid, _ in meta.parts} == {backend in ("threading", "sequential")}
    [run] = runs()
    assert run.data.params == {"X of Meta": "range(1, 5)"}
    assert ("seen by the user" in run.data.metrics) == (backend in ("threading", "sequential"))


def test_joblib_is_as_before_when_autologging_is_off(toy: Toy, fits: Any) -> None:
    joblib = pytest.importorskip("joblib")
    ours = vars(joblib.Parallel)["__call__"]
    autolog.disable()
    raw = vars(joblib.Parallel)["__call__"]
    assert raw is ours.__wrapped__
    toy.autolog()
    assert vars(joblib.Parallel)["__call__"] is not raw
    assert joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-x) for x in range(3)) == [0, 1, 2]


def test_threads_of_the_user_through_joblib_have_a_run_each(fits: Any) -> None:
    from joblib import Parallel, delayed

    tasks = (delayed(fits.Base().fit)(X) for X in range(4))
    Parallel(n_jobs=4, backend="threading")(tasks)
    assert sorted(run.data.params["X of Base"] for run in runs()) == ["0", "1", "2", "3"]


def test_a_forked_child_is_silent_and_the_parent_is_not_disturbed(fits: Any) -> None:
    class Forks(fits.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    fits.Base().fit("in the child")
                    autolog.disable()
                    autolog.autolog()
                    fits.Base().fit("in the child")
                    code = 0
                finally:
                    os._exit(code)
            assert os.waitpid(child, 0)[1] == 0
            return self

    Forks().fit("in the parent")
    fits.Base().fit("after")
    assert [run.data.params for run in runs()] == [
        {"X of Forks": "in the parent"},
        {"X of Base": "after"},
    ]
    assert all(run.data.metrics == {"done": 1} for run in runs())


SCRIPT = """
import sys
import autolog
from autolog.engine import configure, on

@on("toylib.base", "Base.fit", subclasses=True)
def fit(call):
    call.run.log_param("X", call.arguments["X"])
    yield

configure("toy", {"disable": False, "exclusive": False, "silent": False, "extra_tags": None})
from toylib.base import Base

def work(X):
    Base().fit(X)
    return X

if __name__ == "__main__":
    import multiprocessing as mp
    how = sys.argv[1]
    if how == "alone":
        work(0)
    elif how == "executor":
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2, mp_context=mp.get_context("spawn")) as pool:
            assert list(pool.map(work, [1, 2])) == [1, 2]
    else:
        with mp.get_context(how).Pool(2) as pool:
            assert pool.map(work, [1, 2]) == [1, 2]
    print(len(autolog.search_runs(output_format="list")), "runs")
"""


def script(toy: Toy, *args: str, **env: str) -> str:
    """What the script says when it is run in the working directory."""
    toy.write("script", textwrap.dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, str(toy.folder / "script.py"), *args],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path), **env},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("how", ["spawn", "fork", "forkserver", "executor"])
def test_pool_workers_are_silent(toy: Toy, how: str) -> None:
    assert script(toy, how) == "0 runs"


RANKS = ["RANK", "LOCAL_RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "NODE_RANK"]


CLUSTER = {"chief": ["a:1"], "worker": ["b:1", "c:1"], "ps": ["d:1"]}
WORKERS = {"worker": ["b:1", "c:1"]}


@pytest.mark.parametrize(
    ("config", "records"),
    [
        ({"cluster": WORKERS, "task": {"type": "worker", "index": 0}}, True),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": 1}}, False),
        ({"cluster": WORKERS, "task": {"type": "evaluator", "index": 0}}, False),
        ({"cluster": CLUSTER, "task": {"type": "chief", "index": 0}}, True),
        ({"cluster": CLUSTER, "task": {"type": "worker", "index": 0}}, False),
        ({"cluster": CLUSTER, "task": {"type": "ps", "index": 0}}, False),
        ({"cluster": WORKERS}, True),
        ("no JSON", True),
    ],
)
def test_only_the_chief_of_a_cluster_records(
    fits: Any, monkeypatch: pytest.MonkeyPatch, config: Any, records: bool
) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    fits.Base().fit(1)
    assert len(runs()) == records


@pytest.mark.parametrize("name", RANKS)
def test_only_rank_zero_records(fits: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    fits.Base().fit(1)
    assert runs() == []
    monkeypatch.setenv(name, "0")
    fits.Base().fit(1)
    assert len(runs()) == 1


def test_a_process_of_its_own_records(toy: Toy) -> None:
    assert script(toy, "alone") == "1 runs"
    assert script(toy, "alone", RANK="1", WORLD_SIZE="2") == "1 runs"
    assert script(toy, "alone", RANK="0", WORLD_SIZE="2") == "2 runs"


def test_a_store_that_cannot_be_written_costs_the_record_only(
    fits: Any, faults: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    model = fits.Base()
    assert model.fit(1) is model
    assert model.seen == (1, None, 1)
    assert faults.caught
    assert all("nonsense" in str(error) for _, error in faults.caught)
    faults.caught.clear()
    assert autolog.active_run() is None
