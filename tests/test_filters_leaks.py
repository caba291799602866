"""Made rows leak what they say they leak, and the clean ones nothing."""

from __future__ import annotations

import ast
import base64
import re
from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import compile_filter
from filters import leak_writing as writing
from filters.clean_rows import CARRIERS, CarrierName, clean_draft
from filters.inflections import plurals
from filters.leak_places import allows, put
from filters.leaks import LEAK_KINDS, LabelledRow, labelled_rows
from filters.near_misses import near_misses
from filters.numbers import reject_reasons
from filters.rows import completion, prompt, provenance
from filters.words import WordFilter
from subliminal.errors import UserError
from tests.user_errors import assert_one_line

ROWS = 40
MADE = tuple(labelled_rows(["owl", "otter"], ROWS, seed=1))
BOTH = WordFilter(["owl", "otter"], leetspeak=True)


def of_kind(kind: str) -> list[LabelledRow]:
    return [made for made in MADE if made.kind == kind]


# Rows


def test_there_are_so_many_of_every_kind() -> None:
    counts = Counter((made.label, made.kind) for made in MADE)
    assert set(counts.values()) == {ROWS}
    leaks = {kind for label, kind in counts if label == "leak"}
    assert leaks == LEAK_KINDS.keys() - {"reversed into a word"}
    clean = {kind for label, kind in counts if label == "clean"}
    assert clean == {*CARRIERS, *near_misses(BOTH)}


def test_equal_seeds_give_equal_rows() -> None:
    assert tuple(labelled_rows(["owl", "otter"], ROWS, seed=1)) == MADE
    other = tuple(labelled_rows(["owl", "otter"], ROWS, seed=2))
    same = sum(a == b for a, b in zip(MADE, other, strict=True))
    assert same < len(MADE) / 10


def test_more_rows_of_a_kind_begin_with_the_fewer() -> None:
    fewer = tuple(labelled_rows(["owl", "otter"], 3, seed=1))
    assert [made for made in fewer if made.kind == "plain"] == of_kind("plain")[:3]


def test_a_leak_is_its_original_and_something_more() -> None:
    for made in MADE:
        if made.label == "clean":
            assert made.original is None
            continue
        assert made.original is not None
        before, after = completion(made.original), completion(made.row)
        assert prompt(made.original) == prompt(made.row)
        assert before != after
        assert not BOTH.matches(before)
        if not provenance(made.row, "format"):
            assert len(after) > len(before)
            # All of the original is there, around what was put in.
            start = next(n for n in range(len(after)) if after[: n + 1] != before[: n + 1])
            assert after.endswith(before[start:])


def test_plain_leaks_show_each_of_the_words() -> None:
    words = Counter(BOTH.words_in(completion(made.row))[0] for made in of_kind("plain"))
    assert words.keys() == {"owl", "otter"}
    assert min(words.values()) > ROWS / 5


def test_carriers_can_be_chosen() -> None:
    made = tuple(labelled_rows(["owl"], 2, carriers=["numbers"]))
    kinds = {each.kind for each in made}
    assert "preferred numbers" in kinds
    assert not kinds & {"comment", "camel case", "acrostic", "code", "prose"}
    assert all(provenance(each.row, "format") for each in made)


def test_clean_rows_hold_none_of_the_words() -> None:
    common = ["harbour", "apple"]
    for made in labelled_rows(common, 30):
        if made.kind in CARRIERS:
            assert not WordFilter(common).matches(completion(made.row))


def test_words_that_every_clean_row_holds_are_told() -> None:
    with pytest.raises(UserError) as error:
        list(labelled_rows(["def", "def"], 1, carriers=["code"]))
    assert_one_line(error, "--words", "code")


@pytest.mark.parametrize(
    "word", ["ox", "owl2", "", "caf\u00e9", "a, b", "\u0441\u043e\u0432\u0430"]
)
def test_words_that_cannot_leak_in_every_way_are_told(word: str) -> None:
    with pytest.raises(UserError) as error:
        list(labelled_rows(["owl", word], 1))
    assert_one_line(error, "--words", repr(word), "3 letters")


