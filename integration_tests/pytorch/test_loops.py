"""Loops as users write them: recorded with no line added to them."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

import autolog
from autolog.engine.recorder import Recorder
from core_client import background
from core_client.client import Client
from integration_tests.reading import artifacts, only_run, runs

STEPS = 4


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))

    def forward(self, x: Any) -> Any:
        return self.layers(x)


@pytest.fixture(autouse=True)
def on() -> None:
    torch.manual_seed(0)
    autolog.pytorch.autolog(log_gradient_norm=True)


def history(run: Any, key: str) -> list[float]:
    points = Client().get_metric_history(run.info.run_id, key)
    assert [point.step for point in points] == list(range(len(points)))
    return [point.value for point in points]


def loss_of(model: Any, factor: float = 1.0) -> Any:
    return factor * mse_loss(model(torch.ones(4, 3)), torch.zeros(4, 1))


def steps(model: Any, optimizer: Any, seen: list[float] | None = None, number: int = STEPS) -> None:
    for _ in range(number):
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        if seen is not None:
            seen.append(loss.item())


def train(seen: list[float] | None = None) -> None:
    model = Net()
    steps(model, torch.optim.SGD(model.parameters(), lr=0.1), seen)


def test_a_loop_in_a_function() -> None:
    seen: list[float] = []

    def train() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        data = DataLoader(TensorDataset(torch.rand(8, 3), torch.rand(8, 1)), batch_size=4)
        for _ in range(2):
            for x, y in data:
                optimizer.zero_grad()
                loss = mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
                scheduler.step()
                seen.append(loss.item())

    train()
    assert autolog.active_run() is None
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "pytorch"
    wanted = {
        "model": "Net",
        "parameters": "26",
        "trainable_parameters": "26",
        "optimizer_name": "SGD",
        "lr": "0.1",
        "momentum": "0.9",
        "weight_decay": "0",
    }
    assert wanted.items() <= run.data.params.items()
    assert history(run, "loss") == seen
    rates = Client().get_metric_history(run.info.run_id, "learning_rate")
    assert [(point.step, point.value) for point in rates] == [(0, 0.1), (2, 0.05)]
    assert len(history(run, "gradient_norm")) == 4
    per_second = run.data.metrics["samples_per_second"] / run.data.metrics["steps_per_second"]
    assert per_second == pytest.approx(4)
    assert artifacts(run) == {"model_summary.txt"}


def test_each_call_of_a_training_function_is_a_run() -> None:
    for _ in range(3):
        train()
    assert [run.info.status for run in runs()] == ["FINISHED"] * 3


def test_a_function_for_one_epoch_is_no_run_of_its_own() -> None:
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    seen: list[float] = []
    for epoch in range(3):
        steps(model, optimizer, seen)
        autolog.log_metric("accuracy", epoch / 3, step=epoch)
    assert history(only_run(), "loss") == seen
    assert history(only_run(), "accuracy") == [0, 1 / 3, 2 / 3]


def test_a_function_for_one_step_is_no_run_of_its_own() -> None:
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(5):
        steps(model, optimizer, number=1)
    assert len(history(only_run(), "loss")) == 5


def test_a_function_that_got_its_model_is_over_when_it_returns() -> None:
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    steps(model, optimizer)
    assert only_run().info.status == "FINISHED"
    with autolog.start_run(run_name="mine") as mine:
        pass
    assert runs()[1].info.run_id == mine.info.run_id


def test_a_run_of_the_users_own_is_written_to_and_stays_open() -> None:
    with autolog.start_run(run_name="mine"):
        train()
        train()
        assert autolog.active_run() is not None
    run = only_run()
    assert "mlflow.autologging" not in run.data.tags
    assert len(history(run, "loss")) == len(history(run, "Net-2.loss")) == STEPS
    assert run.data.params["Net-2.optimizer_name"] == "SGD"


def test_generator_and_discriminator_are_one_training() -> None:
    g, d = Net(), Net()
    of_g = torch.optim.Adam(g.parameters(), lr=1e-3)
    of_d = torch.optim.SGD(d.parameters(), lr=1e-2)

    def gan() -> None:
        for _ in range(STEPS):
            of_d.zero_grad()
            loss_of(d).backward()
            loss_of(d, 2.0).backward()
            of_d.step()
            of_g.zero_grad()
            loss_of(g).backward()
            of_g.step()

    gan()
    run = only_run()
    assert len(history(run, "loss")) == len(history(run, "optimizer_2.loss")) == STEPS
    assert run.data.params["optimizer_name"] == "SGD"
    assert run.data.params["optimizer_2.optimizer_name"] == "Adam"
    assert run.data.params["optimizer_2.model"] == "Net"


def test_networks_with_a_function_each_for_a_step_are_one_training() -> None:
    g, d = Net(), Net()
    of_g, of_d = torch.optim.Adam(g.parameters()), torch.optim.SGD(d.parameters())

    def step_of_d() -> None:
        steps(d, of_d, number=1)

    def step_of_g() -> None:
        steps(g, of_g, number=1)

    for _ in range(STEPS):
        step_of_d()
        step_of_g()
    run = only_run()
    assert len(history(run, "loss")) == len(history(run, "optimizer_2.loss")) == STEPS


def test_one_loop_after_another_are_two_runs() -> None:
    first, second = Net(), nn.Linear(3, 1)
    of_first = torch.optim.SGD(first.parameters(), lr=0.1)
    of_second = torch.optim.SGD(second.parameters(), lr=0.2)
    for _ in range(STEPS):
        loss_of(first).backward()
        of_first.step()
    for _ in range(STEPS):
        loss_of(second).backward()
        of_second.step()
    assert [run.data.params["model"] for run in runs()] == ["Net", "Linear"]
    assert [len(history(run, "loss")) for run in runs()] == [STEPS, STEPS]


def test_two_models_trained_in_turns_do_not_mix() -> None:
    models = [Net(), nn.Linear(3, 1)]
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in models]
    seen: list[list[float]] = [[], []]
    for _ in range(3):
        for number in range(2):
            steps(models[number], optimizers[number], seen[number])
    assert [run.data.params["model"] for run in runs()] == ["Net", "Linear"]
    assert [history(run, "loss") for run in runs()] == seen


def test_a_second_phase_of_the_same_model_stays_in_the_run() -> None:
    def train() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.layers[2].parameters(), lr=0.1)
        for _ in range(STEPS):
            loss_of(model).backward()
            optimizer.step()
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(STEPS):
            loss_of(model).backward()
            optimizer.step()

    train()
    assert only_run().data.params["optimizer_2.optimizer_name"] == "Adam"


def test_accumulated_gradients_are_those_of_the_sum() -> None:
    seen: list[float] = []

    def train() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(STEPS):
            total = 0.0
            for _ in range(3):
                loss = loss_of(model) / 3
                loss.backward()
                total += loss.item()
            optimizer.step()
            optimizer.zero_grad()
            seen.append(total)

    train()
    assert history(only_run(), "loss") == seen


def test_lbfgs_is_recorded_by_its_first_loss() -> None:
    seen: list[float] = []

    def train() -> None:
        model = Net()
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=3)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            return loss

        for _ in range(STEPS):
            seen.append(optimizer.step(closure).item())

    train()
    assert history(only_run(), "loss") == seen


def test_a_scaled_loss_is_recorded_as_it_is() -> None:
    seen: list[float] = []

    def train() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        for number in range(STEPS + 1):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_of(model, float("inf") if number == 1 else 1.0)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            if number != 1:  # such a step is not made
                seen.append(loss.item())

    train()
    assert history(only_run(), "loss") == seen


def test_a_compiled_model_is_known_by_its_class() -> None:
    def train() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        steps(torch.compile(model, backend="eager"), optimizer)

    train()
    assert only_run().data.params["model"] == "Net"
    assert len(history(only_run(), "loss")) == STEPS


def test_a_compiled_step_is_recorded() -> None:
    graphs: list[int] = []
    seen: list[float] = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(len(graph.graph.nodes))
        return graph

    def train(seen: list[float]) -> None:
        torch._dynamo.reset()
        model = Net()
        optimizer = torch.optim.Adam(model.parameters())
        step = torch.compile(optimizer.step, backend=backend)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            step()
            seen.append(loss.item())

    train(seen)
    steps(nn.Linear(3, 1), torch.optim.SGD(nn.Linear(3, 1).parameters()), number=1)
    run, other = runs()
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "Net"
    assert history(run, "loss") == seen
    assert len(history(other, "loss")) == 1
    # What is compiled is what is compiled without us.
    autolog.disable()
    train([])
    assert graphs[0] > 1
    assert graphs == 2 * graphs[: len(graphs) // 2]


def test_a_step_in_a_compiled_function_is_recorded() -> None:
    seen: list[float] = []

    def train() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        @torch.compile(backend="eager")
        def step() -> Any:
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            optimizer.step()
            return loss.detach()

        for _ in range(STEPS):
            seen.append(step().item())

    train()
    assert only_run().info.status == "FINISHED"
    assert history(only_run(), "loss") == seen


def test_threads_have_a_run_each() -> None:
    threads = [threading.Thread(target=train) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [len(history(run, "loss")) for run in runs()] == [STEPS] * 3
    assert {run.info.status for run in runs()} == {"FINISHED"}


def test_values_of_the_users_own_go_with_the_step() -> None:
    def train() -> None:
        model = nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        autolog.pytorch.watch(model, batch_size=4)
        for number in range(STEPS):
            loss_of(model).backward()
            accuracy = torch.tensor(number / 4)
            autolog.pytorch.record(accuracy=accuracy, epoch=number)
            accuracy += 1  # what was said is said
            optimizer.step()

    train()
    run = only_run()
    assert history(run, "accuracy") == [0, 0.25, 0.5, 0.75]
    assert history(run, "epoch") == [0, 1, 2, 3]
    assert run.data.metrics["samples_per_second"] > 0


def test_every_nth_step() -> None:
    autolog.pytorch.autolog(log_every_n_step=3)
    model = Net()
    steps(model, torch.optim.SGD(model.parameters(), lr=0.1), number=10)
    points = Client().get_metric_history(only_run().info.run_id, "loss")
    assert [point.step for point in points] == [0, 3, 6, 9]


def test_of_a_long_loop_ever_fewer_steps_are_recorded() -> None:
    model = nn.Linear(3, 1)
    steps(model, torch.optim.SGD(model.parameters(), lr=0.1), number=131)
    points = Client().get_metric_history(only_run().info.run_id, "loss")
    assert [point.step for point in points] == [*range(100), 100, 110, 120, 130]


def test_nothing_is_added_that_waits_for_a_device() -> None:
    called: list[str] = []
    here = threading.get_ident()

    def watch(patch: pytest.MonkeyPatch, name: str) -> None:
        original = getattr(torch.Tensor, name)

        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == here:
                called.append(name)
            return original(self, *args, **kwargs)

        patch.setattr(torch.Tensor, name, method)

    def train() -> None:
        model = Net()
        steps(model, torch.optim.SGD(model.parameters(), lr=0.1), number=1500)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("item", "cpu", "tolist", "numpy", "__float__", "__bool__", "__int__"):
            watch(patch, name)
        train()
        background.wait()
        assert called == []
        torch.ones(()).item()
        assert called == ["item"]  # they would have been seen
    assert only_run().data.metrics["loss"] > 0


def test_an_optimizer_is_freed_while_its_values_are_handed_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = Recorder.later

    def after_collecting(*args: Any, **kwargs: Any) -> None:
        gc.collect()
        later(*args, **kwargs)

    def train() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        optimizer.defaults["itself"] = optimizer  # only the garbage collector frees it
        gc.disable()
        for _ in range(STEPS):
            loss_of(model).backward()
            optimizer.step()
        del optimizer
        monkeypatch.setattr(Recorder, "later", after_collecting)
        background.wait()

    try:
        thread = threading.Thread(target=train, daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    finally:
        gc.enable()
    assert len(history(only_run(), "loss")) == STEPS
    assert only_run().info.status == "FINISHED"


def test_memory_stays_flat() -> None:
    def graphs() -> int:
        return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())

    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    counts = []
    for _ in range(2):
        for _ in range(1000):
            optimizer.zero_grad()
            loss_of(model).backward()
            optimizer.step()
        background.wait()
        counts.append(graphs())
    assert counts[0] == counts[1]


@pytest.mark.parametrize("rank", ["0", "1"])
def test_rank_zero_alone_records(rank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", rank)
    train()
    assert len(runs()) == (1 if rank == "0" else 0)


def test_workers_of_a_loader_are_silent() -> None:
    class Training:
        """A data set that trains in the worker to make a sample."""

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            train()
            return torch.ones(3)

    list(DataLoader(Training(), num_workers=1))
    assert runs() == []


def test_off_is_off() -> None:
    train()
    autolog.disable()
    train()
    assert len(runs()) == 1
    assert type(torch.autograd.backward).__name__ == "function"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_function_that_raises_leaves_a_failed_run(error: type[BaseException]) -> None:
    def train() -> None:
        model = Net()
        steps(model, torch.optim.SGD(model.parameters(), lr=0.1))
        raise error("the data is gone")

    def called() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for number in range(3):
            loss_of(model).backward()
            optimizer.step()
            if number:
                raise error("the data is gone")

    with pytest.raises(error):
        called()
    run = only_run()
    assert run.info.status == "FAILED"
    assert len(history(run, "loss")) == 2
    assert autolog.active_run() is None


def test_an_error_that_is_handled_is_told() -> None:
    model = Net()

    def train() -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loss_of(model).backward()
        optimizer.step()
        raise ValueError("the data is gone")

    try:
        train()
    except ValueError:
        run = only_run()
    assert run.info.status == "FAILED"
    assert run.data.tags["autolog.error"] == "ValueError: the data is gone"


def backward_on_a_vector(model: Any) -> None:
    model(torch.ones(4, 3)).backward(torch.full((4, 1), 0.5))


def backward_on_several(model: Any) -> None:
    torch.autograd.backward([loss_of(model), loss_of(model)])


@pytest.mark.parametrize(
    ("backward", "expected"),
    [
        (backward_on_a_vector, lambda model: float(model(torch.ones(4, 3)).sum() / 2)),
        (backward_on_several, lambda model: 2 * loss_of(model).item()),
        (lambda model: loss_of(model, float("nan")).backward(), lambda _: float("nan")),
        (lambda model: loss_of(model, float("inf")).backward(), lambda _: float("inf")),
    ],
)
def test_losses_that_are_not_one_number_of_the_usual_kind(
    backward: Callable[[Any], None], expected: Callable[[Any], float]
) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wanted = expected(model)
    backward(model)
    optimizer.step()
    assert history(only_run(), "loss") == pytest.approx([wanted], nan_ok=True)


def test_errors_of_the_users_are_raised_as_they_are() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.ones(()).backward()
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        model(torch.ones(4, 3)).backward()
    with pytest.raises(ValueError, match="empty parameter list"):
        torch.optim.SGD([], lr=0.1)
    optimizer.register_step_post_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        optimizer.step()
    assert runs() == []


def test_an_optimizer_with_nothing_to_optimize() -> None:
    def train() -> None:
        optimizer = torch.optim.SGD([{"params": []}], lr=0.1)
        optimizer.step()

    train()
    assert only_run().data.params["optimizer_name"] == "SGD"


def test_a_run_that_ends_while_the_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for number in range(6):
        loss_of(model).backward()
        optimizer.step()
        if number == 2:
            autolog.end_run()
    assert len(history(only_run(), "loss")) == 3
    assert caplog.text.count("was ended while its loop goes on") == 1


def test_a_loop_that_goes_on_in_another_run() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        with autolog.start_run():
            for _ in range(3):
                loss_of(model).backward()
                optimizer.step()
    assert [len(Client().get_metric_history(r.info.run_id, "loss")) for r in runs()] == [3, 3]


def test_a_model_made_before_is_found() -> None:
    autolog.disable()
    model = Net()
    autolog.pytorch.autolog()
    steps(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert only_run().data.params["model"] == "Net"


def test_the_model_pickles_as_before(tmp_path: Any) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    steps(model, optimizer)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "x")
    assert set(torch.load(tmp_path / "x")) == {"model", "optimizer"}
    assert not model._forward_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_a_fork_of_the_process_is_silent() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for number in range(STEPS):
        steps(model, optimizer, number=1)
        if number == 1:
            child = os.fork()
            if not child:
                steps(model, optimizer)
                background.wait()
                os._exit(0)
            os.waitpid(child, 0)
    run = only_run()
    assert run.info.status == "RUNNING"
    assert len(history(run, "loss")) == STEPS


def test_cells_of_a_notebook_go_on_with_one_training() -> None:
    names: dict[str, Any] = {"torch": torch, "Net": Net, "loss_of": loss_of, "__name__": "cell"}

    def cell(code: str) -> None:
        exec(compile(code, "cell", "exec"), names)  # noqa: S102 - as notebooks do it

    cell("model = Net(); optimizer = torch.optim.SGD(model.parameters())")
    for number in range(3):
        cell("for _ in range(2):\n    loss_of(model).backward()\n    optimizer.step()")
        assert len(history(only_run(), "loss")) == 2 * number + 2
    assert only_run().data.params["model"] == "Net"


def test_a_trainer_class_with_validation_and_its_own_metrics() -> None:
    class Trainer:
        def __init__(self) -> None:
            self.model = Net()
            self.optimizer = torch.optim.Adam(self.model.parameters())

        def fit(self, epochs: int) -> None:
            for epoch in range(epochs):
                self.train()
                with torch.no_grad():
                    autolog.log_metric("val_loss", loss_of(self.model), step=epoch)

        def train(self) -> None:
            for _ in range(STEPS):
                self.step()

        def step(self) -> None:
            self.optimizer.zero_grad()
            loss_of(self.model).backward()
            self.optimizer.step()

    Trainer().fit(3)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert len(history(run, "loss")) == 3 * STEPS
    assert len(history(run, "val_loss")) == 3
