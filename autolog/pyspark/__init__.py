"""MLflow's place for what is recorded of pyspark: `autolog.pyspark.ml.autolog()`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXTRA = "spark"  # brings what is recorded here


def __getattr__(name: str) -> Any:
    if name == "ml":
        from importlib import import_module

        return import_module("autolog.pyspark.ml")
    raise AttributeError(f"module 'autolog.pyspark' has no attribute '{name}'")
