"""What the documentation points to is there: pages, headings, pictures, files, commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.docs_pages import PAGES, ROOT, anchors, code_spans, links
from tests.docs_runner import check_command, options_of

PACKAGES = "subliminal|teachers|students|filters|mnist_toy|experiments|tests|benchmarks|docs"
PATH = re.compile(rf"(?:{PACKAGES})/[\w./*-]*")
PLANNED = ("teachers/questions/season.yaml",)
"""Files that a page tells readers to make."""

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@by_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.is_file(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


def test_every_page_is_listed_in_the_readme() -> None:
    readme, *pages = PAGES
    assert {str(page.relative_to(ROOT)) for page in pages} <= set(links(readme))


@by_page
def test_named_files_exist(page: Path) -> None:
    named = [span for span in code_spans(page) if PATH.fullmatch(span) and span not in PLANNED]
    for name in named:
        assert list(ROOT.glob(name.rstrip("/"))), f"{page.name}: {name}"


@by_page
def test_named_commands_exist_with_their_options(page: Path) -> None:
    spans = [span for span in code_spans(page) if re.match(r"subliminal [a-z]", span)]
    for span in spans:
        words = shlex.split(span)[1:]
        names = [word for word in words if re.fullmatch("[a-z][a-z-]*", word)]
        used = {word for word in words if word.startswith("--")}
        assert used <= options_of(names), f"{page.name}: {span}"


@by_page
def test_named_make_targets_exist(page: Path) -> None:
    for span in code_spans(page):
        if span.startswith("make "):
            check_command(span.split())


@by_page
def test_named_modules_have_what_is_said_of_them(page: Path) -> None:
    """`NAME` of, or in, `FILE.py` stands in that file."""
    said = re.findall(r"`(\w+)`(?:,? (?:of|in|and|`\w+`))* `((?:\w+/)+\w+\.py)`", page.read_text())
    for name, file in said:
        assert re.search(rf"\b{name}\b", (ROOT / file).read_text()), f"{page.name}: {name}, {file}"


@pytest.mark.parametrize(
    "file", sorted((ROOT / "experiments").rglob("*.yaml")), ids=lambda file: file.stem
)
def test_experiments_begin_with_a_command_that_runs_them(file: Path) -> None:
    """Their heads say how to run them, and one override; presets are run by no one."""
    head = re.match(r"(?:#.*\n)*", file.read_text())
    assert head is not None
    commands = re.findall(r"^# (?:Run|Override): +(subliminal run .*)$", head[0], re.MULTILINE)
    if file.parent.name == "presets":
        assert not commands
        return
    assert len(commands) == 2
    for words in map(shlex.split, commands):
        assert words[2] == str(file.relative_to(ROOT))
        check_command(words)
