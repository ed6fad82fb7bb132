"""Hooks of sessions and of what makes a DataFrame from a source, in the user's own thread."""

from __future__ import annotations

import sys

from autolog.engine import on
from autolog.engine.options import frameworks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from autolog.engine.call import Call
    from autolog.engine.options import Options


def options() -> Options | None:
    """The keywords of `spark.autolog`; None while it is off."""
    framework = frameworks.get("spark")
    return framework.options if framework is not None else None


def begin(anew: bool) -> None:
    """Watch the session that there is, if any.

    Args:
        anew: it was off until now; what was read in an earlier time is forgotten.
    """
    reads = sys.modules.get("autolog.spark.reads")
    if anew and reads is not None:
        reads.forget()
    module: Any = sys.modules.get("pyspark.sql.session")
    known = getattr(module, "SparkSession", None)  # None: it is being imported
    session = getattr(known, "_instantiatedSession", None)
    if session is not None and session._sc._jsc is not None:
        _attach(session)


@on("pyspark.sql.session", "SparkSession.__init__")
def session_begins(call: Call) -> Generator[None, Any, None]:
    """Listen to each session: every `newSession` has listeners of its own."""
    yield
    _attach(call.instance)


@on("pyspark.sql.session", "SparkSession.sql")
@on("pyspark.sql.session", "SparkSession.table")
@on("pyspark.sql.readwriter", "DataFrameReader._df")  # every format, files and jdbc, ends here
def made_from_a_source(call: Call) -> Generator[None, Any, None]:
    """Note what the DataFrame reads; `df.rdd` and a fit of pyspark.ml send no event of theirs."""
    frame = yield
    from autolog.spark import plans, reads

    # A session that was made before us, and not the first one.
    _attach(call.instance if call.function != "_df" else call.instance._spark)
    reads.note(plans.sources(frame._jdf.queryExecution().analyzed()))


@on("pyspark.sql.streaming.readwriter", "DataStreamWriter._sq")  # every way to start it ends here
def stream_begins(call: Call) -> Generator[None, Any, None]:
    """Note what a stream reads; the events of its batches tell of single files only."""
    yield
    from autolog.spark import plans, reads

    reads.note(plans.sources(call.instance._df._jdf.queryExecution().analyzed()))


@on("pyspark.sql.connect.client.core", "SparkConnectClient._execute_and_fetch_as_iterator")
def sent_to_a_server(call: Call) -> Generator[None, Any, None]:
    """Note what the plan reads that a Connect session sends to its server."""
    from autolog.spark import connect, reads

    reads.note(connect.sources(call.arguments["req"].plan))
    yield


def _attach(session: Any) -> None:
    from autolog.spark import listener, reads  # noqa: F401  # which from now on watches runs

    listener.attach(session)
