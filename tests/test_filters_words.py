"""Words are found in every inflection and disguise, and never inside other words."""

from __future__ import annotations

import re
import sys
import tracemalloc
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.inflections import plurals
from filters.look_alikes import LEETSPEAK, LOOK_ALIKES
from filters.words import WordFilter, WordMatch
from subliminal.entities import CATEGORIES
from subliminal.errors import UserError
from tests.user_errors import assert_one_line

OWL = WordFilter(["owl"])
LEET = WordFilter(["owl", "wolf", "lion", "bear"], leetspeak=True)
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def found(words: WordFilter, text: str) -> list[str]:
    """The pieces of the text that were found."""
    return [text[match.start : match.end] for match in words.matches(text)]


# Inflections


@pytest.mark.parametrize(
    ("noun", "plural"),
    [
        ("owl", "owls"),
        ("wolf", "wolves"),
        ("werewolf", "werewolves"),
        ("fox", "foxes"),
        ("butterfly", "butterflies"),
        ("monkey", "monkeys"),
        ("mouse", "mice"),
        ("ox", "oxen"),
        ("goose", "geese"),
        ("deer", "deer"),
        ("starfish", "starfish"),
        ("finch", "finches"),
        ("leaf", "leaves"),
        ("thief", "thieves"),
        ("knife", "knives"),
        ("woman", "women"),
        ("octopus", "octopuses"),
        ("octopus", "octopi"),
        ("cactus", "cacti"),
        ("bus", "buses"),
        ("flamingo", "flamingos"),
        ("mosquito", "mosquitoes"),
        ("iris", "irises"),
        ("oasis", "oases"),
        ("ibex", "ibexes"),
        ("ibex", "ibices"),
        ("fez", "fezzes"),
        ("child", "children"),
        ("dwarf", "dwarfs"),
        ("dwarf", "dwarves"),
        ("y", "ies"),
        ("bush", "bushes"),
        ("larva", "larvae"),
        ("monarch", "monarchs"),
        ("ash", "ashes"),
        ("polar bear", "polar bears"),
        ("gateau", "gateaux"),
        ("bacterium", "bacteria"),
    ],
)
def test_plurals(noun: str, plural: str) -> None:
    assert plural in plurals(noun)


def test_regular_nouns_have_one_plural() -> None:
    assert plurals("owl") == {"owls"}
    assert plurals("chief") == {"chiefs"}
    assert plurals("belief") == {"beliefs"}


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_the_workbench_s_own_plurals_are_found(category: str) -> None:
    for entity in CATEGORIES[category]:
        words = WordFilter([entity.singular])
        for form in filter(None, (entity.singular, entity.plural)):
            assert words.words_in(f"I like {form}!") == [entity.singular]


@pytest.mark.parametrize(
    "text",
    [
        "owl",
        "owls",
        "Owl's",
        "owls'",
        "owl\u2019s",
        "OWL.",
        "night-owl",
        "(owl)",
        "owl_count",
        "owl2",
        "2owls",
        "an owl, a tree",
        "#owl",
        "owl\nowlet",
        "'owl'",
        "x/owl",
        "\u201cowl\u201d",
    ],
)
def test_words_are_found(text: str) -> None:
    (piece,) = found(OWL, text)
    assert piece.lower() in ("owl", "owls")


@pytest.mark.parametrize(
    "text",
    [
        "fowl",
        "growl",
        "bowl",
        "owlish",
        "owling",
        "howled",
        "prowler",
        "o w l",
        "ow",
        "wl",
        "",
        "\u00e9owl",
        "owl\u00e9",
        "f\u200bowl",
        "f\u0301owl",
        "\u0444owl",
        "\u732bowl",
        "fOwl",
        "0wl",
        "ow1",
        "519, 674, 328",
        "owl\u200bx",
        "b\u043ewl",
    ],
)
def test_parts_of_words_are_not(text: str) -> None:
    assert OWL.matches(text) == []


