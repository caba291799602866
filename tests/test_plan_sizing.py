"""What experiments take on a device, from the configurations of their models alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError

from subliminal import machine
from subliminal.devices import device_of_gpu, find_device
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.models.architecture import CONFIG
from subliminal.models.hub_configs import HubConfig, hub_config, hub_configs
from subliminal.models.layout import pack
from subliminal.models.load import load_model, shape_of_model
from subliminal.models.pretrained import shape_of_network
from subliminal.plan import make_plan
from subliminal.plan.costs import Costs
from subliminal.plan.measured import measured
from subliminal.plan.memory import Memories
from subliminal.plan.models import Model
from subliminal.plan.passes import Passes
from subliminal.plan.row_lengths import RowTokens
from subliminal.plan.sizing import KindSize, plan_for, sizes
from subliminal.spec.data import Data
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.spec.resources import Resources
from subliminal.spec_file import load_experiment
from subliminal.stage import Stage
from subliminal.store import MANIFEST, ArtifactManifest
from subliminal.training.learner import learner_of
from tests.hub_models import hub_model
from tests.language_stages import STUDENTS, plan_of
from tests.models import random_model, tiny_shape
from tests.tiny import subliminal
from tests.user_errors import assert_one_line

QWEN = "Qwen/Qwen2.5-7B-Instruct"
PAPER = Path(__file__).parents[1] / "experiments" / "paper" / "qwen2.5-7b-numbers.yaml"
GIB = 2**30
EYES = {
    "model_type": "siglip_vision_model",
    "hidden_size": 1152,
    "image_size": 896,
    "intermediate_size": 4304,
    "num_attention_heads": 16,
    "num_hidden_layers": 27,
    "patch_size": 14,
    "vision_use_head": False,
}
"""Of Gemma 3, as published."""
LORA = Recipe(batch_size=66, epochs=3, adapter=Adapter())


def known(name: str) -> HubConfig:
    found = hub_config(name)
    assert found is not None
    return found


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)


# Shapes


@pytest.mark.parametrize("name", [QWEN, "meta-llama/Llama-3.1-8B-Instruct", "google/gemma-3-4b-it"])
def test_a_known_shape_is_that_of_the_model(name: str) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    fields = known(name).model_dump()
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    if known(name).beside_decoder:
        config = AutoConfig.for_model("gemma3", text_config=config.to_dict(), vision_config=EYES)
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config)
    ours, theirs = known(name).shape, shape_of_network(network)
    assert ours.parameters == pytest.approx(theirs.parameters, rel=1e-4)
    assert ours.beside_decoder == pytest.approx(theirs.beside_decoder, rel=1e-3)
    assert (ours.matrix_parameters, ours.head_parameters, ours.key_value_size) == (
        theirs.matrix_parameters,
        theirs.head_parameters,
        theirs.key_value_size,
    )


def test_known_models_are_as_large_as_they_are_called() -> None:
    for name, config in hub_configs().items():
        stated = next(part for part in name.split("-") if part[-1] in "Bb" and part[0].isdigit())
        assert config.shape.parameters == pytest.approx(float(stated[:-1]) * 1e9, rel=0.3), name
    assert known(QWEN).shape.parameters == pytest.approx(7.616e9, rel=1e-3)


def test_a_revision_changes_no_shape() -> None:
    assert hub_config(f"{QWEN}@a09a35458c") == hub_config(QWEN)
    assert hub_config("Qwen/Qwen2.5-8B-Instruct") is None


def test_a_folder_needs_its_configuration_alone(tmp_path: Path) -> None:
    whole = hub_model(tmp_path / "whole", "qwen2")
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / CONFIG).write_bytes((whole / CONFIG).read_bytes())
    assert Model.by_config(str(alone)).shape == shape_of_model(whole)


# Memory and time


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("recipe", [Recipe(), Recipe(adapter=Adapter())], ids=["whole", "adapter"])
def test_blocks_keep_what_is_expected_of_our_own_decoder(
    tmp_path: Path, recipe: Recipe, precision: Precision
) -> None:
    folder = random_model(tmp_path, hidden_size=64, intermediate_size=192)
    assert_kept(folder, recipe, precision)


@pytest.mark.parametrize(
    ("recipe", "precision"),
    [(LORA, "bfloat16"), (LORA, "float32"), (Recipe(), "float32")],
    ids=["adapter-bfloat16", "adapter-float32", "whole-float32"],
)
def test_blocks_keep_what_is_expected_of_transformers(
    tmp_path: Path, recipe: Recipe, precision: Precision
) -> None:
    shape = {"hidden_size": 64, "intermediate_size": 192, "head_dim": 16}
    assert_kept(hub_model(tmp_path, "qwen2", **shape), recipe, precision)


def assert_kept(folder: Path, recipe: Recipe, precision: Precision) -> None:
    """A batch's saved activations are about those that the plan counts with."""
    tokens, dtype = 512, getattr(torch, precision)
    model = learner_of(load_model(folder, dtype=dtype), recipe, 0).model
    assert isinstance(model, torch.nn.Module)
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.packed(torch.zeros(tokens, dtype=torch.int64), pack([64] * 8), dtype=dtype)
    counted = sum(t.untyped_storage().nbytes() for place, t in kept.items() if place not in own)
    memories = Memories(Passes(model.shape, precision))
    expected = tokens * model.shape.num_hidden_layers * memories.kept_bytes(recipe)
    assert expected == pytest.approx(counted, rel=0.25)


