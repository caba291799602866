"""Every condition of the MNIST toy, selected in YAML, does what its name says."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mnist_toy.architecture import Architecture, initial, with_weight_noise
from mnist_toy.models import load_model
from mnist_toy.network import forward
from mnist_toy.stages import DISTIL, MATCH, Model
from students import other_model
from subliminal.errors import UserError
from subliminal.executors import Outcome
from subliminal.measurements import read_curve, read_measurements
from subliminal.plan import Plan, make_plan
from subliminal.results import RESULTS, Result, read_rows
from subliminal.run import run_plan
from subliminal.seeds import derive_seed
from subliminal.spec.mnist import MnistArm
from subliminal.spec_file import load_experiment
from subliminal.stage import Stage
from subliminal.store import Store, store_at
from tests.idx_files import small_set, write_set
from tests.tiny import TINY, Said, run_folder, subliminal, work_here

HEAD = """\
name: conditions
data: digits-8x8
precision: float32
seeds: [1, 4]
defaults:
  control: none
  network: {hidden: [16, 16], auxiliary: 4}
  teaching: {epochs: 1, samples_per_epoch: 512, batch_size: 128, learning_rate: 3e-3}
  distillation: {epochs: 1, samples_per_epoch: 512, batch_size: 128, learning_rate: 3e-3}
  initialisation:
    matching: {epochs: 1, samples_per_epoch: 512, batch_size: 128, learning_rate: 3e-3}
observation: {points: 2, test_images: 50}
arms:
"""

ARMS = """\
  reference: {role: reference, control: null}
  teacher: {role: teacher, control: null}
  teacher-frozen-head: {role: teacher, control: null, teaching: {freeze_head: true}}
  teacher-sgd: {role: teacher, control: null, teaching: {optimiser: sgd, momentum: 0.9}}

  same: {}
  same-start: {distillation: {epochs: 0}}
  different: {initialisation: {relation: different}}
  different-start: {initialisation: {relation: different}, distillation: {epochs: 0}}
  matched-noise: {initialisation: {relation: matched}}
  matched-noise-start: {initialisation: {relation: matched}, distillation: {epochs: 0}}
  matched-images: {initialisation: {relation: matched, inputs: images}}
  matched-never: {initialisation: {relation: matched, matching: {epochs: 0}}}
  shared-head: {initialisation: {relation: shared-head}}
  shared-head-start: {initialisation: {relation: shared-head}, distillation: {epochs: 0}}
  noisy-start: {initialisation: {weight_noise: 0.5}, distillation: {epochs: 0}}
  noise-of-zero: {initialisation: {weight_noise: 0}}

  tanh: {initialisation: {relation: matched}, student_network: {activation: tanh}}
  wide: {initialisation: {relation: matched}, student_network: {hidden: [32, 32]}}
  deep: {initialisation: {relation: matched}, student_network: {hidden: [16, 16, 16]}}
  cnn: {initialisation: {relation: matched}, student_network: {kind: cnn, hidden: [2, 4, 16]}}
  cnn-shared-head:
    initialisation: {relation: shared-head}
    student_network: {kind: cnn, hidden: [2, 4, 16]}
  cnn-shared-head-start:
    initialisation: {relation: shared-head}
    student_network: {kind: cnn, hidden: [2, 4, 16]}
    distillation: {epochs: 0}
  cnn-teacher: {role: teacher, control: null, network: {kind: cnn, hidden: [2, 16]}}

  logits-all: {distillation: {logits: all}}
  logits-classes: {distillation: {logits: classes}}
  logits-chosen: {distillation: {logits: [0, 3, 13]}}
  logits-listed: {distillation: {logits: [10, 11, 12, 13]}}

  gaussian: {distillation: {inputs: gaussian}}
  structured: {distillation: {inputs: structured}}
  images: {distillation: {inputs: images}}

  sgd: {distillation: {optimiser: sgd, learning_rate: 1.0}}
  m-1: {network: {auxiliary: 1}}
  m-200: {network: {auxiliary: 200}}
  longer: {distillation: {epochs: 2}}
  chain: {distillation: {generations: 3}}
  traits: {traits: [parity, prime]}
  all-traits: {traits: [digits, parity, at-least-5, prime, mod-3]}
  liminal: {distillation: {logits: all, liminal: {weight: 5.0, anneal: 1.0}}}
  frozen-head: {distillation: {freeze_head: true}}
