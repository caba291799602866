"""Where the files of a published data set lie: a given folder, or the user's cache."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from mnist_toy.published import IDX_FILES, Published
from subliminal.errors import UserError

CACHE_VARIABLE = "SUBLIMINAL_CACHE"


def find_files(
    published: Published, folder: Path | None, environ: Mapping[str, str]
) -> dict[str, Path] | None:
    """Find the four files in `folder`, else where the set's variable says, else in the cache.

    Args:
        published: The data set.
        folder: Folder of IDX files, which must hold them.
        environ: The environment variables.

    Returns:
        Standard name -> path; None where the cache is the place and still empty, so that only a
        download is left.

    Raises:
        UserError: The first of these places that is set cannot be read or lacks files.
    """
    variable = environ.get(published.variable)
    if folder is not None:
        return files_in(published, _without_tilde(folder), setting="folder")
    if variable:
        return files_in(published, _without_tilde(variable), setting=published.variable)
    cache = cache_folder(published, environ)
    if _is_absent_or_empty(cache):
        return None
    return files_in(published, cache, setting="cache")


def cache_folder(published: Published, environ: Mapping[str, str]) -> Path:
    """The data set's folder in the user's cache, which need not exist yet."""
    root = environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("subliminal")
    return _without_tilde(root) / published.name


def files_in(published: Published, folder: Path, setting: str) -> dict[str, Path]:
    """Find the four files in a folder, or below it in torchvision's layout.

    Args:
        published: The data set.
        folder: The folder. Of a file both plain and .gz, the .gz is taken.
        setting: What named the folder, for messages: "folder", a variable, or "cache".

    Returns:
        Standard name -> path.

    Raises:
        UserError: The folder cannot be read or lacks files.
    """
    try:
        files = _idx_files_below(published, folder)
    except (OSError, ValueError) as error:
        # A ValueError comes from a path that no system call accepts, such as one with a NUL.
        raise UserError(
            f"{setting} {str(folder)!r}: is no readable folder "
            f"({getattr(error, 'strerror', None) or error}); "
            f"name the folder that holds the four {published.title} files"
        ) from error
    missing = [name for name in IDX_FILES if name not in files]
    if missing:
        raise UserError(
            f"{setting} {str(folder)!r}: lacks {', '.join(missing)} (plain or .gz); "
            f"the four {published.title} files must lie in it or in its folder "
            f"{published.torchvision_class}/raw"
        )
    return files


def _idx_files_below(published: Published, folder: Path) -> dict[str, Path]:
    files = _idx_files(folder)
    for layout in (folder / "raw", folder / published.torchvision_class / "raw"):
        if not files and layout.is_dir():
            files = _idx_files(layout)
    return files


def _idx_files(folder: Path) -> dict[str, Path]:
    """Map standard names to paths, for those of the four files that `folder` holds.

    The .gz goes before the plain file: all published sums can be compared with it.
    """
    present = {path.name: path for path in folder.iterdir()}
    candidates = {name: present.get(f"{name}.gz", present.get(name)) for name in IDX_FILES}
    return {name: path for name, path in candidates.items() if path is not None}


def _is_absent_or_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        # It is there but cannot be read; `files_in` tells the user why.
        return False


def _without_tilde(path: str | Path) -> Path:
    # Unlike Path.expanduser, this leaves the home of an unknown user as it is instead of raising.
    return Path(os.path.expanduser(path))
