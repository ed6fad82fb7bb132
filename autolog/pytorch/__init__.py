"""PyTorch: trainings with Lightning, and loops written by hand, become runs."""

from __future__ import annotations

from autolog.checkpoints import checked
from autolog.engine import configure
from autolog.engine.flavor import from_flavor
from autolog.pytorch import lightning, writer  # noqa: F401  # declare the hooks
from autolog.pytorch.loops import record, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from flavors.pytorch import (
        load_model,
        load_state_dict,
        log_model,
        log_state_dict,
        save_model,
        save_state_dict,
    )

__all__ = [
    "autolog", "load_checkpoint", "load_model", "load_state_dict", "log_model", "log_state_dict",
    "record", "save_model", "save_state_dict", "watch",
]  # fmt: skip


def autolog(
    log_every_n_epoch: int = 1,
    log_every_n_step: int | None = None,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: dict[str, str] | None = None,
    checkpoint: bool = True,
    checkpoint_monitor: str = "val_loss",
    checkpoint_mode: str = "min",
    checkpoint_save_best_only: bool = True,
    checkpoint_save_weights_only: bool = False,
    checkpoint_save_freq: str | int = "epoch",
    log_model_signatures: bool = True,
    log_gradient_norm: bool = False,
    log_images: bool = False,
) -> None:
    """Record every training with PyTorch from now on.

    That is every training with Lightning, and every loop of your own that calls `backward` and an
    optimizer's `step`. A training inside a run of yours is written to that run; any other one gets
    a run of its own. That of a loop ends when the function returns that makes the steps, and goes
    on if the same optimizer goes on; its loss is the sum of what `backward` was called on since
    the step before. See `watch` and `record` for what a loop can tell beyond.

    Args:
        log_every_n_epoch: record the metrics of every n-th epoch with Lightning.
        log_every_n_step: record the metrics of every n-th step too. By default those of epochs
            alone with Lightning; of a loop every step of the first hundred, every tenth of the
            first ten thousand, every hundredth of the first million.
        log_models: keep the trained model.
        log_datasets: keep name, digest, schema and size of training and evaluation data.
        disable: switch PyTorch autologging off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of PyTorch that this
            release was not tested with.
        silent: show no warnings of autologging.
        registered_model_name: register each model under this name.
        extra_tags: tags for the runs that autologging opens.
        checkpoint: keep checkpoints of trainings with Lightning, which `load_checkpoint` reads.
        checkpoint_monitor: the metric that says which checkpoint is the best. A training without
            ``val_loss`` has no best one by default.
        checkpoint_mode: whether the best is its ``min`` or its ``max``.
        checkpoint_save_best_only: keep the best checkpoint alone, not each one.
        checkpoint_save_weights_only: leave the optimizer's state out.
        checkpoint_save_freq: ``epoch``, or the number of batches between two checkpoints.
        log_model_signatures: keep the types and shapes that the model takes and gives.
        log_gradient_norm: record the norm of the gradients of a loop written by hand.
        log_images: keep the figures and images that a ``SummaryWriter`` gets; its scalars and
            hyper-parameters are always recorded.
    """
    configure("pytorch", checked(locals()))


def load_checkpoint(
    model_class: Any,
    run_id: str | None = None,
    epoch: int | None = None,
    global_step: int | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The model of a checkpoint that autologging kept of a training with Lightning.

    Args:
        model_class: the class of the model, a ``LightningModule``.
        run_id: the run; the active one by default.
        epoch: at the end of which the checkpoint was saved; by default the newest is taken.
        global_step: or after which step.
        kwargs: further arguments of the class's ``load_from_checkpoint``. Unless they have
            ``weights_only=False``, no code in the file is run.

    Raises:
        MlflowException: there is no such checkpoint.
    """
    from autolog.checkpoints import find

    file = find(run_id, epoch, global_step)
    return model_class.load_from_checkpoint(file, **{"weights_only": True, **(kwargs or {})})


__getattr__, __dir__ = from_flavor("pytorch", __all__)
