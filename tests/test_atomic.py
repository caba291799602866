"""Files are replaced whole or left as they were."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from subliminal import atomic
from subliminal.errors import UserError


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_write_makes_the_folders_and_leaves_nothing_beside(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a" / "b.txt", "naïve")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "naïve".encode()
    assert os.listdir(tmp_path / "a") == ["b.txt"]


def test_write_replaces(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "x", b"old and long")
    atomic.write_bytes(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


def test_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic.write_text(tmp_path / "x", "old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(UserError, match=r"x: cannot be written \(No space left on device\)"):
        atomic.write_text(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_interrupted_write_leaves_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_text(tmp_path / "x", "new")
    assert os.listdir(tmp_path) == []


def test_folder_below_a_file_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        atomic.write_text(tmp_path / "file" / "x", "new")


def test_leavings_of_a_killed_writer_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # as if killed before cleaning up
        with pytest.raises(UserError):
            atomic.write_text(tmp_path / "state", "half")
    (tmp_path / "kept.tmp").touch()
    assert len(os.listdir(tmp_path)) == 2
    atomic.remove_leavings(tmp_path)
    assert os.listdir(tmp_path) == ["kept.tmp"]
