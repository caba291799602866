"""Classifier judges as folders: `judge.json`, `vocabulary.json`, `weights.safetensors`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json
from safetensors import SafetensorError
from safetensors.numpy import load, save

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.judges.classifier import (
    Calibrator,
    ClassifierJudge,
    Isotonic,
    Sigmoid,
    TextClassifier,
)
from subliminal.judges.verdict import End

JUDGE, VOCABULARY, WEIGHTS = "judge.json", "vocabulary.json", "weights.safetensors"
Parsed = TypeVar("Parsed")

_IDF, _WEIGHTS, _CALIBRATION = "idf", "weights", "calibration"


class _Saved(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    positive: str
    bad_scores: End
    calibration: Literal["sigmoid", "isotonic"]
    intercept: float
    about: dict[str, Any] = Field(default_factory=dict)


def save_classifier(folder: Path, judge: ClassifierJudge) -> None:
    """Write a classifier judge; its name is that of the folder.

    Raises:
        UserError: The folder cannot be written.
    """
    classifier = judge.classifier
    saved = _Saved(
        positive=classifier.positive,
        bad_scores=judge.bad_scores,
        calibration="sigmoid" if isinstance(classifier.calibrator, Sigmoid) else "isotonic",
        intercept=classifier.intercept,
        about=judge.about,
    )
    arrays = {
        _IDF: classifier.idf,
        _WEIGHTS: classifier.weights,
        _CALIBRATION: classifier.calibration,
    }
    atomic.write_bytes(folder / WEIGHTS, save(arrays))
    atomic.write_bytes(folder / VOCABULARY, to_json(classifier.vocabulary))
    atomic.write_text(folder / JUDGE, saved.model_dump_json(indent=1) + "\n")


def load_classifier(folder: Path) -> ClassifierJudge:
    """Read what :func:`save_classifier` wrote.

    Raises:
        UserError: The folder holds no classifier judge, or a damaged one.
    """
    try:
        saved = _parsed(_SAVED, folder / JUDGE)
        vocabulary = _parsed(_WORDS, folder / VOCABULARY)
        arrays = load((folder / WEIGHTS).read_bytes())
        classifier = TextClassifier(
            positive=saved.positive,
            vocabulary=vocabulary,
            idf=_array(arrays, _IDF, (len(vocabulary),)),
            weights=_array(arrays, _WEIGHTS, (len(vocabulary),)),
            intercept=saved.intercept,
            calibrator=_calibrator(saved, arrays),
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"{folder}: is no classifier judge ({reason}); name a folder with {JUDGE}, "
            f"{VOCABULARY} and {WEIGHTS}"
        ) from error
    except (ValueError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{folder}: damaged ({reason}); fit the judge again") from error
    return ClassifierJudge(folder.name, classifier, saved.bad_scores, saved.about)


def _calibrator(saved: _Saved, arrays: Mapping[str, NDArray[Any]]) -> Calibrator:
    if saved.calibration == "sigmoid":
        slope, offset = _array(arrays, _CALIBRATION, (2,)).tolist()
        return Sigmoid(slope, offset)
    points = arrays[_CALIBRATION].shape[-1:] if _CALIBRATION in arrays else ()
    margins, posteriors = _array(arrays, _CALIBRATION, (2, *points))
    return Isotonic(margins, posteriors)


def _array(
    arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    array = arrays.get(name)
    if array is None or array.shape != shape or array.dtype != np.float64:
        raise ValueError(f"{WEIGHTS}: needs the array {name} of 64-bit floats, shape {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{WEIGHTS}: the array {name} holds values that are no numbers")
    return array


def _parsed(adapter: TypeAdapter[Parsed], path: Path) -> Parsed:
    try:
        return adapter.validate_json(path.read_bytes())
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        field = "".join(f" {part}:" for part in details["loc"])
        raise ValueError(f"{path.name}:{field} {details['msg']}") from error


_SAVED = TypeAdapter(_Saved)
_WORDS = TypeAdapter(tuple[str, ...])