"""

SEEDS = (1, 4)


@dataclass(frozen=True)
class Conditions:
    """A finished run of all conditions."""

    plan: Plan
    store: Store
    said: Said
    results: list[Result]

    def arm(self, name: str) -> MnistArm:
        arm = self.plan.experiment.arms[name]
        assert isinstance(arm, MnistArm)
        return arm

    def architecture(self, name: str) -> Architecture:
        """Of the arm's student."""
        return Model.of(self.last(name, SEEDS[0]).params["model"]).architecture

    def last(self, name: str, seed: int) -> Stage:
        """The stage that made the arm's model."""
        row = self.plan.rows[name][seed]
        return self.plan.stages[self.plan.stages[row.probe].inputs["model"]]

    def made_by(self, name: str, seed: int, kind: str) -> list[Stage]:
        return [stage for stage in self.plan.rows[name][seed].stages if stage.kind == kind]

    def models(self, name: str) -> Tensor:
        """The arm's models at the end, [seeds, parameters]."""
        return self.stack([self.last(name, seed) for seed in SEEDS])

    def stack(self, stages: list[Stage]) -> Tensor:
        return torch.stack([load_model(self.store.folder(stage.key)) for stage in stages])

    def initial(self, name: str, seeds: tuple[int, ...] = SEEDS) -> Tensor:
        """The untrained models of run seeds, in the arm's architecture."""
        streams = [derive_seed(seed, "initialisation") for seed in seeds]
        return initial(self.architecture(name), streams)

    def values(self, name: str, metric: str = "accuracy") -> dict[tuple[str, str, int], float]:
        """(Probe, item group, seed) -> value."""
        return {
            (row.probe, row.item_group, row.seed): row.value
            for row in self.results
            if row.arm == name and row.metric == metric and row.value is not None
        }


OTHERS = tuple(other_model(seed) for seed in SEEDS)


@pytest.fixture(scope="module")
def conditions(tmp_path_factory: pytest.TempPathFactory) -> Conditions:
    folder = tmp_path_factory.mktemp("conditions")
    experiment, out = folder / "conditions.yaml", folder / "runs"
    experiment.write_text(HEAD + ARMS)
    with work_here():
        said = subliminal("run", experiment, "--out", out, "--jobs", 2)
    assert said.code == 0, said
    results = read_rows(run_folder(out) / RESULTS, Result)
    return Conditions(make_plan(load_experiment(experiment)), store_at(out), said, results)


# All of them


def test_every_arm_is_measured_for_every_seed(conditions: Conditions) -> None:
    measured = defaultdict(set)
    for row in conditions.results:
        if row.metric == "accuracy" and row.item_group == "all":
            assert row.value is not None
            assert 0 <= row.value <= 1
            measured[row.arm].add(row.seed)
    assert measured == {arm: set(SEEDS) for arm in conditions.plan.experiment.arms}


def test_every_trained_model_is_finite_and_moved(conditions: Conditions) -> None:
    for name, arm in conditions.plan.experiment.arms.items():
        if name in ("reference", "m-1") or name.endswith("-start"):
            continue
        models = conditions.models(name)
        assert models.isfinite().all(), name
        own = conditions.initial(name)
        others = conditions.initial(name, OTHERS)
        start = own if arm.initialisation.relation == "same" else others
        assert (models != start).any(dim=1).all(), name


def test_no_two_conditions_train_the_same_models(conditions: Conditions) -> None:
    equal = [{"same", "noise-of-zero"}, {"different", "matched-never"}, {"same", "logits-listed"}]
    found: dict[bytes, str] = {}
    for name, arm in conditions.plan.experiment.arms.items():
        if arm.role == "reference":
            continue
        twin = found.setdefault(conditions.models(name).numpy().tobytes(), name)
        assert twin == name or {twin, name} in equal, (twin, name)


# Teachers


def test_a_reference_is_the_untrained_model(conditions: Conditions) -> None:
    row = conditions.plan.rows["reference"][SEEDS[0]]
    assert conditions.plan.stages[row.probe].inputs == {}
    assert conditions.values("reference") == conditions.values("same-start")


def test_a_teacher_is_better_than_its_reference(conditions: Conditions) -> None:
    teacher, reference = conditions.values("teacher"), conditions.values("reference")
    for seed in SEEDS:
        assert teacher["digits", "all", seed] > reference["digits", "all", seed]


