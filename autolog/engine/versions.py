"""Installed versions beside tested ones, and the table of what is on."""

from __future__ import annotations

from importlib import metadata
from typing import NamedTuple

from autolog.engine import options

OWN = "mlautolog"

_COMPARISONS = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


class Tested(NamedTuple):
    """What a framework's extra asks for: the distribution, and its range, such as ``>=1,<2``."""

    distribution: str
    range: str

    def admits(self, version: str) -> bool:
        """Whether the version is in the range."""
        for part in filter(None, self.range.split(",")):
            sign = next(sign for sign in _COMPARISONS if part.startswith(sign))
            if not _COMPARISONS[sign](_release(version), _release(part.removeprefix(sign))):
                return False
        return True


class Row(NamedTuple):
    """One framework in the table of `status`."""

    framework: str
    installed: str
    tested: str
    state: str


class Status(tuple[Row, ...]):
    """A row for each framework; prints as a table."""

    HEADINGS = ("framework", "installed", "tested", "autologging")

    def _repr_html_(self) -> str | None:
        from core_client import display

        return display.shown(lambda rows: display.table(self.HEADINGS, rows), self)

    def __repr__(self) -> str:
        rows = [self.HEADINGS, *self]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            "  ".join(
                [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]
            )
            for row in rows
        )


def status() -> Status:
    """Which frameworks are recorded, their versions, and if not, why not."""
    homes = {name: f"autolog.{name}" for name in options.built_in()} | dict(options.third_party())
    homes |= {one.name: one.home for one in options.frameworks.values()}
    return Status(_row(name, home) for name, home in sorted(homes.items()))


def _row(name: str, home: str) -> Row:
    tested = of(name, home)
    installed = _installed(tested.distribution) if tested else None
    framework = options.frameworks.get(name)
    if tested and installed is None:
        state = "off: not installed"
    elif framework is None or framework.chosen is None:
        state = "off: not switched on"
    elif framework.options is None:
        state = "off: disable=True"
    elif framework.options.get("disable_for_unsupported_versions") and problem(name, home):
        state = "off: version outside the tested range"
    else:
        state = "on" if framework.loaded() else "on, when imported"
    return Row(name, installed or "-", tested.range if tested else "-", state)


def problem(name: str, home: str) -> str:
    """What is wrong with the installed version of a framework; nothing if it was tested."""
    tested = of(name, home)
    installed = _installed(tested.distribution) if tested else None
    if tested is None or installed is None or tested.admits(installed):
        return ""
    return f"{tested.distribution} {installed} is outside the tested range {tested.range}"


def of(name: str, home: str) -> Tested | None:
    """The requirement of the framework's extra that has an upper end; None if it is not known."""
    tested = []
    for distribution in _distributions(name, home):
        for requirement in distribution.requires or ():
            what, _, marker = requirement.partition(";")
            if marker.replace('"', "'").strip() == f"extra == '{name}'":
                what = what.replace(" ", "").replace("(", "").replace(")", "")
                end = next((i for i, sign in enumerate(what) if sign in "<>=!~["), len(what))
                first = what[end:].rpartition("]")[2]
                low_first = sorted(filter(None, first.split(",")), key=lambda p: p[0] != ">")
                tested.append(Tested(what[:end], ",".join(low_first)))
    # Builders sort them. What comes with the framework has no upper end.
    return next((one for one in tested if "<" in one.range), tested[0] if tested else None)


def _distributions(name: str, home: str) -> list[metadata.Distribution]:
    """The distribution whose extra names the framework."""
    if home.startswith("autolog."):
        try:
            return [metadata.distribution(OWN)]
        except metadata.PackageNotFoundError:  # run from its sources
            return []
    found = metadata.entry_points(group=options.GROUP, name=name)
    return [entry.dist for entry in found if entry.dist is not None]


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version, without zeros at the end: ``1.4.0rc1`` gives (1, 4)."""
    numbers: list[int] = []
    for part in version.strip().split("."):
        digits = part[: next((i for i, sign in enumerate(part) if not sign.isdigit()), len(part))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
