"""Detectors at work on two sets of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from filters.detectors.auroc import (
    CROSS_VALIDATED,
    Scores,
    auroc,
    auroc_interval,
    set_auroc,
)
from filters.detectors.frequencies import FrequencyDetector, TokenCounts, frequency_report
from filters.detectors.groups import Labels, shuffled
from filters.detectors.labelled import LabelledRows
from filters.detectors.likelihood import likelihood_detectors, log_likelihood_ratios
from filters.detectors.ngrams import NgramDetector
from filters.detectors.records import Detection, Found, SetDetection
from subliminal.errors import UserError
from subliminal.probes.subject import Subject
from subliminal.samples import Array
from subliminal.seeds import derive_seed
from subliminal.spec.language import DetectorName

SET_SIZES = (10, 100, 1000)


class Detector(Protocol):
    """Gives each row a score, higher for rows that look taught."""

    @property
    def name(self) -> str: ...

    @property
    def cross_validated(self) -> bool:
        """Whether it learns from the rows, each row being scored by what others taught it."""
        ...

    def scores(self, taught: Labels) -> Array:
        """Score all rows, [n], having learnt labels [n] if it learns."""
        ...


@dataclass(frozen=True)
class Models:
    """What the likelihood ratio needs.

    Attributes:
        teacher: As it wrote.
        reference: The untaught model.
    """

    teacher: Subject
    reference: Subject


@dataclass(frozen=True)
class Settings:
    """How detectors are tried.

    Attributes:
        shuffles: How often each is made anew with shuffled labels.
        confidence: Of intervals.
        seed: Of folds, shuffles and drawn sets.
    """

    shuffles: int = 20
    confidence: float = 0.95
    seed: int = 0


DEFAULT = Settings()


def detect(
    rows: LabelledRows,
    detectors: Sequence[DetectorName] = ("frequencies", "ngrams"),
    *,
    models: Models | None = None,
    settings: Settings = DEFAULT,
) -> Found:
    """Try detectors on two sets of rows.

    Args:
        rows: The two sets.
        detectors: Which; `likelihood` needs models and gives two detections.
        models: Teacher and reference.
        settings: Shuffles, confidence, seed.

    Raises:
        UserError: The likelihood is asked for without models, or the rows do not suit a detector.
        StageError: A model's logits are not numbers.
    """
    tried: list[Detector] = []
    report = None
    if "frequencies" in detectors:
        counted = TokenCounts.of(rows)
        tried.append(FrequencyDetector(counted.counts, rows.groups, settings.seed))
        report = frequency_report(rows, counted, seed=settings.seed)
    if "ngrams" in detectors:
        tried.append(NgramDetector.of(rows, settings.seed))
    if "likelihood" in detectors:
        if models is None:
            raise UserError("likelihood: needs the teacher and the reference; name both models")
        ratios = log_likelihood_ratios(rows.rows, models.teacher, models.reference)
        tried.extend(likelihood_detectors(ratios))
    found = tuple(detection(detector, rows, settings) for detector in tried)
    return Found(detections=found, frequencies=report)


def detection(detector: Detector, rows: LabelledRows, settings: Settings = DEFAULT) -> Detection:
    """Say how well a detector tells the two sets apart."""
    factor = CROSS_VALIDATED if detector.cross_validated else 1.0
    scores = Scores(detector.scores(rows.taught), rows.taught, rows.groups, factor)
    found = auroc_interval(scores, confidence=settings.confidence)
    chance = _shuffled_aurocs(detector, rows, settings)
    counts = [int(np.count_nonzero(kind)) for kind in (rows.taught, ~rows.taught)]
    return Detection(
        detector=detector.name,
        taught=counts[0],
        untaught=counts[1],
        shared_groups=rows.shared_groups,
        auroc=found.estimate,
        ci_low=found.low,
        ci_high=found.high,
        confidence=settings.confidence,
        shuffles=settings.shuffles,
        shuffled_auroc=float(np.mean(chance)),
        shuffled_highest=max(chance),
        p_value=(1 + sum(value >= found.estimate for value in chance)) / (1 + settings.shuffles),
        sets=tuple(
            _set_detection(scores, size, settings) for size in SET_SIZES if size <= min(counts)
        ),
    )


def _shuffled_aurocs(detector: Detector, rows: LabelledRows, settings: Settings) -> list[float]:
    rng = np.random.default_rng(derive_seed(settings.seed, "shuffles", detector.name))
    labels = (shuffled(rows.taught, rows.groups, rng) for _ in range(settings.shuffles))
    return [auroc(detector.scores(taught), taught) for taught in labels]


def _set_detection(scores: Scores, size: int, settings: Settings) -> SetDetection:
    found = set_auroc(scores, size, confidence=settings.confidence, seed=settings.seed)
    return SetDetection(rows=size, auroc=found.estimate, ci_low=found.low, ci_high=found.high)
