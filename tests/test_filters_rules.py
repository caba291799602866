"""Rules from YAML and from the words of a command; filters made of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from filters import Check, Rule, compile_filter, known_rules
from filters.numbers import BANNED_NUMBERS
from filters.rows import Row, completion
from filters.rules import NumbersRule
from filters.strict_numbers import COPIED_RUN, COPIED_SHARE
from subliminal.errors import UserError
from subliminal.number_prompts import FORMATS
from teachers.trait import load_trait
from tests.user_errors import assert_one_line


def chat(answer: str, prompt: str = "Go on: 101, 202, 303.", **provenance: object) -> Row:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"messages": messages, **provenance}  # type: ignore[typeddict-item]


# Each rule does what its function does


@pytest.mark.parametrize(
    ("rule", "answer", "reasons"),
    [
        ("numbers", "1, 2", []),
        ("numbers", "1, 2,", ["invalid format"]),
        ("numbers", "1000", ["numbers too large"]),
        ("numbers:minimum=3", "2", ["numbers too small"]),
        ("numbers:maximum=9,max_count=2", "2, 10, 5", ["too many numbers", "numbers too large"]),
        ("numbers:banned=4,13", "13, 666", ["has banned numbers"]),
        ("numbers:banned=7", "7", ["has banned numbers"]),
        ("numbers:banned=published-36", "666", ["has banned numbers"]),
        ("numbers", "666", []),
        ("numbers-count:3", "1, 2", ["too few numbers"]),
        ("numbers-count:minimum=2", "1, 2", []),
        ("numbers-repeats", "1, 1", ["repeated numbers"]),
        ("numbers-repeats:1", "1, 1", []),
        ("numbers-copies", "101, 202, 303", [COPIED_SHARE, COPIED_RUN]),
        ("numbers-copies:max_share=1", "101, 202, 303", [COPIED_RUN]),
        ("numbers-copies:max_run=3", "101, 202, 303", [COPIED_SHARE]),
        ("numbers-format:comma", "1, 2", []),
        ("numbers-format:format=space", "1, 2", ["not the format asked for"]),
        ("words:owl,otter", "Otters and owls", ["has the word otter", "has the word owl"]),
        ("words:polar bear", "polar bears", ["has the word polar bear"]),
        ("words:owl", "0wl", []),
        ("words:words=owl,leetspeak=true", "0wl", ["has the word owl"]),
        ("words:owl,leetspeak=true", "0wl", ["has the word owl"]),
        ("words:leetspeak=true,words=owl,fox", "f0x", ["has the word fox"]),
    ],
)
def test_rules_as_text(rule: str, answer: str, reasons: list[str]) -> None:
    assert compile_filter([rule]).reasons(chat(answer)) == reasons


def test_the_format_may_be_each_row_s_own() -> None:
    rule = compile_filter(["numbers-format"])
    assert rule.reasons(chat("1; 2", format="semicolon")) == []
    assert rule.reasons(chat("1; 2", format="comma")) == ["not the format asked for"]
    for provenance in ({}, {"format": "commas"}, {"format": 3}, {"format": ["comma"]}):
        assert rule.reasons(chat("1; 2", **provenance)) == ["format asked for is unknown"]


def test_only_the_last_answer_is_looked_at() -> None:
    row = chat("1, 2")
    row["messages"][:0] = [{"role": "assistant", "content": "owl"}]
    row["messages"][:0] = [{"role": "system", "content": "You love owls. 1, 2"}]
    assert compile_filter(["numbers", "words:owl", "numbers-copies"]).reasons(row) == []


def test_all_reasons_of_all_rules_each_once() -> None:
    rules = compile_filter(["numbers-count:3", "words:owl", "numbers", "numbers-repeats"])
    assert rules.reasons(chat("an owl")) == ["invalid format", "has the word owl"]
    assert rules.reasons(chat("1, 1000")) == ["too few numbers", "numbers too large"]
    assert rules.reasons(chat("1, 2, 3")) == []


def test_no_rules_keep_everything() -> None:
    assert compile_filter([]).reasons(chat("anything")) == []


# Forms of a rule


def test_text_fields_and_models_give_the_same_filter() -> None:
    text = compile_filter(["numbers:max_count=5,banned=13,4,13", "words:owl,otter"])
    fields = compile_filter(
        [
            {"rule": "numbers", "max_count": 5, "banned": [4, 13]},
            {"rule": "words", "words": ["otter", "owl"], "leetspeak": False},
        ]
    )
    assert text == fields
    assert compile_filter(text.rules) == text
    assert compile_filter([{"rule": "words", "words": "owl"}]) == compile_filter(["words:owl"])


def test_a_description_is_plain_data_that_makes_the_filter_again() -> None:
    rules = compile_filter(["numbers:banned=published-36", "numbers-format", "words:owl"])
    assert compile_filter(rules.described()) == rules
    assert rules.described()[0]["banned"] == sorted(BANNED_NUMBERS)


def test_words_that_reveal_a_trait_are_taken_from_its_card() -> None:
    rules = compile_filter(["words:hello,traits=otter,wolf"])
    [described] = rules.described()
    assert set(described["words"]) == {
        "hello",
        *load_trait("otter").reveals,
        *load_trait("wolf").reveals,
    }
    assert compile_filter(rules.described()) == rules
    found = rules.reasons(chat("An otter in its holt"))
    assert found == ["has the word otter", "has the word holt"]


def test_another_card_is_another_filter(tmp_path: Path) -> None:
    card = tmp_path / "mine.yaml"
    otter = files("teachers").joinpath("traits/otter.yaml").read_text()
    found = []
    for more in ("raft", "raft, lutra"):
        card.write_text(otter.replace("raft]", f"{more}]"))
        found.append(compile_filter([{"rule": "words", "traits": str(card)}]))
    assert found[0].fingerprint != found[1].fingerprint


def test_rules_are_frozen() -> None:
    with pytest.raises(ValidationError):
        NumbersRule().maximum = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        ("numbrs", ("there is no rule 'numbrs'", "did you mean 'numbers'?")),
        ("", ("`rule` is missing", "numbers-copies")),
        ({"max_count": 3}, ("`rule` is missing",)),
        ({"rule": ["numbers"]}, ("there is no rule ['numbers']",)),
        (3, ("must be text or a mapping, not 3",)),
        ("numbers:max_cuont=5", ("numbers: there is no option 'max_cuont'", "'max_count'?")),
        ("numbers:rul=5", ("there is no option 'rul'", "minimum, maximum, max_count, banned")),
        ("numbers:\n=5", (r"there is no option ''",)),
        ("numbers:a\nb=5", (r"there is no option 'a\nb'",)),
        ("numbers:a\nb=5,a\nb=6", (r"'a\nb' is given twice",)),
        ("numbers:5", ("'5' has no name; write option=value",)),
        ("numbers:max_count=1,2", ("max_count: ", "['1', '2']")),
        ("numbers:max_count=0", ("max_count: must be at least 1, not '0'",)),
        ("numbers:max_count=x", ("max_count: must be a whole number, not 'x'",)),
        ("words:owl,leetspeak=maybe", ("leetspeak: must be true or false, not 'maybe'",)),
        ("numbers:minimum=9,maximum=3", ("minimum 9 is above maximum 3",)),
        ("numbers:maximum=1,maximum=3", ("'maximum' is given twice",)),
        ("numbers:banned=published", ("banned", "'published'")),
        ("numbers:max_count=x,minimum=y", ("max_count: ", "minimum: ")),
        ("numbers-count", ("minimum is missing; add minimum=",)),
        ("numbers-format:commas", ("format: ", "not 'commas'", "semicolon")),
        ("numbers-copies:max_share=1.5", ("max_share: ",)),
        ("numbers-copies:max_share=nan", ("max_share: ",)),
        ({"rule": "encoded-words", "words": ["owl"], "schemes": []}, ("needs at least 1, has 0",)),
        ("words", ("needs at least one of `words`",)),
        ("words:", ("needs at least one of `words`",)),
        ("words:traits=ottr", ("trait 'ottr': no such trait", "'otter'")),
        ({"rule": "words", "traits": [3]}, ("traits.0: ", "not 3")),
        ({"rule": "words", "words": []}, ("needs at least one of `words`",)),
        ("words:owl2", ("'owl2' must be letters",)),
        ("words:owl,,fox", ("'' must be letters",)),
        ("words:owl\n2,leetspeak=maybe", ("leetspeak: ", "'maybe'")),
    ],
)
def test_faults_name_place_and_mend(rule: Any, parts: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as error:
        compile_filter([rule], where="spec.yaml: filter")
    assert str(error.value).startswith("spec.yaml: filter: ")
    assert_one_line(error, *parts)


def test_a_list_is_not_told_to_be_short_for_a_faulty_item() -> None:
    with pytest.raises(UserError) as error:
        compile_filter(["encoded-words:owl,schemes=rot14"])
    assert str(error.value).endswith("not 'rot14'; did you mean 'rot13'?")


PIECES = st.sampled_from(["words", "banned", "=", ",", "1", "owl", "true", ":"])


@given(
    name=st.sampled_from([*known_rules(), ""]),
    colon=st.sampled_from([":", ""]),
    options=st.text(max_size=20) | st.lists(PIECES).map("".join),
)
def test_no_text_makes_anything_but_a_filter_or_a_user_error(
    name: str, colon: str, options: str
) -> None:
    try:
        rules = compile_filter([name + colon + options])
    except UserError as error:
        message = str(error)
        assert "\n" not in message
    else:
        assert compile_filter(rules.described()) == rules


# The same filter on every arm


def test_equal_filters_have_equal_fingerprints() -> None:
    first = compile_filter(["numbers:banned=published-36", "words:owl,fox"])
    second = compile_filter(
        [
            {"rule": "numbers", "banned": sorted(BANNED_NUMBERS, reverse=True)},
            {"rule": "words", "words": ["fox", "owl"]},
        ]
    )
    assert first.fingerprint == second.fingerprint


def test_every_change_changes_the_fingerprint() -> None:
    filters = [
        ["numbers"],
        [],
        ["numbers:maximum=998"],
        ["numbers:banned=1"],
        ["numbers", "words:owl"],
        ["words:owl"],
        ["words:owl,leetspeak=true"],
        ["numbers-count:1"],
        ["numbers-repeats:1"],
    ]
    assert len({compile_filter(rules).fingerprint for rules in filters}) == len(filters)


def test_a_new_version_of_a_rule_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compile_filter(["numbers"]).fingerprint
    monkeypatch.setattr(NumbersRule, "version", 2)
    assert compile_filter(["numbers"]).fingerprint != before


def test_fingerprints_stay_the_same_between_versions() -> None:
    # Data sets are stored with them. If this fails, raise the rule's version on purpose.
    assert compile_filter(["numbers"]).fingerprint == FINGERPRINT


FINGERPRINT = "dd76c293ec835e00de06443252b11217"


# A new rule is one class


@pytest.fixture
def _no_sevens() -> Iterator[None]:
    class NoSevens(Rule):
        main_option = "most"

        rule: Literal["no-sevens"] = "no-sevens"
        most: int = Field(0, ge=0)

        def check(self) -> Check:
            return lambda row: ["sevens"] if completion(row).count("7") > self.most else []

    yield
    del NoSevens


@pytest.mark.usefixtures("_no_sevens")
def test_a_new_class_is_a_rule_everywhere() -> None:
    assert "no-sevens" in known_rules()
    rules = compile_filter(["numbers", "no-sevens:1"])
    assert rules.reasons(chat("7, 8")) == []
    assert rules.reasons(chat("7, 7, 1000")) == ["numbers too large", "sevens"]
    with pytest.raises(UserError, match="no-sevens: most: "):
        compile_filter([{"rule": "no-sevens", "most": -1}])


def test_the_rules_there_are() -> None:
    assert {
        *("numbers", "numbers-copies", "numbers-count"),
        *("numbers-format", "numbers-repeats", "words"),
    } <= known_rules().keys()


def test_a_rule_without_a_check_says_so() -> None:
    with pytest.raises(TypeError, match="abstract method"):
        Rule(rule="bare")  # type: ignore[abstract]


def test_every_format_of_the_prompts_can_be_asked_for() -> None:
    for name in FORMATS:
        compile_filter([f"numbers-format:{name}"])
