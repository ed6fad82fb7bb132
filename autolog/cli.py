"""The `autolog` command; its parts are in autolog/commands."""

from __future__ import annotations

import errno
from typing import Any

import click

from autolog.commands.artifacts import artifacts
from autolog.commands.doctor import doctor
from autolog.commands.document import as_json, print_json
from autolog.commands.experiments import experiments
from autolog.commands.gc import gc
from autolog.commands.migration import db
from autolog.commands.moving import move_store
from autolog.commands.naming import WrongArgument
from autolog.commands.runs import runs, show
from core_client.exceptions import MlflowException

# A wrong argument, as against something that cannot be done now.
USAGE = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")


class _Commands(click.Group):
    """Every error is one sentence on stderr: exit code 2 for a wrong argument, 1 for the rest."""

    def invoke(self, context: click.Context) -> Any:
        import logging

        from core_client.readable import printable

        log = logging.getLogger("autolog")
        log.disabled = True  # what it would warn of is raised as well, or told by `autolog sync`
        try:
            return super().invoke(context)
        except MlflowException as error:
            kind = WrongArgument if error.error_code in USAGE else click.ClickException
            raise kind(printable(error.message)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read us has seen enough
                raise
            raise click.ClickException(printable(error)) from error
        finally:
            log.disabled = False


@click.group(
    cls=_Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mlautolog", prog_name="autolog")
def main() -> None:
    """Look at what autolog has recorded, and look after it."""


for command in (runs, show, experiments, artifacts, doctor, gc, db):
    main.add_command(command)


@main.command()
@click.option("--from", "source", metavar="URI", help="Move this whole store instead, to --to.")
@click.option("--to", "target", metavar="URI", help="Where the store named by --from goes.")
def sync(source: str | None, target: str | None) -> None:
    """Send what killed processes left in the spool to where it belongs.

    With --from and --to, copy every experiment and run of one store into another, with all they
    hold; the first stays as it is. Safe to run at any time, also twice at once. Exit code 1 if
    something could not be sent.
    """
    if source or target:
        if not source or not target:
            raise click.UsageError("Moving a store takes both --from and --to.")
        move_store(source, target)
        return
    from autolog.terminal import Terminal
    from core_client.sync import sync

    terminal = Terminal()
    nothing, stuck = True, False
    for report in sync():
        nothing = False
        terminal.heading(report.uri or str(report.folder))
        killed = f", {_counted(report.killed, 'run')} closed as KILLED" if report.killed else ""
        terminal.line(f"{_counted(report.events, 'event')} sent{killed}")
        if report.problem:
            terminal.line(f"not sent: {report.problem}")
        for reason in report.waiting:
            terminal.line(f"still there: {reason}")
        for path in report.aside:
            terminal.line(f"set aside, for it cannot be sent: {path}")
        stuck = stuck or bool(report.problem)
    if nothing:
        click.echo("Nothing is left to send.")
    if stuck:
        raise SystemExit(1)


@main.command()
@as_json
def status(as_json: bool) -> None:
    """Show which frameworks are installed, and whether `autolog()` records them."""
    from autolog import autolog
    from autolog import status as table
    from autolog.terminal import Terminal

    autolog(silent=True)
    if as_json:
        print_json([row._asdict() for row in table()])
        return
    terminal = Terminal()
    terminal.print(terminal.table(("framework", "installed", "tested", "autologging"), table()))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
