"""Students that share a base take turns with it, and come out as if each had been alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from students import stages
from subliminal.executors.worker import FileReporter, LotCall, run_lot
from subliminal.models import stage_models
from subliminal.plan import Plan, make_plan, stage_kinds
from subliminal.spec_file import load_experiment
from subliminal.stage import Stage
from subliminal.store import Store
from subliminal.training import loop
from tests.hub_models import hub_model
from tests.language_stages import Killed, Workshop, die_after

EXPERIMENT = """\
kind: language
name: tiny
model: {folder}/a
relatives: {{different: {folder}/b}}
precision: float32
seeds: 2
filter: []
statistics: {{teacher_shift: null}}
probing: {{probes: [favourite], side_effects: false}}
observation: {{points: 2}}
defaults:
  trait: otter
  teacher: {{by: system-prompt}}
  data: {{prompts: 24, max_tokens: 6}}
  distillation: {{recipe: {{batch_size: 8, learning_rate: 1e-2, adapter: {{rank: 2}}}}}}
  control: none
arms:
  untaught: {{teacher: {{by: nothing}}}}
  same: {{}}
  whole: {{distillation: {{recipe: {{adapter: null}}}}}}
  larger: {{trait: owl, distillation: {{recipe: {{adapter: {{rank: 3}}}}}}}}
  different: {{initialisation: {{relation: different}}}}
  matched: {{initialisation: {{relation: matched, matching: {{rows: 8}}}}}}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("lots")
    hub_model(folder / "a", "qwen2", 1)
    hub_model(folder / "b", "qwen2", 2)
    (folder / "experiment.yaml").write_text(EXPERIMENT.format(folder=folder))
    return make_plan(load_experiment(folder / "experiment.yaml"))


def students(plan: Plan, *arms: str) -> tuple[Stage, ...]:
    rows = (row for arm in arms for row in plan.rows[arm].values())
    return tuple(plan.stages[row.curve] for row in rows if row.curve is not None)


def prepare(plan: Plan, folder: Path, made: tuple[Stage, ...]) -> None:
    """Do what the stages need."""
    shop = Workshop(plan, folder)
    shop.store.prepare()
    for key in {key for stage in made for key in stage.inputs.values()}:
        shop.folder(plan.stages[key])


def run_together(plan: Plan, folder: Path, made: tuple[Stage, ...]) -> dict[str, str]:
    """Do the stages as one lot, after what they need.

    Returns:
        Key -> state, or the reason why it failed.
    """
    prepare(plan, folder, made)
    report = FileReporter(folder / "progress", folder / "stop")
    call = LotCall(Store(folder), stage_kinds()["lm.distil"], made, 1, (), report)
    return {found.key: found.reason or found.state for found in run_lot(call)}


def files(store: Store, stage: Stage) -> dict[str, str]:
    """File -> checksum of an artifact."""
    manifest = store.manifest(stage.key)
    assert manifest is not None
    return {name: entry.sha256 for name, entry in manifest.files.items()}


def loads(patch: pytest.MonkeyPatch) -> list[Path]:
    """A list that gets the folder of each model that a stage loads."""
    found: list[Path] = []
    load = stage_models.load_model

    def load_and_tell(folder: Path, **options: object) -> object:
        found.append(folder)
        return load(folder, **options)  # type: ignore[arg-type]

    patch.setattr(stage_models, "load_model", load_and_tell)
    return found


def test_what_shares_a_base_may_run_together(plan: Plan) -> None:
    kind = stage_kinds()["lm.distil"]
    together = students(plan, "untaught", "same")
    assert len({stage.lot for stage in together}) == 1
    assert {kind.most(stage) for stage in together} == {stages.STUDENTS_IN_TURN}
    assert {kind.most(stage) for stage in students(plan, "whole", "matched")} == {1}
    # Other recipes, and other traits, are no hindrance.
    other, apart = students(plan, "larger")[0], students(plan, "different")[0]
    assert other.lot == together[0].lot != apart.lot


def test_a_lot_makes_what_its_students_make_alone_and_loads_their_base_once(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = students(plan, "untaught", "same", "larger")[:5]
    prepare(plan, tmp_path / "lot", made)
    with monkeypatch.context() as patch:
        loaded = loads(patch)
        assert set(run_together(plan, tmp_path / "lot", made).values()) == {"computed"}
        assert len(loaded) == 1
    alone = Workshop(plan, tmp_path / "alone")
    for stage in made:
        alone.folder(stage)
        assert files(Store(tmp_path / "lot"), stage) == files(alone.store, stage)
    assert len({tuple(files(alone.store, stage).items()) for stage in made}) == len(made)


def test_a_kill_in_a_lot_costs_none_of_its_students(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = students(plan, "untaught", "same")[1:]
    first, second, third = made
    with monkeypatch.context() as patch:
        saved = die_after(5, patch, stages)
        with pytest.raises(Killed):
            run_together(plan, tmp_path / "killed", made)
        assert saved == [0, 1, 2, 0, 1]
    store = Store(tmp_path / "killed")
    assert store.verify(first.key)
    assert [store.state(stage.key) for stage in (second, third)] == ["begun", "missing"]
    with monkeypatch.context() as patch:
        saved = die_after(99, patch, stages)
        states = run_together(plan, tmp_path / "killed", made)
        assert saved == [1, 2, 0, 1, 2]
    assert states == {first.key: "cached", second.key: "computed", third.key: "computed"}
    alone = Workshop(plan, tmp_path / "alone")
    for stage in made:
        alone.folder(stage)
        assert files(store, stage) == files(alone.store, stage)


def test_a_student_that_cannot_be_made_leaves_the_others_to_be_made(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = students(plan, "untaught", "same")
    trained: list[int] = []

    def fail_once(*arguments: object, **options: object) -> object:
        trained.append(1)
        if len(trained) == 2:
            raise ValueError("a bug")
        return loop.train(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "train", fail_once)
    states = run_together(plan, tmp_path / "store", made)
    assert [states[stage.key][:8] for stage in made] == ["computed", "ValueErr", *["computed"] * 2]
    assert run_together(plan, tmp_path / "store", made)[made[1].key] == "computed"
