"""Call `autolog()` before training and everything about the run is kept."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from autolog.engine.versions import Status
    from core_client.client import Client
    from core_client.fluent import *
    from core_client.run import ActiveRun  # noqa: F401 - part of the face

    MlflowClient = Client

__version__ = "0.1.0"

_CLASSES = {
    "ActiveRun": ("core_client.run", "ActiveRun"),
    "Client": ("core_client.client", "Client"),
    "MlflowClient": ("core_client.client", "Client"),
}


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    log_traces: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    extra_tags: dict[str, Any] | None = None,
    exclude_flavors: Sequence[str] | None = None,
) -> None:
    """Record every training of every framework from now on, imported already or later.

    Nothing is imported by this call. A framework that was configured by its own function, such
    as `autolog.sklearn.autolog(...)`, keeps those options, whichever call came first.

    Args:
        log_input_examples: keep the first rows of the training data with each model.
        log_model_signatures: keep the types of a model's inputs and outputs.
        log_models: keep the trained models.
        log_datasets: keep a description of the training data.
        log_traces: accepted for MLflow's sake; no framework here has traces.
        disable: switch off what an earlier call of this function switched on.
        exclusive: do not record into runs that you started yourself.
        disable_for_unsupported_versions: leave frameworks alone whose installed version is
            outside the tested range; otherwise they are recorded, with a warning.
        silent: no warnings from autologging.
        extra_tags: tags for each run that autologging starts.
        exclude_flavors: names of frameworks that this call is not for.

    Raises:
        MlflowException: a keyword has a value that it cannot have.
    """
    keywords = locals()
    from autolog.engine.options import configure_all

    configure_all(keywords)


def disable() -> None:
    """Switch autologging off for every framework, and restore every patched function."""
    import sys

    options = sys.modules.get("autolog.engine.options")
    if options is not None:  # else nothing was ever switched on
        options.disable_all()


def status() -> Status:
    """A table: framework, installed version, tested range, on or off, and why it is off."""
    from autolog.engine import versions

    return versions.status()


def __getattr__(name: str) -> Any:
    """Load a framework's file, a verb or a class when it is first asked for."""
    if name.startswith("_"):
        raise AttributeError(f"module 'autolog' has no attribute '{name}'")
    found = globals()[name] = _find(name)
    return found


def _find(name: str) -> Any:
    from importlib import import_module
    from importlib.util import find_spec

    if find_spec(f"autolog.{name}") is not None:
        return import_module(f"autolog.{name}")
    if name in _CLASSES:
        module, kind = _CLASSES[name]
        return getattr(import_module(module), kind)
    fluent = import_module("core_client.fluent")
    if name in fluent.__all__:
        return getattr(fluent, name)
    from autolog.engine.options import third_party

    home = dict(third_party()).get(name)
    if home is None:
        raise AttributeError(f"module 'autolog' has no attribute '{name}'")
    return import_module(home)


def __dir__() -> list[str]:
    from autolog.engine.options import built_in
    from core_client import fluent

    faces = ["artifacts", "entities", "exceptions", "mantik", "models", "pyfunc", "tracking"]
    return sorted(
        {
            *globals(),
            *(name.partition(".")[0] for name in built_in()),
            *faces,
            *_CLASSES,
            *fluent.__all__,
        }
    )
