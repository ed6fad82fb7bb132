"""Which run gets to know of a read: that of the thread, or those that are active.

Of a DataFrame that is made from a source, the thread is known, and so is its run. The event of a
query comes from a thread of Spark's, some time later: it adds what no run in question has yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Lock

from autolog.engine.guard import notice
from autolog.spark import hooks, listener
from autolog.spark.sources import Source
from core_client import context
from core_client.run import PARENT, ActiveRun
from core_client.settings import MAX_TAG_VALUE

TAG = "sparkDatasourceInfo"
MOST = 1000  # sources that a run has, and that are remembered for runs to come
PLACE = "spark: what was read"

_lock = Lock()
_before: dict[Source, None] = {}  # read while no run was active, in order
_aside: deque[Source] = deque(maxlen=MOST)  # texts of which it is not clear yet who read them


def note(sources: Iterable[Source]) -> None:
    """These were read by this thread."""
    run = context.active_run()
    with _lock:
        _give([run] if run is not None else _innermost(), sources)


def note_later(sources: Iterable[Source]) -> None:
    """These were read by a query that has ended, in whatever thread."""
    with _lock:
        for source in sources:
            # Before CSV is read, its columns are told from it as text: that is no read of text.
            if source.format == "text":
                _aside.append(source)
            else:
                _spread(source)


def forget() -> None:
    """Nothing was read so far."""
    with _lock:
        _before.clear()
        _aside.clear()


class Watcher:
    """What is told of the runs of this process."""

    def beginning(self, run: ActiveRun) -> None:
        """The run gets what was read before it."""
        if self._settled():
            with listener.asking(PLACE), _lock:
                _give([run], list(_before))

    def ending(self, run: ActiveRun) -> None:
        """Wait, within a limit, for what Spark has still to tell."""
        self._settled()

    def _settled(self) -> bool:
        """All that was read until now is known to those runs that are active; False if it is off.

        What comes later belongs to runs that begin later.
        """
        if hooks.options() is None:
            return False
        with listener.asking(PLACE):
            listener.drain()
        with listener.asking(PLACE), _lock:
            texts = list(_aside)
            _aside.clear()
            for source in texts:
                if not _inference(source):
                    _spread(source)
        return True


context.watchers.append(Watcher())


def _innermost() -> list[ActiveRun]:
    """The active runs that no other active run is nested in."""
    runs = context.active_anywhere()
    parents = {run.tags.get(PARENT) for run in runs}
    return [run for run in runs if run.run_id not in parents]


def _spread(source: Source) -> None:
    runs = _innermost()
    if not any(_lines(run).issuperset(source.lines) for run in runs):
        _give(runs, [source])


def _give(runs: list[ActiveRun], sources: Iterable[Source]) -> None:
    for source in sources:
        if not runs and len(_before) < MOST:
            _before[source] = None
        for run in runs:
            _add(run, source)


def _add(run: ActiveRun, source: Source) -> None:
    known = _lines(run)
    new = [line for line in dict.fromkeys(source.lines) if line not in known]
    if not new or len(known) >= MOST:
        return
    known.update(new)
    text = run.tags.get(TAG, "")
    for line in new:
        longer = f"{text}\n{line}" if text else line
        if len(longer) > MAX_TAG_VALUE:
            notice(
                f"autolog: the tag {TAG} of run '{run.info.run_name}' is full. Further sources "
                "are listed among the run's datasets only."
            )
            break
        text = longer
    if text != run.tags.get(TAG, ""):
        run.set_tag(TAG, text)
    run.log_inputs([source.dataset()])


def _lines(run: ActiveRun) -> set[str]:
    """What the run knows already, be it begun by another process."""
    known: set[str] = run.__dict__.setdefault("sources_read", set())
    known.update(line for line in run.tags.get(TAG, "").split("\n") if line)
    return known


def _inference(text: Source) -> bool:
    """Whether the text files belong to a source of another format."""
    lines = {line for source in _before for line in source.lines}.union(*map(_lines, _innermost()))
    roots = [
        line.removeprefix("path=").rpartition(",format=")[0].rstrip("/")
        for line in lines
        if line and not line.endswith(",format=text")
    ]
    return any(path == root or path.startswith(f"{root}/") for path in text.paths for root in roots)
