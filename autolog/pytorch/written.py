"""The runs that summary writers write to, and their values on the way there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch

from autolog.engine.options import frameworks
from autolog.engine.recorder import Recorder
from autolog.engine.session import Session, current, excluded, silent_process
from autolog.pytorch.values import Values, kept
from core_client import background, context
from core_client.checks import metric_key
from core_client.run import ActiveRun


class Written:
    """Everything that the writers of this process write."""

    def __init__(self) -> None:
        self._sessions: WeakKeyDictionary[Any, Session] = WeakKeyDictionary()
        self._values: WeakKeyDictionary[ActiveRun, Values] = WeakKeyDictionary()
        self._last: dict[str, int] = {}
        background.before_waiting(self.flush)

    def run(self, writer: Any) -> Recorder:
        """The active run, or else one of the writer's own, that ends when the writer is closed."""
        active = context.active_run()
        if active is not None:
            return Recorder(active, "pytorch")
        options = frameworks["pytorch"].options
        session = Session("pytorch", options, current.get())  # type: ignore[arg-type]
        self._sessions[writer] = session
        return session.run

    def metrics(self, writer: Any, values: Mapping[str, Any], step: int | None) -> None:
        """Record the values of a step; a tensor is fetched from its device later."""
        if _is_left_alone():
            return
        run = self.run(writer)
        if run.run not in self._values:
            self._values[run.run] = Values(run)
        self._values[run.run].add(
            0 if step is None else int(step),
            {
                metric_key(name): kept(one) if isinstance(one, torch.Tensor) else one
                for name, one in values.items()
            },
        )

    def image(self, writer: Any, tag: str, image: Any, step: Any, formats: str) -> None:
        """Keep a picture, if the user wants them kept."""
        options = frameworks["pytorch"].options
        if options is None or not options.log_images or _is_left_alone():
            return
        if isinstance(image, torch.Tensor):
            image = kept(image)
        run = self.run(writer)
        run.later(_save, run, metric_key(tag), image, 0 if step is None else int(step), formats)

    def close(self, writer: Any) -> None:
        """End the writer's own run."""
        session = self._sessions.pop(writer, None)
        if session is not None:
            self.flush()
            session.close()

    def flush(self) -> None:
        """Hand in what is held."""
        for values in list(self._values.values()):
            values.flush()


_here: Written | None = None


def here() -> Written:
    """What this process writes."""
    global _here
    if _here is None:
        _here = Written()
    return _here


def _is_left_alone() -> bool:
    options = frameworks["pytorch"].options
    return options is None or silent_process() or excluded(options, current.get())


def _save(run: Recorder, tag: str, image: Any, step: int, formats: str) -> None:
    import numpy as np

    pixels = image.cpu().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
    several = pixels.ndim == 4
    axes = (formats or ("NCHW" if several else "CHW")).upper()
    for axis in "NHWC":
        if axis not in axes:
            pixels, axes = pixels[None], axis + axes
    pixels = pixels.transpose([axes.index(axis) for axis in "NHWC"])
    # Several pictures are shown side by side.
    run.run.log_image(np.concatenate(list(pixels), axis=1), key=tag, step=step)
