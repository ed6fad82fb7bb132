"""fastai's callback that writes each epoch, and what is known when a fit begins and ends."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from fastai.callback.core import Callback
from fastai.callback.schedule import ParamScheduler
from fastai.callback.tracker import EarlyStoppingCallback, SaveModelCallback

from autolog.engine.guard import guarded
from autolog.pytorch import summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from autolog.engine.recorder import Recorder

CURVE_POINTS = 101  # so that changes at whole percents are met


class Recording(Callback):  # type: ignore[misc]
    """Writes one fit. Its own attributes must not have the names of the Learner's.

    Args:
        run: where to.
    """

    order = 51  # after fastai's Recorder, before what may cancel the rest of the epoch

    def __init__(self, run: Recorder) -> None:
        self._to = run
        self._savers: list[Any] = []
        self._shapes_seen = False
        self._part = partial(guarded, run_name=lambda: run.name, silent=run.silent)

    def __reduce__(self) -> tuple[Any, ...]:
        return Callback, ()  # a Learner exported while it is trained takes nothing of ours along

    def before_fit(self) -> None:
        """The params, and what the model consists of."""
        learn = self.learn
        self._savers = [one for one in learn.cbs if isinstance(one, SaveModelCallback)]
        with self._part("fastai: params"):
            self._to.log_params(_params(learn))
        with self._part("fastai: the schedule"):
            _log_schedules(self._to, learn)
        with self._part("fastai: the summary"):
            text = summary.text(learn.model)
            about = f"\nOptimizer: {_name(learn.opt_func)}\nLoss: {_name(learn.loss_func)}\n"
            callbacks = "".join(f"  {type(one).__name__}\n" for one in learn.cbs if one is not self)
            self._to.log_text(f"{text}{about}Callbacks:\n{callbacks}", "module_summary.txt")

    def before_batch(self) -> None:
        """The shape of the first batch."""
        if not self._shapes_seen:
            self._shapes_seen = True
            with self._part("fastai: the input"):
                shapes = [list(getattr(one, "shape", ())) for one in self.learn.xb]
                self._to.log_param("input_size", shapes[0] if len(shapes) == 1 else shapes)

    def after_epoch(self) -> None:
        """The values that fastai itself has recorded of the epoch."""
        with self._part("fastai: an epoch's metrics"):
            recorder = getattr(self.learn, "recorder", None)
            if recorder is not None and recorder.values:
                named = zip(list(recorder.metric_names)[1:], recorder.values[-1], strict=False)
                found = {name: value for name, value in named if value is not None}
                self._to.log_metrics({"epoch": self.learn.epoch, **found}, self.learn.epoch)

    def after_fit(self) -> None:
        """Where the fit was stopped early."""
        with self._part("fastai: early stopping"):
            for one in self.learn.cbs:
                if isinstance(one, EarlyStoppingCallback) and one.wait >= one.patience:
                    self._to.log_metrics({"stopped_epoch": self.learn.epoch, "best": one.best})

    def log_checkpoints(self) -> None:
        """Keep the files that the user's ``SaveModelCallback`` has written."""
        with self._part("fastai: checkpoints"):
            for one in self._savers:
                if one.last_saved_path is None:
                    continue
                if one.every_epoch:
                    pattern = f"{one.fname}_*{one.last_saved_path.suffix}"
                    for path in sorted(one.last_saved_path.parent.glob(pattern)):
                        self._to.log_artifact(path, f"{self._to.prefix}checkpoints")
                else:
                    self._to.log_artifact(one.last_saved_path, f"{self._to.prefix}checkpoints")


def _params(learn: Any) -> dict[str, Any]:
    """Epochs, optimizer with its hyper-parameters, sizes of the model, early stopping."""
    leaves = sum(1 for one in learn.model.modules() if not any(True for _ in one.children()))
    params = {
        "epochs": learn.n_epoch,
        "opt_func": _name(learn.opt_func),
        "loss_func": _name(learn.loss_func),
        "model": type(learn.model).__name__,
        "num_layers": leaves,
        "batch_size": getattr(learn.dls.train, "bs", None),
        "train_bn": learn.train_bn,
        **summary.count(learn.model),
    }
    scheduled = {
        name for one in learn.cbs if isinstance(one, ParamScheduler) for name in one.scheds
    }
    groups = learn.opt.hypers
    for name in groups[0] if groups else ():
        if name not in scheduled:
            values = [group.get(name) for group in groups]
            params[name] = values[0] if len(values) == 1 else values
    for one in learn.cbs:
        if isinstance(one, EarlyStoppingCallback):
            for name in ("monitor", "min_delta", "patience"):
                params[f"early_stop_{name}"] = getattr(one, name)
            params["early_stop_comp"] = one.comp.__name__
    return params


def _log_schedules(run: Recorder, learn: Any) -> None:
    """What the hyper-parameters will be over the fit: ends, extremes, and a picture."""
    for one in learn.cbs:
        if isinstance(one, ParamScheduler):
            for name, schedule in one.scheds.items():
                places = np.linspace(0, 1, CURVE_POINTS)
                curve = np.array([np.ravel(schedule(place)) for place in places], dtype=float)
                ends = {
                    "min": curve.min(axis=0), "max": curve.max(axis=0),
                    "init": curve[0], "final": curve[-1],
                }  # fmt: skip
                run.log_params({f"{name}_{end}": _number(value) for end, value in ends.items()})
                run.log_figure(partial(_draw, name, places, curve), f"{name}.png")


def _number(values: Any) -> Any:
    return float(values[0]) if len(values) == 1 else [float(one) for one in values]


def _draw(name: str, places: Any, curve: Any) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    axes = figure.subplots()
    axes.plot(places, curve)
    axes.set_xlabel("part of the fit")
    axes.set_ylabel(name)
    return figure


def _name(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))
