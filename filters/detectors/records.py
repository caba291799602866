"""What detectors find: plain records that go to JSON as they are."""

from __future__ import annotations

from subliminal.results import Record


class SetDetection(Record):
    """How well sets of rows are told apart by their mean score."""

    rows: int
    """Rows of a set."""
    auroc: float
    """Chance that a set of taught rows scores higher than a set of untaught ones."""
    ci_low: float
    ci_high: float


class Detection(Record):
    """How well one detector tells the rows of a taught teacher from those of an untaught one."""

    detector: str
    taught: int
    """Rows of the taught teacher."""
    untaught: int
    """Rows of the untaught one."""
    shared_groups: int
    """Prompts that both answered; 0 where every row counts as independent."""
    auroc: float
    """Chance that a taught row scores higher than an untaught one, ties counted half."""
    ci_low: float
    ci_high: float
    confidence: float
    """Of all intervals."""
    shuffles: int
    """How often the labels were shuffled and the detector was made anew."""
    shuffled_auroc: float
    """Mean AUROC over the shuffles: near .5 if the detector is honest."""
    shuffled_highest: float
    p_value: float
    """Share of shuffles that reach the AUROC, the labels as they are counted as one of them."""
    sets: tuple[SetDetection, ...]
    """For each size of set that both have rows for."""


class TokenDifference(Record):
    """A word or number, and how often either teacher writes it."""

    token: str
    taught: int
    """Times it stands in the taught teacher's rows."""
    untaught: int
    taught_rows: int
    """Rows that have it at least once: what is tested."""
    untaught_rows: int
    log_ratio: float
    """Logarithm of its share of all tokens, taught over untaught; half a time is added to both."""
    p_value: float
    """Two-sided, of Fisher's exact test over rows with and without it."""
    adjusted_p: float
    """Corrected for the false discovery rate over all tested tokens."""


class FrequencyReport(Record):
    """Whether two sets of rows differ in how often words and numbers stand in them."""

    tokens: int
    """Different words and numbers."""
    tested: int
    """Those in enough rows to differ at all at the level."""
    different: int
    """Tested ones whose adjusted p-value is below the level."""
    level: float
    cramers_v: float
    """Effect size of set by token, from 0 to 1; above 0 by chance alone."""
    shuffled_cramers_v: float
    """Its mean where the labels of rows are shuffled: what chance alone gives."""
    p_value: float
    """Share of shuffles that reach the effect, the labels as they are counted as one of them."""
    shuffles: int
    top: tuple[TokenDifference, ...]
    """The tokens with the smallest p-values."""


class Found(Record):
    """What was found in two sets."""

    detections: tuple[Detection, ...]
    frequencies: FrequencyReport | None
    """None unless the detector of this name was asked for."""
