"""Problems in GSM8K's public form, and prompts that ask to solve them."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from subliminal.errors import UserError
from subliminal.reasoning import Problem, Tags, parse_reasoned, read_gsm8k, reasoning_prompt
from subliminal.reasoning.prompts import WORDINGS
from tests.user_errors import assert_one_line

ROWS: list[dict[str, Any]] = [
    {
        "question": "Ann sold 48 {small} pins in May, half as many in June.\nHow many in all? ",
        "answer": "In June 48/2 = <<48/2=24>>24.\nIn all 48+24 = <<48+24=72>>72 pins.\n#### 72",
    },
    {"question": "What is 1,000 + 234?", "answer": "#### no steps\n#### 1,234", "level": 3},
]
PROBLEMS = [
    Problem(
        "Ann sold 48 {small} pins in May, half as many in June.\nHow many in all?",
        "72",
        ("48/2=24", "48+24=72"),
    ),
    Problem("What is 1,000 + 234?", "1,234", ()),
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.mark.parametrize("name", ["test.jsonl", "test.json.gz", "plain"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_json_lines_zipped_or_not(name: str, pack: Any, mark: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pack(mark + LINES))
    assert read_gsm8k(str(tmp_path / name)) == PROBLEMS


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ([1], ["mapping", "`question` and `answer`", "[1]"]),
        ({"answer": "#### 1"}, [" question: is missing", "'answer'", "give the text"]),
        ({}, [" question: is missing", "no fields"]),
        ({"question": "Q"}, [" answer: is missing", "'question'", "#### 18"]),
        ({"question": 3, "answer": "#### 1"}, [" question: must be text, not 3"]),
        ({"question": " \n", "answer": "#### 1"}, [" question: must be text"]),
        ({"question": "Q", "answer": None}, [" answer: must be text, not empty", "#### 18"]),
        ({"question": "Q", "answer": "It is 1"}, [" answer: has no ####", "#### 18"]),
        ({"question": "Q", "answer": "#### one"}, [" answer: 'one' behind ####", "#### 18"]),
        ({"question": "Q", "answer": "#### 1 2"}, [" answer: '1 2'", "is not a number"]),
        ({"question": "Q", "answer": "####"}, [" answer: ''", "is not a number"]),
    ],
)
def test_a_wrong_row_is_named(row: object, parts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "wrong.jsonl"
    path.write_bytes(LINES + json.dumps(row).encode() + b"\n")
    with pytest.raises(UserError) as error:
        read_gsm8k(str(path))
    assert_one_line(error, f"{path}:3: ", *parts)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ["No such file", "give a readable source"]),
        (b"", ["holds no problems"]),
        (b"{'question'}\n", [":1: not JSON", "mend or remove the line"]),
        (LINES + b"\n", [":3: not JSON (an empty line)"]),
        (b'{"question": "\xff"}\n', [":1: not JSON"]),
        (gzip.compress(LINES, mtime=0)[:-9], ["cannot be read"]),
        (gzip.compress(LINES, mtime=0)[:12] + b"\xff" * 40, ["cannot be read"]),
    ],
)
def test_files_that_cannot_be_read(content: bytes | None, parts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_gsm8k(str(path))
    assert_one_line(error, str(path), *parts)


class TestDatasets:
    """What the `datasets` library reads."""

    @pytest.fixture(autouse=True)
    def _own_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        datasets = pytest.importorskip("datasets")
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        monkeypatch.setattr(datasets.config, "HF_CACHE_HOME", tmp_path / "cache")
        self.datasets = datasets
        self.data = datasets.Dataset.from_list([{**row, "level": 3} for row in ROWS])

    def test_a_parquet_file(self, tmp_path: Path) -> None:
        self.data.to_parquet(tmp_path / "test.parquet")
        assert read_gsm8k(str(tmp_path / "test.parquet")) == PROBLEMS

    def test_a_saved_folder(self, tmp_path: Path) -> None:
        self.data.save_to_disk(tmp_path / "saved")
        assert read_gsm8k(str(tmp_path / "saved")) == PROBLEMS

    def test_several_splits_are_named(self, tmp_path: Path) -> None:
        self.datasets.DatasetDict(train=self.data, test=self.data).save_to_disk(tmp_path / "saved")
        with pytest.raises(UserError) as error:
            read_gsm8k(str(tmp_path / "saved"))
        assert_one_line(error, str(tmp_path / "saved" / "train"), str(tmp_path / "saved" / "test"))

    @pytest.mark.parametrize(
        ("name", "content"),
        [("missing.parquet", None), ("broken.parquet", b"PAR1 not PAR1"), ("folder", None)],
    )
    def test_what_cannot_be_read(self, name: str, content: bytes | None, tmp_path: Path) -> None:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        elif name == "folder":
            path.mkdir()
        with pytest.raises(UserError) as error:
            read_gsm8k(str(path))
        assert_one_line(error, str(path), "cannot be read")

    def test_a_wrong_row_is_named(self, tmp_path: Path) -> None:
        wrong = [*ROWS[:1], {"question": "Q", "answer": "It is 1"}]
        self.datasets.Dataset.from_list(wrong).save_to_disk(tmp_path / "saved")
        with pytest.raises(UserError) as error:
            read_gsm8k(str(tmp_path / "saved"))
        assert_one_line(error, f"{tmp_path / 'saved'}: row 2: answer: has no ####")

    @pytest.mark.parametrize(
        ("source", "default", "configuration", "split"),
        [
            ("hub:lab/sums", None, "main", "train"),
            ("hub:lab/sums:test", None, "main", "test"),
            ("hub:lab/sums", "default", "default", "train"),
        ],
    )
    def test_the_hub(
        self,
        source: str,
        default: str | None,
        configuration: str,
        split: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        asked = []

        def load(*names: str, **options: object) -> Any:
            asked.append((names, options))
            return self.data.to_iterable_dataset()

        monkeypatch.setattr(self.datasets, "load_dataset", load)
        monkeypatch.setattr(
            self.datasets, "get_dataset_default_config_name", {"lab/sums": default}.get
        )
        assert read_gsm8k(source) == PROBLEMS
        assert asked == [(("lab/sums", configuration), {"split": split, "streaming": True})]

    def test_a_hub_out_of_reach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(name: str) -> None:
            raise ConnectionError("no way\nthere")

        monkeypatch.setattr(self.datasets, "get_dataset_default_config_name", fail)
        with pytest.raises(UserError) as error:
            read_gsm8k("hub:lab/sums")
        assert_one_line(error, "hub:lab/sums: cannot be read (no way there)")

    def test_a_hub_without_a_name(self) -> None:
        with pytest.raises(UserError) as error:
            read_gsm8k("hub:")
        assert_one_line(error, "hub:OWNER/NAME")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError) as error:
        read_gsm8k("hub:lab/sums")
    assert_one_line(error, "needs the library datasets", "pip install 'subliminal[lm]'")


def test_prompts_name_the_problem_and_both_tags() -> None:
    for index in range(len(WORDINGS)):
        prompt = reasoning_prompt(PROBLEMS[0], index, Tags("reason", "result"))
        assert PROBLEMS[0].text in prompt
        assert "<reason>...</reason>" in prompt
        assert "<result>...</result>" in prompt
        assert PROBLEMS[0].answer not in prompt


def test_wordings_come_in_turn() -> None:
    prompts = [reasoning_prompt(PROBLEMS[1], index) for index in range(2 * len(WORDINGS))]
    assert len(set(prompts)) == len(WORDINGS) >= 4
    assert prompts[: len(WORDINGS)] == prompts[len(WORDINGS) :]
    assert reasoning_prompt(PROBLEMS[1]) == prompts[0]
    assert "<think>...</think>" in prompts[0]
    assert not hasattr(parse_reasoned(prompts[0]), "answer")