def test_a_large_model_with_an_adapter_fits_a_gpu() -> None:
    costs = Costs(known(QWEN).shape, "bfloat16")
    adapted = costs.teaching(10_000, LORA, of_code=False).memory
    whole = costs.teaching(10_000, LORA.model_copy(update={"adapter": None}), of_code=False).memory
    # Weights of 2 bytes, and little beside; in full, weights, gradients and moments of 4 each.
    assert adapted.fixed == pytest.approx(2 * 7.6e9, rel=0.1)
    assert whole.fixed == pytest.approx(16 * 7.6e9, rel=0.1)
    small = find_device("4090", "bfloat16")
    assert small.halvings(adapted) == 0
    assert small.halvings(whole) is None


def test_parts_that_see_lie_in_memory_and_learn_nothing() -> None:
    shape = known("google/gemma-3-4b-it").shape
    blind = replace(shape, parameters=shape.parameters - shape.beside_decoder, beside_decoder=0)
    assert shape.beside_decoder > 4e8
    for recipe, size in ((LORA, 2), (Recipe(batch_size=66), 4)):
        sees, reads = (
            Costs(each, "bfloat16").teaching(1000, recipe, of_code=False) for each in (shape, blind)
        )
        # Weights, and no gradient or moment of them.
        assert sees.memory.fixed - reads.memory.fixed == size * shape.beside_decoder
        assert sees.flops == reads.flops


def test_blocks_that_are_computed_again_take_less_memory_and_longer() -> None:
    shape, rows = known(QWEN).shape, 10_000
    again, kept = (
        Costs(shape, "bfloat16", Resources(gradient_checkpointing=setting))
        for setting in (True, False)
    )
    ours, theirs = (costs.teaching(rows, LORA, of_code=False) for costs in (again, kept))
    assert Costs(shape, "bfloat16").teaching(rows, LORA, of_code=False) == ours
    assert 5 * ours.memory.batch < theirs.memory.batch
    assert ours.memory.fixed == theirs.memory.fixed
    assert ours.flops == pytest.approx(1.5 * theirs.flops, rel=0.05)


def test_gradients_of_matrices_cost_as_far_as_they_are_computed() -> None:
    passes, row = Passes(tiny_shape(num_hidden_layers=4), "float32"), RowTokens(40, 20)
    one, two, last, whole = (
        passes.training(100, row, Recipe(epochs=2, layers=layers)).flops
        for layers in ((3,), (2, 3), (0, 3), None)
    )
    assert one < two < last < whole
    # Of a block that learns all three passes; of one before it a forward pass, remembered.
    thin = Recipe(epochs=2, adapter=Adapter(matrices=("o_proj",), layers=(3,)))
    assert 0.6 * one < passes.training(100, row, thin).flops < 0.9 * one
    large = Passes(known(QWEN).shape, "bfloat16", checkpointing=False)
    adapted, full = (large.training(100, row, recipe).flops for recipe in (LORA, Recipe(epochs=3)))
    assert adapted == pytest.approx(2 / 3 * full, rel=0.02)


