"""A judge as a rule: a classifier, or a language model behind an OpenAI-compatible service."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from filters.batch_rule import BatchCheck, BatchRule
from filters.rows import Row, completion, prompt
from subliminal.errors import UserError
from subliminal.judges.calibration import Calibration, Wanted, calibrate
from subliminal.judges.cards import card_names, load_card
from subliminal.judges.classifier_folder import load_classifier
from subliminal.judges.llm import llm_fingerprint, open_llm_judge
from subliminal.judges.verdict import Exchange, Judge, Verdict
from subliminal.services.endpoint import Endpoint, load_endpoint
from subliminal.services.reply_cache import default_cache
from subliminal.stage import digest

_BIN = 10
"""Width of the scores that share a reason."""

Decision = Literal["reject", "keep"]


class JudgeRule(BatchRule):
    """No bad score by a judge, who sees only rows that every other rule lets pass."""

    model_config = ConfigDict(hide_input_in_errors=True)

    main_option = "judge"
    filled_in = "fingerprint"
    reads_content = True

    rule: Literal["judge"] = "judge"
    judge: str = Field(
        min_length=1, description="folder of a classifier; with a service, name or file of a card"
    )
    service: Endpoint | None = Field(
        None, description="the language model that judges: its fields, or a file of them"
    )
    word: str | None = Field(None, min_length=1, description="what the card's `{word}` stands for")
    threshold: float | None = Field(
        None, ge=0, le=100, description="the score from which, towards the bad end, rows go"
    )
    at_threshold: Decision = Field(
        "reject", description="what becomes of rows whose score is the threshold itself"
    )
    calibrate_on: str | None = Field(
        None, description="in place of `threshold`: rows with `label: leak` or `label: clean`"
    )
    recall: float | None = Field(
        None, gt=0, lt=1, description="with `calibrate_on`: share of leaking rows to reject"
    )
    false_positive_rate: float | None = Field(
        None, gt=0, lt=1, description="with `calibrate_on`: share of clean rows that may be lost"
    )
    unjudged: Decision = Field(
        "reject", description="what becomes of rows without a score, such as very long ones"
    )
    fingerprint: str = Field(
        "", validate_default=True, description="filled in: hash of judge and labelled rows"
    )

    @field_validator("service", mode="before")
    @classmethod
    def _from_a_file(cls, service: object) -> object:
        # Written out, so that what the file says is part of the filter's fingerprint.
        if not isinstance(service, str):
            return service
        try:
            return load_endpoint(service)
        except UserError as error:
            raise ValueError(_on_one_line(error)) from error

    @field_validator("fingerprint")
    @classmethod
    def _is_what_was_meant(cls, given: str, info: ValidationInfo) -> str:
        if not {"judge", "service", "word", "calibrate_on"} <= info.data.keys():
            return given
        try:
            found = _fingerprint(**{name: info.data[name] for name in _JUDGED_WITH})
        except UserError as error:
            raise ValueError(_on_one_line(error)) from error
        if given not in ("", found):
            raise ValueError(
                "the judge, its card or the labelled rows have changed since this was written; "
                "put back what was there, or drop `fingerprint`"
            )
        return found

    @model_validator(mode="after")
    def _has_one_threshold(self) -> Self:
        rates = [rate for rate in (self.recall, self.false_positive_rate) if rate is not None]
        if (self.threshold is None) == (self.calibrate_on is None):
            raise ValueError("needs either `threshold` or `calibrate_on`")
        if len(rates) != (self.calibrate_on is not None):
            raise ValueError(
                "`calibrate_on` goes with one of `recall` and `false_positive_rate`, and neither "
                "goes without it"
            )
        if self.at_threshold == "keep" and self.threshold is None:
            raise ValueError("`at_threshold: keep` goes with `threshold`; leave it out")
        return self

    def check_batch(self) -> BatchCheck:
        """See `BatchRule`.

        Raises:
            UserError: The judge cannot be opened, or, with `calibrate_on`, fails on these rows.
        """
        judge = self._open()
        if self.threshold is not None:
            return _JudgeCheck(judge, self.threshold, self.at_threshold, self.unjudged, None)
        calibration = self._calibrated(judge)
        return _JudgeCheck(judge, calibration.threshold, "reject", self.unjudged, calibration)

    def labelled_rows(self) -> int:
        """How many rows it judges to choose its threshold, beside those of a data set."""
        return sum(1 for _ in _labelled_rows(self.calibrate_on)) if self.calibrate_on else 0

    def _open(self) -> Judge:
        if self.service is None:
            return load_classifier(Path(self.judge))
        return open_llm_judge(self.judge, self.service, default_cache(), word=self.word)

    def _calibrated(self, judge: Judge) -> Calibration:
        rows = list(_labelled_rows(str(self.calibrate_on)))
        verdicts = judge.judge([_exchange(row) for row, _ in rows])
        # A row without a score is as bad, or as good, as can be.
        surely_bad = (self.unjudged == "reject") == (judge.bad_scores == "high")
        unjudged = math.inf if surely_bad else -math.inf
        scores = [unjudged if v.score is None else v.score for v in verdicts]
        try:
            return calibrate(
                scores, [leaks for _, leaks in rows], self._wanted(), bad_scores=judge.bad_scores
            )
        except UserError as error:
            raise UserError(f"{self.calibrate_on}: {error}") from error

    def _wanted(self) -> Wanted:
        if self.recall is not None:
            return Wanted(rate="recall", value=self.recall)
        assert self.false_positive_rate is not None
        return Wanted(rate="false_positive_rate", value=self.false_positive_rate)


@dataclass(frozen=True)
class _JudgeCheck:
    """Rejects rows by their scores; see `BatchCheck`."""

    judge: Judge
    threshold: float
    at_threshold: Decision
    unjudged: Decision
    calibration: Calibration | None

    def __call__(self, rows: Sequence[Row]) -> list[list[str]]:
        verdicts = self.judge.judge([_exchange(row) for row in rows])
        return [self._reasons(verdict) for verdict in verdicts]

    def record(self) -> dict[str, Any]:
        calibration = self.calibration and self.calibration.model_dump(mode="json")
        return {
            **self.judge.record(),
            "bad_scores": self.judge.bad_scores,
            "threshold": self.threshold,
            "at_threshold": self.at_threshold,
            "unjudged": self.unjudged,
            "calibration": calibration,
        }

    def _reasons(self, verdict: Verdict) -> list[str]:
        name, score = self.judge.name, verdict.score
        if score is None:
            said = "not judged" if verdict.outcome == "unparsable" else f"judged {verdict.outcome}"
            return [f"{name}: {said}"] if self.unjudged == "reject" else []
        if not self._is_bad(score):
            return []
        low = min(int(score // _BIN) * _BIN, 100 - _BIN)
        return [f"{name}: judged {low} to {low + _BIN}"]

    def _is_bad(self, score: float) -> bool:
        if score == self.threshold:
            return self.at_threshold == "reject"
        return (score > self.threshold) == (self.judge.bad_scores == "high")


def _on_one_line(error: UserError) -> str:
    """A file may have several faults, each on its line."""
    return "; ".join(str(error).splitlines())


def _exchange(row: Row) -> Exchange:
    return Exchange(prompt(row), completion(row))


_JUDGED_WITH = ("judge", "service", "word", "calibrate_on")


def _fingerprint(
    judge: str, service: Endpoint | None, word: str | None, calibrate_on: str | None
) -> str:
    """Hash of all that decides a verdict, and a calibrated threshold."""
    if service is not None:
        card = load_card(judge)
        if card.needs_word and word is None:
            raise UserError(f"judge card {judge!r}: asks about a word; name it as `word`")
        found = llm_fingerprint(card, service, word)
    elif judge in card_names() or judge.endswith((".yaml", ".yml")):
        raise UserError(f"judge card {judge!r}: is put to a service; name it as `service`")
    else:
        found = load_classifier(Path(judge)).fingerprint
    labelled = hashlib.sha256()
    for row, leaks in _labelled_rows(calibrate_on) if calibrate_on else ():
        labelled.update(repr((prompt(row), completion(row), leaks)).encode())
    return digest([found, labelled.hexdigest()])


def _labelled_rows(source: str) -> Iterator[tuple[Row, bool]]:
    """Rows and whether they leak.

    Raises:
        UserError: The source cannot be read, or holds a line that is no labelled row.
    """
    # Audits import statistics, which are slow to import and which few filters need.
    from filters.audit import read_labelled

    for labelled in read_labelled(source):
        yield labelled.row, labelled.label == "leak"
