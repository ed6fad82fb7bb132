"""What every store must do, read back through the store itself. Inherit it and give a `store`."""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core_client.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    LoggedModel,
    LoggedModelOutput,
    Metric,
    Run,
    RunStatus,
    ViewType,
)
from core_client.events import (
    Event,
    ExperimentCreated,
    ExperimentDeleted,
    ExperimentRenamed,
    ExperimentRestored,
    ExperimentTagged,
    Inputs,
    Metrics,
    ModelLogged,
    ModelMetrics,
    ModelReady,
    Params,
    RunDeleted,
    RunEnded,
    RunRenamed,
    RunRestored,
    RunResumed,
    RunStarted,
    TagDeleted,
    Tags,
)
from core_client.exceptions import MlflowException
from core_client.stores.base import Refused, Store

RUN = "a" * 32
INFINITY = math.inf
INVALID = "INVALID_PARAMETER_VALUE"


def run_id(number: int) -> str:
    return f"{number:032x}"


def started(run: str = RUN, time: int = 1000, **changes: object) -> RunStarted:
    values: dict[str, object] = {
        "run_id": run,
        "experiment_id": "0",
        "experiment_name": "",
        "run_name": "kind-owl-7",
        "user_id": "mia",
        "start_time": time,
        "artifact_uri": "",
        "tags": {},
    }
    return RunStarted(**(values | changes))  # type: ignore[arg-type]


def refusals(store: Store, *events: Event) -> list[tuple[Event, str]]:
    with pytest.raises(Refused) as caught:
        store.apply(events)
    return caught.value.reasons


def dataset(context: str = "train", **changes: object) -> DatasetInput:
    values: dict[str, object] = {
        "name": "iris",
        "digest": "d1",
        "source_type": "code",
        "source": "{}",
        "schema": '{"a": 1}',
        "profile": None,
    }
    return DatasetInput(
        Dataset(**(values | changes)),  # type: ignore[arg-type]
        [InputTag("mlflow.data.context", context)],
    )


MODEL = "m-" + "c" * 32


def logged(model: str = MODEL, run: str = RUN, **changes: object) -> ModelLogged:
    values: dict[str, object] = {
        "run_id": run,
        "model_id": model,
        "name": "model",
        "model_type": "tree",
        "step": 2,
        "time": 5000,
        "params": {"depth": "3"},
        "tags": {"team": "red"},
    }
    return ModelLogged(**(values | changes))  # type: ignore[arg-type]


