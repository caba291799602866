"""The command `subliminal filter`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import subliminal


def row(answer: str, **provenance: object) -> str:
    return json.dumps({"messages": [{"role": "assistant", "content": answer}], **provenance}) + "\n"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text(row("1, 2") + row("owls") + row("1000") + row("3", id=1))
    return path


def test_rows_are_filtered_and_counted(rows: Path, tmp_path: Path) -> None:
    names = {name: tmp_path / name for name in ("out", "rejects", "histogram")}
    options = [part for name, path in names.items() for part in (f"--{name}", path)]
    said = subliminal("filter", "numbers", "words:owl", "--in", rows, *options)
    assert said.code == 0, said
    assert names["out"].read_text() == row("1, 2") + row("3", id=1)
    assert len(names["rejects"].read_text().splitlines()) == 2
    told = json.loads(names["histogram"].read_text())
    assert said.line("filter ") == f"filter {told['fingerprint']}"
    counts = [line.split() for line in said.out.splitlines()]
    assert ["read", "4", "100.0%"] in counts
    assert ["kept", "2", "50.0%"] in counts
    assert ["has", "the", "word", "owl", "1", "25.0%"] in counts
    assert "rows differ in their fields: 3 have messages; 1 have id, messages" in said.out


def test_field_names_are_printed_as_text(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(row("1, 2") + row("3", **{"red \x1b[31m": 1}))
    said = subliminal("filter", "numbers", "--in", rows, "--dry-run")
    assert said.line("rows differ").endswith("1 have messages, red \\x1b[31m")
    assert "\x1b" not in said.out


def test_a_dry_run_writes_nothing(rows: Path) -> None:
    said = subliminal("filter", "numbers", "--in", rows, "--dry-run")
    assert said.code == 0
    assert "invalid format" in said.out
    assert [path.name for path in rows.parent.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["numbrs", "--in", "ROWS", "--dry-run"], "RULES: there is no rule 'numbrs'"),
        (["numbers", "--in", "ROWS"], "--out: is missing"),
        (["numbers", "--in", "ROWS", "--out", "x"], "--rejects: is missing"),
        (["numbers", "--in", "nowhere", "--dry-run"], "nowhere: cannot be read"),
    ],
)
def test_bad_input_is_one_line(rows: Path, arguments: list[str], part: str) -> None:
    words = [str(rows) if word == "ROWS" else word for word in arguments]
    assert part in subliminal("filter", *words).error


def test_a_malformed_line_is_told_or_set_aside(rows: Path, tmp_path: Path) -> None:
    rows.write_text(row("1") + "{\n")
    command = ["filter", "numbers", "--in", rows, "--out", tmp_path / "out"]
    command += ["--rejects", tmp_path / "rejects"]
    assert f"{rows}:2: not JSON" in subliminal(*command).error
    said = subliminal(*command, "--malformed", "aside", "--aside", tmp_path / "aside")
    assert said.code == 0
    assert json.loads((tmp_path / "aside").read_text())["line"] == 2


def test_help_shows_examples() -> None:
    said = subliminal("filter", "--help")
    assert "subliminal filter numbers --in rows.jsonl --out kept.jsonl" in said.out
