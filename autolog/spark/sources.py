"""One source of data: where it is, its format and version, and how a run records it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import NamedTuple

from core_client.entities import Dataset, DatasetInput
from core_client.readable import printable
from core_client.settings import without_password
from flavors.spark_schema import columns

# Of one relation that was given so many paths; the dataset tells how many there are.
MOST_PATHS = 100

# Keys and tokens in what follows a path or a JDBC address, and Oracle's user/password@.
_SECRET = re.compile(
    r"(?i)([?&;][\w.-]*(?:secret|token|signature|sig|key|credential)[\w.-]*=)[^&;]*"
)
_ORACLE = re.compile(r"(:thin:[^/@:]*)/[^@]*@")


class Source(NamedTuple):
    """What one leaf of a plan reads.

    Attributes:
        paths: URIs as Spark has them, or the name of a table, free of credentials.
        format: such as ``csv``, ``delta`` or ``jdbc``.
        version: of a table that has versions.
        table: its name in the catalog.
        schema: the columns as Spark's JSON; empty if they are not known.
        rows: how many, where Spark knows it without counting.
        number: how many paths there are.
    """

    paths: tuple[str, ...]
    format: str
    version: str | None = None
    table: str | None = None
    schema: str = ""
    rows: int | None = None
    number: int = 1

    @property
    def lines(self) -> list[str]:
        """What the run's tag says of it, a line for each path."""
        version = f",version={self.version}" if self.version is not None else ""
        return [f"path={path}{version},format={self.format}" for path in self.paths]

    def dataset(self) -> DatasetInput:
        """The source as an input of a run."""
        path = self.paths[0]
        source: dict[str, str] = {"table_name": self.table} if self.table else {"path": path}
        if self.version is not None:
            source["delta_table_version"] = self.version
        profile: dict[str, int] = {} if self.rows is None else {"approx_count": self.rows}
        if self.number > 1:
            profile["num_paths"] = self.number
        text = json.dumps([self.lines, self.schema, self.number])
        dataset = Dataset(
            name=self.table or path.rstrip("/").rpartition("/")[2] or path,
            digest=hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8],
            source_type="spark",
            source=json.dumps(source),
            schema=json.dumps({"mlflow_colspec": columns(self.schema).to_dict()})
            if self.schema
            else "",
            profile=json.dumps(profile) if profile else "",
        )
        return DatasetInput(dataset, [])


def shown(path: str) -> str:
    """A path or an address as it may be kept: on one line, without passwords, keys and tokens."""
    masked = _SECRET.sub(r"\1***", _ORACLE.sub(r"\1/***@", without_password(path)))
    return printable(masked)
