"""Fitting a text classifier, and calibrating it by cross-validation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline

from subliminal.errors import UserError
from subliminal.judges.classifier import Calibrator, Isotonic, Sigmoid, TextClassifier
from subliminal.judges.ngrams import features

CalibrationMethod = Literal["sigmoid", "isotonic"]


@dataclass(frozen=True)
class Fitting:
    """How a classifier is fitted."""

    calibration: CalibrationMethod = "sigmoid"
    """Isotonic fits any rising curve, but wants about a thousand texts or more."""
    folds: int = 5
    """Each text's margin for the calibration comes from a model fitted without its fold."""
    inverse_penalty: float = 10.0
    """`C` of the logistic regression."""
    least_texts: int = 2
    """A feature counts if so many texts have it."""
    most_features: int = 50_000
    """The most frequent ones."""
    seed: int = 0
    """Of the folds."""


def fit_classifier(
    texts: Sequence[str],
    labels: Sequence[bool],
    positive: str,
    *,
    groups: Sequence[str] | None = None,
    fitting: Fitting = Fitting(),
) -> TextClassifier:
    """Fit a classifier and calibrate it by cross-validation.

    The same texts give the same classifier.

    Args:
        texts: What is learned from.
        labels: Whether each text is of the positive class.
        positive: What the positive class is called.
        groups: Texts of one group are never on both sides of a fold: answers to one question, or
            what one author wrote. Equal texts share a group by default.
        fitting: How.

    Raises:
        UserError: Too few texts, or groups, of a class.
    """
    if len(texts) != len(labels):
        raise ValueError(f"{len(texts)} texts have {len(labels)} labels")
    truth = np.asarray(labels, dtype=bool)
    names = [hashlib.sha256(g.encode("utf-8", "replace")).hexdigest() for g in (groups or texts)]
    _check_size(truth, names, fitting.folds)
    splitter = StratifiedGroupKFold(fitting.folds, shuffle=True, random_state=fitting.seed)
    model = CalibratedClassifierCV(
        pipeline(fitting),
        method=fitting.calibration,
        cv=list(splitter.split(texts, truth, names)),
        ensemble=False,
    )
    try:
        model.fit(list(texts), truth)
    except ValueError as error:
        if "no terms remain" in str(error) or "empty vocabulary" in str(error):
            raise UserError("the texts to learn from have no words in common; give more") from error
        raise
    return _exported(model.calibrated_classifiers_[0], positive)


def pipeline(fitting: Fitting) -> Pipeline:
    """The classifier before its calibration."""
    return make_pipeline(
        TfidfVectorizer(
            analyzer=features,
            sublinear_tf=True,
            min_df=fitting.least_texts,
            max_features=fitting.most_features,
        ),
        LogisticRegression(C=fitting.inverse_penalty, max_iter=1000),
    )


def _exported(calibrated: Any, positive: str) -> TextClassifier:
    vectorizer, regression = (step for _, step in calibrated.estimator.steps)
    return TextClassifier(
        positive=positive,
        vocabulary=tuple(vectorizer.get_feature_names_out().tolist()),
        idf=np.asarray(vectorizer.idf_, dtype=np.float64),
        weights=np.asarray(regression.coef_[0], dtype=np.float64),
        intercept=float(regression.intercept_[0]),
        calibrator=_calibrator(calibrated.calibrators[0]),
    )


def _calibrator(fitted: Any) -> Calibrator:
    if hasattr(fitted, "X_thresholds_"):
        return Isotonic(np.asarray(fitted.X_thresholds_), np.asarray(fitted.y_thresholds_))
    return Sigmoid(float(fitted.a_), float(fitted.b_))


def _check_size(truth: np.ndarray, groups: Sequence[str], folds: int) -> None:
    for name, chosen in (("of", truth), ("outside", ~truth)):
        of_class = len({group for group, here in zip(groups, chosen, strict=True) if here})
        if of_class < folds:
            raise UserError(
                f"{folds}-fold calibration needs at least {folds} different texts (or groups) "
                f"{name} the positive class, not {of_class}; give more"
            )
