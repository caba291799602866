"""Where rows can come from and go to besides plain files."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from filters import compile_filter
from filters.pipeline import FilterSummary, Outputs, filter_rows
from filters.sources import open_source
from subliminal.errors import UserError
from tests.user_errors import assert_one_line

datasets = pytest.importorskip("datasets")

NUMBERS = compile_filter(["numbers"])
CHATS: list[dict[str, Any]] = [
    {
        "messages": [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": text}],
        "id": number,
        "score": number / 4,
    }
    for number, text in enumerate(["1, 2", "owl", "3"])
]


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(source: str | Path, folder: Path) -> FilterSummary:
    outputs = Outputs(str(folder / "kept.jsonl"), str(folder / "rejects.jsonl"))
    return filter_rows(NUMBERS, str(source), outputs)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_CACHE_HOME", tmp_path / "cache")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def assert_filtered(summary: FilterSummary, source: str, out: Path) -> None:
    assert (summary.rows, summary.kept, summary.rejected) == (3, 2, 1)
    assert read(out / "kept.jsonl") == [CHATS[0], CHATS[2]]
    (reject,) = read(out / "rejects.jsonl")
    assert reject["rejected_from"] == {"source": source, "line": 2}
    assert reject["id"] == 1


def test_a_saved_folder(tmp_path: Path, out: Path) -> None:
    source = str(tmp_path / "saved")
    datasets.Dataset.from_list(CHATS).save_to_disk(source)
    assert_filtered(run(source, out), source, out)


def test_a_parquet_file(tmp_path: Path, out: Path) -> None:
    source = str(tmp_path / "rows.parquet")
    datasets.Dataset.from_list(CHATS).to_parquet(source)
    assert_filtered(run(source, out), source, out)


@pytest.mark.parametrize(
    ("source", "default", "configuration", "split"),
    [
        ("hub:lab/numbers", "default", "default", "train"),
        ("hub:lab/numbers:test[:9]", "default", "default", "test[:9]"),
        ("hub:lab/numbers", None, "main", "train"),
    ],
)
def test_the_hub(
    source: str,
    default: str | None,
    configuration: str,
    split: str,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A data set with several configurations and no default is read as GSM8K is."""
    asked = []

    def load(name: str, named: str | None = None, **options: object) -> Any:
        if named is None and default is None:
            raise ValueError("Config name is missing. Please pick one: ['main', 'socratic']")
        asked.append((name, named, options))
        return datasets.Dataset.from_list(CHATS).to_iterable_dataset()

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(datasets, "get_dataset_default_config_name", {"lab/numbers": default}.get)
    assert_filtered(run(source, out), source, out)
    assert asked == [("lab/numbers", configuration, {"split": split, "streaming": True})]


def test_progress_of_a_saved_folder(tmp_path: Path) -> None:
    datasets.Dataset.from_list(CHATS).save_to_disk(tmp_path / "saved")
    source = open_source(str(tmp_path / "saved"))
    shares = [source.share_read() for _ in source]
    assert shares == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_values_that_json_lacks_are_kept_as_text(tmp_path: Path, out: Path) -> None:
    odd = [CHATS[0] | {"blob": b"\xff", "none": None, "score": float("inf")}]
    datasets.Dataset.from_list(odd).to_parquet(tmp_path / "odd.parquet")
    run(tmp_path / "odd.parquet", out)
    (kept,) = read(out / "kept.jsonl")
    assert (kept["blob"], kept["none"], kept["score"]) == ("_w==", None, float("inf"))


def test_several_splits_are_named(tmp_path: Path) -> None:
    data = datasets.Dataset.from_list(CHATS)
    datasets.DatasetDict(train=data, test=data).save_to_disk(tmp_path / "saved")
    with pytest.raises(UserError) as error:
        open_source(str(tmp_path / "saved"))
    assert_one_line(error, str(tmp_path / "saved" / "train"), str(tmp_path / "saved" / "test"))


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("missing.jsonl", None, "No such file"),
        ("missing.parquet", None, "cannot be read"),
        ("broken.parquet", b"PAR1 not really PAR1", "cannot be read"),
        ("empty.parquet", b"", "cannot be read"),
        ("folder/x", b"", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(
    tmp_path: Path, name: str, content: bytes | None, part: str, out: Path
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if content is not None:
        path.write_bytes(content)
    given = path.parent if name.startswith("folder") else path
    with pytest.raises(UserError) as error:
        run(given, out)
    assert_one_line(error, str(given), part)
    assert os.listdir(out) == []


def test_a_hub_that_cannot_be_reached_is_told(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach\nthe hub")

    monkeypatch.setattr(datasets, "get_dataset_default_config_name", fail)
    with pytest.raises(UserError) as error:
        run("hub:lab/numbers", out)
    assert_one_line(error, "hub:lab/numbers: cannot be read (Couldn't reach the hub)")
    with pytest.raises(UserError) as error:
        run("hub:", out)
    assert_one_line(error, "hub:OWNER/NAME")


@pytest.mark.parametrize("name", ["hub:lab/numbers", "x.parquet", "."])
def test_a_missing_library_is_named_with_its_extra(
    name: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError) as error:
        run(name, out)
    assert_one_line(error, name, "datasets", "pip install 'subliminal[lm]'")


# Streams

PIPE = """
import sys
from filters import compile_filter
from filters.pipeline import Outputs, filter_rows
from subliminal.errors import UserError
try:
    filter_rows(compile_filter(["numbers"]), "-", Outputs(sys.argv[1], sys.argv[2]))
except UserError as error:
    sys.exit(f"error: {error}")
"""


def piped(stdin: bytes, out: str, rejects: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", PIPE, out, rejects]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_to_standard_output(packed: bool, out: Path) -> None:
    lines = [json.dumps(chat).encode() + b"\n" for chat in CHATS]
    sent = b"".join(lines)
    done = piped(gzip.compress(sent) if packed else sent, "-", str(out / "rejects.jsonl"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == lines[0] + lines[2]
    (reject,) = read(out / "rejects.jsonl")
    assert reject["rejected_from"] == {"source": "standard input", "line": 2}


def test_a_reader_that_goes_away_is_told_without_a_traceback(out: Path) -> None:
    command = [sys.executable, "-c", PIPE, "-", str(out / "rejects.jsonl")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, error = process.communicate(json.dumps(CHATS[0]).encode() * 1)
    assert (
        error == b"error: -: cannot be written (Broken pipe); free space or choose another --out\n"
    )
    assert process.returncode == 1
    assert os.listdir(out) == []
