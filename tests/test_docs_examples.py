"""Every example in the documentation does what its page says; see `tests.docs_pages`."""

from __future__ import annotations

from pathlib import Path

import pytest

from subliminal.models import names
from tests.docs_pages import PAGES, blocks
from tests.docs_runner import Place
from tests.tiny import work_here


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(names, "SHIPPED", tmp_path)
    examples = list(blocks(page))
    if any(block.language in ("yaml", "python") or "run" in block.words for block in examples):
        place.prepare()
    with work_here():
        for block in examples:
            place.run(block)