class LoggedModelContract:
    """What a store does that keeps logged models beside the runs, as MLflow 3 does."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        raise NotImplementedError

    def the_model(self, store: Store, run: str = RUN) -> LoggedModel:
        """The only model of a run."""
        [output] = store.get_run(run).outputs.model_outputs
        return store.get_logged_model(output.model_id)

    def test_a_model_has_what_its_run_holds_then_and_at_the_end(self, store: Store) -> None:
        before = [
            started(),
            Params(RUN, {"alpha": "1"}),
            Metrics(RUN, 10, 1, {"loss": 0.5, "nothing": "nan", "much": "inf"}),
            Metrics(RUN, 20, 2, {"loss": 0.25}),
        ]
        after = [
            Metrics(RUN, 30, 3, {"loss": 0.125, "accuracy": 0.75}),
            Params(RUN, {"beta": "2"}),
            RunEnded(RUN, RunStatus.FINISHED, 40),
        ]
        store.apply([*before, logged(), *after])
        model = self.the_model(store)
        run = store.get_run(RUN)
        assert store.get_logged_model(MODEL) == model
        assert run.outputs.model_outputs == [LoggedModelOutput(model.model_id, 2)]
        assert (model.name, model.model_type, model.status) == ("model", "tree", "PENDING")
        assert (model.experiment_id, model.source_run_id) == ("0", run.info.run_id)
        assert model.model_uri == f"models:/{model.model_id}"
        assert model.tags == {"team": "red"}
        assert model.params == {"alpha": "1", "depth": "3"}
        # The last value of each, as it was then; no place has room for a NaN.
        points = [Metric("loss", 0.25, 20, 2), Metric("much", INFINITY, 10, 1)]
        assert sorted(model.metrics, key=lambda one: one.key) == points
        root = store.get_experiment("0").artifact_location
        assert model.artifact_location == f"{root}/models/{model.model_id}/artifacts"
        store.apply([logged(), ModelReady(MODEL)])
        model = self.the_model(store)
        assert model.status == "READY"
        assert model.params == {"alpha": "1", "beta": "2", "depth": "3"}
        points.append(Metric("accuracy", 0.75, 30, 3))
        assert sorted(model.metrics, key=lambda one: one.key) == sorted(points, key=str)

    def test_a_model_comes_once_however_often_it_is_told(self, store: Store) -> None:
        story = [
            started(),
            Metrics(RUN, 10, 1, {"loss": 0.5}),
            logged(),
            ModelMetrics(RUN, 20, 2, {"score": 0.5}, MODEL),
            ModelReady(MODEL),
            RunEnded(RUN, RunStatus.FINISHED, 40),
        ]
        store.apply(story)
        first = self.the_model(store)
        store.apply(story[1:])
        store.apply(story)
        again = self.the_model(store)
        assert (again.model_id, again.params, again.metrics) == (
            first.model_id, first.params, first.metrics,
        )  # fmt: skip

    def test_points_of_a_model_belong_to_its_run_as_well(self, store: Store) -> None:
        store.apply([started(), logged()])
        store.apply([ModelMetrics(RUN, step, step, {"score": step / 2}, MODEL) for step in (1, 2)])
        points = [Metric("score", 0.5, 1, 1), Metric("score", 1.0, 2, 2)]
        assert store.metric_history(RUN, "score") == points
        found = sorted(self.the_model(store).metrics, key=lambda one: one.step)
        assert found == points
        [(_, reason)] = refusals(store, ModelMetrics(RUN, 9, 9, {"other": 1.0}, "m-none"))
        assert "m-none" in reason
        assert store.get_run(RUN).data.metrics == {"score": 1.0, "other": 1.0}

    def test_each_model_of_a_run_keeps_its_own(self, store: Store) -> None:
        ids = [f"m-{number:032x}" for number in range(3)]
        events: list[Event] = [started()]
        for step, model in enumerate(ids):
            events += [
                Metrics(RUN, step, step, {"loss": 1.0 - step / 4}),
                logged(model, step=step, time=5000 + step, params={"nth": str(step)}),
            ]
        store.apply(events)
        outputs = store.get_run(RUN).outputs.model_outputs
        assert sorted(one.step for one in outputs) == [0, 1, 2]
        for step, model_id in enumerate(ids):
            model = store.get_logged_model(model_id)
            assert model.params == {"nth": str(step)}
            assert model.metrics == [Metric("loss", 1.0 - step / 4, step, step)]
        [found] = store.search_runs(["0"])
        assert len(found.outputs.model_outputs) == 3

    def test_a_copied_model_gets_nothing_of_its_run(self, store: Store) -> None:
        store.apply([started(), Params(RUN, {"a": "1"}), Metrics(RUN, 1, 1, {"loss": 0.5})])
        store.apply([logged(from_run=False)])
        model = self.the_model(store)
        assert (model.params, model.metrics) == ({"depth": "3"}, [])

    def test_a_model_that_is_there_is_named_by_its_id(self, store: Store) -> None:
        store.apply([started(), logged()])
        model_id = self.the_model(store).model_id
        other = run_id(7)
        store.apply([started(other), Params(other, {"gamma": "3"})])
        store.apply([logged(model_id, other, name="", params={})])
        assert store.get_run(other).outputs.model_outputs == [LoggedModelOutput(model_id, 2)]
        assert store.get_logged_model(model_id).params == {"depth": "3", "gamma": "3"}
        reasons = refusals(store, logged("m-none", name=""), ModelReady("m-none"))
        assert len(reasons) == 2
        assert all("m-none" in reason for _, reason in reasons)

    def test_what_cannot_be_logged_is_refused(self, store: Store) -> None:
        [(_, reason)] = refusals(store, logged(run=run_id(9)))
        assert "does not exist" in reason
        with pytest.raises(MlflowException) as caught:
            store.get_logged_model(MODEL)
        assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


class StoreContract:
    """The suite; a store's own test class inherits it.

    A store whose experiments have the times of its own clock sets `own_clock`; filters that are
    beyond another program's grammar, and may be refused with a reason, stand in `may_refuse`. One
    that takes no runs away for good says so in `removes`, and one with logged models in
    `keeps_models`; what those do is in `LoggedModelContract`.
    """

    own_clock = False
    removes = True
    keeps_models = False
    may_refuse: frozenset[str] = frozenset()

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        raise NotImplementedError

    # Runs

    def test_a_new_run_is_read_back_as_it_was_started(self, store: Store) -> None:
        store.apply([started(tags={"team": "blue"})])
        run = store.get_run(RUN)
        assert run.info.run_name == "kind-owl-7"
        assert run.info.experiment_id == "0"
        assert run.info.user_id == "mia"
        assert run.info.status == RunStatus.RUNNING
        assert (run.info.start_time, run.info.end_time) == (1000, None)
        assert run.info.lifecycle_stage == LifecycleStage.ACTIVE
        assert run.data.tags == {"mlflow.runName": "kind-owl-7", "team": "blue"}
        assert (run.data.metrics, run.data.params) == ({}, {})

    def test_artifacts_lie_below_the_experiment_unless_told_otherwise(self, store: Store) -> None:
        elsewhere = run_id(2)
        store.apply([started(), started(elsewhere, artifact_uri="/elsewhere/artifacts")])
        root = store.get_experiment("0").artifact_location
        info = store.get_run(RUN).info
        assert info.artifact_uri == f"{root}/{info.run_id}/artifacts"
        assert store.get_run(elsewhere).info.artifact_uri == "/elsewhere/artifacts"

    def test_a_run_ends_and_may_be_resumed(self, store: Store) -> None:
        store.apply([started(), RunEnded(RUN, RunStatus.FAILED, 2000)])
        info = store.get_run(RUN).info
        assert (info.status, info.end_time) == (RunStatus.FAILED, 2000)
        store.apply([RunResumed(RUN)])
        info = store.get_run(RUN).info
        assert (info.status, info.end_time) == (RunStatus.RUNNING, None)

    def test_an_unknown_status_is_refused(self, store: Store) -> None:
        store.apply([started()])
        [(_, reason)] = refusals(store, RunEnded(RUN, "DONE", 2000))
        assert "'DONE'" in reason
        assert "FINISHED" in reason

    def test_name_and_name_tag_are_one(self, store: Store) -> None:
        store.apply([started(), RunRenamed(RUN, "new name")])
        run = store.get_run(RUN)
        assert (run.info.run_name, run.data.tags["mlflow.runName"]) == ("new name", "new name")
        store.apply([Tags(RUN, {"mlflow.runName": "newer"})])
        run = store.get_run(RUN)
        assert (run.info.run_name, run.data.tags["mlflow.runName"]) == ("newer", "newer")

    def test_a_deleted_run_takes_nothing_until_it_is_restored(self, store: Store) -> None:
        store.apply([started(), RunDeleted(RUN, 3000)])
        assert store.get_run(RUN).info.lifecycle_stage == LifecycleStage.DELETED
        writes: list[Event] = [
            Metrics(RUN, 1, 0, {"loss": 1.0}),
            Params(RUN, {"depth": "3"}),
            Tags(RUN, {"team": "red"}),
            TagDeleted(RUN, "team"),
            Inputs(RUN, [dataset()]),
            RunRenamed(RUN, "x"),
            RunResumed(RUN),
        ]
        reasons = refusals(store, *writes)
        assert [event for event, _ in reasons] == writes
        assert all(f"Run '{RUN}' is deleted" in reason for _, reason in reasons)
        store.apply([RunRestored(RUN), *writes])
        assert store.get_run(RUN).data.metrics == {"loss": 1.0}

    def test_events_of_an_unknown_run_are_refused_and_all_others_written(
        self, store: Store
    ) -> None:
        lost = Metrics(run_id(9), 1, 0, {"loss": 1.0})
        [(event, reason)] = refusals(store, started(), lost, Params(RUN, {"depth": "3"}))
        assert event == lost
        assert run_id(9) in reason
        assert store.get_run(RUN).data.params == {"depth": "3"}

    def test_what_is_not_there_is_said_to_be_missing(self, store: Store) -> None:
        for ask in (store.get_run, lambda run: store.metric_history(run, "loss")):
            with pytest.raises(MlflowException, match=run_id(9)) as caught:
                ask(run_id(9))
            assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
        for wrong in ("77", "no number", "-1", "9" * 30):
            with pytest.raises(MlflowException, match="does not exist"):
                store.get_experiment(wrong)
        assert store.get_experiment_by_name("nobody") is None

    # What a run holds

    @pytest.mark.parametrize(
        "value",
        [0.5, 0.0, 5e-324, INFINITY, -INFINITY, 1.7976931348623155e308, "nan", "inf", "-inf"],
    )
    def test_every_float_survives(self, store: Store, value: float | str) -> None:
        store.apply([started(), Metrics(RUN, 1, 0, {"m": value})])
        [point] = store.metric_history(RUN, "m")
        assert str(point.value) == str(float(value))
        assert str(store.get_run(RUN).data.metrics["m"]) == str(float(value))

    def test_the_largest_float_stays_finite(self, store: Store) -> None:
        store.apply([started(), Metrics(RUN, 1, 0, {"m": sys.float_info.max})])
        assert store.get_run(RUN).data.metrics["m"] == pytest.approx(sys.float_info.max)
        assert math.isfinite(store.get_run(RUN).data.metrics["m"])

    def test_steps_are_64_bit_integers_in_any_order(self, store: Store) -> None:
        steps = [7, -(2**63), 0, 2**63 - 1, -5]
        store.apply([started(), *(Metrics(RUN, 10, step, {"m": 1.0}) for step in steps)])
        assert [point.step for point in store.metric_history(RUN, "m")] == sorted(steps)

    def test_a_step_beyond_64_bits_is_refused(self, store: Store) -> None:
        beyond = Metrics(RUN, 10, 2**63, {"m": 1.0})
        [(event, reason)] = refusals(store, started(), beyond, Metrics(RUN, 10, 1, {"m": 2.0}))
        assert event == beyond
        assert str(2**63) in reason
        assert store.get_run(RUN).data.metrics == {"m": 2.0}

    def test_history_holds_every_point_ordered_by_time_step_and_value(self, store: Store) -> None:
        points = [(20, 1, 5.0), (10, 2, 1.0), (10, 1, 3.0), (10, 1, 2.0), (10, 1, 2.0)]
        store.apply([started(), *(Metrics(RUN, t, s, {"m": v, "n": v}) for t, s, v in points)])
        history = store.metric_history(RUN, "m")
        assert history == [
            Metric("m", 2.0, 10, 1),
            Metric("m", 3.0, 10, 1),
            Metric("m", 1.0, 10, 2),
            Metric("m", 5.0, 20, 1),
        ]
        assert history.token is None
        assert store.metric_history(RUN, "other") == []

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 11])
    def test_history_comes_in_pages_without_gap_or_overlap(self, store: Store, size: int) -> None:
        values = {"m": 1.0}
        points = [Metrics(RUN, time // 3, time, values) for time in range(9)]
        store.apply([started(), *points, Metrics(RUN, 2, 8, {"m": "nan"})])
        whole = store.metric_history(RUN, "m")
        assert len(whole) == 10
        paged, token = [], None
        while True:
            page = store.metric_history(RUN, "m", size, token)
            assert len(page) <= size
            paged += page
            token = page.token
            if token is None:
                break
        assert str(paged) == str(whole)

    def test_latest_is_the_greatest_step_then_time_then_value(self, store: Store) -> None:
        points = [(1, 9, 9.0), (2, 1, 0.5), (2, 2, 1.0), (2, 2, 3.0)]  # step, time, value
        for number, order in enumerate(itertools.permutations(points)):
            together, apart = run_id(2 * number), run_id(2 * number + 1)
            store.apply([started(together), started(apart)])
            store.apply([Metrics(together, time, step, {"m": v}) for step, time, v in order])
            for step, time, value in order:
                store.apply([Metrics(apart, time, step, {"m": value})])
            assert store.get_run(together).data.metrics == {"m": 3.0}
            assert store.get_run(apart).data.metrics == {"m": 3.0}

    def test_a_param_keeps_its_first_value(self, store: Store) -> None:
        store.apply([started(), Params(RUN, {"depth": "3"})])
        again = Params(RUN, {"depth": "4", "width": "8"})
        [(event, reason)] = refusals(store, again)
        assert event == again
        for part in ("'depth'", "'3'", "'4'", RUN):
            assert part in reason
        assert store.get_run(RUN).data.params == {"depth": "3", "width": "8"}

    def test_two_values_of_a_param_in_one_batch_are_one_too_many(self, store: Store) -> None:
        first, second = Params(RUN, {"depth": "3"}), Params(RUN, {"depth": "4"})
        [(event, _)] = refusals(store, started(), first, second)
        assert event is second
        assert store.get_run(RUN).data.params == {"depth": "3"}

    def test_the_last_value_of_a_tag_counts(self, store: Store) -> None:
        store.apply([started(), Tags(RUN, {"a": "1", "b": "1"}), Tags(RUN, {"a": "2"})])
        store.apply([Tags(RUN, {"b": "3"}), TagDeleted(RUN, "a"), TagDeleted(RUN, "never set")])
        assert store.get_run(RUN).data.tags == {"mlflow.runName": "kind-owl-7", "b": "3"}
        store.apply([TagDeleted(RUN, "b"), Tags(RUN, {"b": "4"})])
        assert store.get_run(RUN).data.tags["b"] == "4"

    def test_datasets_are_kept_once_per_run_with_their_context(self, store: Store) -> None:
        test_set = dataset("eval", name="test", digest="d2", profile='{"rows": 3}')
        other = run_id(2)
        store.apply([started(), started(other), Inputs(RUN, [dataset(), test_set])])
        store.apply([Inputs(RUN, [dataset()]), Inputs(other, [dataset("eval")])])
        found = store.get_run(RUN).inputs.dataset_inputs
        assert sorted(found, key=lambda item: item.dataset.digest) == [dataset(), test_set]
        assert store.get_run(other).inputs.dataset_inputs == [dataset("eval")]

    @pytest.mark.parametrize(
        ("event", "parts"),
        [
            (Metrics(RUN, 1, 0, {"": 1.0}), ["metric", "1 to 250", "0"]),
            (Metrics(RUN, 1, 0, {"k" * 251: 1.0}), ["metric", "1 to 250", "251"]),
            (Metrics(RUN, 1, 0, {"m": "many"}), ["'m'", "'many'"]),
            (Params(RUN, {"k" * 251: "x"}), ["param", "250", "251"]),
            (Params(RUN, {"p": "x" * 6001}), ["'p'", "6001", "6000"]),
            (Tags(RUN, {"": "x"}), ["tag", "250"]),
            (Tags(RUN, {"t": "x" * 8001}), ["'t'", "8001", "8000"]),
            (Tags(RUN, {"t": "half a pair: \ud800"}), ["surrogates"]),
            (started(run_id(2), experiment_id="77"), ["'77'"]),
            (ExperimentCreated("", "", {}, 1), ["name", "1 to"]),
            (ExperimentTagged("77", {"a": "b"}), ["'77'"]),
        ],
    )
    def test_what_fits_nowhere_is_refused_alone(
        self, store: Store, event: Event, parts: list[str]
    ) -> None:
        before, after = Params(RUN, {"depth": "3"}), Metrics(RUN, 1, 0, {"loss": 1.0})
        [(refused, reason)] = refusals(store, started(), before, event, after)
        assert refused == event
        assert [part for part in parts if part not in reason] == []
        run = store.get_run(RUN)
        assert (run.data.params, run.data.metrics) == ({"depth": "3"}, {"loss": 1.0})

    def test_the_other_values_of_a_refused_event_are_written(self, store: Store) -> None:
        refusals(store, started(), Metrics(RUN, 1, 0, {"a": 1.0, "": 2.0, "b": 3.0}))
        assert store.get_run(RUN).data.metrics == {"a": 1.0, "b": 3.0}

    def test_the_longest_keys_and_values_are_kept(self, store: Store) -> None:
        key = "ключ" + "k" * 246
        store.apply([started(), Metrics(RUN, 1, 0, {key: 1.0})])
        store.apply([Params(RUN, {key: "p" * 6000}), Tags(RUN, {key: "é" * 8000})])
        data = store.get_run(RUN).data
        assert (data.metrics[key], data.params[key], data.tags[key]) == (1, "p" * 6000, "é" * 8000)

    # Batches

    def test_a_story_told_twice_changes_nothing(self, store: Store) -> None:
        story: list[Event] = [
            ExperimentCreated("second", "", {"a": "b"}, 1),
            started(run_id(1), experiment_id="", experiment_name="by name"),
            started(),
            Params(RUN, {"depth": "3"}),
            Tags(RUN, {"team": "blue", "x": "y"}),
            *(Metrics(RUN, step, step, {"m": step / 2, "n": "nan"}) for step in range(50)),
            Inputs(RUN, [dataset()]),
            TagDeleted(RUN, "x"),
            RunEnded(RUN, RunStatus.FINISHED, 9000),
            RunDeleted(run_id(1), 9500),
        ]
        seen = []
        for batch in (story, story, story[5:], story[:20]):
            store.apply([event for event in batch if getattr(event, "run_id", "") != run_id(1)])
            everything = store.search_runs(["0"], view_type=ViewType.ALL)
            history = store.metric_history(RUN, "n")
            seen.append((str(everything), str(history), str(store.search_experiments())))
        assert len(set(seen[:3])) == 1
        assert len(store.metric_history(RUN, "m")) == 50
        assert store.get_run(RUN).info.status == RunStatus.FINISHED
        store.apply(story)
        store.apply([story[0], story[1]])
        assert store.get_run(run_id(1)).info.lifecycle_stage == LifecycleStage.DELETED

    def test_without_logged_models_only_the_run_is_written(self, store: Store) -> None:
        if self.keeps_models:
            pytest.skip("this store has them")
        points = ModelMetrics(RUN, 1, 1, {"score": 0.5}, MODEL)
        store.apply([started(), logged(), points, ModelReady(MODEL), logged()])
        run = store.get_run(RUN)
        assert run.outputs.model_outputs == []
        assert run.data.metrics == {"score": 0.5}
        assert store.model_location(store.get_experiment("0"), MODEL) == ""
        with pytest.raises(MlflowException, match="keeps no logged models") as caught:
            store.get_logged_model(MODEL)
        assert caught.value.error_code == "FEATURE_DISABLED"

    def test_an_empty_batch_is_no_trouble(self, store: Store) -> None:
        store.apply([])

    def test_many_threads_write_and_read_at_once(self, store: Store) -> None:
        def work(number: int) -> list[int]:
            run, lengths = run_id(number), []
            store.apply([started(run)])
            for step in range(20):
                store.apply([Metrics(run, step, step, {"m": 1.0}), Params(run, {f"{step}": ""})])
                lengths.append(len(store.metric_history(run, "m")))
            return lengths

        with ThreadPoolExecutor(8) as threads:
            seen = list(threads.map(work, range(8)))
        assert seen == [list(range(1, 21))] * 8
        assert [len(run.data.params) for run in store.search_runs(["0"])] == [20] * 8

    # Experiments

    def test_the_default_experiment_is_there(self, store: Store) -> None:
        experiment = store.get_experiment("0")
        assert experiment.name == "Default"
        assert experiment.artifact_location.endswith("/mlruns/0")
        assert store.get_experiment_by_name("Default") == experiment

    def test_an_experiment_is_created_once_per_name(self, store: Store) -> None:
        store.apply([ExperimentCreated("trees", "", {"team": "blue"}, 5)])
        store.apply([ExperimentCreated("trees", "/elsewhere", {"team": "red"}, 6)])
        trees = store.get_experiment_by_name("trees")
        assert trees is not None
        assert trees.tags == {"team": "blue"}
        assert self.own_clock or (trees.creation_time, trees.last_update_time) == (5, 5)
        assert trees.artifact_location.endswith(f"/mlruns/{trees.experiment_id}")
        assert store.get_experiment(trees.experiment_id) == trees
        store.apply([ExperimentCreated("placed", "/elsewhere", {}, 7)])
        placed = store.get_experiment_by_name("placed")
        assert placed is not None
        assert placed.artifact_location == "/elsewhere"

    def test_a_run_may_name_its_experiment(self, store: Store) -> None:
        for number in (1, 2):
            store.apply([started(run_id(number), experiment_id="", experiment_name="trees")])
        trees = store.get_experiment_by_name("trees")
        assert trees is not None
        one, two = store.get_run(run_id(1)).info, store.get_run(run_id(2)).info
        found = {run.info.run_id for run in store.search_runs([trees.experiment_id])}
        assert found == {one.run_id, two.run_id}
        assert one.artifact_uri == f"{trees.artifact_location}/{one.run_id}/artifacts"

    def test_experiments_are_renamed_and_tagged(self, store: Store) -> None:
        store.apply([ExperimentCreated("trees", "", {"a": "1"}, 5)])
        trees = store.get_experiment_by_name("trees")
        assert trees is not None
        number = trees.experiment_id
        store.apply([ExperimentRenamed(number, "forests", 6)])
        store.apply([ExperimentTagged(number, {"a": "2", "b": "3"})])
        forests = store.get_experiment(number)
        assert (forests.name, forests.tags) == ("forests", {"a": "2", "b": "3"})
        assert self.own_clock or forests.last_update_time == 6
        [(_, reason)] = refusals(store, ExperimentRenamed(number, "Default", 7))
        assert "'Default'" in reason

    def test_a_deleted_experiment_takes_its_runs_along_and_back(self, store: Store) -> None:
        store.apply([ExperimentCreated("trees", "", {}, 5)])
        trees = store.get_experiment_by_name("trees")
        assert trees is not None
        number = trees.experiment_id
        store.apply([started(experiment_id=number), ExperimentDeleted(number, 6)])
        assert store.get_experiment(number).lifecycle_stage == LifecycleStage.DELETED
        assert store.get_run(RUN).info.lifecycle_stage == LifecycleStage.DELETED
        reasons = refusals(
            store,
            started(run_id(2), experiment_id=number),
            started(run_id(3), experiment_id="", experiment_name="trees"),
            ExperimentTagged(number, {"a": "b"}),
            Metrics(RUN, 1, 0, {"m": 1.0}),
        )
        assert len(reasons) == 4
        assert all("deleted" in reason for _, reason in reasons)
        store.apply([ExperimentRestored(number, 7), Metrics(RUN, 1, 0, {"m": 1.0})])
        assert store.get_run(RUN).info.lifecycle_stage == LifecycleStage.ACTIVE
        assert store.get_run(RUN).data.metrics == {"m": 1.0}
        assert self.own_clock or store.get_experiment(number).last_update_time == 7

    def test_experiments_are_found_newest_first_in_pages(self, store: Store) -> None:
        begin = store.get_experiment("0").creation_time or 0
        for n in range(1, 6):
            store.apply([ExperimentCreated(f"e{n}", "", {"n": str(n)}, begin + n)])
        store.apply([ExperimentDeleted(self.number(store, "e4"), begin + 10)])
        first = store.search_experiments(max_results=3)
        assert [e.name for e in first] == ["e5", "e3", "e2"]
        second = store.search_experiments(max_results=3, page_token=first.token)
        assert [e.name for e in second] == ["e1", "Default"]
        assert second.token is None
        deleted = store.search_experiments(ViewType.DELETED_ONLY)
        assert [e.name for e in deleted] == ["e4"]
        assert len(store.search_experiments(ViewType.ALL)) == 6

    @pytest.mark.parametrize(
        ("filter_string", "order_by", "names"),
        [
            ("name = 'e1'", [], ["e1"]),
            ("name LIKE 'e%' AND tags.n != '1'", ["name"], ["e0", "e2"]),
            ("name ILIKE 'E_'", ["name DESC"], ["e2", "e1", "e0"]),
            ("creation_time >= 1 AND creation_time < 3", ["creation_time ASC"], ["e1", "e2"]),
            ("tags.`n` IS NULL", [], ["Default"]),
            ("experiment_id IN ('0', '77', 'x')", [], ["Default"]),
            ("experiment_id = '0' AND experiment_id != 'x'", [], ["Default"]),
            ("attribute.name != 'e1' and tag.n is not null", ["last_update_time"], ["e0", "e2"]),
        ],
    )
    def test_experiments_are_filtered(
        self, store: Store, filter_string: str, order_by: list[str], names: list[str]
    ) -> None:
        store.apply([ExperimentCreated(f"e{n}", "", {"n": str(n)}, n) for n in range(3)])
        if self.own_clock and "time" in filter_string:
            pytest.skip("the store's clock says when experiments were created")
        with self.unless_beyond_the_store(filter_string):
            found = store.search_experiments(filter_string=filter_string, order_by=order_by)
            assert [e.name for e in found] == names

    @contextlib.contextmanager
    def unless_beyond_the_store(self, filter_string: str) -> Iterator[None]:
        try:
            yield
        except MlflowException as error:
            if filter_string not in self.may_refuse or error.error_code != INVALID:
                raise

    @staticmethod
    def numbers(runs: list[Run]) -> str:
        return "".join(run.info.run_name.removeprefix("run ") for run in runs)

    @staticmethod
    def number(store: Store, name: str) -> str:
        found = store.get_experiment_by_name(name)
        assert found is not None
        return found.experiment_id

    # Search

    @pytest.fixture
    def forest(self, store: Store) -> Store:
        """Six runs, the later the newer; the last one holds nothing."""
        rows: list[tuple[float | str, str, str]] = [
            (0.5, "tree", "blue"),
            (1.5, "Tree", "blue"),
            ("nan", "forest", "red"),
            ("inf", "it's", "red"),
            (-2.0, "50%", "blue"),
        ]
        events: list[Event] = [started(run_id(n), n, run_name=f"run {n}") for n in range(6)]
        for n, (loss, model, team) in enumerate(rows):
            events += [
                Metrics(run_id(n), n, 0, {"loss": loss, "a/b c": float(n)}),
                Params(run_id(n), {"model": model, "the depth": str(n)}),
                Tags(run_id(n), {"team": team}),
                RunEnded(run_id(n), RunStatus.FAILED if n % 2 else RunStatus.FINISHED, 100 - n),
            ]
        events += [
            Inputs(run_id(0), [dataset()]),
            Inputs(run_id(1), [dataset("eval"), dataset(name="boston", digest="d2")]),
        ]
        store.apply(events)
        return store

    @pytest.mark.parametrize(
        ("filter_string", "found"),
        [
            ("", "543210"),
            ("   ", "543210"),
            ("metrics.loss < 1", "40"),
            ("metrics.loss <= .5 and metric.loss >= -2e0", "40"),
            ("metrics.loss > 1", "31"),
            ("metrics.loss != 0.5", "4321"),
            ("metrics.loss = 0", ""),
            ("metrics.`a/b c` >= 3", "43"),
            ('metrics."a/b c" = 3', "3"),
            ("metrics.a/b = 3", ""),
            ("metrics.loss IS NULL", "5"),
            ("params.model = 'tree'", "0"),
            ("param.model LIKE 'tr%'", "0"),
            ("parameters.model ILIKE '%EE'", "10"),
            ("params.model != 'tree'", "4321"),
            ("params.model = 'it''s'", "3"),
            ('params.model = "it\'s"', "3"),
            ("params.`the depth` IN ('1', '4')", "41"),
            ("params.model NOT IN ('tree', 'Tree')", "432"),
            ("params.model IS NOT NULL AND tags.team = 'red'", "32"),
            ("tag.team is null", "5"),
            ("status = 'RUNNING'", "5"),
            ("attributes.status = 'FAILED' AND tags.team = \"blue\"", "1"),
            ("attr.start_time > 1 and run.start_time <= 3", "32"),
            ("end_time IS NULL", "5"),
            ("end_time < 98", "43"),
            ("created < 2", "10"),
            ("run_name LIKE 'run%'", "543210"),
            ("`run name` = 'run 2'", "2"),
            ("run_id IN ('<0>', '<5>')", "50"),
            ("run_id NOT IN ('<0>', '<5>')", "4321"),
            ("user_id = 'mia' and artifact_uri LIKE '%artifacts'", "543210"),
            ("dataset.name = 'iris'", "10"),
            ("datasets.digest IN ('d2')", "1"),
            ("dataset.context = 'eval'", "1"),
            ("dataset.name ILIKE 'IR%' AND dataset.context = 'train'", "10"),
        ],
    )
    def test_filters(self, forest: Store, filter_string: str, found: str) -> None:
        text = filter_string
        for n in (0, 5):  # the store may have given the runs other ids
            text = text.replace(f"<{n}>", forest.get_run(run_id(n)).info.run_id)
        with self.unless_beyond_the_store(filter_string):
            assert self.numbers(forest.search_runs(["0"], text)) == found

    @pytest.mark.parametrize(
        ("order_by", "found"),
        [
            ([], "543210"),
            (["metrics.loss"], "401325"),
            (["metrics.loss DESC"], "310425"),
            (["tags.team ASC"], "410325"),
            (["tag.team desc", "metrics.`a/b c`"], "230145"),
            (["params.model"], "412305"),
            (["end_time"], "432105"),
            (["status DESC", "start_time ASC"], "502413"),
            (["attributes.run_name DESC"], "543210"),
        ],
    )
    def test_orders(self, forest: Store, order_by: list[str], found: str) -> None:
        assert self.numbers(forest.search_runs(["0"], order_by=order_by)) == found

    @pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
    def test_runs_come_in_pages(self, forest: Store, size: int) -> None:
        found, token = "", None
        while True:
            page = forest.search_runs(
                ["0"], order_by=["metrics.loss"], max_results=size, page_token=token
            )
            assert len(page) <= size
            found += self.numbers(page)
            token = page.token
            if token is None:
                break
        assert found == "401325"

    def test_only_the_wanted_experiments_and_stages_are_searched(self, forest: Store) -> None:
        forest.apply([RunDeleted(run_id(0), 1)])
        assert len(forest.search_runs(["0"])) == 5
        assert len(forest.search_runs(["0"], view_type=ViewType.ALL)) == 6
        deleted = forest.search_runs(["0"], view_type=ViewType.DELETED_ONLY)
        assert self.numbers(deleted) == "0"
        assert forest.search_runs(["1", "x"]) == []
        assert forest.search_runs([]) == []

    def test_found_runs_are_whole(self, forest: Store) -> None:
        for run in forest.search_runs(["0"]):
            assert str(run) == str(forest.get_run(run.info.run_id))

    @pytest.mark.parametrize(
        "call",
        [
            lambda store: store.search_runs(["0"], "metrics.loss < 'a'"),
            lambda store: store.search_runs(["0"], order_by=["metrics.loss UP"]),
            lambda store: store.search_runs(["0"], page_token="?"),
            lambda store: store.search_runs(["0"], page_token="e30="),
            lambda store: store.search_runs(["0"], max_results=0),
            lambda store: store.search_runs(["0"], view_type=9),
            lambda store: store.metric_history(run_id(0), "loss", 5, "?"),
            lambda store: store.metric_history(run_id(0), "loss", 5, "W1tdLDEsMiwzXQ=="),
            lambda store: store.search_experiments(filter_string="metrics.loss < 1"),
            lambda store: store.search_experiments(order_by=["tags.a"]),
        ],
    )
    def test_wrong_questions_are_called_invalid(self, forest: Store, call: object) -> None:
        with pytest.raises(MlflowException) as caught:
            call(forest)  # type: ignore[operator]
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE"

    def test_deleted_runs_and_no_others_are_taken_away_for_good(self, store: Store) -> None:
        ids = [run_id(number) for number in range(3)]
        for one in ids:
            store.apply([
                started(one), Metrics(one, 1, 0, {"loss": 1.0}), Params(one, {"depth": "3"}),
                Tags(one, {"team": "red"}), Inputs(one, [dataset()]),
            ])  # fmt: skip
        store.apply([RunDeleted(ids[2], 9), RunDeleted(ids[1], 5)])
        if not self.removes:
            with pytest.raises(MlflowException, match="no call that removes runs for good"):
                store.deleted_runs(9)
            return
        kept = str(store.get_run(ids[0]))
        assert [run.info.run_id for run in store.deleted_runs(5)] == ids[1:2]
        assert [run.info.run_id for run in store.deleted_runs(9)] == ids[1:]
        store.remove_runs(ids[:2])
        with pytest.raises(MlflowException, match="does not exist"):
            store.get_run(ids[1])
        assert str(store.get_run(ids[0])) == kept
        assert [run.info.run_id for run in store.deleted_runs(9)] == ids[2:]
        store.remove_runs([])
