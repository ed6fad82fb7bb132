"""The `autolog` command as its tests call it: into a pipe, and in a terminal of some width."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from typing import Any, NamedTuple

import pytest

from autolog.cli import main
from tests.project import ROOT

COMMAND = [sys.executable, "-c", "from autolog.cli import main; main(prog_name='autolog')"]
COLOURS = re.compile(r"\x1b\[[\d;]*m")


class Result(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str


def piped(*args: str) -> Result:
    """The command with its output into a pipe."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main(args, prog_name="autolog")
    return Result(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def said(*args: str) -> str:
    result = piped(*args)
    assert (result.exit_code, result.stderr) == (0, ""), result
    return result.stdout


def in_terminal(width: int, *args: str, typed: bytes = b"") -> str:
    """The command in a terminal of that width: everything it printed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [*COMMAND, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    os.write(ours, typed)
    printed = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while some := os.read(ours, 65536):
            printed += some
    os.close(ours)
    assert process.wait(timeout=60) == 0, printed
    return printed.decode().replace("\r\n", "\n")


def document(*args: str) -> Any:
    """What the command prints with ``--json``: one document and nothing else."""
    return json.loads(said(*args, "--json"))
