"""Requirements are told from the saved file, pinned, without running anything in it."""

from __future__ import annotations

import importlib.metadata
import pickle
import sys
import types
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import yaml

from core_client.exceptions import MlflowException
from flavors import environment


def pinned(name: str) -> str:
    return f"{name}=={importlib.metadata.version(name).partition('+')[0]}"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_modules_of_a_pickle(protocol: int) -> None:
    frame = pd.DataFrame([[1]])
    data = pickle.dumps([np.arange(3), Path("x"), frame, frame, np.ones(2)], protocol)
    tops = {module.partition(".")[0] for module in environment.pickle_modules(data)}
    assert {"numpy", "pandas", "pathlib"} <= tops
    assert tops <= {"numpy", "pandas", "pathlib", "builtins", "__builtin__", "_codecs", "copy_reg",
                    "copyreg"}  # fmt: skip


def test_reading_a_pickle_runs_nothing(tmp_path: Path) -> None:
    data = f"cos\nsystem\n(S'touch {tmp_path}/ran'\ntR.".encode()
    assert environment.pickle_modules(data) == {"os"}
    assert not (tmp_path / "ran").exists()


def test_modules_used_inside_a_function_that_travels_along() -> None:
    import msgspec

    data = cloudpickle.dumps(lambda x: msgspec.json.encode(x), protocol=4)
    assert "msgspec" in environment.pickle_modules(data)


def test_requirements_are_pinned_and_sorted() -> None:
    found = environment.requirements(["yaml.nodes", "numpy.core", "json"], ["msgspec", "numpy"])
    assert found == [pinned("msgspec"), pinned("numpy"), pinned("PyYAML")]


def test_what_no_index_has_is_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "my_own_module", types.ModuleType("my_own_module"))
    found = environment.requirements(["my_own_module.sub", "__main__", "numpy"], [])
    assert found == [
        pinned("numpy"),
        "# not installed from an index: __main__",
        "# not installed from an index: my_own_module",
    ]


def fake_distribution(path: Path, name: str, version: str, direct_url: str = "") -> None:
    info = path / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    if direct_url:
        (info / "direct_url.json").write_text(direct_url)


def test_local_versions_and_editable_installs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_distribution(tmp_path, "locally_built", "2.1.0+cpu")
    fake_distribution(
        tmp_path, "in_a_folder", "1.0", '{"url": "file:///x", "dir_info": {"editable": true}}'
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert environment.requirements(["locally_built", "in_a_folder.x"], []) == [
        "locally_built==2.1.0",
        "# installed from a folder, so on no index: in_a_folder",
    ]


def written(**keywords: object) -> tuple[list[str], dict[str, object]]:
    files = environment.files(environment.given(**keywords), ["numpy==1.0", "# a note"])  # type: ignore[arg-type]
    assert sorted(files) == ["conda.yaml", "python_env.yaml", "requirements.txt"]
    return files["requirements.txt"].decode().splitlines(), yaml.safe_load(files["conda.yaml"])


def test_files_of_an_environment(tmp_path: Path) -> None:
    lines, conda = written()
    assert lines == ["numpy==1.0", "# a note"]
    assert conda["dependencies"] == [
        f"python={environment.PYTHON}", "pip", {"pip": ["numpy==1.0"]}
    ]  # fmt: skip


def test_the_users_word_counts(tmp_path: Path) -> None:
    assert written(pip_requirements=["a==1"], extra_pip_requirements=["b"])[0] == ["a==1", "b"]
    file = tmp_path / "requirements.txt"
    file.write_text("c==3\n\n d\n")
    assert written(pip_requirements=str(file))[0] == ["c==3", "d"]
    env = {"name": "mine", "dependencies": ["python=3.10", {"pip": ["e==5"]}]}
    assert written(conda_env=env) == (["e==5"], env)
    (tmp_path / "conda.yaml").write_text(yaml.safe_dump(env))
    assert written(conda_env=str(tmp_path / "conda.yaml")) == (["e==5"], env)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"conda_env": {}, "pip_requirements": ["a"]}, "excludes"),
        ({"pip_requirements": "/no/such/file"}, "/no/such/file"),
        ({"conda_env": "/no/such/file"}, "/no/such/file"),
        ({"conda_env": [1]}, "must be a dict"),
    ],
)
def test_unusable_environments_are_refused(keywords: dict[str, object], message: str) -> None:
    with pytest.raises(MlflowException, match=message):
        written(**keywords)


def test_yaml_that_asks_for_objects_is_refused(tmp_path: Path) -> None:
    (tmp_path / "conda.yaml").write_text(
        f"!!python/object/apply:os.system ['touch {tmp_path}/ran']"
    )
    with pytest.raises(MlflowException, match="not plain YAML"):
        written(conda_env=str(tmp_path / "conda.yaml"))
    assert not (tmp_path / "ran").exists()
