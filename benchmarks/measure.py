"""What a row of the table is, and how one sample of it is taken: each in a process of its own.

A measurement is a function that is given `autolog` or `mlflow` by name and returns one number for
each of its rows. A file in `benchmarks/rows` holds the measurements of one subject; nothing else
has to be told about it.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import iter_modules
from statistics import median

ROOT = Path(__file__).parents[1]
LIBRARIES = ("autolog", "mlflow")


@dataclass(frozen=True)
class Row:
    """A line of the table. Without a bound it is there to be known, not to be held."""

    what: str
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def held(self, value: float) -> bool | None:
        """Whether the value keeps the budget; None if there is none."""
        if self.at_most is not None:
            return value <= self.at_most
        if self.at_least is not None:
            return value >= self.at_least
        return None


@dataclass(frozen=True)
class Measurement:
    """A function, its rows, how many pairs of samples are taken, and what is compared."""

    function: Callable[[str], Sequence[float]]
    rows: tuple[Row, ...]
    pairs: int
    libraries: tuple[str, ...]

    def sample(self, library: str) -> list[float]:
        """The numbers of one run of the function, in a new process and an empty folder."""
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.sample", *self.address, library],
                cwd=folder,
                env=environment(folder),
                capture_output=True,
                text=True,
                timeout=600,
            )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return list(json.loads(done.stdout.splitlines()[-1]))

    @property
    def address(self) -> tuple[str, str]:
        """Where a new process finds the function."""
        return self.function.__module__, self.function.__name__

    def results(self) -> dict[str, list[float] | str]:
        """For each library the medians over all pairs, or why there are none."""
        samples: dict[str, list[list[float]]] = {library: [] for library in self.libraries}
        failures: dict[str, str] = {}
        for pair in range(self.pairs):
            # Who goes first changes, so that a machine that warms up favours nobody.
            for library in self.libraries[:: -1 if pair % 2 else 1]:
                try:
                    samples[library].append(self.sample(library))
                except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
                    failures[library] = f"failed: {error}"
        return {
            library: failures.get(library)
            or [median(column) for column in zip(*taken, strict=True)]
            for library, taken in samples.items()
        }


def measure(
    *rows: Row, pairs: int = 5, libraries: tuple[str, ...] = LIBRARIES
) -> Callable[[Callable[[str], Sequence[float]]], Measurement]:
    """Make a measurement of a function."""
    return lambda function: Measurement(function, rows, pairs, libraries)


def measurements() -> Iterator[Measurement]:
    """All measurements of all files in `benchmarks/rows`."""
    for file in sorted(
        iter_modules([str(ROOT / "benchmarks" / "rows")]), key=lambda file: file.name
    ):
        module = importlib.import_module(f"benchmarks.rows.{file.name}")
        yield from (item for item in vars(module).values() if isinstance(item, Measurement))


def environment(folder: str) -> dict[str, str]:
    """One thread, nothing of the user's own, everything in the folder."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return {
        **kept,
        "AUTOLOG_HOME": str(Path(folder, "home")),
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "",  # modules compiled once, as an installation has them
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTHONWARNINGS": "ignore",
    }
