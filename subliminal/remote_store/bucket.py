"""Objects below a URL, with one line for everything that can go wrong."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from subliminal.errors import UserError

SECRET_WORDS = ("KEY", "SECRET", "TOKEN", "PASSWORD", "CONNECTION_STRING")
"""Environment variables whose names hold one of these are never shown."""


class Bucket:
    """Objects by name. Writing an object is atomic where the URL leads to an object store.

    Only its URL crosses to other processes; each finds its keys in its own environment.

    Args:
        url: Any URL that fsspec knows.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def __reduce__(self) -> tuple[type[Bucket], tuple[str]]:
        return Bucket, (self.url,)

    def read(self, name: str) -> bytes | None:
        """An object's bytes; None if it is absent.

        Raises:
            UserError: The store cannot be read.
        """
        return self.read_many([name]).get(name)

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Name -> bytes of those objects that are there, read side by side.

        Raises:
            UserError: The store cannot be read.
        """
        paths = {name: self._path(name) for name in names}
        if not paths:
            return {}
        with self._telling("read"):
            self._files.invalidate_cache()
            found = self._files.cat(list(paths.values()), on_error="return")
            for read in found.values():
                if isinstance(read, Exception) and not isinstance(read, FileNotFoundError):
                    raise read
        return {n: found[path] for n, path in paths.items() if isinstance(found[path], bytes)}

    def write(self, name: str, data: bytes) -> None:
        """Write an object.

        Raises:
            UserError: The store cannot be written.
        """
        with self._telling("written"):
            self._files.pipe_file(self._path(name), data)

    def upload(self, files: Mapping[str, Path]) -> None:
        """Copy local files to objects, side by side.

        Args:
            files: Name of the object -> file.

        Raises:
            UserError: The store cannot be written.
        """
        with self._telling("written"):
            if files:
                self._files.put([str(file) for file in files.values()], self._paths(files))

    def download(self, files: Mapping[str, Path]) -> None:
        """Copy objects to local files, side by side. The files' folders are there.

        Args:
            files: Name of the object -> file.

        Raises:
            FileNotFoundError: An object is missing.
            UserError: The store cannot be read.
        """
        with self._telling("read", but=FileNotFoundError):
            if files:
                self._files.get(self._paths(files), [str(file) for file in files.values()])

    def sizes(self, folder: str) -> dict[str, int]:
        """Name -> bytes of all objects in a folder and below it.

        Raises:
            UserError: The store cannot be read.
        """
        with self._telling("read"):
            self._files.invalidate_cache()
            found = self._files.find(self._path(folder), detail=True)
        cut = len(self._root) + 1
        return {path[cut:]: int(about["size"] or 0) for path, about in found.items()}

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; those that are absent do not matter.

        Raises:
            UserError: The store cannot be written.
        """
        with self._telling("written"):
            for name in names:
                try:
                    self._files.rm_file(self._path(name))
                except FileNotFoundError:
                    continue

    @cached_property
    def _files(self) -> Any:
        return self._opened[0]

    @cached_property
    def _root(self) -> str:
        return str(self._opened[1]).rstrip("/")

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        import fsspec

        # Local folders have to be made; object stores have none.
        options = {"auto_mkdir": True} if urlsplit(self.url).scheme in ("file", "local") else {}
        try:
            return fsspec.core.url_to_fs(self.url, **options)
        except ImportError as error:
            raise UserError(f"{self.url}: {error}; do so on every machine of the run") from None
        except Exception as error:
            raise self._fault("opened", error) from None

    def _paths(self, names: Iterable[str]) -> list[str]:
        return [self._path(name) for name in names]

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _telling(self, done: str, but: type[Exception] = UserError) -> Iterator[None]:
        try:
            yield
        except (UserError, but):
            raise
        except Exception as error:  # every file system raises what its library does
            raise self._fault(done, error) from None

    def _fault(self, done: str, error: Exception) -> UserError:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return UserError(
            f"{self.url}: cannot be {done} ({_without_secrets(reason)}); check the address, the "
            "network and the keys in the environment"
        )


def _without_secrets(text: str) -> str:
    for name, value in os.environ.items():
        if len(value) > 3 and any(word in name.upper() for word in SECRET_WORDS):
            text = text.replace(value, f"${name}")
    return text
