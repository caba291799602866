"""A filter for words and their inflections, whatever the disguise, and never for parts of words."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from filters.disguise import CAPITAL_I, Unmasking
from filters.inflections import plurals
from filters.look_alikes import LEETSPEAK
from subliminal.errors import UserError

_LETTERS = r"[^\W\d_]"
_SIGNS = re.escape("".join(LEETSPEAK))
_MARKS = "".join(sign for sign in LEETSPEAK if not sign.isdigit())
_WORD = re.compile(f"{_LETTERS}+")
# Runs within the run, since the group takes memory for each time that it matches.
_LEET_WORD = re.compile(f"(?:{_LETTERS}++|[{_SIGNS}]++)+")
_LEET_SIGN = re.compile(f"[{_SIGNS}]")
JOINT = re.compile(r"[\s\-_'\u2010-\u2015]+")
"""What may stand between the words of a phrase: `polar bear`, `polar-bear`, `polar_bear`."""

# Letters that one sign may stand for are looked up as one letter, then told apart.
_MERGED = {letter: may[0] for may in LEETSPEAK.values() if len(may) > 1 for letter in may}
_SIGNS_MERGED = {sign: _MERGED.get(may[0], may[0]) for sign, may in LEETSPEAK.items()}
_LOOKED_UP = str.maketrans(_MERGED | _SIGNS_MERGED)


Form = tuple[str, ...]
"""A word as texts may hold it, lower case and undisguised; of a phrase, its words in order."""


class WordMatch(NamedTuple):
    """An occurrence of a word."""

    word: str
    """The word as it was listed."""
    start: int
    end: int
    """Where the occurrence stands in the text; `text[start:end]` may be inflected or disguised."""


class WordFilter:
    """Finds listed words, their plurals and their possessives in texts.

    A word is a run of letters: `owl` is found in `Owls`, `owl's`, `night-owl` and `owl_count`, not
    in `fowl`, `growl` or `bowl`. Case, accents, full-width forms, invisible characters and
    look-alikes from other scripts hide nothing. The time taken grows with the text's length, not
    with the number of words.

    Args:
        words: Words or phrases (`polar bear`), singular; letters, spaces, hyphens, apostrophes.
        leetspeak: Also see letters in digits and signs (`0wl`, `w0|ves`) and an l in a capital I,
            but only beside a letter, so that numbers alone are never words.

    Raises:
        UserError: A word holds no letter, or something else, such as a digit.
    """

    def __init__(self, words: Iterable[str], *, leetspeak: bool = False) -> None:
        self._unmasking = Unmasking()
        self._leet_unmasking = Unmasking(CAPITAL_I) if leetspeak else None
        self._listed: dict[Form, str] = {}
        for word in words:
            for form in self._forms(word):
                self._listed.setdefault(form, word)

    @classmethod
    def of_forms(cls, forms: Mapping[Form, str], *, leetspeak: bool = False) -> WordFilter:
        """A filter for just these forms.

        Args:
            forms: What texts are searched for -> the word that it is taken for.
            leetspeak: See the class.
        """
        made = cls((), leetspeak=leetspeak)
        made._listed.update(forms)
        return made

    @property
    def forms(self) -> Mapping[Form, str]:
        """Every form that is searched for -> its word as it was listed."""
        return MappingProxyType(self._listed)

    @property
    def leetspeak(self) -> bool:
        """Whether letters are seen in digits and signs too."""
        return self._leet_unmasking is not None

    def matches(self, text: str) -> list[WordMatch]:
        """Where the words occur, in the order of the text; phrases may overlap with their words.

        Args:
            text: Any text, of any length, lone surrogates included.
        """
        found = self._in_original(text, self._unmasking, self._plain_found(text))
        if self._leet_unmasking is not None:
            found += self._in_original(text, self._leet_unmasking, self._leet_found(text))
        return sorted(set(found), key=lambda match: (match.start, match.end))

    def words_in(self, text: str) -> list[str]:
        """Which of the listed words occur, each once, in the order of their first occurrence."""
        # Without a match for each occurrence, of which long texts may hold millions.
        first: dict[str, tuple[int, int]] = {}
        for word, start, end in itertools.chain(self._plain_found(text), self._leet_found(text)):
            first[word] = min((start, end), first.get(word, (start, end)))
        return sorted(first, key=first.__getitem__)

    def _forms(self, word: str) -> Iterator[Form]:
        plain = self._unmasking.unmask(word).strip()
        parts = tuple(_WORD.findall(plain))
        if not parts or JOINT.sub("", plain) != "".join(parts):
            raise UserError(
                f"words: {word!r} must be letters, with spaces, hyphens or apostrophes between "
                "words; ban numbers with the rule numbers"
            )
        yield parts
        yield from ((*parts[:-1], form) for form in plurals(parts[-1]))

    @cached_property
    def _by_first_word(self) -> Mapping[str, list[Form]]:
        grouped = defaultdict(list)
        for form in self._listed:
            grouped[form[0]].append(form)
        return dict(grouped)

    @cached_property
    def _by_merged_letters(self) -> Mapping[str, list[str]]:
        grouped = defaultdict(list)
        for form in self._listed:
            if len(form) == 1:
                grouped[form[0].translate(_LOOKED_UP)].append(form[0])
        return dict(grouped)

    @cached_property
    def _phrases_by_merged_letters(self) -> Mapping[str, list[Form]]:
        grouped = defaultdict(list)
        for form in self._listed:
            if len(form) > 1:
                grouped[form[0].translate(_LOOKED_UP)].append(form)
        return dict(grouped)

    def _plain_found(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Words as they were listed, and where they stand in the unmasked text."""
        plain = self._unmasking.unmask(text)
        # Most texts hold none of the words; this asks for all of them at once.
        if not self._by_first_word.keys().isdisjoint(_WORD.findall(plain)):
            yield from self._plain_spans(plain)

    def _plain_spans(self, plain: str) -> Iterator[tuple[str, int, int]]:
        for match in _WORD.finditer(plain):
            for form in self._by_first_word.get(match[0], ()):
                end = _end_of_phrase(plain, match.end(), form[1:])
                if end is not None:
                    yield self._listed[form], match.start(), end

    def _leet_found(self, text: str) -> Iterator[tuple[str, int, int]]:
        """As `_plain_found`, of words with signs in them; none unless they are looked for."""
        if self._leet_unmasking is None:
            return
        plain = self._leet_unmasking.unmask(text)
        yield from self._leet_spans(plain)
        if self._phrases_by_merged_letters:
            yield from self._leet_phrase_spans(plain)

    def _leet_spans(self, plain: str) -> Iterator[tuple[str, int, int]]:
        for match in _LEET_WORD.finditer(plain):
            if not _LEET_SIGN.search(match[0]) or not _WORD.search(match[0]):
                continue
            for start, end in _cores(match[0], self._longest):
                part = match[0][start:end]
                for form in self._by_merged_letters.get(part.translate(_LOOKED_UP), ()):
                    if _may_stand_for(part, form):
                        yield self._listed[(form,)], match.start() + start, match.start() + end

    def _leet_phrase_spans(self, plain: str) -> Iterator[tuple[str, int, int]]:
        for match in _LEET_WORD.finditer(plain):
            for form in self._phrases_by_merged_letters.get(match[0].translate(_LOOKED_UP), ()):
                end = _end_of_leet_phrase(plain, match.start(), form)
                if end is not None:
                    yield self._listed[form], match.start(), end

    @cached_property
    def _longest(self) -> int:
        return max((len(form[0]) for form in self._listed if len(form) == 1), default=0)

    @staticmethod
    def _in_original(
        text: str, unmasking: Unmasking, found: Iterable[tuple[str, int, int]]
    ) -> list[WordMatch]:
        listed = list(found)
        if not listed:
            return []
        spans = unmasking.original_spans(text, ((start, end) for _, start, end in listed))
        return [WordMatch(word, *span) for (word, _, _), span in zip(listed, spans, strict=True)]


