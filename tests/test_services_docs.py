"""The examples of docs/services.md do what the page says, against a service that is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from subliminal.services import polling
from tests.docs_pages import ROOT, blocks
from tests.service_server import FakeService, serve_service

pytest.importorskip("openai")

PAGE = ROOT / "docs" / "services.md"
ROWS = [
    {
        "messages": [
            {"role": "user", "content": "Continue"},
            {"role": "assistant", "content": f"{number}"},
        ]
    }
    for number in range(10)
]


def examples(server: FakeService) -> dict[str, Any]:
    """The functions of the page, in a folder that holds its file with another address."""
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(PAGE):
        if block.language == "yaml":
            here = re.sub("base_url: .*", f"base_url: {server.base_url}", block.text)
            Path(str(block.named("file"))).write_text(here)
        else:
            exec(block.text, names)
    return names


def test_the_examples_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_SERVICE_KEY", "sk-0")
    monkeypatch.setattr(polling, "sleep_for", lambda seconds, tell, sleep: tell())
    with serve_service() as server:
        page = examples(server)
        assert page["sample"]() == ["Continue: 4, 8"] * 3 + ["Continue: 5, 9"]
        assert page["sample_by_batch"]() == ["Continue: 4, 8"] * 3
        assert page["tune"](ROWS) == "ft:a-model:org:owl:1"
    assert len(server.batches) == len(server.jobs) == 1
    assert (tmp_path / "student").is_dir()
