"""Code tasks of a user's own files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from filters.code import Signature, read_signature
from subliminal.code_tasks import CodeTask, read_code_tasks
from subliminal.errors import UserError
from tests.user_errors import assert_one_line

TESTS: list[dict[str, Any]] = [{"args": [[1, 2]], "result": 3}, {"args": [[]], "result": None}]
ROWS: list[dict[str, Any]] = [
    {"text": " Return the sum.\nOf all. ", "signature": "def total(numbers):", "tests": TESTS},
    {"text": "Return 1.", "signature": " async def one(*, a: int = 1) -> int ", "level": 3},
    {"text": "Return 2.", "function": "two", "tests": None},
]
TASKS = [
    CodeTask("Return the sum.\nOf all.", "def total(numbers):", tuple(TESTS)),
    CodeTask("Return 1.", "async def one(*, a: int = 1) -> int:"),
    CodeTask("Return 2.", "def two(...):"),
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.json.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_json_lines_zipped_or_not(name: str, pack: Any, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pack(LINES))
    assert read_code_tasks(str(tmp_path / name)) == TASKS


def test_tests_may_be_written_as_json(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({**ROWS[0], "tests": json.dumps(TESTS)}) + "\n")
    assert read_code_tasks(str(path)) == TASKS[:1]


@pytest.mark.parametrize(("kind", "parts"), [("parquet", 0), ("saved", 0), ("saved", 2)])
def test_what_datasets_reads(
    kind: str, parts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    source = tmp_path / ("mine.parquet" if kind == "parquet" else "mine")
    rows = [{"text": "", "signature": None, "function": None, "tests": None} | row for row in ROWS]
    data = datasets.Dataset.from_list(rows)
    if kind == "parquet":
        data.to_parquet(source)
    elif parts:
        datasets.DatasetDict(train=data, test=data).save_to_disk(source)
        source = source / "train"
    else:
        data.save_to_disk(source)
    assert read_code_tasks(str(source)) == TASKS


def test_names_and_signatures_are_those_that_filters_read() -> None:
    assert [task.function for task in TASKS] == ["total", "one", "two"]
    assert [task.parameters_are_known for task in TASKS] == [True, True, False]
    assert read_signature(TASKS[0].signature) == Signature("total", (("args", "numbers"),))
    assert read_signature(TASKS[1].signature) == Signature("one", (("kwonlyargs", "a"),), True)


def _tested(signature: str, **test: Any) -> dict[str, Any]:
    return {"text": "T", "signature": signature, "tests": [{"args": [1], "result": 1, **test}]}


@pytest.mark.parametrize("signature", ["def a(b, c=2):", "def a(*b):", "def a(b, /, *, c=1):"])
def test_tests_may_leave_out_what_has_defaults(signature: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(_tested(signature)) + "\n")
    (task,) = read_code_tasks(str(path))
    assert task.tests == ({"args": [1], "result": 1},)


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ([1], ["mapping", "`text` and `signature`", "[1]"]),
        ({"signature": "def a():"}, [" text: is missing", "'signature'"]),
        ({"text": " ", "signature": "def a():"}, [" text: must be text"]),
        ({"text": 3, "signature": "def a():"}, [" text: must be text, not 3"]),
        ({"text": "T"}, [" signature: is missing", "'text'", "def total(numbers):"]),
        ({"text": "T", "signature": 3}, [" signature: must be text, not 3"]),
        ({"text": "T", "signature": "total(n)"}, [" signature: 'total(n)' is no signature"]),
        ({"text": "T", "signature": "def a(:"}, [" signature: ", "is no signature"]),
        ({"text": "T", "signature": "def a(): return 1"}, [" signature: ", "is no signature"]),
        ({"text": "T", "signature": "def a(): return 1 #"}, [" signature: ", "is no signature"]),
        ({"text": "T", "signature": "class A:"}, [" signature: ", "is no signature"]),
        ({"text": "T", "signature": "@b\ndef a():"}, [" signature: ", "is no signature"]),
        ({"text": "T", "signature": "def a\x00():"}, [" signature: ", "is no signature"]),
        ({"text": "T", "signature": f"def a(b={'(' * 9999}):"}, [" signature: ", "no signature"]),
        ({"text": "T", "function": "a b"}, [" function: 'a b' is no name"]),
        ({"text": "T", "function": "def"}, [" function: 'def' is no name"]),
        ({"text": "T", "function": 3}, [" function: must be text, not 3"]),
        ({"text": "T", "function": "a", "tests": {"args": []}}, [" tests: must be a list"]),
        ({"text": "T", "function": "a", "tests": "["}, [" tests: not JSON"]),
        ({"text": "T", "function": "a", "tests": "3"}, [" tests: must be a list, not 3"]),
        ({"text": "T", "function": "a", "tests": [*TESTS, 3]}, [" tests.2: ", "not 3"]),
        ({"text": "T", "function": "a", "tests": [{"args": 1, "result": 1}]}, [" tests.0: "]),
        ({"text": "T", "function": "a", "tests": [{"args": []}]}, [" tests.0: ", "`result`"]),
        (_tested("def a(b):", kwargs={"b": 1}), [" tests.0: 'kwargs': unknown field"]),
        (_tested("def a(b):", result=float("nan")), [" tests.0: JSON cannot hold it"]),
        (_tested("def a(b, c, *d):"), [" tests.0: args: ", "cannot be called with 1 argument"]),
        (_tested("def a(b=1, *, c):"), [" tests.0: args: ", "cannot be called with 1 argument"]),
        (_tested("def a():"), [" tests.0: args: ", "cannot be called with 1 argument"]),
        (_tested("async def a(b):"), [" tests: a coroutine"]),
    ],
)
def test_a_wrong_row_is_named(row: object, parts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "wrong.jsonl"
    path.write_bytes(LINES + json.dumps(row).encode() + b"\n")
    with pytest.raises(UserError) as error:
        read_code_tasks(str(path))
    assert_one_line(error, f"{path}:4: ", *parts)


def test_tests_that_json_cannot_hold_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    row = {"text": "T", "signature": "def a():", "tests": [{"args": [1], "result": b"1"}]}
    datasets.Dataset.from_list([row]).save_to_disk(tmp_path / "mine")
    with pytest.raises(UserError) as error:
        read_code_tasks(str(tmp_path / "mine"))
    assert_one_line(error, f"{tmp_path / 'mine'}: row 1: tests.0: JSON cannot hold it")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ["No such file", "give a readable source of tasks"]),
        (b"", ["holds no tasks"]),
        (b"{'text'}\n", [":1: not JSON"]),
    ],
)
def test_files_that_cannot_be_read(content: bytes | None, parts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_code_tasks(str(path))
    assert_one_line(error, str(path), *parts)
