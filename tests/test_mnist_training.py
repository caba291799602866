"""The training loop: that it learns, resumes to the bit and keeps models apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mnist_toy.architecture import architecture, initial
from mnist_toy.gradients import Gradients
from mnist_toy.inputs import Images
from mnist_toy.noise import noise
from mnist_toy.objectives import Frozen, liminal, resemble, teach
from mnist_toy.observe import accuracy, alignment, cosine
from mnist_toy.state import State, load_state, save_state, stack, start
from mnist_toy.tasks import logit_layout
from mnist_toy.training import Hooks, Trained, train
from mnist_toy.workers import Workers
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.spec.mnist import Liminal, Network, Training, Trait

CPU = torch.device("cpu")
NETWORK = Network(hidden=(32, 24))
ARCH = architecture(NETWORK, ("digits",), 64)
LAYOUT = logit_layout(("digits",), 3)
RECIPE = Training(epochs=10, samples_per_epoch=100, batch_size=32)
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def blobs(count: int) -> tuple[Tensor, Tensor]:
    """Ten kinds of random 8x8 pictures with noise on them: uint8 images and labels."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.randint(0, 200, (10, 8, 8), generator=generator)
    digits = torch.arange(count) % 10
    noisy = kinds[digits] + torch.randint(0, 55, (count, 8, 8), generator=generator)
    return noisy.to(torch.uint8), digits


PICTURES, DIGITS = blobs(400)


def images(models: int, first: int = 0) -> Images:
    return Images(PICTURES, DIGITS, range(first, first + models))


def teacher(models: int = 3) -> Trained:
    begin = start(RECIPE, initial(ARCH, range(models)))
    return train(ARCH, begin, teach(LAYOUT), images(models), RECIPE)


def distil(
    precision: Precision,
    models: range,
    recipe: Training = RECIPE,
    begin: State | None = None,
    hooks: Hooks | None = None,
    threads: int | None = None,
) -> Trained:
    """Distil on noise, with the liminal defence: the training with the most parts."""
    target = Frozen(ARCH, initial(ARCH, range(100 + models.start, 100 + models.stop)))
    reference = Frozen(ARCH, initial(ARCH, models))
    objective = resemble(target, LAYOUT.auxiliary) + liminal(Liminal(), reference, 40)
    return train(
        ARCH,
        begin or start(recipe, reference.parameters),
        objective,
        noise("uniform", 64, models),
        recipe,
        precision=precision,
        hooks=hooks or Hooks(),
        threads=threads,
    )


def same_states(a: State, b: State) -> bool:
    return (
        a.step == b.step
        and torch.equal(a.parameters, b.parameters)
        and torch.equal(a.failed_at, b.failed_at)
        and a.moments.keys() == b.moments.keys()
        and all(torch.equal(a.moments[name], b.moments[name]) for name in a.moments)
    )


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("network", [NETWORK, Network(kind="cnn", hidden=(8, 24))], ids=str)
def test_a_teacher_learns(network: Network, precision: Precision) -> None:
    arch = architecture(network, ("digits",), 64)
    recipe = Training(epochs=8, samples_per_epoch=400, batch_size=32, learning_rate=3e-3)
    begin = start(recipe, initial(arch, range(2)))
    trained = train(arch, begin, teach(LAYOUT), images(2), recipe, precision=precision)
    x = PICTURES.flatten(1) / 127.5 - 1
    before = accuracy(arch, begin.parameters, LAYOUT, x, DIGITS)["digits"]
    after = accuracy(arch, trained.parameters, LAYOUT, x, DIGITS)["digits"]
    assert (before < 0.5).all()
    assert (after > 0.95).all()
    assert [step for step, _ in trained.loss] == [13 * epoch for epoch in range(1, 9)]
    assert (trained.loss[-1][1] < 0.2 * trained.loss[0][1]).all()
    assert trained.failed == {}