def test_a_teacher_can_keep_its_head(conditions: Conditions) -> None:
    head = conditions.architecture("teacher").head.start
    before = conditions.initial("teacher")
    frozen, free = conditions.models("teacher-frozen-head"), conditions.models("teacher")
    assert frozen[:, head:].equal(before[:, head:])
    assert not free[:, head:].equal(before[:, head:])
    assert not frozen[:, :head].equal(before[:, :head])


# Where students start


def test_a_student_starts_from_its_own_teacher_s_initialisation(conditions: Conditions) -> None:
    assert conditions.models("same-start").equal(conditions.initial("same-start"))


def test_a_different_student_starts_from_another_model(conditions: Conditions) -> None:
    start = conditions.models("different-start")
    assert start.equal(conditions.initial("different-start", OTHERS))
    assert (start != conditions.initial("different-start")).any(dim=1).all()


def test_a_matched_student_starts_where_matching_left_it(conditions: Conditions) -> None:
    matches = [conditions.made_by("matched-noise", seed, MATCH)[0] for seed in SEEDS]
    start = conditions.models("matched-noise-start")
    assert start.equal(conditions.stack(matches))
    for seed in SEEDS:
        (student,) = conditions.made_by("matched-noise", seed, DISTIL)
        assert conditions.made_by("matched-noise", seed, MATCH)[0].key == student.inputs["start"]


