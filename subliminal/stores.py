"""Which store a run uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from subliminal.artifact_store import ArtifactStore
from subliminal.errors import UserError
from subliminal.remote_store import RemoteStore
from subliminal.store import VARIABLE, Store, store_at


def open_store(
    out: Path, named: str | None = None, environ: Mapping[str, str] = os.environ
) -> ArtifactStore:
    """The store that runs under `out` share.

    Args:
        out: Folder of the runs.
        named: A folder or a URL; default: what `SUBLIMINAL_STORE` names, else `out/.store`.
        environ: Variables.

    Raises:
        UserError: The URL cannot be a store, or `SUBLIMINAL_STORE` is a relative path.
    """
    name = named or environ.get(VARIABLE) or ""
    if "://" in name:
        _check("--store" if named else VARIABLE, name)
        return RemoteStore(name)
    return Store(Path(named).expanduser().absolute()) if named else store_at(out, environ)


def _check(source: str, url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        fault = f"{source}: is no URL ({error})"
        raise UserError(f"{fault}; give one like s3://bucket/folder") from None
    if parts.password is not None:
        raise UserError(
            f"{source}: a password stands in the URL, and commands are recorded; put it where the "
            "library of the file system looks for it, such as the environment"
        )
    if parts.scheme == "memory":
        raise UserError(
            f"{source} {url}: a process sees nothing of another's memory; name a place that "
            "workers share, like file:///folder or s3://bucket/folder"
        )