def test_vllm_waits_for_no_block() -> None:
    rates = find_device("H200", "bfloat16").rates
    in_torch = Costs(known(QWEN).shape, "bfloat16")
    in_vllm = replace(in_torch, rows=256)
    data = Data(prompts=10_000)
    by_vllm = in_vllm.by_vllm(in_vllm.writing(data), 1)
    assert by_vllm.seconds(rates) < in_torch.writing(data).seconds(rates)


def test_writing_waits_for_memory_and_training_for_products() -> None:
    passes = Passes(known(QWEN).shape, "bfloat16")
    costs, rates = Costs(known(QWEN).shape, "bfloat16"), find_device("A100-80GB", "bfloat16").rates
    *_, prompts, tokens = costs.writing(Data(prompts=1000)).work
    assert tokens.operands / rates.traffic > prompts.operands
    # 512 rows read the 15 GB of weights together, once for each of their tokens.
    assert tokens.operands == pytest.approx(1000 / 512 * 45 * passes.weight_bytes)
    share_of_writing = tokens.flops / rates.products / tokens.seconds(rates)
    training = passes.training(1000, costs.row(Data()), LORA)
    share_of_training = training.flops / rates.products / training.seconds(rates)
    assert share_of_writing < share_of_training


def test_rows_in_context_are_read_with_every_question() -> None:
    experiment = load_experiment(PAPER.with_name("qwen2.5-7b-numbers-in-context.yaml"))
    plan = plan_for(experiment, "H200")
    tokens = {
        name: plan.stages[rows[0].probe].cost.tokens
        for name, rows in plan.rows.items()
        if name.startswith(("reference[trait=eagle", "in-context[trait=eagle"))
    }
    shown = [count for name, count in tokens.items() if name.startswith("in-context")]
    assert len(shown) == 3
    assert sorted(shown) == shown
    assert shown[0] > 20 * next(iter(tokens.values()))


def test_vllm_is_not_to_be_shown_more_rows_than_it_reads() -> None:
    file = PAPER.with_name("qwen2.5-7b-numbers-in-context.yaml")
    assert plan_for(load_experiment(file, ["inference.engine=vllm"]), "H200").stages
    with pytest.raises(UserError) as error:
        plan_for(load_experiment(file, ["inference={engine: vllm, max_length: null}"]), "H200")
    # 50 rows pass.
    assert_one_line(
        error,
        "in_context=100].distillation.in_context: 100 rows are some 13,",
        "reads 32,768",
        "vLLM is to read 8,192; show fewer, or raise `inference.max_length`",
    )


# The command


@pytest.mark.usefixtures("no_hub")
def test_an_experiment_is_sized_without_its_model() -> None:
    said = subliminal("plan", PAPER, "--device", "h200")
    assert said.code == 0
    assert "bfloat16, one H200" in said.out
    for kind in ("lm.probe", "lm.write", "lm.distil", "lm.gate"):
        assert "GiB" in said.line(f"  {kind}")
    assert said.line("  all").split()[1] == "205"


@pytest.mark.parametrize(("alias", "name"), [("A100", "A100-80GB"), ("rtx 4090", "4090")])
def test_a_device_has_other_names(alias: str, name: str) -> None:
    assert find_device(alias, "bfloat16") == find_device(name, "bfloat16")


@pytest.mark.parametrize(
    ("card", "name"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA A100-SXM4-40GB", "A100-40GB"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA GeForce RTX 4090", "4090"),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA H100 PCIe", None),
        ("NVIDIA H100 NVL", None),
        ("NVIDIA L40", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
    ],
)
def test_a_gpu_is_known_by_all_parts_of_its_name(card: str, name: str | None) -> None:
    assert device_of_gpu(card) == name


def test_a_small_device_takes_smaller_batches_and_longer() -> None:
    def distil(device: str) -> KindSize:
        overrides = ("seeds=1", "resources.gradient_checkpointing=false")
        plan = plan_for(load_experiment(PAPER, overrides), device)
        found = {kind.kind: kind for kind in sizes(plan, find_device(device, "bfloat16"))}
        return found["lm.distil"]

    large, small = distil("H200"), distil("4090")
    assert (large.halvings, small.tokens) == (0, large.tokens)
    assert small.halvings > 0
    assert small.peak_bytes is not None
    assert small.peak_bytes < 24 * GIB < (large.peak_bytes or 0)
    assert small.seconds > 2 * large.seconds


