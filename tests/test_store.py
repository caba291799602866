"""Artifacts are whole or absent, whatever happens to the process, the disk or the files."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from subliminal.errors import UserError
from subliminal.stage import Stage
from subliminal.store import MANIFEST, Provenance, Store, store_at, try_lock
from tests.toy_stages import stage

PROVENANCE = Provenance(1.5, "2026-01-01T00:00:00+00:00", {"python": "3.11"}, {"cores": 2})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def make(store: Store, made: Stage, text: str = "7") -> Path:
    folder = store.open_folder(made.key)
    (folder / "value.txt").write_text(text)
    (folder / "deep").mkdir()
    (folder / "deep" / "rows.txt").write_text("row\n" * 5)
    store.commit(made, folder, {"steps": 3}, PROVENANCE)
    return store.folder(made.key)


def listing(store: Store, area: str) -> list[str]:
    return sorted(os.listdir(store.root / area))


def test_commit_makes_a_whole_artifact(store: Store) -> None:
    made = stage("number", 4, [stage("number", 1)], value=(1, 2))
    store.partial(made.key).mkdir()
    folder = make(store, made)
    assert (folder / "value.txt").read_text() == "7"
    assert store.has(made.key)
    assert store.verify(made.key)
    assert store.state(made.key) == "done"
    assert list(store.keys()) == [made.key]
    assert (listing(store, "tmp"), listing(store, "partial")) == ([], [])


def test_manifest_says_how_the_artifact_came_to_be(store: Store) -> None:
    made = stage("number", 4, [stage("number", 1)], value=[1, 2.5])
    make(store, made)
    manifest = store.manifest(made.key)
    assert manifest is not None
    assert manifest.params == {"value": [1, 2.5]}
    assert (manifest.kind, manifest.version, manifest.seed) == ("toy.number", 1, 4)
    assert manifest.inputs == made.inputs
    assert set(manifest.files) == {"value.txt", "deep/rows.txt"}
    assert manifest.files["deep/rows.txt"].size == 20  # 5 rows of 4 bytes
    assert manifest.counts == {"steps": 3}
    assert (manifest.wall_seconds, manifest.machine) == (1.5, {"cores": 2})


@pytest.mark.parametrize("name", ["value.txt", "deep/rows.txt", MANIFEST])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "remove"])
def test_damage_is_seen(store: Store, name: str, damage: str) -> None:
    made = stage("number", 4)
    path = make(store, made) / name
    data = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        flipped = bytes([data[0] ^ 1]) + data[1:]
        half = data[: len(data) // 2]
        path.write_bytes({"flip": flipped, "cut": half, "empty": b""}[damage])
    assert not store.verify(made.key)


def test_artifact_of_another_stage_is_not_taken_for_this_one(store: Store) -> None:
    made, other = stage("number", 4), stage("number", 5)
    make(store, made).rename(store.folder(other.key))
    assert not store.verify(other.key)


def test_commit_replaces_a_damaged_artifact(store: Store) -> None:
    made = stage("number", 4)
    (make(store, made) / "value.txt").write_text("8")
    make(store, made, "9")
    assert store.verify(made.key)
    assert (store.folder(made.key) / "value.txt").read_text() == "9"
    assert listing(store, "tmp") == []


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.open", "pathlib.Path.rename"])
def test_full_disk_leaves_no_artifact(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    made = stage("number", 4)
    folder = store.open_folder(made.key)
    (folder / "value.txt").write_text("7")
    with monkeypatch.context() as patch:
        patch.setattr(call, full)
        with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
            store.commit(made, folder, {}, PROVENANCE)
    assert not store.has(made.key)
    assert listing(store, "artifacts") == []


def test_states(store: Store) -> None:
    key = stage("number", 4).key
    assert store.state(key) == "missing"
    store.partial(key).mkdir()
    assert store.state(key) == "missing"
    (store.partial(key) / "step.txt").touch()
    assert store.state(key) == "begun"
    lock = store.lock(key)
    assert try_lock(lock)
    assert store.state(key) == "running"
    lock.release()
    assert store.state(key) == "begun"


def test_a_state_is_told_though_the_stage_ends_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stage("number", 4)
    store.partial(made.key).mkdir()
    look = Path.iterdir

    def look_late(self: Path) -> Iterator[Path]:
        make(store, made)
        return look(self)

    monkeypatch.setattr(Path, "iterdir", look_late)
    assert store.state(made.key) == "done"


def test_state_asks_without_making_locks(store: Store) -> None:
    store.state(stage("number", 4).key)
    assert listing(store, "locks") == []


def test_lock_excludes_other_processes_and_goes_with_its_holder(store: Store) -> None:
    key = stage("number", 4).key
    code = (
        "import sys; from pathlib import Path; from subliminal.store import Store, try_lock;"
        f"print(try_lock(lock := Store(Path({str(store.root)!r})).lock({key!r})), flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not try_lock(store.lock(key))
        assert store.state(key) == "running"
        holder.kill()
        holder.wait()
    lock = store.lock(key)
    assert try_lock(lock)
    lock.release()


def test_lock_that_cannot_be_made_is_a_user_error(store: Store) -> None:
    (store.root / "locks").rmdir()
    (store.root / "locks").touch()
    with pytest.raises(UserError, match="cannot be written"):
        try_lock(store.lock("a"))


def test_open_folder_removes_what_a_killed_worker_left(store: Store) -> None:
    first = store.open_folder("a")
    (first / "half").touch()
    other = store.open_folder("ab")
    second = store.open_folder("a")
    assert listing(store, "tmp") == sorted([second.name, other.name])
    assert os.listdir(second) == []


def test_collect_removes_what_no_run_needs(store: Store) -> None:
    kept, old = stage("number", 1), stage("number", 2)
    make(store, kept)
    make(store, old)
    for key in (kept.key, old.key, "begun", "unknown"):
        store.partial(key).mkdir()
        (store.partial(key) / "step.txt").write_text("123")
    store.open_folder("left")
    expected = {
        f"artifacts/{old.key}": store.size(old.key),
        f"partial/{kept.key}": 3,  # it is done
        f"partial/{old.key}": 3,
        "partial/unknown": 3,
        f"tmp/{listing(store, 'tmp')[0]}": 0,
    }
    keep = [kept.key, "begun"]
    assert dict(store.collect(keep, dry_run=True)) == expected
    assert set(store.keys()) == {kept.key, old.key}
    assert dict(store.collect(keep)) == expected
    assert list(store.keys()) == [kept.key]
    assert (listing(store, "partial"), listing(store, "tmp")) == (["begun"], [])
    assert store.collect(keep) == []


def test_collect_leaves_what_is_being_worked_on(store: Store) -> None:
    folder = store.open_folder("a")
    store.partial("a").mkdir()
    lock = store.lock("a")
    assert try_lock(lock)
    assert store.collect([]) == []
    assert folder.is_dir()
    assert store.partial("a").is_dir()
    lock.release()
    assert len(store.collect([])) == 2


def test_size_counts_every_file(store: Store) -> None:
    made = stage("number", 1)
    folder = make(store, made)
    assert store.size(made.key) == 1 + 20 + (folder / MANIFEST).stat().st_size


@pytest.mark.parametrize("root", ["file/store", "file"])
def test_store_that_cannot_be_written_is_a_user_error(tmp_path: Path, root: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written \(.*\); free space or choose"):
        Store(tmp_path / root).prepare()


def test_read_only_store_is_a_user_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("subliminal.store.TemporaryFile", read_only)
    with pytest.raises(UserError, match="Read-only file system"):
        store.prepare()


def test_store_is_beside_the_runs_unless_named(tmp_path: Path) -> None:
    assert store_at(tmp_path, {}).root == tmp_path / ".store"
    assert store_at(tmp_path, {"SUBLIMINAL_STORE": ""}).root == tmp_path / ".store"
    assert store_at(tmp_path, {"SUBLIMINAL_STORE": "/data/x"}).root == Path("/data/x")
    with pytest.raises(UserError, match="SUBLIMINAL_STORE=here: must be an absolute path"):
        store_at(tmp_path, {"SUBLIMINAL_STORE": "here"})
