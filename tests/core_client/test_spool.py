"""The queue itself: segments, broken lines, refusals, full disks, rights."""

from __future__ import annotations

import errno
import itertools
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core_client import destination, fluent, segment, spool
from core_client.client import Client
from core_client.exceptions import MlflowException
from core_client.settings import home


def here() -> destination.Destination:
    return destination.destination(fluent.get_tracking_uri())


def leave_behind(*lines: bytes) -> Path:
    """A segment as a process leaves it that died after writing these lines."""
    header = b'["autolog-spool-1","%s",1,"x"]\n' % os.uname().nodename.encode()
    folder = here().spool.folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "1-1.events"
    path.write_bytes(header + b"".join(lines))
    return path


START = b'["r","%s","0","","left","me",1000,"",{}]\n' % (b"a" * 32)


def test_what_another_process_left_is_sent() -> None:
    path = leave_behind(START, b'["m","%s",5,1,{"x":0.5,"y":"nan"}]\n' % (b"a" * 32))
    run = fluent.get_run("a" * 32)
    assert run.data.metrics["x"] == 0.5
    assert run.info.status == "KILLED"
    assert not path.exists()


def test_a_broken_line_is_set_aside_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    path = leave_behind(
        START,
        b'["m","%s",5,1,{"x":0.5}]\n' % (b"a" * 32),
        b'["m","%s",5,1,{"x":\n' % (b"a" * 32),
        b"\xff\xfe\x00\n",
        b'["p","%s",{"q":"1"}]\n' % (b"a" * 32),
        b'["m","%s",5,9,{"torn' % (b"a" * 32),
    )
    data = fluent.get_run("a" * 32).data
    assert (data.metrics, data.params) == ({"x": 0.5}, {"q": "1"})
    kept = path.with_suffix(".refused").read_bytes().splitlines()
    assert [line[:4] for line in kept] == [b'["m"', b"\xff\xfe\x00"]
    assert "is broken" in caplog.text
    assert "everything else was recorded" in caplog.text


def test_a_foreign_file_is_set_aside(caplog: pytest.LogCaptureFixture) -> None:
    path = leave_behind()
    path.write_bytes(b"\x00\x01 not ours\n")
    with fluent.start_run():
        fluent.log_metric("m", 1)
    assert len(fluent.search_runs(output_format="list")) == 1
    assert path.with_suffix(".broken").exists()
    assert "is not a spool file" in caplog.text


def test_a_refused_event_is_set_aside_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    path = leave_behind(
        START,
        b'["p","%s",{"q":"1"}]\n' % (b"a" * 32),
        b'["p","%s",{"q":"2"}]\n' % (b"a" * 32),
        b'["m","%s",5,1,{"x":1}]\n' % (b"b" * 32),
        b'["t","%s",{"seen":"yes"}]\n' % (b"a" * 32),
    )
    data = fluent.get_run("a" * 32).data
    assert (data.params, data.tags["seen"]) == ({"q": "1"}, "yes")
    kept = path.with_suffix(".refused").read_text()
    assert '{"q":"2"}' in kept
    assert "b" * 32 in kept
    assert "b" * 32 in caplog.text


def test_what_was_sent_is_not_sent_again() -> None:
    """A tag that somebody changed since must not fall back to what a dead process had set."""
    path = leave_behind(START, b'["t","%s",{"stage":"old"}]\n' % (b"a" * 32))
    path.with_suffix(".offset").write_bytes(b"%020d" % path.stat().st_size)
    with pytest.raises(MlflowException, match=r"a{32}"):
        fluent.get_run("a" * 32)
    assert not path.exists()


def test_long_logs_go_on_in_a_new_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SEGMENT_SIZE", 20_000)
    monkeypatch.setattr(segment, "CHUNK", 3_000)
    with fluent.start_run() as run:
        for step in range(2_000):
            fluent.log_metric("m", step, step=step)
        assert len(here().spool.segments()) > 1
        assert len(Client().get_metric_history(run.run_id, "m")) == 2_000
        assert len(here().spool.segments()) == 1
    assert fluent.get_run(run.run_id).info.status == "FINISHED"


def test_another_process_leaves_a_living_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SEGMENT_SIZE", 1_000)
    with fluent.start_run() as run:
        for step in range(50):
            fluent.log_metric("m", step, step=step)
        code = (
            "from core_client.client import Client; c = Client(); c.flush();"
            "print([r.info.status for r in c.search_runs(['0'])])"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
        assert out.stdout in (b"['RUNNING']\n", b"[]\n"), out.stderr
        assert here().spool.segments()
    assert fluent.get_run(run.run_id).info.status == "FINISHED"
    assert len(Client().get_metric_history(run.run_id, "m")) == 50


def test_nobody_else_can_read_the_spool() -> None:
    with fluent.start_run():
        (path,) = here().spool.segments()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(home().stat().st_mode) == 0o700


def test_no_password_is_kept() -> None:
    queue = spool.Spool("postgresql://me:hunter2@host/x", notify=lambda: None)
    queue.append(START)
    (path,) = queue.segments()
    assert b"postgresql://me:***@host/x" in path.read_bytes()
    assert b"hunter2" not in path.read_bytes()
    assert queue.release(path, path.stat().st_size)


def test_a_full_disk_is_one_clear_error_and_training_can_go_on() -> None:
    """A file size limit stands in for the full disk: the same short write, the same error."""
    with fluent.start_run() as run:
        fluent.log_metric("before", 1)
        fluent.flush_async_logging()
        (path,) = here().spool.segments()
        size = path.stat().st_size
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, limits[1]))
            with pytest.raises(MlflowException, match="Make room") as error:
                fluent.log_metric("during", 2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, old)
        assert str(path.parent) in str(error.value)
        assert path.stat().st_size == size, "a torn line was left"
        fluent.log_metric("after", 3)
    assert fluent.get_run(run.run_id).data.metrics == {"before": 1, "after": 3}


def test_a_home_that_cannot_be_written_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUTOLOG_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(MlflowException, match="AUTOLOG_HOME") as error:
        fluent.start_run()
    assert os.strerror(errno.ENOTDIR) in str(error.value)
    assert fluent.active_run() is None


def test_signals_may_log_while_the_program_logs() -> None:
    seen = []
    count = itertools.count()

    def on_alarm(*_: object) -> None:
        number = next(count)  # handlers may be nested
        fluent.log_metric("alarm", number, step=number)
        seen.append(number)

    old = signal.signal(signal.SIGALRM, on_alarm)
    try:
        with fluent.start_run() as run:
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
            step = 0
            while len(seen) < 100:
                fluent.log_metric("m", step, step=step)
                step += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    client = Client()
    assert len(client.get_metric_history(run.run_id, "m")) == step
    assert len(client.get_metric_history(run.run_id, "alarm")) == len(seen)
    destination.close_all()
    assert list((home() / "spool").rglob("*.events")) == []