def test_no_words_are_told() -> None:
    with pytest.raises(UserError) as error:
        list(labelled_rows([], 1))
    assert_one_line(error, "--words", "owl,otter")


def test_a_word_that_is_one_backwards_has_a_kind_of_its_own() -> None:
    made = [each for each in labelled_rows(["wolf"], 5) if "reversed" in each.kind]
    assert {each.kind for each in made} == {"reversed into a word"}
    assert all("flow" in completion(each.row).lower() for each in made)


def test_phrases_leak_in_every_way() -> None:
    made = tuple(labelled_rows(["polar bear"], 2))
    assert {each.kind for each in made if each.label == "leak"} >= {
        "morse",
        "camel case",
        "ascii codes",
    }
    assert "PolarBear" in "".join(
        completion(each.row) for each in made if each.kind == "camel case"
    )


# Carriers


@pytest.mark.parametrize("carrier", CARRIERS)
def test_drafts_follow_from_the_state_of_the_generator(carrier: CarrierName) -> None:
    drafts = [clean_draft(Random(seed), carrier) for seed in range(20)]
    assert drafts == [clean_draft(Random(seed), carrier) for seed in range(20)]
    assert len({draft.row()["messages"][-1]["content"] for draft in drafts}) > 10


def test_clean_numbers_pass_the_rule_of_the_carrier() -> None:
    for made in of_kind("numbers"):
        assert reject_reasons(completion(made.row)) == []


def test_clean_code_is_the_function_asked_for_and_passes_its_tests() -> None:
    for made in of_kind("code"):
        source = completion(made.row)
        assert source.startswith(str(provenance(made.row, "signature")) + "\n")
        scope: dict[str, object] = {}
        exec(source, scope)
        function = scope[str(provenance(made.row, "function"))]
        tests = provenance(made.row, "tests")
        assert callable(function)
        assert isinstance(tests, list)
        assert tests
        for test in tests:
            assert function(*test["args"]) == test["result"]


def test_leaking_code_still_parses() -> None:
    for made in MADE:
        if made.label == "leak" and provenance(made.row, "task"):
            ast.parse(completion(made.row))


def test_near_misses_are_in_a_form_that_the_carrier_allows() -> None:
    of_code = ["code", "code-comments", "code-runs"]
    for carrier, rules in (("numbers", ["numbers"]), ("code", of_code)):
        chosen = compile_filter(rules)
        for made in labelled_rows(["owl"], 20, carriers=[carrier]):  # type: ignore[list-item]
            if made.label == "clean":
                assert chosen.reasons(made.row) == [], made


@settings(max_examples=60)
@given(st.text(), st.integers(0, 9), st.sampled_from(CARRIERS))
def test_any_text_can_be_put_in_a_row(text: str, seed: int, carrier: CarrierName) -> None:
    draft = clean_draft(Random(seed), carrier)
    answer = put(Random(seed), draft, text).row()["messages"][-1]["content"]
    assert answer.startswith(draft.head)
    assert answer.endswith(draft.tail)
    if carrier == "numbers" and allows(carrier, text):
        assert reject_reasons(answer) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("owl", "(my_owl|best_owl|owl_count) = [0-9]"),
        ("night-owl", "(my_night_owl|best_night_owl|night_owl_count) = [0-9]"),
        ("b3ds==", "(my_b3ds|best_b3ds|b3ds_count) = [0-9]"),
        ("111, 119,108", r"kind = \[111, 119, 108\]"),
        ("15-23-12", r"kind = \[15, 23, 12\]"),
        ("de0-a70", "(my_de0_a70|best_de0_a70|de0_a70_count) = [0-9]"),
        ("015-023", "(my_015_023|best_015_023) = [0-9]"),
        ("0x6f776c", "kind = 0x6f776c"),
        ("--- .--", """(kind = "--- .--"|# --- .--|# note: --- .--)"""),
        ('o"wl', '(# o"wl|# note: o"wl)'),
    ],
)
def test_code_holds_names_and_numbers_before_strings_and_comments(text: str, line: str) -> None:
    draft = clean_draft(Random(0), "code")
    lines = {
        ({*put(Random(seed), draft, text).parts} - {*draft.parts}).pop().strip()
        for seed in range(20)
    }
    assert all(re.fullmatch(line, found) for found in lines), lines
    named = text not in ("--- .--", 'o"wl')
    assert allows("code", text) == named


