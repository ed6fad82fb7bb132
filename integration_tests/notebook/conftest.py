"""A real kernel, driven as a notebook drives it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds that a cell may take


class Cell:
    """What one cell has put out."""

    def __init__(self) -> None:
        self.text = ""
        self.errors = ""
        self.displays: list[dict[str, str]] = []
        self.error = ""

    def add(self, message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            self.text += content["text"]
        elif message["msg_type"] == "stream":
            self.errors += content["text"]
        elif message["msg_type"] in ("execute_result", "display_data"):
            self.displays.append(content["data"])
        elif message["msg_type"] == "error":
            self.error = content["ename"]


class Kernel:
    """A kernel in the working directory."""

    def __init__(self, **environment: str) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(env={**os.environ, "PYTHONPATH": path, **environment})
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)

    def cell(self, code: str, on_text: Callable[[str], None] | None = None) -> Cell:
        """Run a cell; `on_text` is told of each text that it prints while it runs."""
        cell = Cell()

        def take(message: dict[str, Any]) -> None:
            cell.add(message)
            if on_text and message["msg_type"] == "stream":
                on_text(message["content"]["text"])

        self._client.execute_interactive(code, output_hook=take, timeout=PATIENCE)
        return cell

    def run(self, code: str) -> str:
        """What a cell prints that neither raises nor warns."""
        cell = self.cell(code)
        assert (cell.error, cell.errors) == ("", ""), cell.text
        return cell.text.rstrip("\n")

    def interrupt(self) -> None:
        """What the button with the square does."""
        self._manager.interrupt_kernel()

    def kill(self) -> None:
        """As a restart does with a kernel that is busy."""
        self._manager.shutdown_kernel(now=True)

    def close(self) -> None:
        self._client.stop_channels()
        if self._manager.has_kernel:
            self._manager.shutdown_kernel()
        self._manager.cleanup_resources()


@pytest.fixture
def jupyter_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels leave nothing in this user's folders, and belong to no session of theirs."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    for name in ("JPY_SESSION_NAME", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start(own_place: Path, jupyter_folders: None) -> Iterator[Callable[..., Kernel]]:
    """Starts kernels."""
    kernels: list[Kernel] = []

    def begin(**environment: str) -> Kernel:
        kernels.append(Kernel(**environment))
        return kernels[-1]

    yield begin
    for kernel in kernels:
        kernel.close()


@pytest.fixture
def kernel(start: Callable[..., Kernel]) -> Kernel:
    """One kernel."""
    return start()
