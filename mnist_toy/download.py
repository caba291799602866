"""Fetching a published data set into the user's cache."""

from __future__ import annotations

import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_toy.published import Published

PROBE_SECONDS = 5.0
STALL_SECONDS = 30.0


class DownloadError(Exception):
    """The files could not be fetched; the message is one line with the reason."""


def fetch(published: Published, cache: Path) -> None:
    """Fetch the four files with torchvision, which compares their sums.

    Args:
        published: The data set.
        cache: The folder to make of them, which appears only when it is complete.

    Raises:
        DownloadError: No working torchvision, no network, or no place to write.
    """
    try:
        # Imported here because it takes seconds, which only a download need pay.
        import torchvision

        dataset = getattr(torchvision.datasets, published.torchvision_class)
        if not any(_answers(f"{mirror}{dataset.resources[0][0]}") for mirror in dataset.mirrors):
            raise DownloadError("not found, and no download server answers")
        cache.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache.parent) as root, _socket_timeout(STALL_SECONDS):
            dataset(root, download=True)
            _move_folder(Path(root, published.torchvision_class, "raw"), cache)
    except (ImportError, RuntimeError, OSError, EOFError, HTTPException) as error:
        reason = " ".join(str(error).split())
        raise DownloadError(f"not found, and the download failed ({reason})") from error


def _answers(url: str) -> bool:
    """Ask a server for a file's header, for no longer than `PROBE_SECONDS`.

    A thread keeps this limit: where a name server or firewall stays silent, urllib's own timeout
    applies to every address of the host in turn, and adds up to minutes.
    """
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        with suppress(OSError, HTTPException):
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
            answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answered.is_set()


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Bound how long a connection may stall; torchvision sets no limit and takes none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _move_folder(folder: Path, target: Path) -> None:
    """Rename a complete folder into place, so that no process ever sees half of a cache."""
    try:
        os.replace(folder, target)
    except OSError:
        # Another process was faster: its complete folder is as good as this one.
        if not (target.is_dir() and any(target.iterdir())):
            raise
