"""What is written for TensorBoard, by a SummaryWriter of PyTorch or of tensorboardX, is kept too."""

from __future__ import annotations

import sys

from autolog.engine import after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autolog.pytorch.written import Written

TORCH, X = "torch.utils.tensorboard.writer", "tensorboardX.writer"
# The writers among themselves.
WRITERS = ("torch", "tensorboardX")
# Who writes, while a training of its own is recorded, what is recorded of that already.
FRAMEWORKS = ("lightning", "lightning_fabric", "pytorch_lightning", "fastai")


def _written() -> Written | None:
    """Where to, if it is the user who writes."""
    frame = sys._getframe(2)
    while frame.f_back and _package(frame) in ("autolog", "wrapt"):
        frame = frame.f_back
    if _package(frame) in WRITERS:
        return None
    from autolog.engine.session import current
    from autolog.pytorch import written

    if _package(frame) in FRAMEWORKS and current.get() is not None:
        return None

    return written.here()


def _package(frame: Any) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


@after(TORCH, "SummaryWriter.add_scalar")
@after(X, "SummaryWriter.add_scalar")
def scalar(
    _: None, writer: Any, tag: str, scalar_value: Any, global_step: int | None = None, *__: Any,
    **___: Any,
) -> None:  # fmt: skip
    """One value."""
    written = _written()
    if written is not None:
        written.metrics(writer, {tag: scalar_value}, global_step)


@after(TORCH, "SummaryWriter.add_scalars")
@after(X, "SummaryWriter.add_scalars")
def scalars(
    _: None, writer: Any, main_tag: str, tag_scalar_dict: Mapping[str, Any],
    global_step: int | None = None, *__: Any, **___: Any,
) -> None:  # fmt: skip
    """Several values of one kind."""
    written = _written()
    if written is not None:
        values = {f"{main_tag}/{tag}": value for tag, value in tag_scalar_dict.items()}
        written.metrics(writer, values, global_step)


@after(TORCH, "SummaryWriter.add_hparams")
@after(X, "SummaryWriter.add_hparams")
def hparams(
    _: None, writer: Any, hparam_dict: Mapping[str, Any], metric_dict: Mapping[str, Any],
    *__: Any, global_step: int | None = None, **___: Any,
) -> None:  # fmt: skip
    """Hyper-parameters, and what came of them."""
    written = _written()
    if written is not None:
        written.run(writer).log_params(hparam_dict)
        written.metrics(writer, metric_dict, global_step)


@after(TORCH, "SummaryWriter.add_image")
@after(X, "SummaryWriter.add_image")
@after(TORCH, "SummaryWriter.add_images")
@after(X, "SummaryWriter.add_images")
def image(
    _: None, writer: Any, tag: str, img_tensor: Any, global_step: int | None = None,
    walltime: float | None = None, dataformats: str = "", **__: Any,
) -> None:  # fmt: skip
    """A picture, or several; figures come this way too."""
    from autolog.pytorch import written

    written.here().image(writer, tag, img_tensor, global_step, dataformats)


@after(TORCH, "SummaryWriter.close")
@after(X, "SummaryWriter.close")
def close(_: None, writer: Any) -> None:
    """Nothing more comes of this writer."""
    from autolog.pytorch import written

    written.here().close(writer)
