"""A pickle loads without asking only if this user's key signed exactly these bytes."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from core_client import settings
from core_client.exceptions import MlflowException
from flavors import formats, trust


class Bomb:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return (open, (self.path, "w"))


def folder_with(tmp_path: Path, data: bytes, signed: bool = True) -> Path:
    folder = tmp_path / "model"
    folder.mkdir(exist_ok=True)
    (folder / "model.pkl").write_bytes(data)
    if signed:
        for name, text in trust.signature({"model.pkl": data}).items():
            (folder / name).write_bytes(text)
    return folder


def test_what_this_user_wrote_is_ours(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, pickle.dumps([1]))
    assert trust.read(folder, ["model.pkl"]) == ({"model.pkl": pickle.dumps([1])}, True)


def test_a_foreign_pickle_is_not_loaded_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, pickle.dumps(Bomb(tmp_path / "ran")), signed=False)
    contents = trust.read(folder, ["model.pkl"])
    with pytest.raises(MlflowException, match="trusted=True") as caught:
        formats.load(folder, contents.files["model.pkl"], "pickle", contents.ours)
    assert caught.value.error_code == "PERMISSION_DENIED"
    assert "skops" in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_a_model_swapped_after_signing_is_foreign(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, pickle.dumps([1]))
    (folder / "model.pkl").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    assert not trust.read(folder, ["model.pkl"]).ours


def test_what_was_hashed_is_what_is_handed_out(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, pickle.dumps([1]))
    contents = trust.read(folder, ["model.pkl"])
    (folder / "model.pkl").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    assert formats.load(folder, contents.files["model.pkl"], "pickle", contents.ours) == [1]


def test_a_signature_of_one_file_vouches_for_no_other(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, pickle.dumps([1]))
    (folder / "extra.py").write_text("")
    assert not trust.read(folder, ["model.pkl", "extra.py"]).ours


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"files": {}, "hmac": 3}', "\0"])
def test_a_damaged_signature_is_none(tmp_path: Path, text: str) -> None:
    folder = folder_with(tmp_path, b"x")
    (folder / trust.SIGNATURE_FILE).write_text(text)
    assert not trust.read(folder, ["model.pkl"]).ours


def test_a_forged_signature_is_none(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, b"x")
    note = json.loads((folder / trust.SIGNATURE_FILE).read_text())
    (folder / trust.SIGNATURE_FILE).write_text(json.dumps(note | {"hmac": "0" * 64}))
    assert not trust.read(folder, ["model.pkl"]).ours


def test_another_user_has_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_with(tmp_path, b"x")
    monkeypatch.setenv("AUTOLOG_HOME", str(tmp_path / "other"))
    assert not trust.read(folder, ["model.pkl"]).ours


def test_the_key_is_private_and_stays(tmp_path: Path) -> None:
    trust.signature({"a": b"1"})
    key = settings.home() / "signing.key"
    first = key.read_bytes()
    trust.signature({"a": b"2"})
    assert key.read_bytes() == first
    assert len(first) == 32
    assert key.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in settings.home().glob("signing.*")] == ["signing.key"]


def test_a_key_that_others_can_read_is_replaced(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, b"x")
    key = settings.home() / "signing.key"
    os.chmod(key, 0o644)
    assert not trust.read(folder, ["model.pkl"]).ours
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "%2e%2e/secret", "out/secret"])
def test_a_data_file_outside_the_model_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    folder = folder_with(tmp_path, b"x")
    (folder / "out").symlink_to(tmp_path)
    with pytest.raises(MlflowException, match="refused"):
        trust.read(folder, [name])


def test_a_missing_data_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MlflowException, match=r"incomplete.*'gone.pkl'"):
        trust.read(folder_with(tmp_path, b"x"), ["gone.pkl"])
