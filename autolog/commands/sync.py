"""`autolog sync`: what waits in the spool, or a whole store, goes where it belongs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from autolog.commands.document import as_json, print_json

if TYPE_CHECKING:
    from core_client.move import Moved
    from core_client.sync import Synced, Waiting


@click.command()
@click.option("--from", "source", metavar="URI", help="Move this whole store instead, to --to.")
@click.option("--to", "target", metavar="URI", help="Where the store named by --from goes.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent or moved.")
@as_json
def sync(source: str | None, target: str | None, dry_run: bool, as_json: bool) -> None:
    """Send what waits in the spool to where it belongs: from killed processes, or kept offline.

    With --from and --to, copy every experiment and run of one store into another, with all they
    hold, and read it back; the first stays as it is. Safe to run at any time, also twice at once;
    broken off, it goes on the next time. A server names runs anew: both ids are shown, and the
    server's run has the one from here as its tag autolog.local_run_id. Exit code 1 if something
    could not be sent.
    """
    os.environ["AUTOLOG_MODE"] = "online"  # who calls this wants it sent
    if source or target:
        if not source or not target:
            raise click.UsageError("Moving a store takes both --from and --to.")
        _move(source, target, dry_run, as_json)
    elif dry_run:
        _show_waiting(as_json)
    else:
        _send(as_json)


def _show_waiting(as_json: bool) -> None:
    from core_client.sync import waiting

    found = list(waiting())
    if as_json:
        print_json([one._asdict() | {"folder": str(one.folder)} for one in found])
        return
    _tell(found)


def _send(as_json: bool) -> None:
    from core_client import sync
    from core_client.progress import bar

    total = sum(one.events for one in sync.waiting())
    with bar("Sending events", total) as tell:
        reports = list(sync.sync(tell))
    if as_json:
        print_json([one._asdict() | {"folder": str(one.folder)} for one in reports])
    else:
        _tell(reports)
    if any(report.problem for report in reports):
        raise SystemExit(1)


def _tell(reports: list[Synced] | list[Waiting]) -> None:
    from autolog.terminal import Terminal
    from core_client.readable import size
    from core_client.sync import Waiting

    if not reports:
        click.echo("Nothing is left to send.")
    terminal = Terminal()
    for report in reports:
        terminal.heading(report.uri or str(report.folder))
        if isinstance(report, Waiting):
            runs = f" of {_counted(len(report.runs), 'run')}" if report.runs else ""
            files = f", {size(report.size)} of files" if report.size else ""
            terminal.line(f"{_counted(report.events, 'event')}{runs} to be sent{files}")
            held = report.held
        else:
            killed = f", {_counted(report.killed, 'run')} closed as KILLED" if report.killed else ""
            terminal.line(f"{_counted(report.events, 'event')} sent{killed}")
            for run_id, own_id in report.runs.items():
                if run_id != own_id:
                    terminal.line(f"run {run_id} is {own_id} there")
            if report.problem:
                terminal.line(f"not sent: {report.problem}")
            held = report.waiting
        for reason in held:
            terminal.line(f"still there: {reason}")
        for path in report.aside:
            terminal.line(f"set aside, for it cannot be sent: {path}")


def _move(source: str, target: str, dry_run: bool, as_json: bool) -> None:
    from core_client.move import move
    from core_client.progress import bar

    reports: list[Moved] = []
    with bar("Comparing runs" if dry_run else "Moving runs", None) as tell:
        for report in move(source, target, dry_run):
            reports.append(report)
            tell(len(reports))
    if as_json:
        print_json([report._asdict() for report in reports])
    else:
        _tell_moved(reports, dry_run)
    if any(report.problem for report in reports):
        raise SystemExit(1)


def _tell_moved(reports: list[Moved], dry_run: bool) -> None:
    from autolog.terminal import Terminal

    terminal = Terminal()
    alike = [report for report in reports if not report.problem]
    new = [report for report in alike if report.news]
    if dry_run:
        terminal.line(f"{_counted(len(new), 'run')} to be moved")
    else:
        terminal.line(f"{_moved(len(new))} moved, and read back alike")
    if len(new) < len(alike):
        terminal.line(f"{_moved(len(alike) - len(new))} there already")
    for report in alike:
        if report.new_id not in ("", report.run_id):
            terminal.line(f"run {report.run_id} is {report.new_id} there")
    for report in reports:
        if report.problem:
            terminal.line(f"not moved as it is: {report.run_id} in '{report.experiment}'")
            terminal.line(f"  {report.problem}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _moved(count: int) -> str:
    return f"{count:,} run{' was' if count == 1 else 's were'}"
