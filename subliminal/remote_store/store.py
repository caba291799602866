"""Artifacts at a URL; every machine works in a folder of its own and copies to and fro.

artifacts/<key>/    copies of artifacts; see :mod:`subliminal.remote_store.copies`
partial/<key>/      copies of the progress of stages that are not done
claims/<key>.json   who works on a stage; see :mod:`subliminal.remote_store.claims`
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from filelock import FileLock

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.remote_store.bucket import Bucket
from subliminal.remote_store.claims import Claims
from subliminal.remote_store.copies import ANY_FILE, Copies, FolderManifest
from subliminal.remote_store.rhythm import Rhythm
from subliminal.stage import Stage
from subliminal.store import MANIFEST, FileEntry, Provenance, State, Store, file_entry
from subliminal.user_cache import CACHE_VARIABLE, user_cache

WEIGHTS = (".safetensors",)
"""Ends of names of files that can be large and that no result is read from."""
FETCHES_AT_ONCE = 16


class RemoteStore:
    """See :class:`subliminal.artifact_store.ArtifactStore`.

    Args:
        url: Any URL that fsspec knows.
        cache: Folder for this machine's copies. Default: one below $SUBLIMINAL_CACHE or the user's
            cache, on each machine that the store is sent to.
        run: Names the run, whose workers do not wait for each other's claims. Default: a new one.
        rhythm: How often things are done.
    """

    def __init__(
        self,
        url: str,
        cache: Path | None = None,
        run: str | None = None,
        rhythm: Rhythm = Rhythm(),  # noqa: B008 (frozen)
    ) -> None:
        self._bucket = Bucket(url)
        self._cache_folder, self._run, self._rhythm = cache, run or secrets.token_hex(8), rhythm
        self._artifacts = Copies(self._bucket, "artifacts")
        self._progress = Copies(self._bucket, "partial")
        self._claims = Claims(self._bucket, self._run, rhythm)
        self._copied: dict[str, float] = {}

    def __reduce__(self) -> tuple[type[RemoteStore], tuple[str, Path | None, str, Rhythm]]:
        return RemoteStore, (self._bucket.url, self._cache_folder, self._run, self._rhythm)

    @property
    def root(self) -> Path:
        """Folder of this machine's copies."""
        return self._cache.root

    def prepare(self) -> None:
        """Make sure that the store can be written.

        Raises:
            UserError: It cannot, or the folder for copies cannot.
        """
        probe = f"probe-{self._run}"
        self._bucket.write(probe, b"")
        self._bucket.remove([probe])
        self._cache.prepare()

    def whole(self, keys: Iterable[str]) -> set[str]:
        """Which artifacts are there with all their bytes; checksums are compared when fetching."""
        return self._artifacts.whole(list(keys))

    def present(self, keys: Iterable[str]) -> set[str]:
        """Which artifacts are there."""
        return self._artifacts.present(list(keys))

    def states(self, keys: Iterable[str]) -> dict[str, State]:
        """How far stages are. One whose run was killed a moment ago counts as running."""
        keys = list(keys)
        states: dict[str, State] = dict.fromkeys(keys, "missing")
        states |= dict.fromkeys(self._progress.present(keys), "begun")
        states |= dict.fromkeys(self._claims.foreign(keys), "running")
        return states | dict.fromkeys(self.present(keys), "done")

    def running(self, keys: Iterable[str]) -> set[str]:
        """Which stages other runs are working on."""
        return self._claims.running(keys)

    def readable(self, keys: Iterable[str]) -> Store:
        """A store on this machine with copies of these artifacts, all but the weights of models.

        Raises:
            UserError: An artifact cannot be fetched.
        """
        results = self._results
        results.prepare()

        def fetch(key: str) -> None:
            _fetch(self._artifacts, key, results, of_weights=False)

        with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
            for _ in pool.map(fetch, keys):
                pass
        return results

    def collect(self, keep: Iterable[str], *, dry_run: bool = False) -> list[tuple[str, int]]:
        """Remove what no run needs from the store, and from this machine's copies.

        What is claimed stays, even if its run is dead.

        Args:
            keep: Keys that runs refer to.
            dry_run: Only list.

        Returns:
            Name and bytes of each thing removed.
        """
        keep = set(keep)
        removed = self._cache.collect(keep, dry_run=dry_run)
        removed += self._results.collect(keep, dry_run=dry_run)
        for area in (self._artifacts, self._progress):
            folders = area.objects_by_folder()
            needless = folders.keys() - keep
            if area is self._progress:
                needless |= self.present(folders)
            for key in sorted(needless - self._claims.foreign(needless)):
                removed.append((f"{area.area}/{key}", sum(folders[key].values())))
                if not dry_run:
                    area.remove(key)
        return removed

    def claim(self, key: str) -> _Held | None:
        """Keep others from working on a stage, on this machine for sure and elsewhere as a rule."""
        lock = self._cache.claim(key)
        if lock is None:
            return None
        try:
            claimed = self._claims.take(key)
        except UserError:
            lock.release()
            raise
        if not claimed:
            lock.release()
            return None
        return _Held(lock, self._claims, key)

    def has(self, key: str) -> bool:
        """Whether an artifact is there."""
        return key in self.present([key])

    def verify(self, key: str) -> bool:
        """Whether an artifact is there with all its bytes.

        One that this machine made and could not upload is uploaded now.
        """
        if self.whole([key]):
            return True
        if not self._cache.verify(key):
            return False
        self._upload(key)
        return True

    def discard(self, key: str) -> None:
        """Remove an artifact."""
        self._cache.discard(key)
        self._artifacts.withdraw(key)

    def fetch(self, key: str) -> Path:
        """The folder of an artifact on this machine.

        Raises:
            UserError: It cannot be fetched.
        """
        _fetch(self._artifacts, key, self._cache, of_weights=True)
        return self._cache.folder(key)

    def partial(self, key: str) -> Path:
        """Where a stage keeps its progress on this machine."""
        return self._cache.partial(key)

    def open_partial(self, key: str) -> Path:
        """The same, with what was saved last, here or elsewhere."""
        partial = self._cache.open_partial(key)
        copy = self._progress.manifests([key]).get(key)
        if copy is not None and (not _files(partial) or copy.generation > self._generation(key)):
            folder = self._cache.open_folder(key)
            # A damaged copy is as good as none: the stage does again what it held.
            with suppress(UserError):
                self._progress.download(key, folder)
                (folder / MANIFEST).unlink()
                shutil.rmtree(partial)
                folder.rename(partial)
                self._note_generation(key, copy.generation)
        return partial

    def open_folder(self, key: str) -> Path:
        """A fresh folder for a stage to fill."""
        return self._cache.open_folder(key)

    def keep_progress(self, keys: Iterable[str], *, stopping: bool = False) -> None:
        """Copy progress to the store: now and then, and when the run is being stopped."""
        now = time.monotonic()
        for key in keys:
            since = now - self._copied.setdefault(key, now)
            if stopping or since > self._rhythm.between_copies:
                self._copied[key] = now
                # The stage goes on, and the next copy may succeed.
                with suppress(UserError, OSError):
                    self._copy_progress(key)

    def commit(
        self, stage: Stage, folder: Path, counts: Mapping[str, float], provenance: Provenance
    ) -> None:
        """Make a filled folder the stage's artifact, here and then in the store.

        Raises:
            UserError: It cannot be written.
        """
        self._cache.commit(stage, folder, counts, provenance)
        self._generation_file(stage.key).unlink(missing_ok=True)
        self._upload(stage.key)
        with suppress(UserError):  # what is left does not matter, and is collected
            self._progress.remove(stage.key)

    def _upload(self, key: str) -> None:
        folder = self._cache.folder(key)
        self._artifacts.upload(key, folder, (folder / MANIFEST).read_bytes())

    def _copy_progress(self, key: str) -> None:
        partial = self._cache.partial(key)
        files = {str(path.relative_to(partial)): file_entry(path) for path in _files(partial)}
        there: dict[str, FileEntry] = {name: entry for name, entry in files.items() if entry}
        if there:
            last = self._progress.manifests([key]).get(key, FolderManifest(files={}))
            generation = 1 + max(last.generation, self._generation(key))
            manifest = FolderManifest(files=there, generation=generation)
            self._progress.upload(key, partial, manifest.model_dump_json().encode())
            self._note_generation(key, generation)
            self._progress.remove_other_files(key, manifest)

    def _generation(self, key: str) -> int:
        """Of the copy that this machine's progress goes back to; 0 if there is none."""
        try:
            return int(self._generation_file(key).read_text())
        except (OSError, ValueError):
            return 0

    def _note_generation(self, key: str, generation: int) -> None:
        atomic.write_text(self._generation_file(key), str(generation))

    def _generation_file(self, key: str) -> Path:
        return self.root / "generations" / key

    @cached_property
    def _cache(self) -> Store:
        cache = Store(self._cache_folder or default_cache(self._bucket.url))
        try:
            cache.prepare()
        except UserError as error:
            raise UserError(
                f"{str(error).rpartition(';')[0]}; it is where this machine keeps copies: set "
                f"{CACHE_VARIABLE} to a folder that can be written"
            ) from None
        return cache

    @property
    def _results(self) -> Store:
        return Store(self.root / "results")


class _Held:
    """The claim of a stage, and this machine's lock of it."""

    def __init__(self, lock: FileLock, claims: Claims, key: str) -> None:
        self._lock, self._claims, self._key = lock, claims, key

    def release(self) -> None:
        """Let others work on the stage."""
        self._claims.release(self._key)
        self._lock.release()


def default_cache(url: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where this machine keeps copies: below $SUBLIMINAL_CACHE or the user's cache."""
    return user_cache(environ) / "stores" / hashlib.sha256(url.encode()).hexdigest()[:16]


def _fetch(artifacts: Copies, key: str, into: Store, *, of_weights: bool) -> None:
    """Bring an artifact into a store of this machine, if it is not there."""
    with into.lock(key):
        if into.has(key):
            return
        folder = into.open_folder(key)
        try:
            wanted = ANY_FILE if of_weights else lambda name: not name.endswith(WEIGHTS)
            if artifacts.download(key, folder, wanted) is None:
                raise UserError(f"{artifacts.url}/{key}: is gone; run again to make it anew")
            into.adopt(key, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]
