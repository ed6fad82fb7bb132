"""Take all measurements and print them as one table: `python -m benchmarks [WORD ...]`.

With words, only the rows that have one of them in their name.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib.metadata import version

from benchmarks.measure import Measurement, Row, measurements

COLUMNS = "{:58} {:>12} {:>12} {:>12} {:>10}  {}"


def number(value: float | None, unit: str) -> str:
    """A value as the table shows it."""
    if value is None:
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"x{value:.2f}" if unit == "x" else f"{text} {unit}"


def budget(row: Row) -> str:
    """The bound of a row as the table shows it."""
    if row.at_least is not None:
        return f">= {number(row.at_least, row.unit)}"
    return number(row.at_most, row.unit)


def better_by(row: Row, ours: float | None, theirs: float | None) -> str:
    """How many times ours is the better one of two values."""
    if not ours or not theirs or min(ours, theirs) < 0:
        return "-"
    return f"x{ours / theirs if row.at_least is not None else theirs / ours:,.1f}"


def lines(measurement: Measurement) -> list[str]:
    """The finished lines of one measurement."""
    results = measurement.results()
    ours, theirs = results["autolog"], results.get("mlflow", "-")
    finished = []
    for place, row in enumerate(measurement.rows):
        our_value = None if isinstance(ours, str) else ours[place]
        their_value = None if isinstance(theirs, str) else theirs[place]
        held = None if our_value is None else row.held(our_value)
        verdict = {True: "held", False: "MISSED", None: ""}[held]
        if isinstance(ours, str):
            verdict = f"OURS {ours}"
        elif isinstance(theirs, str) and theirs != "-":
            verdict = f"{verdict} (MLflow {theirs})"
        finished.append(
            COLUMNS.format(
                row.what,
                budget(row),
                number(our_value, row.unit),
                number(their_value, row.unit),
                better_by(row, our_value, their_value),
                verdict,
            )
        )
    return finished


def main(words: list[str]) -> None:
    """Print the table, line by line as it comes."""
    started = time.monotonic()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, MLflow {version('mlflow')}")
    print("Medians of alternating samples, each in a new process and an empty folder.\n")
    print(COLUMNS.format("what", "budget", "autolog", "MLflow", "better by", "verdict"))
    missed = 0
    for measurement in measurements():
        names = " ".join(row.what for row in measurement.rows)
        if words and not any(word in names for word in words):
            continue
        for line in lines(measurement):
            print(line, flush=True)
            missed += "MISSED" in line or "OURS failed" in line
    print(f"\n{missed} budgets missed. Took {time.monotonic() - started:.0f} s.")


main(sys.argv[1:])
