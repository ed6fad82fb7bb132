"""The verbs of a run that keep files: artifacts, texts, dictionaries, figures, images, tables."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from core_client import content
from core_client.checks import check_key, whole_number
from core_client.clock import now
from core_client.exceptions import invalid

if TYPE_CHECKING:
    from core_client.artifacts import Artifacts

IMAGES = "mlflow.loggedImages"
PREVIEW = 256  # pixels, the longer side of the small copy that the user interface shows
TABLES = "mlflow.loggedArtifacts"  # names the files that the user interface shows as tables


class RunFiles:
    """What `ActiveRun` does with its artifacts, which lie beside everything else it records."""

    if TYPE_CHECKING:
        tags: dict[str, str]

        @property
        def artifacts(self) -> Artifacts:
            """The run's files."""

        def set_tag(self, key: str, value: Any) -> None:
            """Record a note on the run."""

    def log_artifact(self, local_path: str | Path, artifact_path: str | None = None) -> None:
        """Keep a copy of a file or folder, in the folder `artifact_path` of the run's artifacts."""
        self.artifacts.add(local_path, artifact_path)

    def log_artifacts(self, local_dir: str | Path, artifact_path: str | None = None) -> None:
        """Keep a copy of everything in a folder."""
        self.artifacts.add_all(local_dir, artifact_path)

    def log_bytes(self, data: bytes, artifact_file: str) -> None:
        """Keep these bytes as a file."""
        self.artifacts.write(data, artifact_file)

    def log_text(self, text: str, artifact_file: str) -> None:
        """Keep a text as a file, in UTF-8."""
        self.log_bytes(text.encode(), artifact_file)

    def log_dict(self, dictionary: Any, artifact_file: str) -> None:
        """Keep a dictionary or list as JSON, or as YAML if the file's name ends so."""
        self.log_bytes(content.of_dict(dictionary, artifact_file), artifact_file)

    def log_figure(
        self, figure: Any, artifact_file: str, save_kwargs: Mapping[str, Any] | None = None
    ) -> None:
        """Keep a matplotlib or plotly figure; the file's ending says the format."""
        self.log_bytes(content.of_figure(figure, artifact_file, save_kwargs), artifact_file)

    def log_image(
        self,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Keep a picture: PIL, or an array of height x width (x 1, 3 or 4 channels).

        Args:
            image: the picture; integers 0 to 255, floats 0 to 1.
            artifact_file: its file name; or else
            key: the name of a series that it belongs to,
            step: its place there,
            timestamp: and its time in ms since 1970.
        """
        if (artifact_file is None) == (key is None):
            raise invalid("log_image takes either artifact_file or key (with step), not both.")
        if artifact_file:
            suffix = PurePosixPath(artifact_file).suffix or ".png"
            return self.log_bytes(content.of_image(image, suffix), artifact_file)
        place = whole_number(step or 0, "step")
        time = whole_number(timestamp or now(), "timestamp")
        series = check_key(key, "image").replace("/", "~")
        name = f"images/{series}+step+{place}+timestamp+{time}+{uuid.uuid4()}"
        self.log_bytes(content.of_image(image, ".png"), f"{name}.png")
        self.log_bytes(content.of_image(image, ".webp", PREVIEW), f"{name}+compressed.webp")
        self.set_tag(IMAGES, True)

    def log_table(self, data: Any, artifact_file: str) -> None:
        """Keep a table (dict of columns, or DataFrame) as JSON; adds rows if it is there."""
        kept = [self.artifacts.read(artifact_file)] if self.artifacts.has(artifact_file) else []
        self.log_bytes(content.of_table(data, *kept), artifact_file)
        listed = json.loads(self.tags.get(TABLES, "[]"))
        entry = {"path": artifact_file, "type": "table"}
        if entry not in listed:
            self.set_tag(TABLES, json.dumps([*listed, entry]))

    def artifact_folder(
        self, artifact_path: str, replaces: bool = True
    ) -> AbstractContextManager[Path]:
        """An empty folder to fill, put in place when the ``with`` block ends.

        Args:
            artifact_path: where it goes.
            replaces: whole, in place of what is there; else its files join those there.
        """
        return self.artifacts.folder(artifact_path, replaces)