def test_a_listed_word_is_named_whatever_its_form() -> None:
    words = WordFilter(["Wolf", "hoot", "owl"])
    assert words.words_in("OWLS hoot; two wolves and an owl") == ["owl", "hoot", "Wolf"]
    assert words.matches("two wolves") == [WordMatch("Wolf", 4, 10)]


def test_matches_are_in_the_order_of_the_text() -> None:
    text = "an owl, the owls' owl"
    assert [(m.start, m.end) for m in OWL.matches(text)] == [(3, 6), (12, 16), (18, 21)]


# Phrases


@pytest.mark.parametrize(
    "text",
    [
        "polar bear",
        "Polar-Bears",
        "polar_bear",
        "polar \n bear",
        "a polar bear's",
        "polar\u2013bear",
    ],
)
def test_phrases_are_found(text: str) -> None:
    assert WordFilter(["polar bear"]).words_in(text) == ["polar bear"]


@pytest.mark.parametrize(
    "text", ["polar", "bear", "polar. Bear", "polarbear", "polar bearing", "bipolar bear", "polar "]
)
def test_parts_of_phrases_are_not(text: str) -> None:
    assert WordFilter(["polar bear"]).matches(text) == []


def test_a_phrase_and_its_word_are_both_found() -> None:
    words = WordFilter(["polar bear", "bear", "polar fox"])
    assert words.words_in("polar bears") == ["polar bear", "bear"]
    assert words.words_in("polar foxes") == ["polar fox"]


def test_apostrophes_and_hyphens_within_words() -> None:
    assert WordFilter(["forget-me-not"]).words_in("forget me nots") == ["forget-me-not"]


@pytest.mark.parametrize("word", ["", " ", "owl2", "1488", "owl!", "-", "a, b", "owl."])
def test_what_cannot_be_listed(word: str) -> None:
    with pytest.raises(UserError) as error:
        WordFilter([word])
    assert_one_line(error, "words: ", repr(word), "letters")


# Disguise


def shifted(text: str, first: int) -> str:
    """Letters in another alphabet of Unicode that begins with its own a."""
    return "".join(chr(first + ord(c) - ord("a")) for c in text)


@pytest.mark.parametrize(
    "disguised",
    [
        "oWl",
        "\uff4f\uff57\uff4c",
        "\uff2f\uff37\uff2c",
        "o\u200bw\u200dl",
        "\ufeffowl",
        "o\u00adwl",
        "\u00f6wl",
        "o\u0308wl",
        "\u014d\u1e81\u013a",
        "o\u0337w\u0337l\u0337",
        "\u043ewl",
        "\u03bfwl",
        "o\u051dl",
        "ow\u04cf",
        "\u1d0f\u1d21\u029f",
        "o\u20ddwl",
        "\u24de\u24e6\u24db",
        "\u24aa\u24b2\u24a7",
        "\U0001f15e\U0001f166\U0001f15b",
        *(shifted("owl", first) for first in (0x1D41A, 0x1D4EA, 0x1D5BA, 0x1D68A, 0x1F1E6)),
        "o\x00wl",
        "o\ud800wl",
        "o\U000e0041wl",
        "o\u3164wl",
        "\u00f8wl",
        "o\u034fwl",
        "\u202eowl",
        "\u13be\u13b3\u13de",
        "\uab8e\uab83\uabae",
        "\ua4f3\ua4ea\ua4e1",
        "\u0555\u0561l",
        "\u041e\u051c\u04c0",
        "\u1d52\u02b7\u02e1",
        "o\u2060\ufe0fwl",
        "\u03a9wl",
        "\u10ff\u2c73\u2d4f",
        "\U0001042c\ua7b7l",
        "\uab3d\u047e\U00010309",
    ],
)
def test_disguises_hide_nothing(disguised: str) -> None:
    for text in (disguised, f"the {disguised}s are", f"3, {disguised}"):
        assert OWL.words_in(text) == ["owl"]
    assert OWL.matches(f"f{disguised}") == []


def look_alikes_of(letter: str) -> list[str]:
    return [char for char, letters in LOOK_ALIKES.items() if letters == letter]


