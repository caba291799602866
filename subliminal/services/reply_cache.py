"""Replies by request, in one file that any number of processes append to.

A record is one write of a whole line with a line end on both sides: a line that a kill cut off
spoils no other, and what was written before a kill is there after it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from subliminal.errors import UserError
from subliminal.services.endpoint import Endpoint
from subliminal.services.replies import ChatRequest, Reply
from subliminal.user_cache import CACHE_VARIABLE, user_cache

REPLIES = "replies.jsonl"
_LINE = TypeAdapter(tuple[str, Reply])


class ReplyCache:
    """Replies of services, kept for good; of two to one request, the first counts."""

    def __init__(self, folder: Path) -> None:
        """Open a folder, which need not exist yet.

        Raises:
            UserError: It cannot be read.
        """
        self._path = folder / REPLIES
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        """Told whenever a thread has done with what it claimed."""
        self._claimed: set[str] = set()
        self._places: dict[str, int] = {}
        """Where the line of a key begins: memory cannot hold all that a published experiment asks
        its judges."""
        self._read = 0
        """Bytes of the file that were read."""
        self._take_new()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __getitem__(self, key: str) -> Reply:
        place = self._places[key]
        try:
            with self._path.open("rb") as file:
                file.seek(place)
                found, reply = _LINE.validate_json(file.readline())
        except OSError as error:
            raise self._fault("read", error) from error
        except ValidationError:
            found = ""
        if found != key:
            raise UserError(f"{self._path}: was changed while it was in use; run again")
        return reply

    def missing(
        self, requests: Iterable[ChatRequest], endpoint: Endpoint
    ) -> dict[str, ChatRequest]:
        """The requests to which there is no reply, each once, by the names of the replies.

        Other processes may have got some since, which are read first: what two of them ask for at
        the same time is paid twice, but not what one asks for after the other.

        Raises:
            UserError: The file cannot be read.
        """
        self._take_new()
        named = ((request.key(endpoint), request) for request in requests)
        return {key: request for key, request in named if key not in self}

    @contextmanager
    def claimed(self, missing: Mapping[str, ChatRequest]) -> Iterator[dict[str, ChatRequest]]:
        """Those of some requests that no other thread is sending; they are this one's to send until
        the context is left."""
        with self._lock:
            free = missing.keys() - self._claimed - self._places.keys()
            mine = {key: request for key, request in missing.items() if key in free}
            self._claimed |= free
        try:
            yield mine
        finally:
            with self._settled:
                self._claimed -= free
                self._settled.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until a thread has done with what it claimed, but not for longer than this."""
        with self._settled:
            self._settled.wait(seconds)

    def replies(self, requests: Iterable[ChatRequest], endpoint: Endpoint) -> list[Reply]:
        """The replies to requests of which none is missing, in their order."""
        return [self[request.key(endpoint)] for request in requests]

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply.

        Raises:
            UserError: The file cannot be written, or the disk is full.
        """
        line = to_json([key, reply.model_dump(mode="json")])
        with self._lock:
            if key in self:
                return
            try:
                end = self._append(b"\n" + line + b"\n")
            except OSError as error:
                raise self._fault("written", error) from error
            self._places[key] = end - len(line) - 1

    def _append(self, record: bytes) -> int:
        """Write a record; where it ends in the file, whatever others appended before."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as file:
            if file.write(record) != len(record):
                raise OSError("only a part of it was written")
            return file.tell()

    def _take_new(self) -> None:
        """Take what was appended since the file was last read."""
        with self._lock:
            try:
                with self._path.open("rb") as file:
                    file.seek(self._read)
                    for line in file:
                        self._take(line, self._read)
                        # The last line may be half written: it is read again.
                        self._read += len(line) if line.endswith(b"\n") else 0
            except FileNotFoundError:
                return
            except OSError as error:
                raise self._fault("read", error) from error

    def _take(self, line: bytes, place: int) -> None:
        try:
            key, _ = _LINE.validate_json(line)
        except ValidationError:
            return  # Cut off by a kill, or empty: the request is sent again.
        self._places.setdefault(key, place)

    def _fault(self, done: str, error: OSError) -> UserError:
        reason = error.strerror or str(error)
        return UserError(
            f"{self._path}: cannot be {done} ({reason}); free space or set {CACHE_VARIABLE} to "
            "another folder"
        )


def default_cache(
    of: Literal["judges", "samples"] = "judges", environ: Mapping[str, str] = os.environ
) -> Path:
    """Where replies are kept on this machine: below $SUBLIMINAL_CACHE or the user's cache.

    Args:
        of: What they are; a data set's samples need not be read by a judge.
        environ: The environment.
    """
    return user_cache(environ) / of
