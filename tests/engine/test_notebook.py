"""In a notebook: cells that run again, modules that reload themselves, and interrupts."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from tests.engine.conftest import Toy

needs_ipython = pytest.mark.skipif(
    importlib.util.find_spec("IPython") is None, reason="needs IPython"
)

SESSION = """
import os, pathlib, time
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()

def cell(code):
    result = shell.run_cell(code)
    assert result.success == ("FAILS" not in code), code

def change(text):
    path = pathlib.Path(FOLDER, "mine.py")
    path.write_text(text)
    later = time.time() + change.seconds  # the file's time is what autoreload looks at
    os.utime(path, (later, later))
    change.seconds += 10
change.seconds = 10

MODEL = '''
from toylib.base import Base
from toylib.training import train
class Mine(Base):
    def fit(self, X):
        self.version = {version}
        train({{}})
        return super().fit(X)
def work():
    return train({{}})
'''
change(MODEL.format(version=1))
cell("%load_ext autoreload")
cell("%autoreload 2")
SETUP = '''
import autolog
from autolog.engine import configure, on
recorded = []
@on("toylib.base", "Base.fit", subclasses=True)
@on("toylib.training", "train", also=("toylib",))
def record(call):
    recorded.append((type(call.instance).__name__, call.function))
    yield
configure("toy", {{"disable": False, "exclusive": False, "silent": False, "extra_tags": None}})
'''.replace("{{", "{").replace("}}", "}")
CHECK = '''
recorded.clear()
model = Mine()
assert model.fit(1) is model and model.version == {version}, model.version
work()
assert recorded == [("Mine", "fit"), ("NoneType", "train")], recorded
'''
cell("from mine import Mine, work")
cell(SETUP)
cell(CHECK.format(version=1))
for version in (2, 3):
    change(MODEL.format(version=version))
    cell("pass")  # autoreload looks at files before a cell
    cell(CHECK.format(version=version))
    cell(SETUP)
    cell(CHECK.format(version=version))
for _ in range(2):
    cell("class Here(Mine):\\n    def fit(self, X): return super().fit(X)")
    cell("recorded.clear(); Here().fit(1); assert recorded == [('Here', 'fit')], recorded")
cell("class Stops(Mine):\\n    def fit(self, X): raise KeyboardInterrupt")
cell("Stops().fit(1)  # FAILS")
cell(CHECK.format(version=3))
cell("autolog.disable(); recorded.clear(); Mine().fit(1); work(); assert recorded == []")
cell("import toylib.base; assert '__wrapped__' not in dir(vars(toylib.base.Base)['fit'])")
print("all cells ran")
"""


@needs_ipython
def test_cells_autoreload_and_interrupts(toy: Toy) -> None:
    toy.write("session", f"FOLDER = {str(toy.folder)!r}\n" + SESSION)
    done = subprocess.run(
        [sys.executable, str(toy.folder / "session.py")],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join([str(toy.folder), *sys.path]), "IPYTHONDIR": "ipython"},
        check=False,
    )
    assert "all cells ran" in done.stdout, done.stdout + done.stderr