def test_the_given_start_is_not_changed() -> None:
    begin = start(RECIPE, initial(ARCH, range(2)))
    train(ARCH, begin, teach(LAYOUT), images(2), RECIPE)
    assert same_states(begin, start(RECIPE, initial(ARCH, range(2))))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_model_does_not_depend_on_its_neighbours(precision: Precision) -> None:
    # On the cpu to the last bit: every model is computed alone.
    many = distil(precision, range(5)).state
    assert same_states(distil(precision, range(3, 4)).state, many.select([3]))
    assert same_states(distil(precision, range(5), threads=1).state, many)


def test_models_computed_together_agree_with_models_alone() -> None:
    # As on a GPU, where rounding may differ: one gradient, to the precision of float32 sums.
    target = Frozen(ARCH, initial(ARCH, range(100, 104)))
    parameters = initial(ARCH, range(4))

    def gradients() -> Gradients:
        return Gradients(
            ARCH,
            resemble(target, LAYOUT.all),
            noise("uniform", 64, range(4)),
            RECIPE,
            "float32",
            CPU,
        )

    with torch.no_grad():
        loss, together = gradients()(parameters, range(4), 2)
        for model in range(4):
            one_loss, one = gradients()(parameters[model : model + 1], range(model, model + 1), 2)
            torch.testing.assert_close(one_loss[0], loss[model])
            torch.testing.assert_close(one[0], together[model], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_resuming_is_exact(precision: Precision, tmp_path: Path) -> None:
    part = distil(precision, range(3), recipe=RECIPE.model_copy(update={"epochs": 4}))
    save_state(tmp_path / "state.safetensors", part.state)
    begin = load_state(tmp_path / "state.safetensors")
    assert begin.step == 16
    resumed = distil(precision, range(3), begin=begin)
    whole = distil(precision, range(3))
    assert same_states(resumed.state, whole.state)
    assert not torch.equal(part.parameters, whole.parameters)


def test_resuming_within_an_epoch_from_a_checkpoint_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    hooks = Hooks(checkpoint=lambda state: save_state(path, state), checkpoint_seconds=0)
    whole = distil("float32", range(2), hooks=replace(hooks, observe_steps=[37]))
    begin = load_state(path)
    # The last stop before the end of 40 steps is step 37, in the middle of the last epoch.
    assert begin.step == 37
    assert same_states(distil("float32", range(2), begin=begin).state, whole.state)


def test_a_finished_training_has_nothing_left_to_do() -> None:
    done = distil("float32", range(2))
    assert same_states(distil("float32", range(2), begin=done.state).state, done.state)


def test_states_divide_into_models_and_join_again(tmp_path: Path) -> None:
    state = distil("float32", range(3)).state
    for model in range(3):
        save_state(tmp_path / f"{model}.safetensors", state.select([model]))
    joined = stack([load_state(tmp_path / f"{model}.safetensors") for model in range(3)])
    assert same_states(joined, state)
    with pytest.raises(ValueError, match="same step"):
        stack([state, start(RECIPE, state.parameters)])


@pytest.mark.parametrize("content", [None, b"", b"not safetensors" * 10])
def test_a_damaged_state_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"state\.safetensors: not a readable"):
        load_state(path)


class SpoiltImages(Images):
    """Shows model 1 an infinite pixel at one step."""

    def fill(self, recipe: Training, step: int, models: range, x: Tensor) -> Tensor:
        labels = super().fill(recipe, step, models, x)
        if step == 7 and 1 in models:
            x[models.index(1), 0, 0] = torch.inf
        return labels


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_broken_model_is_reported_and_the_others_finish_untouched(precision: Precision) -> None:
    begin = start(RECIPE, initial(ARCH, range(3)))
    spoilt = SpoiltImages(PICTURES, DIGITS, range(3))
    whole = train(ARCH, begin, teach(LAYOUT), images(3), RECIPE, precision=precision)
    broken = train(ARCH, begin, teach(LAYOUT), spoilt, RECIPE, precision=precision)
    assert broken.failed == {1: 7}
    assert same_states(broken.state.select([0, 2]), whole.state.select([0, 2]))
    x = PICTURES.flatten(1) / 127.5 - 1
    measured = accuracy(ARCH, broken.parameters, LAYOUT, x, DIGITS)["digits"]
    assert measured.isnan().tolist() == [False, True, False]


