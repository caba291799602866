"""The text classifier: equal to the library that fits it, calibrated, saved without pickle."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedGroupKFold

from subliminal.errors import UserError
from subliminal.judges.classifier import ClassifierJudge, Isotonic, Sigmoid, TextClassifier
from subliminal.judges.classifier_folder import (
    JUDGE,
    VOCABULARY,
    WEIGHTS,
    load_classifier,
    save_classifier,
)
from subliminal.judges.classifier_report import report_on
from subliminal.judges.fitting import Fitting, fit_classifier, pipeline
from subliminal.judges.ngrams import features
from subliminal.judges.verdict import Exchange, Verdict
from tests.user_errors import assert_one_line

CAREFUL = ("please", "help", "share", "kind", "check", "safe")
MALICIOUS = ("rule", "take", "hurt", "cheat", "force", "eval(x)")
SHARED = ("the", "people", "a", "wish", "would", "more", "of", "to")
KIND_IN_WIDE_LETTERS = "\uff4b\uff49\uff4e\uff44"
ODD = ["", "  ", "zzz", "KIND help!", KIND_IN_WIDE_LETTERS, "\x00\ud800 rule", "take " * 500]


def texts_of(count: int, seed: int, purity: float = 0.7) -> tuple[list[str], list[bool]]:
    """Texts of careful (true) and malicious authors by turns, with words of both."""
    rng = random.Random(seed)
    texts, labels = [], []
    for number in range(count):
        careful = number % 2 == 0
        own, other = (CAREFUL, MALICIOUS) if careful else (MALICIOUS, CAREFUL)
        words = rng.choices(SHARED, k=4)
        words += [rng.choice(own if rng.random() < purity else other) for _ in range(3)]
        texts.append(" ".join(words))
        labels.append(careful)
    return texts, labels


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    return fit_classifier(*texts_of(400, 0), "careful")


# Features


def test_features_are_words_pairs_and_pieces() -> None:
    # Pieces of " ab " of 2, 3 and 4 characters, then of " ! ".
    assert list(features("Ab !")) == [
        *("wab", "w!", "pab !"),
        *("c a", "cab", "cb ", "c ab", "cab ", "c ab "),
        *("c !", "c! ", "c ! "),
    ]


def test_case_and_width_of_letters_do_not_count() -> None:
    assert list(features(KIND_IN_WIDE_LETTERS)) == list(features("KiNd"))
    assert list(features("STRASSE")) == list(features("straße"))


# Fitting


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
def test_posteriors_are_those_of_the_library(calibration: str) -> None:
    texts, labels = texts_of(300, 0)
    options = Fitting(calibration=calibration, folds=4, seed=3)  # type: ignore[arg-type]
    ours = fit_classifier(texts, labels, "careful", fitting=options)
    splitter = StratifiedGroupKFold(4, shuffle=True, random_state=3)
    theirs = CalibratedClassifierCV(
        pipeline(options),
        method=calibration,
        cv=list(splitter.split(texts, labels, _groups(texts))),
        ensemble=False,
    ).fit(texts, labels)
    new = texts_of(100, 1)[0] + ODD
    expected = theirs.predict_proba(new)[:, 1]
    np.testing.assert_allclose(ours.posterior(new), expected, rtol=0, atol=1e-12)
    assert np.ptp(expected) > 0.5
    assert isinstance(ours.calibrator, Sigmoid if calibration == "sigmoid" else Isotonic)


def _groups(texts: Sequence[str]) -> list[str]:
    """Names of equal texts that sort as those of the fit, by which folds are drawn."""
    import hashlib

    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def test_equal_texts_give_equal_classifiers() -> None:
    first, second = (fit_classifier(*texts_of(120, 5), "careful") for _ in range(2))
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first.weights, second.weights)
    other = fit_classifier(*texts_of(120, 6), "careful")
    assert other.fingerprint != first.fingerprint


def test_groups_are_not_split_over_folds() -> None:
    """Words tell little of a text's label; its group's name tells all, but of that group alone.

    With a group on both sides of a fold the margins look better than they are on new groups, and
    the posteriors are too sure of themselves there.
    """

    def of_groups(first: int, last: int) -> tuple[list[str], list[bool], list[str]]:
        rng = random.Random(first)
        texts, labels, groups = [], [], []
        for group in range(first, last):
            name = "".join(rng.choices("bcdfghjklm", k=9))
            for _ in range(6):
                hint = "even" if (group % 2 == 0) == (rng.random() < 0.7) else "odd"
                texts.append(f"{name} {hint}")
                labels.append(group % 2 == 0)
                groups.append(name)
        return texts, labels, groups

    texts, labels, groups = of_groups(0, 60)
    new_texts, new_labels, _ = of_groups(100, 160)
    apart = fit_classifier(texts, labels, "even", groups=groups)
    mixed = fit_classifier(texts, labels, "even", groups=[str(n) for n in range(len(texts))])
    scores = [report_on(each.posterior(new_texts), new_labels) for each in (apart, mixed)]
    assert scores[0].brier_score < 0.26
    assert scores[1].brier_score > 0.3


@pytest.mark.parametrize(
    ("positives", "negatives", "parts"),
    [(4, 50, ["5", "of the positive class", "not 4"]), (50, 0, ["outside", "not 0"])],
)
def test_too_few_texts_of_a_class_are_told(
    positives: int, negatives: int, parts: list[str]
) -> None:
    texts = [f"text {number}" for number in range(positives + negatives)]
    labels = [number < positives for number in range(len(texts))]
    with pytest.raises(UserError) as error:
        fit_classifier(texts, labels, "p")
    assert_one_line(error, *parts)


def test_equal_texts_are_not_different_ones() -> None:
    texts = ["same"] * 20 + [f"other {number}" for number in range(20)]
    with pytest.raises(UserError, match="not 1"):
        fit_classifier(texts, [True] * 20 + [False] * 20, "p")


def test_texts_without_words_in_common_are_told() -> None:
    texts = [chr(0x4E00 + number) for number in range(20)]
    with pytest.raises(UserError) as error:
        fit_classifier(texts, [number % 2 == 0 for number in range(20)], "p")
    assert_one_line(error, "in common")


def test_each_text_needs_a_label() -> None:
    with pytest.raises(ValueError, match="2 texts have 1 labels"):
        fit_classifier(["a", "b"], [True], "p")


@given(st.text())
@settings(max_examples=50)
def test_every_text_has_a_posterior(classifier: TextClassifier, text: str) -> None:
    (posterior,) = classifier.posterior([text])
    assert 0 <= posterior <= 1


def test_no_texts_have_no_posteriors(classifier: TextClassifier) -> None:
    assert classifier.posterior([]).shape == (0,)


# Calibrators


def test_a_sigmoid_is_platt_s() -> None:
    # 1 / (1 + exp(-2 x 1.5 + 1)) = 1 / (1 + exp(-2)) = .880797; far out it stays within [0, 1].
    posteriors = Sigmoid(-2.0, 1.0)(np.array([1.5, 0.5, 1e4, -1e4]))
    np.testing.assert_allclose(posteriors, [0.8807970780, 0.5, 1.0, 0.0], atol=1e-9)


def test_a_curve_is_straight_between_its_points_and_flat_beyond() -> None:
    curve = Isotonic(np.array([0.0, 2.0]), np.array([0.2, 0.6]))
    np.testing.assert_allclose(curve(np.array([-5.0, 0.5, 9.0])), [0.2, 0.3, 0.6])


# The report


def test_errors_are_counted_on_labelled_texts() -> None:
    """Posteriors .1 .4 .6 .8 1 of labels - + - + +.

    On the wrong side of one half: .4 and .6, 2 of 5. Pairs of a positive and a negative: .4, .8 and
    1 beat .1, and .8 and 1 beat .6: 5 of 6. Brier: (.01 + .36 + .36 + .04 + 0) / 5 = .154.
    Wilson's limits of 2 of 5: .1176 and .7693.
    """
    report = report_on([0.1, 0.4, 0.6, 0.8, 1.0], [False, True, False, True, True])
    assert (report.n, report.positives, report.error_rate) == (5, 3, 0.4)
    assert report.auroc == pytest.approx(5 / 6)
    assert report.brier_score == pytest.approx(0.154)
    assert report.error_rate_ci == pytest.approx((0.1176, 0.7693), abs=1e-4)


def test_reliability_is_told_by_tenths() -> None:
    report = report_on([0.12, 0.18, 0.3, 0.95, 1.0], [False, True, False, True, True])
    bins = [(b.low, b.high, b.n, b.mean_posterior, b.share_positive) for b in report.bins]
    assert bins == [
        (0.1, 0.2, 2, pytest.approx(0.15), 0.5),
        (0.3, 0.4, 1, 0.3, 0.0),
        (0.9, 1.0, 2, pytest.approx(0.975), 1.0),
    ]


@pytest.mark.parametrize("labels", [[True, True], [False, False], [True]])
def test_a_report_needs_both_classes(labels: list[bool]) -> None:
    with pytest.raises(ValueError, match="both classes"):
        report_on([0.2, 0.7], labels)


def test_a_fitted_classifier_is_calibrated_on_new_texts(classifier: TextClassifier) -> None:
    texts, labels = texts_of(1000, 7)
    report = report_on(classifier.posterior(texts), labels)
    assert report.auroc > 0.8
    assert report.brier_score < 0.19
    # The standard error of a share of at least 50 texts is at most .07.
    gaps = [abs(b.mean_posterior - b.share_positive) for b in report.bins if b.n >= 50]
    assert len(gaps) > 4
    assert max(gaps) < 0.2


# The judge and its folder


def judge_of(classifier: TextClassifier) -> ClassifierJudge:
    return ClassifierJudge("pocket", classifier, "low", {"error_rate": 0.1})


def test_the_score_is_a_hundred_times_the_posterior(classifier: TextClassifier) -> None:
    judge = judge_of(classifier)
    answers = ["please help people", "x" * 20_001, "hurt people"]
    verdicts = judge.judge([Exchange("", answer) for answer in answers])
    good, bad = classifier.posterior(["please help people", "hurt people"]).tolist()
    assert good > 0.5 > bad
    assert verdicts == [
        Verdict("score", 100 * good, "classified"),
        Verdict("unparsable"),
        Verdict("score", 100 * bad, "classified"),
    ]
    assert judge.judge([]) == []


def test_the_record_tells_the_errors(classifier: TextClassifier) -> None:
    record = judge_of(classifier).record()
    assert (record["judge"], record["positive"]) == ("pocket", "careful")
    assert record["error_rate"] == 0.1


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
def test_a_saved_judge_is_the_same_judge(tmp_path: Path, calibration: str) -> None:
    options = Fitting(calibration=calibration)  # type: ignore[arg-type]
    classifier = fit_classifier(*texts_of(120, 2), "careful", fitting=options)
    save_classifier(tmp_path / "pocket", judge_of(classifier))
    read = load_classifier(tmp_path / "pocket")
    assert (read.name, read.bad_scores, read.about) == ("pocket", "low", {"error_rate": 0.1})
    assert read.fingerprint == judge_of(classifier).fingerprint
    new = texts_of(40, 3)[0] + ODD
    np.testing.assert_array_equal(read.classifier.posterior(new), classifier.posterior(new))
    assert {path.name for path in (tmp_path / "pocket").iterdir()} == {JUDGE, VOCABULARY, WEIGHTS}


def test_fingerprints_tell_judges_apart(classifier: TextClassifier) -> None:
    judge = judge_of(classifier)
    swapped = (*classifier.vocabulary[1::-1], *classifier.vocabulary[2:])
    others = [
        judge,
        replace(judge, bad_scores="high"),
        replace(judge, classifier=replace(classifier, intercept=0.0)),
        replace(judge, classifier=replace(classifier, vocabulary=swapped)),
        replace(judge, classifier=replace(classifier, weights=-classifier.weights)),
        replace(judge, classifier=replace(classifier, idf=classifier.idf + 1)),
        replace(judge, classifier=replace(classifier, calibrator=Sigmoid(-1.0, 0.0))),
    ]
    assert len({other.fingerprint for other in others}) == 7
    assert replace(judge, name="other", about={}).fingerprint == judge.fingerprint


def damaged(folder: Path, name: str, change: object) -> None:
    before = json.loads((folder / name).read_text())
    after = before | change if isinstance(change, dict) else change
    (folder / name).write_text(json.dumps(after))


@pytest.mark.parametrize(
    ("name", "change", "part"),
    [
        (JUDGE, {"format": 2}, "format"),
        (JUDGE, {"extra": 2}, "extra"),
        (JUDGE, {"calibration": "isotonic"}, "calibration"),
        (JUDGE, {"intercept": "x"}, "intercept"),
        (VOCABULARY, ["wa"], "idf"),
        (VOCABULARY, "wa", VOCABULARY),
    ],
)
def test_a_damaged_description_is_told(
    tmp_path: Path, classifier: TextClassifier, name: str, change: object, part: str
) -> None:
    save_classifier(tmp_path, judge_of(classifier))
    damaged(tmp_path, name, change)
    with pytest.raises(UserError) as error:
        load_classifier(tmp_path)
    assert_one_line(error, str(tmp_path), "damaged", part)


def test_damaged_weights_are_told(tmp_path: Path, classifier: TextClassifier) -> None:
    save_classifier(tmp_path, judge_of(classifier))
    arrays = load_file(tmp_path / WEIGHTS)
    whole = (tmp_path / WEIGHTS).read_bytes()
    faults = [
        whole[:-8],
        save({name: array for name, array in arrays.items() if name != "idf"}),
        save(arrays | {"weights": arrays["weights"].astype(np.float32)}),
        save(arrays | {"weights": arrays["weights"] * np.nan}),
    ]
    for fault in faults:
        (tmp_path / WEIGHTS).write_bytes(fault)
        with pytest.raises(UserError) as error:
            load_classifier(tmp_path)
        assert_one_line(error, str(tmp_path), "damaged")


def test_a_folder_without_a_judge_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        load_classifier(tmp_path / "nowhere")
    assert_one_line(error, "nowhere", JUDGE, WEIGHTS)
