"""The hook of Gluon's Estimator."""

from __future__ import annotations

from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder


@on("mxnet.gluon.contrib.estimator.estimator", "Estimator.fit")
def fit(call: Call) -> Generator[None, Any, None]:
    """Record one training."""
    from autolog.engine.guard import guarded
    from autolog.gluon import data, params
    from autolog.gluon.curve import Curve

    estimator, given = call.instance, call.arguments
    handlers = params.handlers(given["event_handlers"])
    if handlers is None:  # Gluon will say so
        yield
        return
    run = call.scope(type(estimator).__name__)
    run.log_params(params.of_fit(estimator, given, handlers))
    if call.options.log_datasets:
        for loader, argument, context in (
            (given["train_data"], "train_data", "train"),
            (given["val_data"], "val_data", "eval"),
        ):
            if loader is not None:
                with guarded(f"gluon: dataset {argument}", lambda: run.name, run.silent):
                    run.log_inputs([data.described(loader, call.caller, argument, context)])
    curve = Curve(run)
    with_ours = [*handlers, curve]
    call.replace("event_handlers", with_ours)
    try:
        yield
    finally:
        if isinstance(given["event_handlers"], list):
            # MXNet adds its own handlers to the list that it is given, and sorts it.
            given["event_handlers"][:] = [one for one in with_ours if one is not curve]
    curve.log_stop(params.early_stopping(handlers))
    if call.options.log_models:
        _log_model(run, estimator.net, curve, call.options.registered_model_name)


def _log_model(run: Recorder, net: Any, curve: Any, registered_name: str | None) -> None:
    run.log_model(net, "model", flavor="gluon", signature=curve.signature)
    run.register_model(registered_name)
