"""Hooks of Lightning, under either of its names: fits, tests and validations of a Trainer."""

from __future__ import annotations

from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from autolog.engine.call import Call

OLD, NEW = "pytorch_lightning", "lightning.pytorch"


@on(f"{OLD}.trainer.trainer", "Trainer.fit")
@on(f"{NEW}.trainer.trainer", "Trainer.fit")
def fit(call: Call) -> Generator[None, Any, None]:
    """Record one training."""
    from autolog.pytorch.fitting import Fit

    fit = Fit(call)
    with fit.watched():
        yield
    fit.after()


@on(f"{OLD}.trainer.trainer", "Trainer.test")
@on(f"{NEW}.trainer.trainer", "Trainer.test")
def test(call: Call) -> Generator[None, Any, None]:
    """Record the metrics of a test, in the run of the training if it is known."""
    from autolog.pytorch.fitting import Evaluation

    evaluation = Evaluation(call)
    yield
    evaluation.log("testing", call.instance.test_dataloaders, step=0)


@on(f"{OLD}.trainer.trainer", "Trainer.validate")
@on(f"{NEW}.trainer.trainer", "Trainer.validate")
def validate(call: Call) -> Generator[None, Any, None]:
    """Record the metrics of a validation after training, as its last point."""
    from autolog.pytorch.fitting import Evaluation

    evaluation = Evaluation(call)
    yield
    evaluation.log("validating", call.instance.val_dataloaders, call.instance.current_epoch)


@on(f"{OLD}.trainer.trainer", "Trainer.predict")
@on(f"{NEW}.trainer.trainer", "Trainer.predict")
@on(f"{OLD}.tuner.tuning", "Tuner.lr_find")
@on(f"{NEW}.tuner.tuning", "Tuner.lr_find")
@on(f"{OLD}.tuner.tuning", "Tuner.scale_batch_size")
@on(f"{NEW}.tuner.tuning", "Tuner.scale_batch_size")
def keep_out(call: Call) -> Generator[None, Any, None]:
    """Record nothing of a prediction, nor of the trainings with which a tuner tries values."""
    yield