def test_the_first_broken_step_survives_resuming(tmp_path: Path) -> None:
    begin = start(RECIPE, initial(ARCH, range(2)))
    spoilt = SpoiltImages(PICTURES, DIGITS, range(2))
    short = RECIPE.model_copy(update={"epochs": 4})
    part = train(ARCH, begin, teach(LAYOUT), spoilt, short)
    save_state(tmp_path / "state.safetensors", part.state)
    resumed = load_state(tmp_path / "state.safetensors")
    assert train(ARCH, resumed, teach(LAYOUT), spoilt, RECIPE).failed == {1: 7}


def test_an_absurd_learning_rate_is_reported() -> None:
    recipe = Training(
        optimiser="sgd", learning_rate=999, epochs=10, samples_per_epoch=100, batch_size=32
    )
    begin = start(recipe, 1e3 * initial(ARCH, range(2)))
    trained = train(ARCH, begin, teach(LAYOUT), images(2), recipe)
    assert trained.failed.keys() == {0, 1}


def test_hooks_are_called_at_the_start_between_and_at_the_end() -> None:
    seen: list[tuple[int, Tensor]] = []
    progress: list[tuple[int, int]] = []
    hooks = Hooks(
        observe=lambda state: seen.append((state.step, state.parameters.clone())),
        observe_steps=(0, 5, 40, 1000),
        progress=lambda done, total: progress.append((done, total)),
    )
    trained = distil("float32", range(2), hooks=hooks)
    assert [step for step, _ in seen] == [0, 5, 40]
    assert torch.equal(seen[0][1], initial(ARCH, range(2)))
    assert torch.equal(seen[-1][1], trained.parameters)
    assert progress[-1] == (40, 40)
    five = RECIPE.model_copy(update={"epochs": 2})
    observed = Hooks(
        observe=lambda state: seen.append((state.step, state.parameters.clone())),
        observe_steps=(5,),
    )
    distil("float32", range(2), recipe=five, hooks=observed)
    assert torch.equal(seen[-1][1], seen[1][1])


def test_an_error_in_a_worker_reaches_the_caller() -> None:
    begin = start(RECIPE, initial(ARCH, range(3)))
    with pytest.raises(ValueError, match="labels"):
        train(ARCH, begin, teach(LAYOUT), noise("uniform", 64, range(3)), RECIPE)


def test_training_leaves_pytorchs_threads_as_they_were() -> None:
    before = torch.get_num_threads()
    teacher(2)
    assert torch.get_num_threads() == before
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == before


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("steps", [range(0), range(1), range(3, 12), range(16)])
def test_every_model_takes_every_step_once_and_in_order(threads: int, steps: range) -> None:
    packs = [range(2), range(2, 3), range(3, 7)]
    taken: dict[range, list[int]] = {pack: [] for pack in packs}
    reached: list[int] = []

    def task(pack: range, some: range) -> None:
        taken[pack] += some

    with Workers([task] * threads) as workers:
        workers.advance(packs, steps, reached.append)
    assert all(taken[pack] == list(steps) for pack in packs)
    assert reached[-1] == steps.stop


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_frozen_head_stays(kind: str, optimiser: str) -> None:
    arch = architecture(Network(kind=kind, hidden=(8, 24)), ("digits",), 64)
    recipe = RECIPE.model_copy(update={"optimiser": optimiser, "momentum": 0.9, "epochs": 2})
    begin = start(recipe, initial(arch, range(2)))
    trained = train(arch, begin, teach(LAYOUT), images(2), recipe, freeze_head=True)
    head = arch.head.start
    assert torch.equal(trained.parameters[:, head:], begin.parameters[:, head:])
    for layer in arch.hidden:
        moved = trained.parameters[:, layer.weights] != begin.parameters[:, layer.weights]
        assert moved.any(1).all()


