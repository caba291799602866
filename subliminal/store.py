"""Artifacts on disk: folders named by their stage's key, whole or absent.

artifacts/<key>/   manifest.json and the stage's files
partial/<key>/     progress of stages that are not done
tmp/               folders being filled; never read
locks/<key>.lock   held by the process that works on the stage
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.stage import Stage

MANIFEST = "manifest.json"
VARIABLE = "SUBLIMINAL_STORE"
AREAS = ("artifacts", "partial", "tmp", "locks")

State = Literal["done", "running", "begun", "missing"]
"""How far a stage is: whole, locked by a worker, with saved progress, or none of these."""


class FileEntry(BaseModel):
    """Size and checksum of one file of an artifact."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str


class ArtifactManifest(BaseModel):
    """How an artifact came to be, and what must be in its folder."""

    model_config = ConfigDict(frozen=True)

    key: str
    kind: str
    version: int
    label: str
    params: dict[str, Any]
    seed: int
    inputs: dict[str, str]
    pinned: dict[str, str] = {}
    files: dict[str, FileEntry]
    counts: dict[str, float]
    wall_seconds: float
    finished: str
    versions: dict[str, str]
    machine: dict[str, Any]


@dataclass(frozen=True)
class Provenance:
    """What the manifest says beside the stage itself."""

    wall_seconds: float
    finished: str
    versions: Mapping[str, str]
    machine: Mapping[str, Any]


class Store:
    """The artifacts under one folder. Safe for several processes and several runs at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Create the folders.

        Raises:
            UserError: The folder cannot be written.
        """
        try:
            for area in AREAS:
                folder = self.root / area
                folder.mkdir(parents=True, exist_ok=True)
                # Without a name, where the system can do that: a kill leaves nothing then.
                TemporaryFile(prefix=".probe.", dir=folder).close()
        except OSError as error:
            raise atomic.cannot_write(self.root, error) from None

    def folder(self, key: str) -> Path:
        """Where the artifact is, or will be."""
        return self.root / "artifacts" / key

    def partial(self, key: str) -> Path:
        """Where a stage keeps its progress until it is done."""
        return self.root / "partial" / key

    def lock(self, key: str) -> FileLock:
        """The lock to hold while working on a stage; the system frees it if the holder dies."""
        return FileLock(self.root / "locks" / f"{key}.lock")

    def has(self, key: str) -> bool:
        """Whether a whole artifact is there; reads no file contents (see :meth:`verify`)."""
        return (self.folder(key) / MANIFEST).is_file()

    def claim(self, key: str) -> FileLock | None:
        """The lock of a stage, held; None if another holds it."""
        lock = self.lock(key)
        return lock if try_lock(lock) else None

    def present(self, keys: Iterable[str]) -> set[str]:
        """Which of these artifacts are there; see :meth:`has`."""
        return {key for key in keys if self.has(key)}

    def whole(self, keys: Iterable[str]) -> set[str]:
        """Which of these artifacts are there and undamaged; see :meth:`verify`."""
        return {key for key in keys if self.verify(key)}

    def running(self, keys: Iterable[str]) -> set[str]:
        """Which of these stages a worker has locked."""
        return {key for key in keys if self.state(key) == "running"}

    def states(self, keys: Iterable[str]) -> dict[str, State]:
        """How far stages are."""
        return {key: self.state(key) for key in keys}

    def state(self, key: str) -> State:
        """How far a stage is."""
        if self.has(key):
            return "done"
        if self._busy(key):
            return "running"
        # Another worker may finish the stage, and remove its progress, between two looks.
        with suppress(FileNotFoundError):
            if any(self.partial(key).iterdir()):
                return "begun"
        return "done" if self.has(key) else "missing"

    def manifest(self, key: str) -> ArtifactManifest | None:
        """The artifact's manifest; None if it is absent or unreadable."""
        try:
            text = (self.folder(key) / MANIFEST).read_bytes()
            return ArtifactManifest.model_validate_json(text)
        except (OSError, ValidationError):
            return None

    def verify(self, key: str) -> bool:
        """Whether the artifact is there and every byte is as it was written."""
        manifest = self.manifest(key)
        if manifest is None or manifest.key != key:
            return False
        return all(
            file_entry(self.folder(key) / name) == entry for name, entry in manifest.files.items()
        )

    def discard(self, key: str) -> None:
        """Remove an artifact; readers see it whole or not at all. The caller holds the lock."""
        self._remove(self.folder(key), key)

    def readable(self, keys: Iterable[str]) -> Store:
        """A store in which these artifacts can be read: this one."""
        return self

    def fetch(self, key: str) -> Path:
        """The folder of an artifact that is there."""
        return self.folder(key)

    def open_partial(self, key: str) -> Path:
        """The folder for a stage's progress, with what is saved. The caller holds the lock."""
        partial = self.partial(key)
        partial.mkdir(parents=True, exist_ok=True)
        atomic.remove_leavings(partial)
        return partial

    def keep_progress(self, keys: Iterable[str], *, stopping: bool = False) -> None:
        """Nothing: progress is saved where the next worker looks for it."""

    def open_folder(self, key: str) -> Path:
        """A fresh folder for a stage to fill. The caller holds the lock."""
        for left_by_the_killed in self.root.glob(f"tmp/{key}.*"):
            shutil.rmtree(left_by_the_killed, ignore_errors=True)
        folder = self._aside(key)
        folder.mkdir(parents=True)
        return folder

    def commit(
        self, stage: Stage, folder: Path, counts: Mapping[str, float], provenance: Provenance
    ) -> None:
        """Make a filled folder the stage's artifact, in one rename. The caller holds the lock.

        Raises:
            UserError: The store cannot be written or the disk is full; there is no artifact then.
        """
        try:
            manifest = _manifest(stage, folder, counts, provenance)
            _write_flushed(folder / MANIFEST, manifest.model_dump_json(indent=1) + "\n")
            self.adopt(stage.key, folder)
        except OSError as error:
            raise atomic.cannot_write(self.folder(stage.key), error) from error
        shutil.rmtree(self.partial(stage.key), ignore_errors=True)

    def adopt(self, key: str, folder: Path) -> None:
        """Make a folder with a manifest the artifact, in one rename. The caller holds the lock.

        Raises:
            OSError: The store cannot be written.
        """
        atomic.sync_folder(folder)
        self.discard(key)
        folder.rename(self.folder(key))
        atomic.sync_folder(self.root / "artifacts")

    def keys(self) -> Iterator[str]:
        """Keys of all artifacts."""
        folder = self.root / "artifacts"
        if folder.is_dir():
            yield from sorted(path.name for path in folder.iterdir() if path.is_dir())

    def size(self, key: str) -> int:
        """Bytes of one artifact."""
        return _bytes_under(self.folder(key))

    def collect(self, keep: Iterable[str], *, dry_run: bool = False) -> list[tuple[str, int]]:
        """Remove artifacts, progress and leavings that no run needs and nobody works on.

        Args:
            keep: Keys that runs refer to.
            dry_run: Only list.

        Returns:
            Name and bytes of each thing removed.
        """
        removed = []
        for path in self._needless(set(keep)):
            key = path.name.split(".")[0]
            lock = self.lock(key)
            if not try_lock(lock):
                continue
            try:
                removed.append((f"{path.parent.name}/{path.name}", _bytes_under(path)))
                if not dry_run:
                    self._remove(path, key)
            finally:
                lock.release()
        return removed

    def _needless(self, keep: set[str]) -> list[Path]:
        artifacts, progress, leavings = (
            sorted((self.root / area).glob("[!.]*")) for area in ("artifacts", "partial", "tmp")
        )
        return [
            *(path for path in artifacts if path.name not in keep),
            *(path for path in progress if path.name not in keep or self.has(path.name)),
            *leavings,
        ]

    def _remove(self, path: Path, key: str) -> None:
        """Take a folder out of sight in one rename, and only then empty it."""
        if path.exists():
            doomed = self._aside(key)
            path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)

    def _busy(self, key: str) -> bool:
        lock = self.lock(key)
        if not Path(lock.lock_file).exists():
            return False
        acquired = try_lock(lock)
        if acquired:
            lock.release()
        return not acquired

    def _aside(self, key: str) -> Path:
        return self.root / "tmp" / f"{key}.{os.getpid()}.{secrets.token_hex(4)}"


