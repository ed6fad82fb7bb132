"""`autolog artifacts`: list, download and upload the files of a run."""

from __future__ import annotations

from pathlib import Path

import click

from autolog.commands.document import as_json, print_json
from autolog.commands.naming import find_run, open_client, tracking_uri


@click.group()
def artifacts() -> None:
    """List, download or upload a run's files.

    RUN is its id, the beginning of its id, or its name.
    """


@artifacts.command("list")
@tracking_uri
@as_json
@click.argument("run")
@click.argument("path", default="")
def list_artifacts(tracking_uri: str | None, as_json: bool, run: str, path: str) -> None:
    """List everything below PATH, or all files of the run."""
    from autolog.terminal import Terminal
    from autolog.terminal import files as every
    from core_client import readable

    client = open_client(tracking_uri)
    files = [file for _, file in every(client.artifacts(find_run(client, run).info.run_id), path)]
    if as_json:
        print_json(files)
        return
    if not files:
        click.echo("No artifacts.", err=True)
        return
    terminal = Terminal()
    rows = [
        (file.path + ("/" if file.is_dir else ""), readable.size(file.file_size)) for file in files
    ]
    terminal.print(terminal.table(("path", "size"), rows, numbers=1))


@artifacts.command()
@tracking_uri
@click.option(
    "-d", "--to", "folder", default=".", show_default=True, metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path), help="Where to put them; made if need be.",
)  # fmt: skip
@as_json
@click.argument("run")
@click.argument("path", default="")
def download(tracking_uri: str | None, folder: Path, as_json: bool, run: str, path: str) -> None:
    """Copy PATH, a file or folder, or all files of the run; files of that name are replaced."""
    from autolog.terminal import Terminal

    client = open_client(tracking_uri)
    place = client.artifacts(find_run(client, run).info.run_id)
    folder.mkdir(parents=True, exist_ok=True)
    target = place.download(path, folder)
    if as_json:
        print_json({"path": str(target)})
        return
    terminal = Terminal()
    terminal.heading("Downloaded to")
    terminal.line(str(target))


@artifacts.command()
@tracking_uri
@click.option("--as", "artifact_path", metavar="PATH", help="The folder among the run's files.")
@as_json
@click.argument("run")
@click.argument("file", type=click.Path(exists=True, path_type=Path), nargs=-1, required=True)
def upload(
    tracking_uri: str | None,
    artifact_path: str | None,
    as_json: bool,
    run: str,
    file: tuple[Path, ...],
) -> None:
    """Add files or folders to the run's; its state is left as it is."""
    from autolog.terminal import Terminal

    client = open_client(tracking_uri)
    info = find_run(client, run).info
    for path in file:
        client.log_artifact(info.run_id, path, artifact_path)
    client.flush()
    place = "/".join(part for part in (artifact_path, "") if part is not None)
    if as_json:
        print_json({"run_id": info.run_id, "paths": [f"{place}{path.name}" for path in file]})
        return
    terminal = Terminal()
    terminal.heading(f"Uploaded to {info.run_name}")
    for path in file:
        terminal.line(f"{place}{path.absolute().name}")
