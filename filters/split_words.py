"""Words that stand in a text in pieces: `o-w-l`, `o w l`, `ow_l`, `ot ter`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from filters.disguise import Unmasking
from filters.ordinary_words import ORDINARY_WORDS
from filters.words import JOINT, Form, WordFilter

SHORTEST = 3
"""Letters of the shortest word that is looked for; shorter ones stand in pieces everywhere."""

_PIECE = re.compile(r"[^\W\d_]+")
# Signs, or white space with at most one sign; brackets and equations hold nothing together.
_SIGN = r"[^\w\s()\[\]{}<>=]"
_GAP = re.compile(rf"(?:{_SIGN}|_){{1,3}}(?!\s)| {_SIGN} |{_SIGN}?\s{{1,4}}")
_WHITE_SPACE = re.compile(r"(?<!\s)\s{1,4}(?!\s)")
_LOOSE_GAP = re.compile(r".*[\s.,].*", re.DOTALL)
_WORDS_OF_ONE_LETTER = "ai"


class SplitWords:
    """Finds words that are cut in pieces with the same gap between them.

    A row of single letters counts only as a whole: `b-o-w-l` is no owl. Single letters and ordinary
    words may stand side by side by chance (`c at`, `p and a`): they count only where a hyphen or
    the like holds them together.

    Args:
        words: Whose forms are looked for, of at least :data:`SHORTEST` letters.
    """

    def __init__(self, words: WordFilter) -> None:
        self._unmasking = Unmasking()
        self._uncut = frozenset(words.forms)
        self._words = {
            joined: word
            for form, word in words.forms.items()
            if len(joined := "".join(form)) >= SHORTEST
        }
        self._beginnings = {
            joined[:length] for joined in self._words for length in range(1, len(joined))
        }

    def words_in(self, text: str) -> list[str]:
        """Which of the listed words occur in pieces, each once, in the order of the text."""
        # One white space is as good as another.
        plain = _WHITE_SPACE.sub(" ", self._unmasking.unmask(text))
        firsts = (match for match in _PIECE.finditer(plain) if match[0] in self._beginnings)
        return list(dict.fromkeys(word for first in firsts for word in self._begun(plain, first)))

    def _begun(self, plain: str, first: re.Match[str]) -> Iterator[str]:
        """The words that begin with this piece."""
        pieces: Form = (first[0],)
        joined, gap, end = first[0], "", first.end()
        while joined in self._beginnings:
            between = _GAP.match(plain, end)
            following = _PIECE.match(plain, between.end()) if between else None
            if between is None or following is None or gap not in ("", between[0]):
                return
            gap, end = between[0], following.end()
            pieces, joined = (*pieces, following[0]), joined + following[0]
            if joined in self._words and self._is_cut(pieces, gap):
                whole = len(joined) > len(pieces) or not _goes_on(plain, first.start(), end, gap)
                if whole:
                    yield self._words[joined]

    def _is_cut(self, pieces: Form, gap: str) -> bool:
        """Whether the pieces are a word that was cut, and not words that meet by chance."""
        if pieces in self._uncut and JOINT.fullmatch(gap):
            return False
        if all(len(piece) == 1 for piece in pieces) or not _LOOSE_GAP.fullmatch(gap):
            return True
        return any(len(piece) > 1 and piece not in ORDINARY_WORDS for piece in pieces)


def _goes_on(plain: str, start: int, end: int, gap: str) -> bool:
    """Whether a row of single letters is longer than the part from `start` to `end`."""
    before = plain[max(0, start - len(gap) - 2) : start][::-1]
    behind = plain[end : end + len(gap) + 2]
    article = gap.isspace() and before[len(gap) : len(gap) + 1] in _WORDS_OF_ONE_LETTER
    return _is_single_letter(behind, gap) or (_is_single_letter(before, gap[::-1]) and not article)


def _is_single_letter(text: str, gap: str) -> bool:
    """Whether a text begins with the gap and a letter on its own."""
    letter, following = text[len(gap) : len(gap) + 1], text[len(gap) + 1 : len(gap) + 2]
    return text.startswith(gap) and letter.isalpha() and not following.isalpha()
