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
from autolog.commands.naming import WrongArgument
from autolog.commands.runs import runs, show
from autolog.commands.sync import sync
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


for command in (runs, show, experiments, artifacts, sync, doctor, gc, db):
    main.add_command(command)


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