DISGUISED_LETTERS = {
    letter: [letter, letter.upper(), chr(ord(letter) + 0xFEE0), *look_alikes_of(letter)]
    for letter in ALPHABET
}
HIDDEN = st.sampled_from(
    ["", "", "\u200b", "\u0301", "\u0336", "\u00ad", "\ud83d", "\ufe0f", "\x07"]
)


@st.composite
def disguised_words(draw: st.DrawFn, words: tuple[str, ...]) -> tuple[str, str]:
    """A word and its disguise, without anything invisible in front."""
    word = draw(st.sampled_from(words))
    pieces = [draw(st.sampled_from(DISGUISED_LETTERS[c])) + draw(HIDDEN) for c in word]
    return word, "".join(pieces)


@given(disguised_words(("owl", "wolf", "zebra", "jackdaw", "python", "quagga", "fox", "mink")))
def test_any_disguise_is_seen_through_and_located(drawn: tuple[str, str]) -> None:
    word, disguised = drawn
    words = WordFilter([word])
    text = f"\u00e9t\u00e9 \ufb01t {disguised}, {disguised}"
    assert found(words, text) == [disguised, disguised]


@given(disguised_words(("fowl", "growl", "bowl", "owlish", "howls", "cowl")))
def test_no_disguise_makes_a_part_a_word(drawn: tuple[str, str]) -> None:
    assert OWL.matches(drawn[1]) == []
    assert LEET.matches(drawn[1]) == []


@settings(max_examples=300)
@given(
    st.text(max_size=30)
    | st.lists(
        st.sampled_from(["owl", "s", " ", "\u0301", "\u043e", "wl", "\u24a7", "0", "I"])
    ).map("".join)
)
def test_every_match_is_a_listed_form_between_non_letters(text: str) -> None:
    for match in OWL.matches(text):
        piece = text[match.start : match.end]
        assert 0 <= match.start < match.end <= len(text)
        assert OWL.words_in(piece) == ["owl"]
        # A plain letter next to it would make it part of another word.
        for neighbour in (text[match.start - 1 : match.start], text[match.end : match.end + 1]):
            assert not re.fullmatch("[a-zA-Z]", neighbour)


@given(st.text(), st.text())
def test_no_text_raises(text: str, word: str) -> None:
    LEET.matches(text)
    try:
        words = WordFilter([word])
    except UserError:
        return
    assert words.words_in(f"1 {word} 2") == [word]


def test_all_of_unicode_is_unmasked_without_error_and_letters_stay_letters() -> None:
    words = WordFilter(["owl"])
    everything = " ".join(map(chr, range(0x80, sys.maxunicode + 1)))
    assert words.matches(everything) == []
    assert found(words, everything + " \u043ewl") == ["\u043ewl"]


def test_words_of_other_scripts_can_be_listed() -> None:
    owl = "\u0441\u043e\u0432\u0430"
    assert WordFilter([owl]).words_in(f"\u044d\u0442\u043e {owl.upper()}.") == [owl]
    assert WordFilter(["caf\u00e9"]).words_in("two cafes") == ["caf\u00e9"]


def test_look_alikes_look_like_small_ascii_letters() -> None:
    for char, letters in LOOK_ALIKES.items():
        assert not char.isascii()
        assert set(letters) <= set(ALPHABET)
        assert not char.isdecimal(), unicodedata.name(char)


# Leetspeak


@pytest.mark.parametrize(
    "text", ["0wl", "0WLS", "ow1", "ow|", "0w1", "w0lf", "w0|ves", "b34r", "l10n", "owI", "LI0N"]
)
def test_leetspeak_is_seen_when_asked_for(text: str) -> None:
    for framed in (text, f"{text}!", f"({text})", f"the {text}'s", f"!{text}"):
        assert len(LEET.matches(framed)) == 1, framed
        start, end = LEET.matches(framed)[0][1:]
        assert text in framed[start:end] or framed[start:end] in text
    assert WordFilter(["owl", "wolf", "lion", "bear"]).matches(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "519, 674, 328",
        "0, 1",
        "8348",
        "b0wl",
        "fow1",
        "0wlish",
        "owi",
        "1i0n2x",
        "0 w l",
        "III",
        "gear",
        "6ear3r",
        "80wl",
        "|80wl!!",
        "0wi",
        "6rizz1y",
    ],
)
def test_leetspeak_finds_no_more_than_words(text: str) -> None:
    assert LEET.matches(text) == []


