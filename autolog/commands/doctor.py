"""`autolog doctor`: where runs go, whether that can be reached, and what waits to be sent."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from autolog.commands.document import as_json, print_json
from autolog.commands.naming import tracking_uri


@click.command()
@tracking_uri
@as_json
def doctor(tracking_uri: str | None, as_json: bool) -> None:
    """Show where runs go, and whether that works.

    Also what waits in the spool to be sent, and the frameworks that are installed. Exit code 1 if the store cannot be used.
    """
    import autolog
    from autolog.terminal import Terminal
    from core_client import settings

    store = _store(settings.absolute(tracking_uri or settings.tracking_uri()))
    spool = str(settings.home() / "spool")
    waiting = list(_waiting())
    frameworks = [row for row in autolog.status() if row.installed != "-"]
    if as_json:
        print_json({
            "version": autolog.__version__,
            "python": sys.version.split()[0],
            "store": store,
            "spool": {"folder": spool, "waiting": waiting},
            "frameworks": [row._asdict() for row in frameworks],
        })  # fmt: skip
    else:
        terminal = Terminal()
        terminal.heading(f"autolog {autolog.__version__}, Python {sys.version.split()[0]}")
        click.echo()
        terminal.heading("Runs go to")
        for line in _told(store):
            terminal.line(line)
        click.echo()
        terminal.heading("Waiting to be sent")
        for one in waiting:
            terminal.line(f"{one['events']:,} events for {one['uri']}, in {one['folder']}")
            if one["set_aside"]:
                terminal.line(f"  and {one['set_aside']} files set aside, for they cannot be sent")
        if not waiting:
            terminal.line(f"nothing, in {spool}")
        click.echo()
        terminal.heading("Frameworks")
        rows = [(row.framework, row.installed, row.tested) for row in frameworks]
        if rows:
            terminal.print(terminal.table(("framework", "installed", "tested"), rows), indent=2)
        else:
            terminal.line("none that are recorded; `autolog status` lists them")
    if store["problem"]:
        raise SystemExit(1)


def _store(uri: str) -> dict[str, Any]:
    """Where runs go, as far as it is known."""
    from core_client import settings
    from core_client.entities import ViewType
    from core_client.exceptions import MlflowException
    from core_client.stores import open_store

    found: dict[str, Any] = {
        "uri": settings.without_password(uri),
        "reachable": None,
        "milliseconds": None,
        "experiments": None,
        "problem": None,
    }
    path = uri.partition(":///")[2]
    if uri.startswith("sqlite:") and not Path(path.partition("?")[0]).exists():
        return found  # it is made when the first run begins
    began = time.monotonic()
    try:
        store = open_store(uri)
        try:
            experiments = store.search_experiments(ViewType.ACTIVE_ONLY)
        finally:
            store.close()
        found["experiments"] = len(experiments)
        found["reachable"] = True
    except MlflowException as error:
        found["problem"] = error.message
        found["reachable"] = False
    found["milliseconds"] = round((time.monotonic() - began) * 1000)
    return found


def _told(store: dict[str, Any]) -> Iterator[str]:
    yield store["uri"]
    if store["problem"]:
        yield f"cannot be used: {store['problem']}"
    elif store["reachable"]:
        count = store["experiments"]
        noun = "experiment" if count == 1 else "experiments"
        yield f"answers in {store['milliseconds']} ms, {count} {noun}"
    else:
        yield "not there yet; it is made when the first run begins"


def _waiting() -> Iterator[dict[str, Any]]:
    """For each store, how many events of any process have not reached it yet."""
    from core_client.sync import waiting

    for one in waiting():
        if one.events or one.living or one.aside:
            yield {
                "uri": one.uri,
                "folder": str(one.folder),
                "events": one.events + one.living,
                "set_aside": len(one.aside),
            }