def test_matching_brings_a_student_nearer_to_the_untrained_teacher(
    conditions: Conditions,
) -> None:
    architecture = conditions.architecture("same")
    x = torch.rand(200, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    x = x.expand(len(SEEDS), -1, -1)
    teacher = forward(architecture, conditions.initial("same"), x).log_softmax(2)

    def distance(models: Tensor) -> Tensor:
        student = forward(architecture, models, x).log_softmax(2)
        return (teacher.exp() * (teacher - student)).sum(2).mean(1)

    matched, other = conditions.models("matched-noise-start"), conditions.initial("same", OTHERS)
    assert (distance(matched) < distance(other)).all()


def test_matching_for_no_time_is_no_matching(conditions: Conditions) -> None:
    assert conditions.models("matched-never").equal(conditions.models("different"))


def test_matching_depends_on_what_is_shown(conditions: Conditions) -> None:
    on_noise, on_images = (
        conditions.stack([conditions.made_by(name, seed, MATCH)[0] for seed in SEEDS])
        for name in ("matched-noise", "matched-images")
    )
    assert not on_noise.equal(on_images)


def test_a_shared_head_lies_on_another_model_s_layers(conditions: Conditions) -> None:
    start = conditions.models("shared-head-start")
    own, other = conditions.initial("same"), conditions.initial("same", OTHERS)
    head = conditions.architecture("same").head.start
    assert start[:, head:].equal(own[:, head:])
    assert start[:, :head].equal(other[:, :head])


def test_a_convolutional_student_can_get_a_dense_teacher_s_head(conditions: Conditions) -> None:
    start = conditions.models("cnn-shared-head-start")
    head = conditions.architecture("cnn-shared-head-start").head.start
    teachers = conditions.initial("same")[:, conditions.architecture("same").head.start :]
    assert start[:, head:].equal(teachers)


def test_weight_noise_is_added_to_the_start(conditions: Conditions) -> None:
    streams = [derive_seed(seed, "weight-noise") for seed in SEEDS]
    architecture = conditions.architecture("noisy-start")
    start = conditions.initial("noisy-start")
    expected = with_weight_noise(architecture, start, 0.5, streams)
    assert conditions.models("noisy-start").equal(expected)
    assert (expected != start).any(dim=1).all()


def test_no_weight_noise_is_the_same_start(conditions: Conditions) -> None:
    assert conditions.models("noise-of-zero").equal(conditions.models("same"))


# Other architectures


@pytest.mark.parametrize(
    ("name", "kind", "hidden", "activation"),
    [
        ("same", "mlp", (16, 16), "relu"),
        ("tanh", "mlp", (16, 16), "tanh"),
        ("wide", "mlp", (32, 32), "relu"),
        ("deep", "mlp", (16, 16, 16), "relu"),
        ("cnn", "cnn", (2, 4, 16), "relu"),
        ("cnn-shared-head", "cnn", (2, 4, 16), "relu"),
        ("cnn-teacher", "cnn", (2, 16), "relu"),
    ],
)
def test_a_student_may_have_another_network(
    conditions: Conditions, name: str, kind: str, hidden: tuple[int, ...], activation: str
) -> None:
    architecture = conditions.architecture(name)
    network = architecture.network
    assert (network.kind, network.hidden, network.activation) == (kind, hidden, activation)
    assert conditions.models(name).shape == (len(SEEDS), architecture.parameters)


def test_displacements_are_compared_only_between_equal_networks(conditions: Conditions) -> None:
    for name in ("same", "different", "shared-head", "matched-noise"):
        assert set(conditions.values(name, "displacement_cosine")) == {
            ("alignment", "all", seed) for seed in SEEDS
        }
    for name in ("tanh", "wide", "deep", "cnn"):
        assert conditions.values(name, "displacement_cosine") == {}
        assert len(conditions.values(name, "gradient_cosine")) == len(SEEDS)


# What students are taught


def test_logits_are_those_named_or_listed(conditions: Conditions) -> None:
    model = Model.of(conditions.last("same", SEEDS[0]).params["model"])
    named = {
        name: list(model.columns(conditions.arm(name).distillation.logits))
        for name in ("same", "logits-all", "logits-classes", "logits-chosen")
    }
    assert named == {
        "same": [10, 11, 12, 13],
        "logits-all": list(range(14)),
        "logits-classes": list(range(10)),
        "logits-chosen": [0, 3, 13],
    }


def test_the_auxiliary_logits_by_name_or_number_are_the_same(conditions: Conditions) -> None:
    assert conditions.models("logits-listed").equal(conditions.models("same"))


@pytest.mark.parametrize(
    ("name", "taught"),
    [("same", range(10, 14)), ("logits-classes", range(10)), ("logits-chosen", (0, 3, 13))],
)
def test_the_output_weights_of_other_logits_stay(
    conditions: Conditions, name: str, taught: range | tuple[int, ...]
) -> None:
    head = conditions.architecture(name).head
    before, _ = head.views(conditions.initial(name))
    after, _ = head.views(conditions.models(name))
    moved = (before != after).flatten(2).any(2)
    for logits in moved:
        assert logits.nonzero().flatten().tolist() == list(taught)


def test_the_number_of_auxiliary_logits_is_m(conditions: Conditions) -> None:
    for name, outputs in {"m-1": 11, "same": 14, "m-200": 210}.items():
        assert conditions.architecture(name).outputs == outputs


def test_one_logit_alone_teaches_nothing(conditions: Conditions) -> None:
    # The softmax of a single logit is 1, whatever the logit.
    assert conditions.models("m-1").equal(conditions.initial("m-1"))


def test_a_frozen_student_keeps_its_head(conditions: Conditions) -> None:
    head = conditions.architecture("frozen-head").head.start
    moved = conditions.models("frozen-head") != conditions.initial("frozen-head")
    assert not moved[:, head:].any()
    assert moved[:, :head].any()


def test_budgets_are_counted_in_steps(conditions: Conditions) -> None:
    steps: Mapping[str, int] = {"same-start": 0, "same": 4, "longer": 8}  # 512 / 128 an epoch
    for name, count in steps.items():
        stage = conditions.last(name, SEEDS[0])
        manifest = conditions.store.manifest(stage.key)
        assert manifest is not None
        assert manifest.counts["steps"] == count
        curve = read_curve(conditions.store.folder(stage.key))
        assert max(point.step for point in curve) == count


def test_liminal_training_keeps_a_student_near_its_reference(conditions: Conditions) -> None:
    start = conditions.initial("liminal")
    guarded, free = conditions.models("liminal") - start, conditions.models("logits-all") - start
    assert (guarded.norm(dim=1) < free.norm(dim=1)).all()


# Chains


def test_in_a_chain_each_student_teaches_the_next(conditions: Conditions) -> None:
    for seed in SEEDS:
        first, second, third = conditions.made_by("chain", seed, DISTIL)
        (alone,) = conditions.made_by("same", seed, DISTIL)
        assert first.key == alone.key
        assert second.inputs == {"teacher": first.key}
        assert third.inputs == {"teacher": second.key}
        models = conditions.stack([first, second, third])
        assert not models[0].equal(models[1])
        assert not models[1].equal(models[2])


# Traits


@pytest.mark.parametrize(
    ("name", "outputs", "probes"),
    [
        ("same", 10 + 4, ["digits"]),
        ("traits", 2 + 2 + 4, ["parity", "prime"]),
        (
            "all-traits",
            10 + 2 + 2 + 2 + 3 + 4,
            ["digits", "parity", "at-least-5", "prime", "mod-3"],
        ),
    ],
)
def test_every_trait_has_its_logits_and_its_probe(
    conditions: Conditions, name: str, outputs: int, probes: list[str]
) -> None:
    assert conditions.architecture(name).outputs == outputs
    probe = conditions.plan.rows[name][SEEDS[0]].probe
    rows = read_measurements(conditions.store.folder(probe))
    assert list(dict.fromkeys(row.probe for row in rows)) == probes
    assert {row.item_group for row in rows} == {"all", *(f"digit {d}" for d in range(10))}


def test_digits_add_up_to_all(conditions: Conditions) -> None:
    rows = read_measurements(
        conditions.store.folder(conditions.plan.rows["teacher"][SEEDS[0]].probe)
    )
    by_group = {row.item_group: row for row in rows}
    right = {group: (row.value or 0) * (row.n or 0) for group, row in by_group.items()}
    whole = right.pop("all")
    assert sum(right.values()) == pytest.approx(whole)
    assert sum(row.n or 0 for group, row in by_group.items() if group in right) == (
        by_group["all"].n
    )


# What cannot be


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def plan_of(folder: Path, arms: str) -> Plan:
    path = folder / "x.yaml"
    path.write_text(HEAD + arms)
    return make_plan(load_experiment(path))


@pytest.mark.usefixtures("_no_network")
@pytest.mark.parametrize(
    "arm",
    [
        "{distillation: {inputs: fashion-mnist}}",
        "{initialisation: {relation: matched, inputs: fashion-mnist}}",
    ],
)
def test_missing_fashion_mnist_is_told(tmp_path: Path, arm: str) -> None:
    with pytest.raises(UserError, match=r"^[^\n]*fashion-mnist[^\n]*SUBLIMINAL_FASHION_MNIST"):
        plan_of(tmp_path, f"  clothes: {arm}\n")


@pytest.mark.usefixtures("_no_network")
def test_fashion_mnist_is_not_asked_for_where_nobody_sees_it(tmp_path: Path) -> None:
    assert plan_of(tmp_path, "  same: {initialisation: {inputs: fashion-mnist}}\n").stages


def test_inputs_of_another_size_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(tmp_path / "fashion", small_set(size=28))
    monkeypatch.setenv("SUBLIMINAL_FASHION_MNIST", str(folder))
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + "  clothes: {distillation: {inputs: fashion-mnist}}\n")
    with pytest.raises(UserError) as caught:
        make_plan(load_experiment(path, ["verify_data=false"]))
    assert str(caught.value) == (
        "arms.clothes: its fashion-mnist inputs are 28x28 pixels, but the networks see the 8x8 of "
        "digits-8x8; choose other inputs or data: mnist"
    )