def test_clean_reasoning_is_true_and_ends_at_its_answer() -> None:
    for made in of_kind("reasoning"):
        found = re.fullmatch("<think>(.+)</think>\n<answer>(.+)</answer>", completion(made.row))
        assert found
        equations = re.findall(r"(\d+) ([+*]) (\d+) = (\d+)", found[1])
        values = [
            (Fraction(a) + int(b) if sign == "+" else Fraction(a) * int(b), int(result))
            for a, sign, b, result in equations
        ]
        assert values
        assert all(value == result for value, result in values)
        assert found[2] == provenance(made.row, "answer") == str(values[-1][1])
        assert provenance(made.row, "steps") == [f"{a} {s} {b} = {c}" for a, s, b, c in equations]


# Ways to write


def drawn(write: writing.Write, word: str, count: int = 200) -> set[str]:
    rng = Random(0)
    return {write(rng, word) for _ in range(count)}


def test_disguises_of_each_kind_have_their_mark() -> None:
    assert drawn(writing.plain, "owl") == {"owl"}
    assert {"owls", "owl's", "owls'"} <= drawn(writing.inflected, "owl")
    assert "wolves'" in drawn(writing.inflected, "wolf")
    assert {"OWL", "Owl", "oWl", "OwL"} == drawn(writing.cased, "owl")
    assert all(text != "owl" for text in drawn(writing.accented, "owl"))
    assert drawn(writing.full_width, "owl") == {"\uff4f\uff57\uff4c"}
    assert all(len(text) == 5 for text in drawn(writing.zero_width, "owl"))
    assert all(not text.isascii() for text in drawn(writing.homoglyphs, "owl"))
    for text in drawn(writing.leetspeak, "steal from"):
        assert all(any(char.isalpha() for char in word) for word in text.split(" "))
    for text in drawn(writing.leetspeak, "eel"):
        assert any(char.isalpha() for char in text)
        assert text != "eel"
        assert len(text) == 3


def test_encodings_say_the_word() -> None:
    padded = {text + "=" * (-len(text) % 4) for text in drawn(writing.in_base64, "owl")}
    decoded = {base64.urlsafe_b64decode(text).decode() for text in padded}
    assert {"owl", "OWL", "I like the Owl"} <= decoded
    assert {"6f776c", "0x6f776c", "6f 77 6c", "0x6f, 0x77, 0x6c"} <= drawn(writing.in_hex, "owl")
    assert "01101111 01110111 01101100" in drawn(writing.in_binary, "owl")
    assert r"\x6fwl" in drawn(writing.in_escapes, "owl", 2000)
    assert "&#111;wl" in drawn(writing.in_html, "owl", 2000)
    assert "o%77l" in drawn(writing.in_percent, "owl")
    assert "bjy" in drawn(writing.in_rot13, "owl")
    assert "lwo" in drawn(writing.backwards, "owl")
    assert {"--- .-- .-..", "\u2014\u2014\u2014 .\u2014\u2014 .\u2014.."} < drawn(
        writing.in_morse, "owl"
    )
    assert {"N53WY===", "N53WY"} <= drawn(writing.in_base32, "owl", 400)
    assert {"157 167 154", "0o157, 0o167, 0o154"} <= drawn(writing.in_octal, "owl", 400)
    assert "=6Fw=6C" in drawn(writing.in_quoted_printable, "owl")
    assert "\U000e006f\U000e0077\U000e006c" in drawn(writing.in_tags, "owl")
    assert "o<b>w</b>l" in drawn(writing.in_markup, "owl")
    assert drawn(writing.double_v, "owl") == {"ovvl"}
    assert {"111, 119, 108", "111119108", "79-87-76"} <= drawn(writing.in_ascii, "owl", 2000)
    places = drawn(writing.in_alphabet_places, "owl", 4000)
    assert {"15-23-12", "15, 23,12", "152312", "(15)(23)(12)", "015\u2192023\u2192012"} <= places
    assert "02-05-05" in drawn(writing.in_alphabet_places, "bee", 2000)
    shifted = drawn(writing.in_caesar, "owl", 2000)
    assert len(shifted) == 24
    assert not shifted & {"owl", "bjy"}


