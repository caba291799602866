"""Folders as objects: whole or absent, whoever else writes them at the same time.

    <name>/manifest.json                what is in the folder, written last
    <name>/<sha256>/<file of the folder>

A file's checksum is part of its object's name, so that an object never changes: of two that write
the same folder, even with other contents, neither can damage what the other has written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from subliminal.errors import UserError
from subliminal.remote_store.bucket import Bucket
from subliminal.store import MANIFEST, FileEntry, file_entry

MOST_LISTED_EACH = 20
ANY_FILE: Callable[[str], bool] = lambda _: True  # noqa: E731


class FolderManifest(BaseModel):
    """What is in a folder; manifests of artifacts say more, which does not matter here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    files: dict[str, FileEntry]
    generation: int = 0
    """Of a folder that changes: how many copies came before this one. Clocks of machines differ,
    and are set back."""

    @field_validator("files")
    @classmethod
    def _stay_inside(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{name} is outside of the folder")
        return files


class Copies:
    """Copies of folders in one area of a bucket.

    Args:
        bucket: Where they are.
        area: What comes before the folders' names.
    """

    def __init__(self, bucket: Bucket, area: str) -> None:
        self.area, self._bucket = area, bucket

    @property
    def url(self) -> str:
        """Where they are."""
        return f"{self._bucket.url}/{self.area}"

    def present(self, names: Collection[str]) -> set[str]:
        """Which of these folders are there."""
        sizes = self._sizes(names)
        return {name for name in names if self._manifest(name) in sizes}

    def whole(self, names: Collection[str]) -> set[str]:
        """Which of these folders are there with all their files, in their full sizes.

        Checksums are compared when files are fetched.
        """
        sizes = self._sizes(names)
        there = [name for name in names if self._manifest(name) in sizes]
        return {
            name
            for name, manifest in self.manifests(there).items()
            if all(sizes.get(o) == e.size for o, e in self._objects(name, manifest).items())
        }

    def objects_by_folder(self) -> dict[str, dict[str, int]]:
        """Folder -> object -> bytes; folders that are not whole too."""
        found: dict[str, dict[str, int]] = {}
        for name, size in self._bucket.sizes(self.area).items():
            found.setdefault(name.split("/")[1], {})[name] = size
        return found

    def manifests(self, names: Iterable[str]) -> dict[str, FolderManifest]:
        """Folder -> what is in it; those that are absent are left out."""
        objects = {self._manifest(name): name for name in names}
        read = self._bucket.read_many(objects)
        parsed = {objects[name]: _parsed(data) for name, data in read.items()}
        return {name: manifest for name, manifest in parsed.items() if manifest is not None}

    def upload(self, name: str, folder: Path, manifest: bytes) -> None:
        """Copy a folder's files, and then its manifest.

        Args:
            name: Of the copy.
            folder: What to copy.
            manifest: JSON with at least what :class:`FolderManifest` has.
        """
        files = FolderManifest.model_validate_json(manifest).files
        there = self._bucket.sizes(self._folder(name))
        self._bucket.upload(
            {
                _object(self._folder(name), file, entry): folder / file
                for file, entry in files.items()
                if there.get(_object(self._folder(name), file, entry)) != entry.size
            }
        )
        self._bucket.write(self._manifest(name), manifest)

    def download(
        self, name: str, into: Path, wanted: Callable[[str], bool] = ANY_FILE
    ) -> FolderManifest | None:
        """Copy a folder here, with its manifest, and compare the checksums.

        Args:
            name: Of the copy.
            into: An empty folder.
            wanted: Which files of it.

        Returns:
            Its manifest; None if there is no such copy.

        Raises:
            UserError: The copy is damaged; it has been removed.
        """
        data = self._bucket.read(self._manifest(name))
        manifest = None if data is None else _parsed(data)
        if data is None or manifest is None:
            return None
        files = {file: entry for file, entry in manifest.files.items() if wanted(file)}
        for file in files:
            (into / file).parent.mkdir(parents=True, exist_ok=True)
        try:
            self._bucket.download(
                {_object(self._folder(name), f, entry): into / f for f, entry in files.items()}
            )
        except FileNotFoundError:
            raise self._damaged(name) from None
        if any(file_entry(into / file) != entry for file, entry in files.items()):
            raise self._damaged(name)
        (into / MANIFEST).write_bytes(data)
        return manifest

    def withdraw(self, name: str) -> None:
        """Let a folder be absent. Its files stay, which another may be writing just now."""
        if self._manifest(name) in self._bucket.sizes(self._folder(name)):
            self._bucket.remove([self._manifest(name)])

    def remove(self, name: str) -> None:
        """Remove a folder; readers see it whole or not at all."""
        there = self._bucket.sizes(self._folder(name))
        first = [self._manifest(name)] if self._manifest(name) in there else []
        self._bucket.remove([*first, *(there.keys() - set(first))])

    def remove_other_files(self, name: str, manifest: FolderManifest) -> None:
        """Remove what earlier copies of a folder have left."""
        keep = {self._manifest(name), *self._objects(name, manifest)}
        self._bucket.remove(self._bucket.sizes(self._folder(name)).keys() - keep)

    def _sizes(self, names: Collection[str]) -> dict[str, int]:
        """Object -> bytes, of these folders at least: to list all is long, to list each too."""
        if len(names) > MOST_LISTED_EACH:
            return self._bucket.sizes(self.area)
        found: dict[str, int] = {}
        for name in names:
            found |= self._bucket.sizes(self._folder(name))
        return found

    def _damaged(self, name: str) -> UserError:
        self.remove(name)
        return UserError(
            f"{self.url}/{name}: was damaged and has been removed; run again to make it anew"
        )

    def _objects(self, name: str, manifest: FolderManifest) -> Mapping[str, FileEntry]:
        folder = self._folder(name)
        return {_object(folder, file, entry): entry for file, entry in manifest.files.items()}

    def _folder(self, name: str) -> str:
        return f"{self.area}/{name}"

    def _manifest(self, name: str) -> str:
        return f"{self._folder(name)}/{MANIFEST}"


def _object(folder: str, file: str, entry: FileEntry) -> str:
    return f"{folder}/{entry.sha256}/{file}"


def _parsed(data: bytes) -> FolderManifest | None:
    """A manifest; None if it is none, or half of one on a file system that shows halves."""
    try:
        return FolderManifest.model_validate_json(data)
    except ValidationError:
        return None
