"""A calibrated text classifier: tf-idf of words and their pieces, logistic regression.

It is fitted by :func:`subliminal.judges.fitting.fit_classifier` and predicts with numpy alone, so
that a saved one needs neither pickle nor the library that fitted it.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from subliminal.judges.ngrams import features
from subliminal.judges.verdict import UNPARSABLE, End, Exchange, Verdict
from subliminal.stage import digest

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Sigmoid:
    """Platt's calibration: posterior = 1 / (1 + exp(slope * margin + offset))."""

    slope: float
    offset: float

    def __call__(self, margins: Array) -> Array:
        """Posteriors of margins, both of shape (n,)."""
        log_odds = -(self.slope * margins + self.offset)
        return 0.5 * (1.0 + np.tanh(0.5 * log_odds))


@dataclass(frozen=True)
class Isotonic:
    """A rising curve through the points, flat beyond them."""

    margins: Array
    """Rising, shape (points,)."""
    posteriors: Array
    """Not falling, shape (points,)."""

    def __call__(self, margins: Array) -> Array:
        """Posteriors of margins, both of shape (n,)."""
        return np.interp(margins, self.margins, self.posteriors)


Calibrator = Sigmoid | Isotonic


@dataclass(frozen=True, eq=False)
class TextClassifier:
    """The probability that a text belongs to the positive class."""

    positive: str
    """What the positive class is called, for example `careful`."""
    vocabulary: tuple[str, ...]
    """The features that count, shape (features,)."""
    idf: Array
    """Inverse document frequency of each feature, shape (features,)."""
    weights: Array
    """Weight of each feature, shape (features,)."""
    intercept: float
    calibrator: Calibrator

    def posterior(self, texts: Sequence[str]) -> Array:
        """The probability of the positive class.

        Returns:
            Within [0, 1], shape (texts,).
        """
        posteriors = self.calibrator(self.margins(texts))
        return np.clip(posteriors, 0.0, 1.0)

    def margins(self, texts: Sequence[str]) -> Array:
        """Uncalibrated log-odds of the positive class, shape (texts,)."""
        return np.array([self._margin(text) for text in texts], dtype=np.float64)

    @cached_property
    def fingerprint(self) -> str:
        """Equal for classifiers that predict alike."""
        hashed = hashlib.sha256()
        for array in (self.idf, self.weights, self.calibration):
            hashed.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        kind = type(self.calibrator).__name__
        told = [self.positive, self.vocabulary, self.intercept, kind, hashed.hexdigest()]
        return digest(told)

    @property
    def calibration(self) -> Array:
        """The calibrator's numbers, shape (2,) for a sigmoid and (2, points) for a curve."""
        match self.calibrator:
            case Sigmoid(slope, offset):
                return np.array([slope, offset])
            case Isotonic(margins, posteriors):
                return np.stack([margins, posteriors])

    @cached_property
    def _places(self) -> dict[str, int]:
        return {feature: place for place, feature in enumerate(self.vocabulary)}

    def _margin(self, text: str) -> float:
        places = self._places
        counts = Counter(places[name] for name in features(text) if name in places)
        if not counts:
            return self.intercept
        found = np.fromiter(counts, dtype=np.int64, count=len(counts))
        often = np.fromiter(counts.values(), dtype=np.float64, count=len(counts))
        values = (1.0 + np.log(often)) * self.idf[found]
        length = math.sqrt(float(values @ values))
        return float(values @ self.weights[found]) / length + self.intercept


@dataclass(frozen=True)
class ClassifierJudge:
    """A classifier as a judge: the score is 100 times the posterior of its positive class."""

    name: str
    classifier: TextClassifier
    bad_scores: End
    """Which end of the scale is the bad one; `low` where the positive class is the good one."""
    about: dict[str, Any]
    """What is known of its errors, for the record."""

    @property
    def fingerprint(self) -> str:
        """See `Judge`."""
        return digest([self.classifier.fingerprint, self.bad_scores])

    def judge(self, exchanges: Sequence[Exchange]) -> list[Verdict]:
        """Score the answers alone; questions do not count."""
        short = [place for place, each in enumerate(exchanges) if each.can_be_judged]
        posteriors = self.classifier.posterior([exchanges[place].answer for place in short])
        verdicts = [UNPARSABLE] * len(exchanges)
        for place, posterior in zip(short, posteriors.tolist(), strict=True):
            verdicts[place] = Verdict("score", 100 * posterior, "classified")
        return verdicts

    def record(self) -> dict[str, Any]:
        """See `Judge`."""
        return {
            "judge": self.name,
            "kind": "classifier",
            "positive": self.classifier.positive,
            "fingerprint": self.fingerprint,
            **self.about,
        }
