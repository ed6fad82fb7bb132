"""Hooks of fastai: all fits of a Learner go through `fit`, those of `fine_tune` twice."""

from __future__ import annotations

from contextvars import ContextVar

from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder

# Arguments that have their own place, or are the framework's own affair.
NO_PARAMS = ("cbs", "epochs", "lr", "lr_max", "wd", "moms")
FROZEN = "freeze_"  # begins the names of what `fine_tune` does first
# How many fits the `fine_tune` that goes on has made; None outside of any.
_phase: ContextVar[int | None] = ContextVar("autolog_fastai_phase", default=None)


@on("fastai.callback.schedule", "Learner.fine_tune")
def fine_tune(call: Call) -> Generator[None, Any, None]:
    """Record a fit of the head alone, then one of everything."""
    run = call.scope(_name(call))
    run.log_params(_settings(call))
    token = _phase.set(0)
    try:
        yield
    finally:
        _phase.reset(token)
    _log_model(call, run)


@on("fastai.callback.schedule", "Learner.fit_one_cycle", nested=True)
@on("fastai.callback.schedule", "Learner.fit_flat_cos", nested=True)
@on("fastai.callback.schedule", "Learner.fit_sgdr", nested=True)
def fit_by_schedule(call: Call) -> Generator[None, Any, None]:
    """Record the schedule's own params; the fit itself tells the rest."""
    run = _scope(call)
    run.log_params(_settings(call))
    yield
    _log_model(call, run)


@on("fastai.learner", "Learner.fit", nested=True)
def fit(call: Call) -> Generator[None, Any, None]:
    """Record one fit: params, schedule, metrics by epoch, checkpoints."""
    from fastai.callback.schedule import LRFinder
    from fastcore.foundation import L

    given = L(call.arguments["cbs"])
    if any(isinstance(one, LRFinder) for one in given):
        yield
        return
    from autolog.fastai.callback import Recording

    run, phase = _scope(call), _phase.get()
    if call.outer is None:
        run.log_params(_settings(call))
    elif phase == 0:
        run.within(run.prefix.removesuffix(FROZEN)).log_param("frozen_idx", _frozen(call))
    recording = Recording(run)
    call.replace("cbs", [*given, recording])
    yield
    recording.log_checkpoints()
    _log_model(call, run)
    if phase is not None:
        _phase.set(phase + 1)


def _scope(call: Call) -> Recorder:
    """The recorder of the training; of a frozen part, with its prefix."""
    run = call.scope(_name(call))
    return run.within(run.prefix + FROZEN) if _phase.get() == 0 else run


def _name(call: Call) -> str:
    return type(call.instance.model).__name__


def _frozen(call: Call) -> Any:
    """How many groups of parameters are not trained for now."""
    return getattr(call.instance.opt, "frozen_idx", None)


def _settings(call: Call) -> dict[str, Any]:
    """Arguments of the call that are numbers and the like."""
    return {
        key: value
        for key, value in call.arguments.items()
        if key not in NO_PARAMS and isinstance(value, bool | int | float | str)
    }


def _log_model(call: Call, run: Recorder) -> None:
    """Keep the Learner, if this is the outermost of its fits."""
    is_part = call.outer is not None and call.outer.instance is call.instance
    if call.options.log_models and not is_part:
        run.log_model(call.instance, flavor="fastai")
        run.register_model(call.options.registered_model_name)
