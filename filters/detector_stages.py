"""The detectors' stage.

lm.detect  detectors are tried on the kept rows of an arm and of its control
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic_core import to_json

from filters.rows import Row
from subliminal import atomic
from subliminal.chat_rows import ROWS, read_chat_rows
from subliminal.measurements import Measurement, write_measurements
from subliminal.probes.stage_subjects import reference_of, teacher_of
from subliminal.results import WHOLE
from subliminal.stage import Done, Reporter, StageKind, Task

if TYPE_CHECKING:
    from filters.detectors import Detection

PROBE = "detector"
DETECTIONS, FREQUENCIES = "detections.jsonl", "frequencies.json"


def detect(tasks: Sequence[Task], report: Reporter) -> Iterator[Done]:
    """Try to tell the rows of an arm from those of its control."""
    # Not at the top: every command reads this module, and detectors take a second to import.
    from filters.detectors import Models, Settings, label_rows
    from filters.detectors import detect as detect_in

    for done, task in enumerate(tasks):
        report(done, len(tasks))
        params = task.stage.params
        rows = label_rows(
            _rows(task.inputs["rows"]),
            _rows(task.inputs["against"]),
            most=params["rows"],
            seed=task.stage.seed,
        )
        models = None
        if "likelihood" in params["detectors"]:
            models = Models(teacher_of(task), reference_of(task))
        settings = Settings(shuffles=params["shuffles"], seed=task.stage.seed)
        found = detect_in(rows, params["detectors"], models=models, settings=settings)
        lines = (to_json(detection) + b"\n" for detection in found.detections)
        atomic.write_bytes(task.folder / DETECTIONS, b"".join(lines))
        if found.frequencies is not None:
            atomic.write_bytes(task.folder / FREQUENCIES, to_json(found.frequencies, indent=1))
        write_measurements(task.folder, [_measured(one) for one in found.detections])
        yield Done(task.stage.key)
    report(1, 1)


KINDS = (StageKind("lm.detect", 1, detect),)


def _measured(found: Detection) -> Measurement:
    """For the run's tables: over seeds, the AUROC of a seed is a value like any other."""
    probe = f"{PROBE}: {found.detector}"
    return Measurement(probe=probe, metric="auroc", item_group=WHOLE, value=found.auroc)


def _rows(artifact: Path) -> list[Row]:
    return cast(list[Row], read_chat_rows(artifact / ROWS))
