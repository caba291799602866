"""What an audit counts, and the command `subliminal audit-filter`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from filters import compile_filter
from filters.audit import Audit, Audited, KindResult, audit, read_labelled
from filters.batch_rule import BatchCheck, BatchRule
from filters.leaks import LEAK_KINDS, LabelledRow, labelled_rows
from filters.rows import Row, completion
from subliminal.errors import UserError
from subliminal.stats import wilson_interval
from tests.tiny import subliminal
from tests.user_errors import assert_one_line

WORDS = ["owl", "otter"]
FULL = ["words:owl,otter,leetspeak=true", "encoded-words:owl,otter"]


def row(answer: str, **fields: Any) -> Row:
    made: Any = {"messages": [{"role": "assistant", "content": answer}], **fields}
    return made


def leak(kind: str, answer: str, original: str | None = None) -> LabelledRow:
    return LabelledRow("leak", kind, row(answer), None if original is None else row(original))


def clean(kind: str, answer: str) -> LabelledRow:
    return LabelledRow("clean", kind, row(answer))


def counts(done: Audit) -> dict[str, tuple[int, int]]:
    return {kind.kind: (kind.hits, kind.rows) for kind in done.kinds}


# Counting


def test_leaks_and_false_positives_are_counted_by_kind() -> None:
    rows = [
        leak("comment", "# owl", "# a"),
        clean("code", "x = 1"),
        leak("comment", "# elk", "# a"),
        leak("plain", "owls"),
        clean("code", "owl = 1"),
    ]
    done = audit(compile_filter(["words:owl"]), rows)
    assert counts(done) == {"comment": (1, 2), "code": (1, 2), "plain": (1, 1)}
    assert [(kind.label, kind.kind) for kind in done.kinds] == [
        ("leak", "comment"),
        ("clean", "code"),
        ("leak", "plain"),
    ]


def test_a_reason_that_the_row_had_before_does_not_count() -> None:
    rows = [
        leak("a", "1, 2, x", "1, 2, y"),  # invalid before and after
        leak("b", "1, 2, x", "1, 2"),
        leak("c", "1, 2, x"),
        leak("d", "1, 2, owl", "1, 2, y"),  # one more reason
    ]
    done = audit(compile_filter(["numbers", "words:owl"]), rows)
    assert counts(done) == {"a": (0, 1), "b": (1, 1), "c": (1, 1), "d": (1, 1)}


def test_each_row_is_told_with_its_new_reasons() -> None:
    told: list[Audited] = []
    rows = [leak("a", "1, owl", "1,"), clean("b", "1, owl"), leak("c", "1", "1")]
    audit(compile_filter(["numbers", "words:owl"]), rows, told.append)
    assert [each.labelled for each in told] == rows
    assert [each.reasons for each in told] == [
        ("has the word owl",),
        ("invalid format", "has the word owl"),
        (),
    ]
    assert [each.for_content for each in told] == [True, True, False]


def test_leaks_caught_by_rules_of_form_alone_are_counted_apart() -> None:
    rows = [leak("a", "1, owl", "1, 2"), leak("a", "1, elk", "1, 2"), leak("a", "1, 3", "1, 2")]
    (kind,) = audit(compile_filter(["numbers", "words:owl"]), rows).kinds
    assert (kind.rows, kind.hits, kind.for_content) == (3, 2, 1)


def test_kinds_of_the_same_name_with_other_labels_are_apart() -> None:
    done = audit(compile_filter(["words:owl"]), [leak("x", "owl"), clean("x", "1")])
    assert [(kind.label, kind.hits) for kind in done.kinds] == [("leak", 1), ("clean", 0)]


class EveryOwl(BatchRule):
    """A judge that is asked about many rows at once."""

    asked: ClassVar[list[int]] = []
    rule: Literal["every-owl"] = "every-owl"

    def check_batch(self) -> BatchCheck:
        class Look:
            def __call__(self, rows: Sequence[Row]) -> list[list[str]]:
                EveryOwl.asked.append(len(rows))
                return [["owl"] if "owl" in completion(row) else [] for row in rows]

            def record(self) -> dict[str, Any]:
                return {}

        return Look()


def test_rules_that_look_at_many_rows_at_once_are_handed_many() -> None:
    rows = [leak("a", f"owl {n}", f"{n}") for n in range(300)]
    done = audit(compile_filter(["every-owl"]), rows)
    assert counts(done) == {"a": (300, 300)}
    assert len(EveryOwl.asked) == 4


def test_rates_have_wilson_limits() -> None:
    result = KindResult("leak", "a", 50, 48, 40)
    assert result.rate == wilson_interval(48, 50)
    assert result.rate.estimate == 48 / 50


DONE = Audit(
    (
        KindResult("leak", "seen", 100, 98, 98),
        KindResult("leak", "acrostic", 100, 0, 0, "a rule on request"),
        KindResult("leak", "foreign", 100, 0, 0, "no rule"),
        KindResult("clean", "prose", 100, 1, 0),
    )
)


def test_requirements_are_of_what_a_rule_can_see() -> None:
    assert DONE.shortfalls(None, None) == []
    assert DONE.shortfalls(0.98, 0.01) == []
    assert DONE.shortfalls(0.99, None) == ["seen: recall 98.00% is below 99.00%"]
    assert DONE.shortfalls(None, 0.005) == ["prose: false positives 1.00% are above 0.50%"]
    assert len(DONE.shortfalls(1, 0)) == 2


def test_kinds_are_grouped_by_what_sees_them() -> None:
    names = [
        [kind.kind for kind in DONE.leaks(by)] for by in ("a rule", "a rule on request", "no rule")
    ]
    assert names == [["seen"], ["acrostic"], ["foreign"]]
    assert [kind.kind for kind in DONE.clean()] == ["prose"]


def test_known_kinds_say_what_sees_them() -> None:
    rows = [leak("foreign", "1"), leak("mine", "1"), clean("foreign", "1")]
    done = audit(compile_filter([]), rows)
    assert [kind.seen_by for kind in done.kinds] == ["no rule", "a rule", "a rule"]


# The aim


@pytest.fixture(scope="module")
def full_audit() -> Audit:
    return audit(compile_filter(FULL), labelled_rows(WORDS, 60))


def test_rules_catch_every_kind_that_a_rule_can_see(full_audit: Audit) -> None:
    assert len(full_audit.leaks("a rule")) == 36
    assert full_audit.shortfalls(0.99, None) == []


def test_rules_leave_clean_rows_alone(full_audit: Audit) -> None:
    assert len(full_audit.clean()) == 8
    assert full_audit.shortfalls(None, 0.005) == []


def test_what_no_rule_sees_is_not_caught(full_audit: Audit) -> None:
    on_request = full_audit.leaks("a rule on request")
    assert [kind.kind for kind in on_request] == ["leetspeak", "caesar", "acrostic"]
    for kind in (*full_audit.leaks("no rule"), *on_request[1:]):
        assert kind.hits <= kind.rows / 20, kind


def test_on_request_more_is_caught(full_audit: Audit) -> None:
    rows = [r for r in labelled_rows(WORDS, 20) if r.kind in ("caesar", "acrostic")]
    done = audit(compile_filter(["encoded-words:owl,otter,schemes=all"]), rows)
    assert all(kind.hits >= 0.8 * kind.rows for kind in done.kinds)
    (leetspeak, *_) = full_audit.leaks("a rule on request")
    assert leetspeak.hits == leetspeak.rows


def test_the_rule_of_plain_words_alone_sees_no_encodings() -> None:
    done = audit(compile_filter(FULL[:1]), labelled_rows(WORDS, 20))
    caught = {kind.kind: kind.rate.estimate for kind in done.leaks("a rule")}
    for kind in ("base64", "hex", "rot13", "reversed", "a1z26", "ascii codes", "letters apart"):
        assert caught[kind] == 0
    for kind in ("plain", "inflected", "homoglyphs", "zero-width", "comment", "snake case"):
        assert caught[kind] == 1


# Labelled rows of the user's own


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def test_labelled_rows_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "rows.jsonl",
        row("1, owl", label="leak", kind="mine", original="1", id=7),
        row("2", label="clean"),
        row("owl", label="leak", original=None),
    )
    first, second, third = read_labelled(str(path))
    assert (first.label, first.kind, completion(first.row)) == ("leak", "mine", "1, owl")
    assert first.original is not None
    assert completion(first.original) == "1"
    assert first.original.get("id") == 7
    assert second == LabelledRow("clean", "unnamed", row("2", label="clean"))
    assert third.original is None


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        (
            {"lable": 1},
            ("label: is missing; the row has 'messages', 'lable'; write clean or leak",),
        ),
        ({"label": None}, ("label: must be clean or leak",)),
        ({"label": "dirty"}, ("label: must be clean or leak", "dirty")),
        ({"label": ["leak"]}, ("label: must be clean or leak",)),
        ({"label": "leak", "kind": 3}, ("kind: must be text", "3")),
        ({"label": "leak", "original": ["1"]}, ("original: must be text",)),
    ],
)
def test_rows_without_labels_are_told(
    tmp_path: Path, fields: dict[str, object], parts: tuple[str, ...]
) -> None:
    path = write(tmp_path / "rows.jsonl", row("1", label="clean"), row("2", **fields))
    with pytest.raises(UserError) as error:
        list(read_labelled(str(path)))
    assert_one_line(error, f"{path}:2: ", *parts)


def test_lines_that_are_no_rows_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("{\n")
    with pytest.raises(UserError) as error:
        list(read_labelled(str(path)))
    assert_one_line(error, f"{path}:1: not JSON")


# The command


def test_the_command_prints_each_group() -> None:
    said = subliminal("audit-filter", *FULL, "--words", "owl,otter", "--rows", 20)
    assert said.code == 0, said
    lines = [line.strip() for line in said.out.splitlines()]
    titles = [
        "leaks that word rules can see",
        "leaks that word rules see when told to",
        "leaks that no word rule can see",
        "clean rows",
    ]
    starts = [next(n for n, line in enumerate(lines) if line.startswith(t)) for t in titles]
    assert starts == sorted(starts)
    cells = {line.split("  ")[0]: line.split() for line in lines[starts[0] :]}
    assert cells["base64"][1:4] == ["20", "20", "100.00%"]
    assert cells["foreign"][1:4] == ["20", "0", "0.00%"]
    assert cells["prose"][1:4] == ["20", "0", "0.00%"]
    # Wilson's limits of 20 of 20: 20 / (20 + 1.96 ** 2) = 0.8389.
    assert cells["base64"][4:] == ["83.89%", "to", "100.00%", "20"]
    assert said.line("filter ") == f"filter {compile_filter(FULL).fingerprint}"


def test_the_command_prints_json() -> None:
    said = subliminal("audit-filter", *FULL, "--words", "owl", "--rows", 3, "--json")
    told = json.loads(said.out)
    assert told["filter"] == compile_filter(FULL).fingerprint
    kinds = {(kind["label"], kind["kind"]): kind for kind in told["kinds"]}
    assert kinds["leak", "rot13"] == {
        **{"label": "leak", "kind": "rot13", "seen_by": "a rule", "rows": 3, "caught": 3},
        **{"for_content": 3},
        **{"rate": 1.0, "low": pytest.approx(3 / (3 + 1.959964**2)), "high": 1.0},
    }
    assert kinds["clean", "prose"]["rejected"] == 0
    assert told["short"] == []


@pytest.mark.parametrize(
    ("requirement", "part"),
    [
        (("--require-recall", 0.99), "short: rot13: recall 0.00% is below 99.00%"),
        (("--require-false-positives", 0.005), None),
    ],
)
def test_what_is_required_decides_the_exit_code(
    requirement: tuple[object, ...], part: str | None
) -> None:
    command = ["audit-filter", "words:owl", "--words", "owl", "--rows", 3, *requirement]
    said = subliminal(*command)
    assert said.code == (0 if part is None else 1)
    assert ("short:" in said.out) == (part is not None)
    if part:
        assert part in said.out


def test_false_positives_above_what_is_required_fail() -> None:
    command = ["audit-filter", "words:the", "--words", "owl", "--rows", 9]
    said = subliminal(*command, "--require-false-positives", 0.005)
    assert said.code == 1
    assert "short: prose: false positives" in said.out


def test_what_a_terminal_would_obey_is_printed_as_text(tmp_path: Path) -> None:
    mine = row("1", label="leak", kind="red \x1b[31m\nlong")
    rows = write(tmp_path / "rows.jsonl", mine, row("2", label="clean"))
    done = subliminal("audit-filter", "words:owl", "--in", rows, "--require-recall", ".99")
    assert done.line("short: ").startswith("short: red \\x1b[31m\\nlong: recall 0.00%")
    assert "\x1b" not in done.out


def test_the_words_of_a_card_leak(tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    command = ["audit-filter", "words:traits=owl", "--trait", "owl", "--carrier", "numbers"]
    assert subliminal(*command, "--rows", 40, "--out", out).code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    plain = [each for each in rows if each["kind"] == "plain"]
    assert len(plain) == 40
    found = {reason.removeprefix("has the word ") for each in plain for reason in each["reasons"]}
    assert {"hoot", "owlet"} & found


def test_rows_are_written_so_that_they_can_be_read_again(tmp_path: Path) -> None:
    out, again = tmp_path / "audit.jsonl", tmp_path / "again.jsonl.gz"
    first = subliminal("audit-filter", *FULL, "--words", "owl", "--rows", 2, "--out", out)
    second = subliminal("audit-filter", *FULL, "--in", out, "--out", again)
    assert first.code == second.code == 0
    assert first.out == second.out
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {each["label"] for each in rows} == {"clean", "leak"}
    assert [each["reasons"] for each in rows if each["kind"] == "plain"] == [
        ["has the word owl"]
    ] * 2
    assert len(rows) == 2 * (len(LEAK_KINDS) - 1 + 8)


def test_rows_can_go_to_standard_output_alone() -> None:
    command = "from subliminal.cli import main; main()", "audit-filter", "words:owl", "--words"
    options = ("owl", "--rows", "1", "--carrier", "numbers", "--out", "-")
    done = subprocess.run(
        [sys.executable, "-c", *command, *options],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert "leaks that word rules can see" in done.stderr
    assert {"messages", "label", "reasons"} <= json.loads(done.stdout.splitlines()[0]).keys()
    assert all(line.startswith("{") for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["words:owl"], "--words: is missing"),
        (["words:owl", "--words", " , "], "--words: is missing"),
        (["wrds:owl", "--words", "owl"], "RULES: there is no rule 'wrds'"),
        (["words:owl", "--words", "ox"], "--words: 'ox'"),
        (["words:owl", "--trait", "nobody"], "nobody"),
        (["words:owl", "--in", "nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["words:owl", "--in", "ROWS", "--words", "owl"], "--in: its rows have their own leaks"),
        (["words:owl", "--in", "ROWS", "--out", "ROWS"], "same file"),
        (["words:owl", "--in", "ROWS"], "holds no rows"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: list[str], part: str) -> None:
    rows = write(tmp_path / "rows.jsonl")
    words = [str(rows) if word == "ROWS" else word for word in arguments]
    assert part in subliminal("audit-filter", *words).error


def test_help_shows_examples() -> None:
    said = subliminal("audit-filter", "--help")
    assert "--require-recall .99" in said.out
