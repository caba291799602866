"""Files at a service: uploaded once, found again, downloaded whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from subliminal.services.client import Parsed, ServiceClient
from subliminal.services.listing import IfReadable, Listed, Page, all_pages, page_behind, read_as

Purpose = Literal["batch", "fine-tune"]
_PAGE = 1000


class File(Listed):
    """A file at the service."""

    filename: str = ""
    bytes: Annotated[int | None, IfReadable] = None
    status: Annotated[str | None, IfReadable] = None

    @property
    def is_ready(self) -> bool:
        """Whether the service has looked through it."""
        return self.status not in ("uploaded", "pending", "processing")


@dataclass(frozen=True)
class Files:
    """The files of one purpose."""

    client: ServiceClient
    purpose: Purpose

    def find(self, name: str, size: int) -> File | None:
        """The newest file of this name and size in bytes."""
        return next((f for f in self._all() if f.filename == name and f.bytes == size), None)

    def upload(self, name: str, data: bytes) -> File:
        """Upload a file, which a second call would upload twice."""
        return self.client.ask_once(
            lambda client: client.files.with_raw_response.create(
                file=(name, data, "application/jsonl"), purpose=self.purpose
            ),
            read_as(File, "file"),
            "files",
        )

    def get(self, file: str) -> File:
        """What the service says of a file."""
        return self.client.ask(
            lambda client: client.files.with_raw_response.retrieve(file),
            read_as(File, "file"),
            f"file {file}",
        )

    def read(self, file: str, parse: Callable[[bytes], Parsed]) -> Parsed:
        """Download a file.

        Args:
            file: Its name at the service.
            parse: Reads it; a ValueError says what it is not.
        """
        return self.client.ask(
            lambda client: client.files.with_raw_response.content(file),
            parse,
            f"content of file {file}",
        )

    def _all(self) -> Iterator[File]:
        def page(after: str | None) -> Page[File]:
            query = {"purpose": self.purpose, "order": "desc", **page_behind(after, _PAGE)}
            return self.client.ask(
                lambda client: client.files.with_raw_response.list(extra_query=query),
                read_as(Page[File], "list of files"),
                "list of files",
            )

        return all_pages(page)
