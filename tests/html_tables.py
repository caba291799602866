"""The tables of a page, as a reader sees them."""

from __future__ import annotations

from html.parser import HTMLParser


def table_of(page: str, name: str) -> list[list[str]]:
    """The texts of a table's cells, row by row, the headings first.

    Args:
        page: HTML.
        name: What the region of the table is labelled.

    Raises:
        KeyError: There is no such table.
    """
    return _Tables(page).found[name]


class _Tables(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._rows: list[list[str]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        label = dict(attrs).get("aria-label")
        if tag == "div" and label is not None:
            self._rows = self.found[label] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td"):
            self._rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self._rows[-1][-1] += data