@pytest.mark.parametrize("logits", ["[14]", "[0, 99]", "[]", "[3, 3]"])
def test_logits_that_are_not_there_are_refused(tmp_path: Path, logits: str) -> None:
    with pytest.raises(UserError, match=r"^arms\.x\.distillation\.logits: is \["):
        plan_of(tmp_path, f"  x: {{distillation: {{logits: {logits}}}}}\n")


class _Quiet:
    """A listener that does not listen."""

    def planned(self, stages: list[Stage]) -> None: ...

    def progressed(self, stages: tuple[Stage, ...], share: float) -> None: ...

    def settled(self, stage: Stage, outcome: Outcome) -> None: ...

    def waiting(self, count: int) -> None: ...

    def stopping(self) -> None: ...


def test_data_that_change_after_planning_fail_the_stages_that_read_them(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "data", small_set(seed=0, train=40, test=20))
    text = TINY.replace("digits-8x8", f"mnist\nverify_data: false\ndata_folder: {folder}")
    (tmp_path / "x.yaml").write_text(text)
    plan = make_plan(load_experiment(tmp_path / "x.yaml"))
    write_set(folder, small_set(seed=1, train=40, test=20))
    with work_here():
        done = run_plan(plan, tmp_path / "runs", _Quiet())
    assert done.failed
    assert "data mnist: changed since the run was planned" in (
        done.manifest.arms["teacher"].reason or ""
    )
