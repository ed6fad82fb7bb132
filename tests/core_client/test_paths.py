"""Artifact paths never leave their root, however they are spelt."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_client.exceptions import MlflowException
from core_client.paths import contained, safe_relative


@pytest.mark.parametrize(
    "path",
    [
        "..", "../x", "a/../../x", "a/..", "./../x",
        "/etc/passwd", "//host/share", "C:/x", "c:x", "C:\\x", "..\\x", "a\\b",
        "file:/etc/passwd", "file:x", "s3://bucket/x", "a\0b",
        "%2e%2e/x", "%252e%252e%252fx", "a%2f..%2fx", "%2fetc/passwd", "a%5cb", "a%00b",
        "%66ile:///etc", "a?/../x", "a#/../../x", "a;../x", "a?../x", "a#..", "a%23..%2fx",
    ],
)  # fmt: skip
def test_paths_that_leave_are_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(MlflowException, match="refused") as caught:
        safe_relative(path)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(MlflowException):
        contained(tmp_path, path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ""), (".", ""), ("a", "a"), ("a/b.txt", "a/b.txt"), ("a//b/./c/", "a/b/c"),
        ("50% of it.txt", "50% of it.txt"), ("a..b/..c", "a..b/..c"), ("C#.txt", "C#.txt"),
        ("a%20b", "a%20b"), ("größe.txt", "größe.txt"), ("12:30.txt", "12:30.txt"),
    ],
)  # fmt: skip
def test_ordinary_names_pass(path: str, expected: str, tmp_path: Path) -> None:
    assert safe_relative(path) == expected
    assert contained(tmp_path, path) == (tmp_path / expected).resolve()


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("s")
    (root / "out").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(MlflowException, match="leads out"):
        contained(root, "out/secret")
    with pytest.raises(MlflowException):
        contained(root, "loop/x/../y")


def test_a_link_inside_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    assert contained(tmp_path, "alias/x") == (tmp_path / "real" / "x").resolve()
