"""`autolog gc`: removes deleted runs and their artifacts for good."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from typing import TYPE_CHECKING

import click

from autolog.commands.document import as_json, print_json
from autolog.commands.naming import open_client, tracking_uri

if TYPE_CHECKING:
    from core_client.client import Client
    from core_client.entities import Run

UNITS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}  # in seconds


def _seconds(context: click.Context, option: click.Parameter, text: str) -> float:
    parts = re.findall(r"(\d+)([wdhms])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise click.BadParameter(f"'{text}' is no stretch of time: write 30d, 12h or 1d12h30m.")
    return float(sum(int(number) * UNITS[unit] for number, unit in parts))


@click.command()
@tracking_uri
@click.option(
    "--older-than", callback=_seconds, default="0s", metavar="AGE",
    help="Only runs that were deleted longer ago than this: 30d, 12h, 1d12h30m.",
)  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@as_json
def gc(tracking_uri: str | None, older_than: float, yes: bool, as_json: bool) -> None:
    """Remove deleted runs and their artifacts for good.

    A run whose files cannot be removed stays, and is told; the exit code is then 1.
    """
    from autolog.terminal import Terminal
    from core_client.destination import destination

    client = open_client(tracking_uri)
    store = destination(client.tracking_uri).current()
    runs = store.deleted_runs(int((time.time() - older_than) * 1000))
    ask = runs and not yes and not as_json and sys.stdin.isatty()
    if ask and not click.confirm(f"Remove {len(runs):,} deleted runs for good?", err=True):
        return
    removed, kept = [], {}
    for one in runs:
        problem = _remove_files(client, one)
        if problem:
            kept[one.info.run_id] = problem
        else:
            removed.append(one.info.run_id)
    store.remove_runs(removed)
    if as_json:
        print_json({"removed": removed, "kept": kept})
    else:
        terminal = Terminal()
        noun = "run" if len(removed) == 1 else "runs"
        terminal.heading(f"{len(removed):,} deleted {noun} removed for good")
        for run_id, problem in kept.items():
            terminal.line(f"kept: {run_id}: {problem}")
    if kept:
        raise SystemExit(1)


def _remove_files(client: Client, run: Run) -> str:
    """Delete a run's files; why they are still there, if they are.

    A database may say anything: what is not in the run's own folder is not deleted.
    """
    from core_client.artifacts import local_root, open_artifacts
    from core_client.destination import destination
    from core_client.exceptions import MlflowException
    from core_client.settings import without_password

    info = run.info
    try:
        home = client.get_experiment(info.experiment_id).artifact_location.rstrip("/")
        inner = info.artifact_uri.removeprefix(home).strip("/").split("/")
        if not info.artifact_uri.startswith(f"{home}/") or inner != [info.run_id, "artifacts"]:
            return f"its files lie outside of its experiment's folder, in '{without_password(info.artifact_uri)}'."
        models = destination(client.tracking_uri).logged_models(run)
        own = [model for model in models if model.source_run_id == info.run_id]
        for model in own:
            place = model.artifact_location.removeprefix(f"{home}/models/")
            if not re.fullmatch(r"m-\w+/artifacts", place):
                elsewhere = without_password(model.artifact_location)
                return f"its model's files lie elsewhere, in '{elsewhere}'."
        client.artifacts(info.run_id).delete()
        for model in own:
            open_artifacts(model.artifact_location, client.tracking_uri).delete()
        with contextlib.suppress(OSError, MlflowException):  # in use, or no folder of this machine
            local_root(info.artifact_uri).parent.rmdir()
    except (MlflowException, OSError) as error:
        return str(error)
    return ""