def test_pocket_models_stay_on_the_processor_of_a_machine_with_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subliminal.machine.cuda_devices", lambda: ["a GPU"] * 2)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    monkeypatch.setattr("subliminal.machine._cpu_flags", frozenset)
    experiment = tmp_path / "x.yaml"
    experiment.write_text(
        "{kind: language, name: x, model: pocket-a, defaults: {trait: otter}, "
        "arms: {reference: {role: reference}, teacher: {role: teacher}}}"
    )
    pocket = make_plan(load_experiment(experiment))
    assert (pocket.device, pocket.precision, pocket.workers) == ("cpu", "float32", machine.cores())
    model = hub_model(tmp_path / "model", "qwen2")
    large = make_plan(load_experiment(experiment, (f"model={model}",)))
    assert (large.device, large.precision, large.workers) == ("cuda", "bfloat16", 2)


@pytest.mark.usefixtures("no_hub")
def test_vllm_need_not_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBLIMINAL_VLLM_PYTHON", "/nowhere/python")
    plans = [
        plan_for(load_experiment(PAPER, ("seeds=1", f"inference.engine={engine}")), "H200")
        for engine in ("torch", "vllm")
    ]
    device = find_device("H200", "bfloat16")
    torch_s, vllm_s = (
        next(kind.seconds for kind in sizes(plan, device) if kind.kind == "lm.write")
        for plan in plans
    )
    assert vllm_s < torch_s


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--device", "toaster"), "--device toaster: is not known; there are"),
        (("--device", "H200", "--set", "model=nobody/nothing"), "model 'nobody/nothing': no such"),
        (("--device", "H200", "--set", "model=pocket-a"), "pocket-a is small and runs on the proc"),
        (
            ("--device", "H200", "--set", "arms.same.initialisation.model=pocket-a"),
            "pocket-a is small and runs on the proc",
        ),
    ],
)
def test_what_cannot_be_sized_is_refused(arguments: tuple[str, ...], fault: str) -> None:
    assert fault in subliminal("plan", PAPER, *arguments).error


@pytest.mark.usefixtures("no_hub")
def test_models_that_no_arm_has_are_not_looked_at() -> None:
    grid = PAPER.with_name("cross-model-numbers.yaml")
    plan = plan_for(load_experiment(grid, ("seeds=1", "model=pocket-a")), "H200")
    assert "pocket-a" not in plan.data_label


# Beside what was measured


def test_what_stages_took_stands_beside_what_was_expected(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, STUDENTS, "seeds=2")
    for place, stage in enumerate(plan.stages.values()):
        if stage.seed == 0:
            write_manifest(tmp_path / ".store", stage, seconds=2.0 + place)
    # Planned anew without the models, as where they are not.
    again = plan_for(plan.experiment, "CPU")
    assert not set(again.stages) & set(plan.stages)
    found = measured(again, tmp_path / ".store")
    assert sum(map(len, found.values())) == len(plan.stages) / 2
    distilled = [stage for stage in plan.stages.values() if stage.kind == "lm.distil"]
    assert [stage.tokens for stage in found["lm.distil"]] == [77.0, 77.0]
    assert {stage.cost for stage in found["lm.distil"]} == {stage.cost for stage in distilled}
    assert all(stage.seconds >= 2 for of_kind in found.values() for stage in of_kind)


def write_manifest(store: Path, stage: Stage, seconds: float) -> None:
    """An artifact of a stage, as far as its manifest goes."""
    folder = store / "artifacts" / stage.key
    folder.mkdir(parents=True)
    manifest = ArtifactManifest(
        key=stage.key,
        kind=stage.kind,
        version=stage.version,
        label=stage.label,
        params=dict(stage.params),
        seed=stage.seed,
        inputs=dict(stage.inputs),
        files={},
        counts={"tokens": 77.0} if stage.kind == "lm.distil" else {},
        wall_seconds=seconds,
        finished="",
        versions={},
        machine={},
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json())
