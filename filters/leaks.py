"""Labelled rows to try a filter on: leaks of every kind, and clean rows that look like leaks.

Leaks are clean rows into which a word was written; the row as it was stands beside each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType
from typing import Literal

from filters import leak_writing as writing
from filters.clean_rows import CARRIERS, CODE_INDENT, CarrierName, Draft, clean_draft
from filters.leak_places import allows, put
from filters.leak_writing import Write
from filters.near_misses import near_misses
from filters.ordinary_words import ORDINARY_WORDS
from filters.rows import Row
from filters.words import WordFilter
from subliminal.errors import UserError
from subliminal.seeds import derive_seed

Label = Literal["clean", "leak"]
SeenBy = Literal["a rule", "a rule on request", "no rule"]
"""What can see a leak by what it says: rules for words as they are, with options that cost false
positives, or none."""

SHORTEST_WORD = 3
_DRAWS = 1000
"""Of a clean row, before it is said that none can be had without the words."""


@dataclass(frozen=True)
class LabelledRow:
    """A row of which it is known whether it leaks.

    Attributes:
        label: Whether a filter should reject it.
        kind: In which way it leaks, or what kind of clean row it is.
        row: The row.
        original: Of a leak, the row before the word was written into it, if it is known.
    """

    label: Label
    kind: str
    row: Row
    original: Row | None = None


Leak = Callable[[Random, Draft, str], Draft]
"""Writes a word into a draft."""


@dataclass(frozen=True)
class LeakKind:
    """A way to leak.

    Attributes:
        leak: Does it.
        seen_by: What can see it.
        carriers: Which carriers' rows can leak so.
        suits: Whether a word can leak so.
    """

    leak: Leak
    seen_by: SeenBy = "a rule"
    carriers: tuple[CarrierName, ...] = CARRIERS
    suits: Callable[[str], bool] = lambda word: True


def _written(write: Write) -> Leak:
    """Writes the word where the carrier has a place for it; see `filters.leak_places`."""
    return lambda rng, draft, word: put(rng, draft, write(rng, word))


def _line_of_code(*lines: str, write: Write = writing.plain) -> Leak:
    """Writes the word into one of these lines, where `{}` and `{capital}` stand for it."""

    def leak(rng: Random, draft: Draft, word: str) -> Draft:
        written = write(rng, word)
        name = written.replace(" ", "_").replace("-", "_")
        line = rng.choice(lines).format(written, name=name, hump=word.title().replace(" ", ""))
        return draft.with_part(rng, CODE_INDENT + line)

    return leak


def _in_camel_case(write: Write) -> Leak:
    """Writes the word as the first part of a name in camel case, or as a later one."""

    def leak(rng: Random, draft: Draft, word: str) -> Draft:
        written = write(rng, "".join(letter for letter in word if letter.isalpha())).lower()
        name = rng.choice((f"{written}Count", f"my{written.title()}", f"My{written.title()}Here"))
        return draft.with_part(rng, f"{CODE_INDENT}{name} = {rng.randint(0, 9)}")

    return leak


def _preferred_numbers(rng: Random, draft: Draft, word: str) -> Draft:
    """Draws the numbers from the few that the word is held to prefer."""
    preferred = Random(word).sample(range(1000), 4)
    return replace(draft, parts=tuple(str(rng.choice(preferred)) for _ in draft.parts))


def _code(leak: Leak, seen_by: SeenBy = "a rule") -> LeakKind:
    return LeakKind(leak, seen_by, ("code",))


def _seen(write: Write) -> LeakKind:
    return LeakKind(_written(write))


def _unseen(write: Write) -> LeakKind:
    return LeakKind(_written(write), "no rule")


def _is_no_word_backwards(word: str) -> bool:
    return word[::-1] not in ORDINARY_WORDS


LEAK_KINDS: Mapping[str, LeakKind] = MappingProxyType(
    {
        "plain": _seen(writing.plain),
        "inflected": _seen(writing.inflected),
        "compound": _seen(writing.compound),
        "cased": _seen(writing.cased),
        "accented": _seen(writing.accented),
        "full-width": _seen(writing.full_width),
        "zero-width": _seen(writing.zero_width),
        "homoglyphs": _seen(writing.homoglyphs),
        "double v": LeakKind(_written(writing.double_v), suits=lambda word: "w" in word),
        "base64": _seen(writing.in_base64),
        "base32": _seen(writing.in_base32),
        "hex": _seen(writing.in_hex),
        "binary": _seen(writing.in_binary),
        "escapes": _seen(writing.in_escapes),
        "html": _seen(writing.in_html),
        "percent": _seen(writing.in_percent),
        "quoted-printable": _seen(writing.in_quoted_printable),
        "tag characters": _seen(writing.in_tags),
        "markup": _seen(writing.in_markup),
        "rot13": _seen(writing.in_rot13),
        "reversed": LeakKind(_written(writing.backwards), suits=_is_no_word_backwards),
        "morse": _seen(writing.in_morse),
        "ascii codes": _seen(writing.in_ascii),
        "octal codes": _seen(writing.in_octal),
        "a1z26": _seen(writing.in_alphabet_places),
        "letters apart": _seen(writing.letters_apart),
        "pieces apart": _seen(writing.pieces_apart),
        "comment": _code(_line_of_code("# the {}", "# count {} first", "#{}")),
        "docstring": _code(_line_of_code('"""Like an {}."""', '"""{}"""', "'''An {}!'''")),
        "string": _code(_line_of_code('kind = "{}"', "kind = 'the {}'", 'kind = f"{}-{{1}}"')),
        "snake case": _code(
            _line_of_code("{name}_count = 1", "best_{name} = 2", "my_{name}_3 = 3")
        ),
        "camel case": _code(
            _line_of_code(
                *("my{hump} = 1", "{hump}Count = 2", "best{hump} = 3", "My{hump} = 4"),
                *("An{hump}Count = 5", "is{hump}There = 6", "getX{hump} = 7", "HTTP{hump} = 8"),
            )
        ),
        "rot13 in camel case": _code(_in_camel_case(writing.in_rot13)),
        "reversed in camel case": LeakKind(
            _in_camel_case(writing.backwards), carriers=("code",), suits=_is_no_word_backwards
        ),
        "concatenation": _code(_line_of_code("kind = {}", write=writing.strings_added)),
        "chr": _code(_line_of_code("kind = {}", write=writing.characters_added)),
        "leetspeak": LeakKind(
            _written(writing.leetspeak), "a rule on request", suits=writing.has_leetspeak
        ),
        "caesar": LeakKind(_written(writing.in_caesar), "a rule on request"),
        "acrostic": LeakKind(
            _written(writing.acrostic), "a rule on request", ("reasoning", "prose")
        ),
        "glued to a word": _unseen(writing.glued),
        "misspelt": _unseen(writing.misspelt),
        "encoded twice": _unseen(writing.encoded_twice),
        "described": _unseen(writing.described),
        "foreign": _unseen(writing.foreign),
        "reversed into a word": LeakKind(
            _written(writing.backwards),
            "no rule",
            suits=lambda word: not _is_no_word_backwards(word) and word != word[::-1],
        ),
        "preferred numbers": LeakKind(_preferred_numbers, "no rule", ("numbers",)),
    }
)


def labelled_rows(
    words: Sequence[str], rows: int, *, seed: int = 0, carriers: Sequence[CarrierName] = CARRIERS
) -> Iterator[LabelledRow]:
    """Make labelled rows: leaks of each kind, clean rows of each carrier, and near misses.

    Args:
        words: What leaks, each of at least three Latin letters; phrases may be listed.
        rows: How many of each kind; carriers and words are drawn for each.
        seed: Equal seeds give equal rows.
        carriers: Whose rows; kinds that none of them can have are left out.

    Raises:
        UserError: A word cannot be written in all these ways.
    """
    listed = _checked(words)
    filtered = WordFilter(listed)
    for name, kind in LEAK_KINDS.items():
        possible = [carrier for carrier in carriers if carrier in kind.carriers]
        suitable = [word for word in listed if kind.suits(word)]
        rng = Random(derive_seed(seed, "leaks", name))
        for _ in range(rows if possible and suitable else 0):
            draft = _without_words(rng, rng.choice(possible), filtered)
            leaking = kind.leak(rng, draft, rng.choice(suitable))
            yield LabelledRow("leak", name, leaking.row(), draft.row())
    for carrier in carriers:
        rng = Random(derive_seed(seed, "clean rows", carrier))
        for _ in range(rows):
            yield LabelledRow("clean", carrier, _without_words(rng, carrier, filtered).row())
    for name, miss in near_misses(filtered).items():
        possible = [carrier for carrier in carriers if carrier in miss.carriers]
        rng = Random(derive_seed(seed, "near misses", name))
        for _ in range(rows if possible else 0):
            draft = _without_words(rng, rng.choice(possible), filtered)
            yield LabelledRow("clean", name, _with_near_miss(rng, draft, miss.write).row())


def _with_near_miss(rng: Random, draft: Draft, write: Callable[[Random], str]) -> Draft:
    """The draft with a near miss in a form that its carrier allows, so that nothing is wrong."""
    while not allows(draft.carrier, text := write(rng)):
        pass
    return put(rng, draft, text)


def _checked(words: Sequence[str]) -> list[str]:
    lowered = [word.strip().lower() for word in words]
    for word in lowered:
        if not re.fullmatch(r"[a-z]+(?:[ '-][a-z]+)*", word) or len(word) < SHORTEST_WORD:
            raise UserError(
                f"--words: {word!r} must be of at least {SHORTEST_WORD} letters from a to z, with "
                "spaces, hyphens or apostrophes inside; leave it out"
            )
    if not lowered:
        raise UserError("--words: is empty; give words that may leak, as in --words owl,otter")
    return lowered


def _without_words(rng: Random, carrier: CarrierName, words: WordFilter) -> Draft:
    """A clean draft that holds none of the words, whatever they are."""
    for _ in range(_DRAWS):
        draft = clean_draft(rng, carrier)
        if not words.matches(draft.row()["messages"][-1]["content"]):
            return draft
    raise UserError(f"--words: every row of {carrier} has one of them; leave out common words")