def _end_of_phrase(plain: str, end: int, rest: Iterable[str]) -> int | None:
    """Where a phrase ends whose first word ends at `end`, or None if the rest does not follow."""
    for word in rest:
        joint = JOINT.match(plain, end)
        following = _WORD.match(plain, joint.end()) if joint else None
        if following is None or following[0] != word:
            return None
        end = following.end()
    return end


def _end_of_leet_phrase(plain: str, start: int, form: Form) -> int | None:
    """Where a phrase that begins at `start` ends, or None if something else stands there."""
    end = start
    for word in form:
        run = _LEET_WORD.match(plain, start)
        if run is None or not _is_leet_word(run[0], word):
            return None
        end = start + len(word)
        joint = JOINT.match(plain, end)
        start = joint.end() if joint else len(plain)
    return end


def _is_leet_word(run: str, word: str) -> bool:
    """Whether a run of letters and signs is the word, be it with marks behind it."""
    part, behind = run[: len(word)], run[len(word) :]
    return not behind.strip(_MARKS) and bool(_WORD.search(part)) and _may_stand_for(part, word)


def _cores(text: str, longest: int) -> Iterator[tuple[int, int]]:
    """Parts of a run of letters and signs that may be a word, from its first to its last letter.

    Signs around the letters may belong to the word or not: `0wl!` is a word and a mark. Marks may
    be left out singly, digits all or none, lest the fowl in `f0wl` or `80wl` become an owl.

    Args:
        text: A run with at least one letter.
        longest: Length of the longest word, so that few parts are worth a look.
    """
    letters = [match.span() for match in _WORD.finditer(text)]
    first, last = letters[0][0], letters[-1][1]
    if last - first > longest:
        return
    before = len(text) - len(text.lstrip(_MARKS))
    behind = len(text.rstrip(_MARKS))
    starts = {first, *range(max(0, before - longest), before + 1)}
    ends = {last, *range(behind, min(len(text), behind + longest) + 1)}
    yield from itertools.product(sorted(starts), sorted(ends))


def _may_stand_for(disguised: str, form: str) -> bool:
    return len(disguised) == len(form) and all(
        seen == letter or letter in LEETSPEAK.get(seen, "")
        for seen, letter in zip(disguised, form, strict=True)
    )