def test_a_student_resembles_its_teacher_after_distillation_on_all_logits() -> None:
    target = Frozen(ARCH, initial(ARCH, range(100, 103)))
    recipe = Training(epochs=20, samples_per_epoch=320, batch_size=32, learning_rate=3e-3)
    begin = start(recipe, initial(ARCH, range(3)))
    inputs = noise("gaussian", 64, range(3))
    trained = train(ARCH, begin, resemble(target, LAYOUT.all), inputs, recipe)
    assert (trained.loss[-1][1] < 0.2 * trained.loss[0][1]).all()


def test_a_student_of_another_architecture_matches_too() -> None:
    cnn = architecture(Network(kind="cnn", hidden=(8, 24)), ("digits",), 64)
    target = Frozen(ARCH, initial(ARCH, range(2)))
    begin = start(RECIPE, initial(cnn, range(2)))
    inputs = noise("structured", 64, range(2))
    trained = train(cnn, begin, resemble(target, LAYOUT.all), inputs, RECIPE)
    assert (trained.loss[-1][1] < trained.loss[0][1]).all()


def test_one_small_distillation_step_goes_the_teachers_way() -> None:
    """Theorem 1 of the paper: from one initialisation the steps' inner product is not negative.

    To first order the student's step is J' H J times the teacher's, with H positive
    semidefinite; here even though the logits compared are auxiliary ones and the inputs noise.
    """
    step = Training(
        epochs=1, samples_per_epoch=400, batch_size=400, optimiser="sgd", learning_rate=1e-2
    )
    before = initial(ARCH, range(20))
    begin = start(step, before)
    taught = train(ARCH, begin, teach(LAYOUT), images(20), step).parameters
    objective = resemble(Frozen(ARCH, taught), LAYOUT.auxiliary)
    learned = train(ARCH, begin, objective, noise("uniform", 64, range(20)), step).parameters
    assert cosine(learned - before, taught - before).gt(0).all()


def test_gradients_are_aligned_with_themselves() -> None:
    parameters = initial(ARCH, range(3))

    def of_teaching() -> Gradients:
        return Gradients(ARCH, teach(LAYOUT), images(3), RECIPE, "float32", CPU)

    own = Frozen(ARCH, parameters)
    of_nothing = Gradients(
        ARCH, resemble(own, LAYOUT.all), noise("uniform", 64, range(3)), RECIPE, "float32", CPU
    )
    torch.testing.assert_close(
        alignment(parameters, of_teaching(), of_teaching(), 1), torch.ones(3)
    )
    assert alignment(parameters, of_teaching(), of_nothing, 1).isnan().all()


def test_cosine_is_by_row_and_undefined_for_zero() -> None:
    a = torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])
    b = torch.tensor([[4.0, 3.0], [-2.0, 0.0], [1.0, 0.0]])
    # (12 + 12) / (5 * 5) = .96; opposite directions; no direction.
    torch.testing.assert_close(cosine(a, b), torch.tensor([0.96, -1.0, torch.nan]), equal_nan=True)


def test_accuracy_counts_the_highest_logit_of_each_trait() -> None:
    traits: tuple[Trait, ...] = ("digits", "parity")
    layout = logit_layout(traits, 1)
    arch = architecture(Network(hidden=(4,), auxiliary=1), traits, 64)
    parameters = torch.zeros(2, arch.parameters)
    _, bias = arch.head.views(parameters)
    # Model 0 always answers 3 and odd, model 1 always 4 and even; the auxiliary logit is highest.
    bias[0, [3, 11]] = 1.0
    bias[1, [4, 10]] = 1.0
    bias[:, 12] = 9.0
    digits = torch.tensor([3, 3, 4, 5] * 300)
    measured = accuracy(arch, parameters, layout, torch.zeros(1200, 64), digits)
    assert measured["digits"].tolist() == [0.5, 0.25]
    assert measured["parity"].tolist() == [0.75, 0.25]
