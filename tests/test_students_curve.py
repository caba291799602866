"""The curve of a student, and what is kept of it when its training is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from students.curve import Curve
from subliminal.measurements import CURVE, read_curve
from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.models.folder import load_decoder
from subliminal.probes.banks import QuestionBank
from subliminal.probes.forward import TorchEngine
from subliminal.probes.preference import favourite
from subliminal.probes.subject import Subject
from subliminal.probes.watch import Watcher
from tests.language_stages import models

BANK = QuestionBank(
    category="animal", targets=("owl", "otter", "wolf"), questions=("Your animal?", "Which one?")
)


@pytest.fixture
def student() -> Decoder:
    """A random model."""
    return load_decoder(models() / "a")


def curve_in(folder: Path) -> Curve:
    """A curve whose training saves its progress in the same folder."""
    watcher = Watcher(ChatFormat.read(models() / "a"), BANK)
    return Curve(watcher, folder, folder / "checkpoint")


def test_points_are_what_the_probe_favourite_measures(tmp_path: Path, student: Decoder) -> None:
    curve_in(tmp_path).observe(4, student)
    subject = Subject(TorchEngine(student), ChatFormat.read(models() / "a"))
    probed = {r.item_group: r.value for r in favourite(subject, BANK) if r.metric == "log_odds"}
    seen = {point.item_group: point.value for point in read_curve(tmp_path)}
    assert seen == pytest.approx(probed)
    assert {(point.step, point.metric) for point in read_curve(tmp_path)} == {(4, "log_odds")}


def test_points_are_written_in_the_order_of_their_steps(tmp_path: Path, student: Decoder) -> None:
    curve, made = curve_in(tmp_path), tmp_path / "made"
    for step in (0, 8, 2):
        curve.observe(step, student)
    curve.write(made)
    assert [point.step for point in read_curve(made)] == [0, 0, 0, 2, 2, 2, 8, 8, 8]


def test_a_curve_goes_on_where_it_was_killed(tmp_path: Path, student: Decoder) -> None:
    other = load_decoder(models() / "b")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    before = curve_in(killed)
    before.observe(0, student)
    before.observe(3, student)
    (killed / "checkpoint").touch()
    # What was observed behind the checkpoint is observed again, and takes the old one's place.
    for curve, steps in (curve_in(whole), (0, 3, 9)), (curve_in(killed), (3, 9)):
        for step in steps:
            curve.observe(step, other if step == 3 else student)
    assert (whole / CURVE).read_bytes() == (killed / CURVE).read_bytes()
    assert (killed / "checkpoint").exists()


@pytest.mark.parametrize("damage", ["lost", "cut"])
def test_a_lost_curve_takes_its_checkpoint_along(
    tmp_path: Path, student: Decoder, damage: str
) -> None:
    curve_in(tmp_path).observe(0, student)
    (tmp_path / "checkpoint").touch()
    if damage == "lost":
        (tmp_path / CURVE).unlink()
    else:
        (tmp_path / CURVE).write_bytes((tmp_path / CURVE).read_bytes()[:-20])
    curve = curve_in(tmp_path)
    assert not (tmp_path / "checkpoint").exists()
    curve.observe(5, student)
    assert {point.step for point in read_curve(tmp_path)} == {5}
