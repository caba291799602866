"""What probes found before a kill is kept, and not asked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from subliminal.measurements import Measurement
from subliminal.probes import side_effects
from subliminal.probes.answers import Answer, Found
from subliminal.probes.probe import run_probes
from subliminal.probes.progress import PROGRESS, Progress
from subliminal.spec.probing import Probing
from subliminal.stage import Cancelled, Reporter
from tests.probed import BANK, make_subject

SMALL = BANK.model_copy(update={"targets": ("owl", "fox", "lion", "bear", "deer")})


class Counting:
    """A probe that counts how often it is asked."""

    def __init__(self, value: float) -> None:
        self.asked, self.value = 0, value

    def __call__(self) -> Found:
        self.asked += 1
        answer = Answer(probe="sampled", question="Which?\u2028", answer="An owl.\n")
        measured = {"probe": "sampled", "metric": "rate", "item_group": "owl"}
        return [Measurement(**measured, value=self.value, n=3)], [answer]


def stopping(before: int) -> Reporter:
    """Whoever waits stops the run before a probe."""

    def report(done: float, total: float) -> None:
        if done == before:
            raise Cancelled

    return report


def test_what_was_found_before_a_kill_is_not_asked_again(tmp_path: Path) -> None:
    probes = {name: Counting(1 / number) for number, name in enumerate(("a", "b", "c"), start=3)}
    with pytest.raises(Cancelled):
        Progress(tmp_path, stopping(2)).through(probes)
    assert [probe.asked for probe in probes.values()] == [1, 1, 0]
    found = Progress(tmp_path).through(probes)
    assert [probe.asked for probe in probes.values()] == [1, 1, 1]
    assert found == Progress().through(probes)


@pytest.mark.parametrize("damage", [b"", b'{"probe": "a"', b"\xff", b"[]\n"])
def test_damaged_progress_is_asked_anew(tmp_path: Path, damage: bytes) -> None:
    probes = {name: Counting(0.5) for name in ("a", "b")}
    Progress(tmp_path).through(probes)
    (tmp_path / PROGRESS).write_bytes(damage)
    assert Progress(tmp_path).through(probes) == Progress().through(probes)
    assert [probe.asked for probe in probes.values()] == [3, 3]


def test_progress_is_told_before_each_probe() -> None:
    told: list[tuple[float, float]] = []
    probes = {name: Counting(0.5) for name in ("a", "b")}
    Progress(report=lambda done, total: told.append((done, total))).through(probes)
    assert told == [(0, 2), (1, 2)]


def test_probes_of_a_model_that_were_interrupted_find_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_effects, "WORLD_ROWS", 5)
    monkeypatch.setattr(side_effects, "PROMPTS", 5)
    subject, probing = make_subject(tmp_path / "model"), Probing(samples=2)
    whole = run_probes(subject, SMALL, probing, 1)
    for stop in range(1, 6):
        progress = Progress(tmp_path, stopping(stop))
        with pytest.raises(Cancelled):
            run_probes(subject, SMALL, probing, 1, progress=progress)
        assert len((tmp_path / PROGRESS).read_text().splitlines()) == stop
    assert run_probes(subject, SMALL, probing, 1, progress=Progress(tmp_path)) == whole
