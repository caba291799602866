"""A run's losses and curves as event files for TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from subliminal import packages
from subliminal.errors import UserError
from subliminal.report.tensorboard import Series, series_of, write_events
from subliminal.results import CURVES, CurvePoint, write_rows
from subliminal.store import Store
from subliminal.training.log import LOSSES
from tests.synthetic_run import plain_run
from tests.tiny import subliminal
from tests.user_errors import assert_one_line

STAGE = "0123456789abcdef" * 2


@pytest.fixture
def run(tmp_path: Path) -> Path:
    made = plain_run()
    manifest = made.manifest.model_copy(update={"stages": {STAGE: "computed", "ab": "cached"}})
    made.manifest = manifest
    folder = made.write(tmp_path / "runs")
    points = [
        CurvePoint(arm="a/b", seed=3, step=step, metric="log_odds", item_group="owl", value=value)
        for step, value in ((0, -1.5), (10, None), (20, 0.25))
    ]
    write_rows(folder / CURVES, points)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    folder = found.folder(STAGE)
    folder.mkdir(parents=True)
    manifest = {
        "key": STAGE,
        "kind": "lm.distil",
        "version": 3,
        "label": "distil (seed 4)",
        "params": {},
        "seed": 4,
        "inputs": {},
        "files": {},
        "counts": {},
        "wall_seconds": 1.0,
        "finished": "",
        "versions": {},
        "machine": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / LOSSES).write_text('{"step":1,"loss":2.5}\n{"step":2,"loss":1.25}\n')
    return found


EXPECTED = [
    Series("a%2Fb seed 3", {"log_odds/owl": [(0, -1.5), (20, 0.25)]}),
    Series(f"lm.distil seed 4 {STAGE[:8]}", {"loss": [(1, 2.5), (2, 1.25)]}),
]


def test_curves_stand_by_arm_and_losses_by_stage(run: Path, store: Store) -> None:
    assert list(series_of(run, store)) == EXPECTED


def test_damaged_losses_are_a_user_error(run: Path, store: Store) -> None:
    (store.folder(STAGE) / LOSSES).write_text('{"step":1')
    with pytest.raises(UserError) as error:
        list(series_of(run, store))
    assert_one_line(error, LOSSES, "run the experiment again")


def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    read_back = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = tmp_path / "events"
    assert write_events(EXPECTED, out) == 2
    assert {path.name for path in out.iterdir()} == {one.folder for one in EXPECTED}
    for one in EXPECTED:
        read = read_back.EventAccumulator(str(out / one.folder)).Reload()
        assert {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in one.tags} == one.tags
    with pytest.raises(UserError) as error:
        write_events(EXPECTED, out)
    assert_one_line(error, str(out), "not empty", "name another")


def test_without_tensorboard_the_command_says_how_to_get_it(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(package: str) -> None:
        raise ImportError(package)

    monkeypatch.setattr(packages, "import_module", missing)
    said = subliminal("runs", "tensorboard", str(run), "--to", str(tmp_path / "to"))
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "error: runs tensorboard: needs the library tensorboard; "
        "pip install 'subliminal[tensorboard]'\n"
    )
