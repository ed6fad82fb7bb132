"""Installed versions beside tested ones, and the table of what is on."""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from typing import NamedTuple

from packaging.requirements import Requirement

from autolog.engine import options

OWN = "mlautolog"


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
    installed = _installed(tested)
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
        left_alone = getattr(sys.modules.get(home), "LEFT_ALONE", None)
        state += f"; {left_alone}" if left_alone else ""
    return Row(name, installed or "-", _range(tested) if tested else "-", state)


def problem(name: str, home: str) -> str:
    """What is wrong with the installed version of a framework; nothing if it was tested."""
    tested = of(name, home)
    installed = _installed(tested)
    if tested is None or installed is None:
        return ""
    if tested.specifier.contains(installed, prereleases=True):
        return ""
    return f"{tested.name} {installed} is outside the tested range {_range(tested)}"


def of(name: str, home: str) -> Requirement | None:
    """What the framework's extra asks for of the framework itself; None if it is not known.

    That is the requirement with an upper end: what merely comes with a framework has none. Of
    several, such as builds of the same framework, the installed one counts.
    """
    extra = extra_of(name)
    wanted = [
        requirement
        for distribution in _distributions(name, home)
        for requirement in map(Requirement, distribution.requires or ())
        if requirement.marker
        and not requirement.marker.evaluate({"extra": ""})
        and requirement.marker.evaluate({"extra": extra})
    ]
    tested = [one for one in wanted if "<" in str(one.specifier)] or wanted
    # An extra that asks for a smaller build, such as `xgboost-cpu`, means the full one too.
    full = [Requirement(f"{name}{x.specifier}") for x in tested if x.name.startswith(f"{name}-")]
    return next(filter(_installed, [*tested, *full]), tested[0] if tested else None)


def extra_of(name: str) -> str:
    """The extra that brings a framework: of its own name, or as the package around it says."""
    package, dot, _ = name.partition(".")
    return str(import_module(f"autolog.{package}").EXTRA) if dot else name


def _distributions(name: str, home: str) -> list[metadata.Distribution]:
    """The distribution whose extra names the framework."""
    if home.startswith("autolog."):
        try:
            return [metadata.distribution(OWN)]
        except metadata.PackageNotFoundError:  # run from its sources
            return []
    found = metadata.entry_points(group=options.GROUP, name=name)
    return [entry.dist for entry in found if entry.dist is not None]


def _installed(requirement: Requirement | None) -> str | None:
    try:
        return metadata.version(requirement.name) if requirement else None
    except metadata.PackageNotFoundError:
        return None


def _range(requirement: Requirement) -> str:
    """The range as people write it, the lower end first."""
    return ",".join(sorted(map(str, requirement.specifier), key=lambda part: part[0] != ">"))