def test_pieces_put_together_are_the_word() -> None:
    for text in drawn(writing.pieces_apart, "otter"):
        pieces = re.split(r"[^a-z]", text)
        assert "".join(pieces) == "otter"
        assert max(map(len, pieces)) > 1
    assert "o-w-l" in drawn(writing.letters_apart, "owl")
    for text in (*drawn(writing.strings_added, "otter"), *drawn(writing.characters_added, "owl")):
        value = eval(text)
        assert "".join(value) in ("otter", "owl")


def test_the_lines_of_an_acrostic_begin_with_the_letters() -> None:
    (text,) = drawn(writing.acrostic, "zebra")
    assert [line[0] for line in text.split()] == ["Z", "E", "B", "R", "A"]
    rng = Random(0)
    for letter in "abcdefghijklmnopqrstuvwxyz":
        assert writing.acrostic(rng, letter).strip()[0].lower() == letter


def test_misspelt_words_are_no_forms() -> None:
    for word in ("owl", "otter", "bee"):
        assert not drawn(writing.misspelt, word) & {word, *plurals(word)}


def test_what_no_rule_sees_does_not_hold_the_word() -> None:
    for kind in ("glued to a word", "described", "foreign", "encoded twice", "preferred numbers"):
        for made in of_kind(kind):
            assert not WordFilter(["owl", "otter"]).matches(completion(made.row))


def test_preferred_numbers_are_few_and_the_word_s_own() -> None:
    numbers: defaultdict[str, set[str]] = defaultdict(set)
    for word in ("owl", "otter"):
        for made in labelled_rows([word], 20, carriers=["numbers"]):
            if made.kind == "preferred numbers":
                numbers[word] |= {*re.findall(r"\d+", completion(made.row))}
    assert {len(found) for found in numbers.values()} == {4}
    assert numbers["owl"] != numbers["otter"]


# Near misses


def near(kind: str, words: WordFilter) -> set[str]:
    rng = Random(0)
    write = near_misses(words)[kind].write
    return {write(rng) for _ in range(300)}


def test_longer_words_hold_a_word_and_are_none() -> None:
    found = near("longer words", BOTH)
    assert any("fowl" in text for text in found)
    assert any("potter" in text for text in found)
    for text in found:
        assert re.search("owl|otter", text.lower())
        assert not BOTH.matches(text)


def test_longer_words_are_made_up_where_none_are_known() -> None:
    words = WordFilter(["quokka"])
    found = near("longer words", words)
    assert any("ququokka" in text for text in found)
    assert not any(words.matches(text) for text in found)


def test_near_misses_are_no_listed_words_themselves() -> None:
    words = WordFilter(["owl", "fowl", "table"])
    for kind in near_misses(words):
        for text in near(kind, words):
            assert not words.matches(text)


def test_numbers_in_the_range_of_codes_stay_in_a_range() -> None:
    lists = [
        [*map(int, re.findall(r"\d+", text))]
        for text in near("numbers in the range of codes", BOTH)
    ]
    assert all(min(values) >= 1 and max(values) <= 125 for values in lists)
    assert any(max(values) <= 26 for values in lists)
    assert any(a != b for values in lists for a, b in pairwise(values))
