"""`autolog db upgrade`: brings a database to the newest schema that the installed MLflow knows."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from autolog.commands.document import as_json, print_json
from autolog.commands.naming import open_client, tracking_uri

if TYPE_CHECKING:
    from sqlalchemy import URL


@click.group()
def db() -> None:
    """Look after a database that holds runs."""


@db.command()
@tracking_uri
@as_json
def upgrade(tracking_uri: str | None, as_json: bool) -> None:
    """Bring the database to the newest schema that the installed MLflow knows.

    MLflow's own migrations do it. Copy the database first: there is no way back.
    """
    from autolog.terminal import Terminal
    from core_client.settings import without_password
    from core_client.stores import database

    client = open_client(tracking_uri)
    uri = client.tracking_uri
    if not database(uri):
        raise click.ClickException(
            f"'{without_password(uri)}' is no database of ours to upgrade. A server's database is "
            "upgraded on its own machine: `autolog db upgrade --tracking-uri DATABASE` there."
        )
    if find_spec("mlflow") is None:
        raise click.ClickException(
            "The migrations are MLflow's, which is not installed here: pip install mlflow. We "
            "read and write the database as it is; only newer features of MLflow need this."
        )
    client.flush()
    from mlflow.db import commands

    from core_client.stores.sql.dialects import database_url

    url = database_url(uri)  # with the driver that is installed
    before = _revision(url)
    commands.main(["upgrade", url.render_as_string(hide_password=False)], standalone_mode=False)
    after = _revision(url)
    if as_json:
        print_json({"before": before, "after": after})
        return
    terminal = Terminal()
    terminal.heading("Nothing to upgrade" if before == after else "Upgraded")
    terminal.line(f"schema {after}" if before == after else f"from schema {before} to {after}")


def _revision(uri: URL) -> str | None:
    from sqlalchemy import create_engine, select

    from core_client.stores.sql.schema import alembic_version

    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            return connection.scalar(select(alembic_version.c.version_num))
    finally:
        engine.dispose()