def try_lock(lock: FileLock) -> bool:
    """Acquire a lock if it is free now.

    Raises:
        UserError: The lock's file cannot be written.
    """
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError as error:
        raise atomic.cannot_write(Path(lock.lock_file), error) from error
    return True


def store_at(out: Path, environ: Mapping[str, str] = os.environ) -> Store:
    """The store that runs under `out` share: `SUBLIMINAL_STORE` if set, else `out/.store`.

    Raises:
        UserError: `SUBLIMINAL_STORE` is set to a relative path.
    """
    named = environ.get(VARIABLE)
    if named and not Path(named).is_absolute():
        raise UserError(f"{VARIABLE}={named}: must be an absolute path or a URL")
    return Store(Path(named) if named else out / ".store")


def _manifest(
    stage: Stage, folder: Path, counts: Mapping[str, float], provenance: Provenance
) -> ArtifactManifest:
    files = {
        str(path.relative_to(folder)): _flushed_entry(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return ArtifactManifest(
        key=stage.key,
        kind=stage.kind,
        version=stage.version,
        label=stage.label,
        params=dict(stage.params),
        seed=stage.seed,
        inputs=dict(stage.inputs),
        pinned=dict(stage.pinned),
        files=files,
        counts=dict(counts),
        wall_seconds=provenance.wall_seconds,
        finished=provenance.finished,
        versions=dict(provenance.versions),
        machine=dict(provenance.machine),
    )


def file_entry(path: Path) -> FileEntry | None:
    """Size and checksum of a file; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return _entry_of(file)
    except OSError:
        return None


def _flushed_entry(path: Path) -> FileEntry:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return _entry_of(file)


def _entry_of(file: BufferedReader) -> FileEntry:
    checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(size=file.tell(), sha256=checksum)


def _write_flushed(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _bytes_under(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
