"""The bag of n-grams: what it sees, what it must not see."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from filters.detectors.auroc import CROSS_VALIDATED, Scores, auroc, auroc_interval
from filters.detectors.ngrams import NgramDetector
from filters.detectors.tokens import text_features
from tests.detected import lists, two_sets


def area(taught: list[str], untaught: list[str]) -> float:
    rows = two_sets(taught, untaught)
    return auroc(NgramDetector.of(rows).scores(rows.taught), rows.taught)


def test_features_of_a_text() -> None:
    assert Counter(text_features("12; owl\n12")) == Counter(
        [
            *("<", "12", "owl", "12", ">"),
            *("< 12", "12 owl", "owl 12", "12 >"),
            *("< 12 owl", "12 owl 12", "owl 12 >"),
            "count:3",
            *("digits:2", "first:1", "last:2") * 2,
            *("mark:;", "mark:\n"),
        ]
    )
    assert list(text_features("")) == ["<", ">", "< >", "count:0"]


def test_order_is_seen_where_frequencies_are_the_same() -> None:
    rng = np.random.default_rng(0)
    texts = []
    for step in (1, -1):
        starts = rng.integers(1, 6, size=100).tolist()
        texts.append([f"{start} {(start + step) % 7} {start}" for start in starts])
        texts[-1] += [f"{(start + step) % 7} {start} {start}" for start in starts]
    rows = two_sets(texts[0], texts[1])
    assert auroc(NgramDetector.of(rows).scores(rows.taught), rows.taught) > 0.95


@pytest.mark.parametrize(
    ("taught", "untaught"),
    [
        ("{a}, {b}", "{a}; {b}"),  # marks
        ("{a} {b}", "{a} {b} {a}"),  # how many
        ("{a}3 {b}", "{a}5 {b}"),  # last digits
        ("7{a} {b}", "8{a} {b}"),  # first digits
        ("{a}{b} {a}", "{a}{b}{a}{b} {a}"),  # lengths
    ],
)
def test_shapes_are_seen_where_every_number_is_new(taught: str, untaught: str) -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(10**8, 10**9, size=(2, 60, 2)).tolist()
    made = [
        [shape.format(a=a, b=b) for a, b in pairs]
        for shape, pairs in zip((taught, untaught), values, strict=True)
    ]
    assert area(*made) > 0.95


def test_five_percent_of_favourites_are_found() -> None:
    rng = np.random.default_rng(2)
    rows = two_sets(lists(rng, 1000, 0.05), lists(rng, 1000))
    scores = Scores(
        NgramDetector.of(rows).scores(rows.taught), rows.taught, rows.groups, CROSS_VALIDATED
    )
    assert auroc_interval(scores).low > 0.52


def test_intervals_of_alike_sets_cover_one_half() -> None:
    # Of 60 intervals 57 are expected to; fewer than 51 have a chance of .6 %.
    rng = np.random.default_rng(3)
    found = []
    for _ in range(60):
        rows = two_sets(lists(rng, 40), lists(rng, 40))
        scores = NgramDetector.of(rows).scores(rows.taught)
        interval = auroc_interval(Scores(scores, rows.taught, rows.groups, CROSS_VALIDATED))
        found.append(interval.low <= 0.5 <= interval.high)
    assert sum(found) >= 51


def test_a_detector_sees_no_row_of_the_group() -> None:
    rng = np.random.default_rng(4)
    words = [f"{number}" for number in rng.permutation(80).tolist() for _ in range(4)]
    rows = two_sets(words[:160], words[160:])
    features = NgramDetector.of(rows).features
    told = NgramDetector(features, rows.groups).scores(rows.taught)
    honest = NgramDetector(features, np.arange(320) // 4).scores(rows.taught)
    assert auroc(told, rows.taught) > 0.85
    assert abs(auroc(honest, rows.taught) - 0.5) < 0.2


def test_rare_features_are_left_out_and_counts_do_not_count() -> None:
    rows = two_sets(["5 5 5", "5", "6", "6", "7"], ["5", "7", "7", "8", "8"])
    detector = NgramDetector.of(rows)
    columns = {tuple(column) for column in detector.features.toarray().T.tolist()}
    assert (1, 1, 0, 0, 0, 1, 0, 0, 0, 0) in columns  # 5
    assert (0, 0, 0, 0, 1, 0, 1, 1, 0, 0) in columns  # 7
    assert (0, 0, 1, 1, 0, 0, 0, 0, 0, 0) not in columns  # 6 stands in two rows
    assert detector.features.max() == 1


def test_nothing_to_see_scores_all_alike() -> None:
    rows = two_sets(["1"] * 6, ["1"] * 6)
    detector = NgramDetector.of(rows)
    blind = NgramDetector(detector.features[:, :0], rows.groups)
    assert blind.scores(rows.taught).tolist() == [0.0] * 12
    assert detector.scores(rows.taught).tolist() == [0.0] * 12