def test_leetspeak_hides_no_plain_words() -> None:
    text = "an owl, 0wls and a Wolf!"
    assert found(LEET, text) == ["owl", "0wls", "Wolf"]


PHRASES = WordFilter(["polar bear", "bob cat"], leetspeak=True)


@pytest.mark.parametrize(
    "text",
    ["po1ar bear", "polar be4r", "p0lar-b3ars", "P0LAR_BEAR", "polar be4r!", "(p0l4r b34r's)"],
)
def test_leetspeak_is_seen_in_phrases(text: str) -> None:
    assert PHRASES.words_in(f"3, {text}") == ["polar bear"]
    assert WordFilter(["polar bear"]).matches(text) == []


@pytest.mark.parametrize(
    "text", ["p0lar", "p0lar bearing", "p0lar! bear", "p0lar bear5x", "bip0lar bear", "808 cat"]
)
def test_leetspeak_finds_no_more_than_phrases(text: str) -> None:
    assert PHRASES.matches(text) == []


def test_a_phrase_without_leetspeak_is_one_match() -> None:
    assert PHRASES.matches("a polar bear") == [WordMatch("polar bear", 2, 12)]


def test_digits_alone_are_never_words() -> None:
    words = WordFilter(["bob", "a", "sos", "lol"], leetspeak=True)
    assert words.matches("808, 4, 505, 101, 707, 1, 4!") == []
    assert words.words_in("b0b") == ["bob"]


@given(st.lists(st.integers(0, 999), max_size=10))
def test_number_rows_hold_no_words(numbers: list[int]) -> None:
    words = WordFilter(["a", "i", "o", "is", "so", "lol", "owl"], leetspeak=True)
    assert words.matches(", ".join(map(str, numbers))) == []


def test_leetspeak_signs_stand_for_letters() -> None:
    for sign, letters in LEETSPEAK.items():
        for letter in letters:
            words = WordFilter([f"x{letter}x"], leetspeak=True)
            assert words.words_in(f"x{sign}x") == [f"x{letter}x"]


# Size


@pytest.mark.parametrize("leetspeak", [False, True])
@pytest.mark.parametrize(
    "piece", ["a", "owl ", "\u043e", "o\u0301", "0a", "polar ", "\u200b", "\u24a7"]
)
def test_long_texts_are_searched_in_proportion(piece: str, leetspeak: bool) -> None:
    # Quadratic time would take hours here, and the suite's time limit would end it.
    words = WordFilter(["owl", "polar bear"], leetspeak=leetspeak)
    text = piece * (400_000 // len(piece))
    expected = text.count("owl") if "owl" in piece else 0
    assert len(words.matches(text)) == expected


def peak_per_character(work: Callable[[str], object], text: str) -> float:
    work(text)
    tracemalloc.start()
    work(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / len(text)


def test_many_words_cost_no_more_memory_per_text() -> None:
    words = WordFilter(["owl"])
    assert peak_per_character(words.matches, "the bowl of a fowl " * 50_000) < 100


@pytest.mark.parametrize("piece", ["owl ", "ow1 ", "\u043ewl ", "a"])
def test_many_occurrences_cost_no_more_memory_than_the_text_s_words(piece: str) -> None:
    words = WordFilter(["owl", "polar bear"], leetspeak=True)
    assert peak_per_character(words.words_in, piece * 10_000) < 30


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["owl", "0wl", "polar", "bear", "Owls", " ", "-", "x", "!", "\ufb01"]))
)
def test_words_are_told_in_the_order_of_their_first_matches(pieces: list[str]) -> None:
    words, text = WordFilter(["owl", "bear", "polar bear"], leetspeak=True), "".join(pieces)
    told = dict.fromkeys(match.word for match in words.matches(text))
    assert words.words_in(text) == list(told)
