"""Do taught rows have other words and numbers than untaught ones, or the same more often?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import hypergeom

from filters.detectors.groups import (
    FOLDS,
    Groups,
    Labels,
    deal_folds,
    shuffled,
    standardised,
)
from filters.detectors.labelled import LabelledRows
from filters.detectors.records import FrequencyReport, TokenDifference
from filters.detectors.tokens import words_and_numbers
from subliminal.errors import UserError
from subliminal.samples import Array
from subliminal.seeds import derive_seed
from subliminal.stats import benjamini_hochberg

LEVEL = 0.05
FEWEST_ROWS = 6
"""A token in fewer rows of two sets of one size cannot differ at the level: 2 / 2**5 > .05."""
TOP = 20
SHUFFLES = 499
_SHUFFLES_AT_ONCE = 50
"""Bounds the memory of the whole-set test."""


@dataclass(frozen=True, eq=False)
class TokenCounts:
    """How often each word and number stands in each row.

    Attributes:
        counts: float64 [rows, tokens].
        tokens: Of the columns.
    """

    counts: csr_array
    tokens: list[str]

    @classmethod
    def of(cls, rows: LabelledRows) -> TokenCounts:
        """Count.

        Raises:
            UserError: There are no words and numbers.
        """
        from sklearn.feature_extraction.text import CountVectorizer

        vectorizer = CountVectorizer(analyzer=words_and_numbers, dtype=np.float64)
        try:
            counts = csr_array(vectorizer.fit_transform(rows.completions))
        except ValueError:  # an empty vocabulary
            raise UserError(
                "frequencies: no completion has a word or a number; leave this detector out"
            ) from None
        return cls(counts, vectorizer.get_feature_names_out().tolist())


@dataclass(frozen=True, eq=False)
class FrequencyDetector:
    """Naive Bayes: a row's score is the sum of its tokens' log frequency ratios.

    Ratios are learnt from the rows of other folds. On average over tokens, one occurrence is added
    in either set, in proportion to the token's frequency in both: it pulls ratios towards 1.

    Attributes:
        counts: Occurrences of tokens in rows, [n, tokens].
        groups: [n].
        seed: Of the folds.
    """

    counts: csr_array
    groups: Groups
    seed: int = 0

    name = "frequencies"
    cross_validated = True

    def scores(self, taught: Labels) -> Array:
        """Score rows, each by a detector that saw no row of its group.

        Args:
            taught: What is learnt, [n].

        Returns:
            Standardised within folds, [n].
        """
        folds = deal_folds(taught, self.groups, self.seed)
        ratios = self._log_ratios(folds, taught)
        scores = np.asarray(self.counts @ ratios.T)[np.arange(len(folds)), folds]
        return standardised(scores, folds)

    def _log_ratios(self, folds: NDArray[np.int64], taught: Labels) -> Array:
        """Of each token, learnt from all folds but one: [folds, tokens]."""
        parts = [_by_fold(self.counts, folds, kind) for kind in (taught, ~taught)]
        ours, theirs = (part.sum(axis=0) - part for part in parts)
        both = ours + theirs
        added = both * (both.shape[1] / np.maximum(both.sum(axis=1, keepdims=True), 1))
        logarithms = [
            _log_or_zero(counts + added) - _log_or_zero((counts + added).sum(axis=1, keepdims=True))
            for counts in (ours, theirs)
        ]
        # Of a token that stands in the fold left out alone, nothing is known.
        return np.where(both > 0, logarithms[0] - logarithms[1], 0.0)


def frequency_report(rows: LabelledRows, counted: TokenCounts, *, seed: int = 0) -> FrequencyReport:
    """Test each token, and all of them together.

    The test of a token is Fisher's, over rows with and without it. It takes rows for independent:
    where both teachers answer the same prompts it errs to the careful side, where each answers few
    prompts of its own many times it finds too much. The test of the whole set does not: it shuffles
    labels within prompts, or of whole prompts.

    Args:
        rows: Two sets.
        counted: Their tokens.
        seed: Of the shuffles.
    """
    differences = token_differences(rows.taught, counted)
    rng = np.random.default_rng(derive_seed(seed, "frequency shuffles"))
    labels = np.stack(
        [rows.taught, *(shuffled(rows.taught, rows.groups, rng) for _ in range(SHUFFLES))]
    )
    observed, *chance = cramers_v(counted.counts, labels)
    return FrequencyReport(
        tokens=len(counted.tokens),
        tested=len(differences),
        different=sum(d.adjusted_p < LEVEL for d in differences),
        level=LEVEL,
        cramers_v=observed,
        shuffled_cramers_v=float(np.mean(chance)),
        p_value=(1 + sum(v >= observed for v in chance)) / (1 + SHUFFLES),
        shuffles=SHUFFLES,
        top=tuple(differences[:TOP]),
    )


def token_differences(taught: Labels, counted: TokenCounts) -> list[TokenDifference]:
    """Test each token that stands in at least `FEWEST_ROWS` rows, the smallest p-value first."""
    counts, present = counted.counts, counted.counts.sign()
    rows_in = [present[kind].sum(axis=0) for kind in (taught, ~taught)]
    times = [counts[kind].sum(axis=0) for kind in (taught, ~taught)]
    tested = np.flatnonzero(rows_in[0] + rows_in[1] >= FEWEST_ROWS)
    all_rows = [int(np.count_nonzero(kind)) for kind in (taught, ~taught)]
    p_values = fisher_p(rows_in[0][tested], rows_in[1][tested], *all_rows)
    ratios = [np.log(t[tested] + 0.5) - np.log(t.sum() + 0.5) for t in times]
    adjusted = benjamini_hochberg(p_values.tolist())
    found = [
        TokenDifference(
            token=counted.tokens[column],
            taught=int(times[0][column]),
            untaught=int(times[1][column]),
            taught_rows=int(rows_in[0][column]),
            untaught_rows=int(rows_in[1][column]),
            log_ratio=float(ratios[0][place] - ratios[1][place]),
            p_value=float(p_values[place]),
            adjusted_p=adjusted[place],
        )
        for place, column in enumerate(tested.tolist())
    ]
    return sorted(found, key=lambda difference: difference.p_value)


def fisher_p(ours: Array, theirs: Array, our_rows: int, their_rows: int) -> Array:
    """Fisher's exact test of many tables at once: twice the smaller tail, at most 1.

    Args:
        ours: Rows of the one set that have what is tested, [tests].
        theirs: Of the other, [tests].
        our_rows: All rows of the one set.
        their_rows: All rows of the other.

    Returns:
        [tests].
    """
    drawn = hypergeom(our_rows + their_rows, our_rows, ours + theirs)
    return np.minimum(1.0, 2 * np.minimum(drawn.cdf(ours), drawn.sf(ours - 1)))


def cramers_v(counts: csr_array, labels: Labels) -> list[float]:
    """Cramer's V of label by token, from Pearson's chi-square.

    Args:
        counts: [n, tokens]; every token occurs.
        labels: Ways to divide the rows into two sets, [ways, n].

    Returns:
        From 0 to 1 for each way; 0 where one set has no tokens at all.
    """
    times = np.asarray(counts.sum(axis=0))
    total = times.sum()
    found: list[float] = []
    for some in np.split(labels, range(_SHUFFLES_AT_ONCE, len(labels), _SHUFFLES_AT_ONCE)):
        ours = np.asarray(counts.T @ some.T.astype(np.float64))
        share = ours.sum(axis=0) / total
        # (o - e)^2 / e of either set, whose deviations are alike but for the sign.
        deviations = ((ours - times[:, None] * share) ** 2 / times[:, None]).sum(axis=0)
        both = share * (1 - share) * total
        squares = np.divide(deviations, both, out=np.zeros_like(both), where=both > 0)
        found += np.sqrt(squares).tolist()
    return found


def _by_fold(counts: csr_array, folds: NDArray[np.int64], kind: Labels) -> Array:
    """Occurrences of each token in the rows of one kind, [folds, tokens]."""
    places = np.flatnonzero(kind)
    picked = csr_array((np.ones(len(places)), (folds[places], places)), shape=(FOLDS, len(folds)))
    return np.asarray((picked @ counts).toarray())


def _log_or_zero(values: Array) -> Array:
    """Logarithms, and 0 for 0."""
    return np.log(values, out=np.zeros_like(values), where=values > 0)
