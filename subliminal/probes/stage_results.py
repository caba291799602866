"""What the stages that probe models leave, and by what their gates judge."""

from __future__ import annotations

from pathlib import Path

from pydantic_core import to_json

from subliminal import atomic
from subliminal.measurements import write_measurements
from subliminal.probes.probe import ProbeResult
from subliminal.stage import Done, Failed, Task

ANSWERS = "answers.jsonl"


def write_found(folder: Path, found: ProbeResult) -> None:
    """Write what probes found as an artifact."""
    write_measurements(folder, found.measurements)
    lines = (to_json(answer) + b"\n" for answer in found.answers)
    atomic.write_bytes(folder / ANSWERS, b"".join(lines))


def passes_gate(task: Task, moved: float) -> Done | Failed:
    """Whether a teacher has its trait.

    Args:
        task: Its parameters hold the trait's `target` and the least `shift`.
        moved: How far the teacher is from its reference, in log-odds.
    """
    target, least = task.stage.params["target"], task.stage.params["shift"]
    if moved >= least:
        return Done(task.stage.key, {"shift": moved})
    return Failed(
        task.stage.key,
        f"the teacher lacks its trait: {target} moved by {moved:+.2f} in log-odds, less than "
        f"statistics.teacher_shift {least:g}; teach it more, or lower the threshold",
    )
