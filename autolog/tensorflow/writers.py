"""Hooks of TensorFlow's summary writers: which there are, which is in use, and what they are given."""

from __future__ import annotations

import sys

from autolog.engine import before, on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from autolog.engine.call import Call


@on("tensorflow.python.ops.summary_ops_v2", "_ResourceSummaryWriter.__init__", nested=True)
@on("tensorflow.python.ops.summary_ops_v2", "_LegacyResourceSummaryWriter.__init__", nested=True)
@on("tensorflow.python.summary.writer.event_file_writer", "EventFileWriter.__init__", nested=True)
def created(call: Call) -> Generator[None, Any, None]:
    """Note a writer and where it writes to."""
    import tensorflow as tf

    from autolog.tensorflow import summaries

    given = call.arguments
    folder = given["logdir"] if "logdir" in given else given["init_op_fn"].keywords["logdir"]
    if tf.is_tensor(folder):
        folder = tf.get_static_value(folder)
    if folder is None:  # a graph will say it when it is run
        yield
        return
    folder = folder.item() if hasattr(folder, "item") else folder
    package = str(call.caller.f_globals.get("__name__", "")).partition(".")[0]
    journal = summaries.journal_in(tf.compat.as_str(tf.compat.path_to_str(folder)))
    if package in ("keras", "tf_keras"):
        journal.left_out = summaries.OF_KERAS
    yield
    journal.watch(call.instance)


@on("tensorflow.python.ops.summary_ops_v2", "_SummaryContextManager.__enter__", nested=True)
def used(call: Call) -> Generator[None, Any, None]:
    """What a writer writes belongs to the run that is active where it becomes the default one."""
    summaries = sys.modules.get("autolog.tensorflow.summaries")
    journal = summaries and summaries.journal_of(call.instance._writer)
    if journal:
        from core_client import context

        journal.belongs_to(context.active_run() or journal.run)
    yield


@before("tensorflow.python.ops.gen_summary_ops", "write_summary")
def written(
    writer: Any, step: Any, tensor: Any, tag: Any, summary_metadata: Any, name: Any = None
) -> None:
    """Record a value that is written from Python; from within a graph, nobody knows it yet."""
    summaries = sys.modules.get("autolog.tensorflow.summaries")
    if summaries and hasattr(tensor, "numpy"):
        summaries.told(writer, int(step), str(tag), tensor, summary_metadata)


@before("tensorflow.python.summary.writer.event_file_writer", "EventFileWriter.add_event")
def added(writer: Any, event: Any) -> None:
    """Record what is added to a file of the old writers."""
    summaries = sys.modules.get("autolog.tensorflow.summaries")
    if summaries:
        summaries.added(writer, event)
