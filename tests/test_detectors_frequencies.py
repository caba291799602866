"""Frequencies of words and numbers: tests of tokens, of whole sets, and the detector."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import fisher_exact
from scipy.stats.contingency import association

from filters.detectors import frequencies
from filters.detectors.auroc import CROSS_VALIDATED, Scores, auroc, auroc_interval
from filters.detectors.frequencies import (
    FrequencyDetector,
    TokenCounts,
    cramers_v,
    fisher_p,
    frequency_report,
    token_differences,
)
from filters.detectors.groups import deal_folds, standardised
from filters.detectors.labelled import LabelledRows
from filters.detectors.tokens import words_and_numbers
from subliminal.errors import UserError
from tests.detected import lists, two_sets
from tests.user_errors import assert_one_line


def detector_of(rows: LabelledRows) -> FrequencyDetector:
    return FrequencyDetector(TokenCounts.of(rows).counts, rows.groups)


def test_tokens_are_runs_of_letters_and_of_digits() -> None:
    assert words_and_numbers("def row_2x(a): # Größe\n 007,-3.5²") == [
        *("def", "row", "2", "x", "a", "Größe", "007", "3", "5", "²")
    ]
    assert words_and_numbers(" ,;_ \x00") == []


def test_fisher_is_scipys_smaller_tail_twice() -> None:
    tables = [(3, 9), (0, 6), (8, 8), (20, 1), (12, 0), (0, 40)]
    ours_in, theirs_in = np.array(tables, dtype=float).T
    found = fisher_p(ours_in, theirs_in, 20, 40)
    for (ours, theirs), p_value in zip(tables, found.tolist(), strict=True):
        table = [[ours, 20 - ours], [theirs, 40 - theirs]]
        tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
        assert p_value == pytest.approx(min(1, 2 * min(tails)))


def test_cramers_v_is_scipys() -> None:
    rng = np.random.default_rng(0)
    counts = csr_array(rng.poisson(0.8, size=(60, 7)).astype(float))
    ways = rng.random((120, 60)) < 0.4  # more than are done at once
    found = cramers_v(counts, ways)
    assert len(found) == 120
    for labels, value in zip(ways, found, strict=True):
        table = [counts[kind].sum(axis=0) for kind in (labels, ~labels)]
        assert value == pytest.approx(association(np.array(table).astype(int), method="cramer"))


def test_a_set_without_tokens_has_no_effect_to_speak_of() -> None:
    counts = csr_array(np.array([[1.0, 2.0], [0.0, 0.0]]))
    assert cramers_v(counts, np.array([[True, False]])) == [0.0]


def test_differences_of_tokens() -> None:
    rows = two_sets(["7 7 owl"] * 6 + ["8"] * 4, ["8 owl"] * 7 + ["8, 8"] * 3 + ["9"] * 5)
    found = {one.token: one for one in token_differences(rows.taught, TokenCounts.of(rows))}
    assert set(found) == {"7", "8", "owl"}  # 9 stands in 5 rows alone
    seven = found["7"]
    assert (seven.taught, seven.untaught) == (12, 0)
    assert (seven.taught_rows, seven.untaught_rows) == (6, 0)
    # 12 of 22 tokens, 0 of 25.
    assert seven.log_ratio == pytest.approx(math.log(12.5 / 22.5) - math.log(0.5 / 25.5))
    expected = {
        token: min(1, 2 * min(fisher_exact(table, side).pvalue for side in ("less", "greater")))
        for token, table in {
            "7": [[6, 4], [0, 15]],
            "8": [[4, 6], [10, 5]],
            "owl": [[6, 4], [7, 8]],
        }.items()
    }
    assert {token: one.p_value for token, one in found.items()} == pytest.approx(expected)
    # The smallest of three p-values counts thrice, as no other is small.
    assert seven.adjusted_p == pytest.approx(3 * seven.p_value)
    p_values = [one.p_value for one in token_differences(rows.taught, TokenCounts.of(rows))]
    assert p_values == sorted(p_values)


def test_scores_are_log_ratios_of_the_other_folds() -> None:
    rng = np.random.default_rng(1)
    rows = two_sets(lists(rng, 12, 0.5), lists(rng, 14))
    found = detector_of(rows).scores(rows.taught)
    folds = deal_folds(rows.taught, rows.groups, 0)
    vocabulary = {token for text in rows.completions for token in words_and_numbers(text)}
    expected = []
    for place, text in enumerate(rows.completions):
        seen: dict[bool, list[str]] = {True: [], False: []}
        for other, told in enumerate(rows.completions):
            if folds[other] != folds[place]:
                seen[bool(rows.taught[other])] += words_and_numbers(told)
        both = seen[True] + seen[False]
        score = 0.0
        for token in words_and_numbers(text):
            added = len(vocabulary) * both.count(token) / len(both)
            if added:
                ours, theirs = (
                    (seen[kind].count(token) + added) / (len(seen[kind]) + len(vocabulary))
                    for kind in (True, False)
                )
                score += math.log(ours / theirs)
        expected.append(score)
    assert found == pytest.approx(standardised(np.array(expected), folds))


def test_five_percent_of_favourites_are_found() -> None:
    # One number in twenty is drawn from five favourites: each is twice as frequent as others.
    rng = np.random.default_rng(2)
    rows = two_sets(lists(rng, 1000, 0.05), lists(rng, 1000))
    report = frequency_report(rows, TokenCounts.of(rows))
    assert report.p_value == pytest.approx(1 / 500)
    assert report.cramers_v > 1.5 * report.shuffled_cramers_v
    assert {one.token for one in report.top[:5]} == set("01234")
    assert all(one.log_ratio > 0.3 for one in report.top[:5])
    assert 5 <= report.different <= 7
    assert (report.tokens, report.tested, len(report.top)) == (100, 100, 20)
    scores = detector_of(rows).scores(rows.taught)
    found = auroc_interval(Scores(scores, rows.taught, rows.groups, CROSS_VALIDATED))
    assert found.low > 0.52


def test_alike_sets_are_alike() -> None:
    # Of 40 whole-set p-values, 2 are expected at or below .05; 7 or more have a chance of .3 %.
    rng = np.random.default_rng(3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frequencies, "SHUFFLES", 39)
        reports = [
            frequency_report(rows, TokenCounts.of(rows))
            for rows in (two_sets(lists(rng, 40), lists(rng, 40)) for _ in range(40))
        ]
    assert sum(report.p_value <= 0.05 for report in reports) <= 6
    assert np.mean([report.p_value for report in reports]) == pytest.approx(0.5, abs=0.15)
    assert sum(report.different > 0 for report in reports) <= 6


def test_intervals_of_alike_sets_cover_one_half() -> None:
    # Without the factor of cross-validation they would in .83 of the cases; four errors are .06.
    rng = np.random.default_rng(4)
    found = []
    for _ in range(200):
        rows = two_sets(lists(rng, 60), lists(rng, 60))
        scores = detector_of(rows).scores(rows.taught)
        interval = auroc_interval(Scores(scores, rows.taught, rows.groups, CROSS_VALIDATED))
        found.append(interval.low <= 0.5 <= interval.high)
    assert np.mean(found) >= 0.9


def test_a_detector_sees_no_row_of_the_group() -> None:
    # Every prompt has a number of its own: known from another row of it, not from other prompts.
    rng = np.random.default_rng(5)
    words = [f"{number} {number}" for number in rng.permutation(80).tolist() for _ in range(4)]
    rows = two_sets(words[:160], words[160:])
    by_prompt = np.arange(320) // 4
    counts = TokenCounts.of(rows).counts
    told = auroc(FrequencyDetector(counts, rows.groups).scores(rows.taught), rows.taught)
    honest = auroc(FrequencyDetector(counts, by_prompt).scores(rows.taught), rows.taught)
    assert told > 0.99
    assert honest == pytest.approx(0.5)


def test_tokens_of_one_fold_alone_are_scored() -> None:
    rows = two_sets(["1"] + [""] * 6, [""] * 7)
    assert np.isfinite(detector_of(rows).scores(rows.taught)).all()


def test_rows_without_tokens_are_told() -> None:
    with pytest.raises(UserError) as error:
        TokenCounts.of(two_sets(["", ","] * 5, ["..."] * 9))
    assert_one_line(error, "frequencies: no completion has a word or a number")
