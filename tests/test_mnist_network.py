"""Shapes, initial values, forward and backward passes, objectives and optimisers of the toy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mnist_toy.architecture import (
    Architecture,
    architecture,
    initial,
    with_head_of,
    with_weight_noise,
)
from mnist_toy.cost import forward_flops, step_flops, training_bytes, training_flops
from mnist_toy.network import build_pass, forward
from mnist_toy.objectives import (
    Frozen,
    LabelTerm,
    MatchTerm,
    liminal,
    loss_and_gradient,
    resemble,
    targets,
    teach,
)
from mnist_toy.optimiser import initial_moments, update
from mnist_toy.tasks import LogitLayout, logit_layout, trait_labels
from subliminal.spec.mnist import Liminal, Network, Training

CPU = torch.device("cpu")
PIXELS, BATCH, MODELS = 16, 6, 3
NETWORKS = [
    Network(hidden=hidden, activation=activation)
    for hidden in ((7,), (7, 5), (7, 5, 4))
    for activation in ("relu", "gelu", "silu", "tanh")
] + [Network(kind="cnn", hidden=(3, 4, 5)), Network(kind="cnn", hidden=(2, 5), activation="gelu")]


def name(network: Network) -> str:
    return f"{network.kind}-{'x'.join(map(str, network.hidden))}-{network.activation}"


def plain_logits(arch: Architecture, parameters: Tensor, x: Tensor) -> Tensor:
    """The network of one model as anybody would write it: [batch, outputs]."""
    activation = getattr(functional, arch.network.activation)
    for layer in arch.hidden:
        weight = parameters[layer.weights].view(layer.shape)
        bias = parameters[layer.biases]
        if len(layer.shape) == 4:
            side = math.isqrt(x[0].numel() // layer.shape[1])
            x = x.reshape(len(x), layer.shape[1], side, side)
            x = activation(functional.conv2d(x, weight, bias, stride=2, padding=1))
        else:
            x = activation(functional.linear(x.flatten(1), weight, bias))
    head = arch.head
    return functional.linear(x, parameters[head.weights].view(head.shape), parameters[head.biases])


@pytest.fixture
def x() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(MODELS, BATCH, PIXELS, generator=generator)


def biased(arch: Architecture, seed: int = 0) -> Tensor:
    """Initial models with biases that are not zero, so that they matter."""
    parameters = initial(arch, range(seed, seed + MODELS))
    return parameters + 0.1 * torch.randn(
        parameters.shape, generator=torch.Generator().manual_seed(seed)
    )


@pytest.mark.parametrize("network", NETWORKS, ids=name)
def test_forward_is_the_plain_network_of_each_model(network: Network, x: Tensor) -> None:
    arch = architecture(network, ("digits",), PIXELS)
    parameters = biased(arch)
    logits = forward(arch, parameters, x)
    expected = torch.stack([plain_logits(arch, parameters[i], x[i]) for i in range(MODELS)])
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("freeze_head", [False, True])
@pytest.mark.parametrize("network", NETWORKS, ids=name)
def test_backward_is_autograd(network: Network, freeze_head: bool, x: Tensor) -> None:
    arch = architecture(network, ("digits",), PIXELS)
    parameters = biased(arch).double()
    of_logits = torch.randn(MODELS, arch.outputs, BATCH, generator=torch.Generator().manual_seed(2))
    both = build_pass(arch, MODELS, BATCH, torch.float64, CPU, "hidden" if freeze_head else "all")
    both.weights.copy_(parameters)
    both.forward(x.double())
    both.backward(of_logits.double() if network.kind == "mlp" else of_logits)
    for i in range(MODELS):
        leaf = parameters[i].clone().requires_grad_()
        plain_logits(arch, leaf, x[i].double()).backward(of_logits[i].T.double())
        expected = leaf.grad
        assert expected is not None
        if freeze_head:
            expected[arch.head.start :] = 0
        torch.testing.assert_close(both.gradient[i], expected, rtol=1e-6, atol=1e-9)


def test_bfloat16_passes_are_near_float32(x: Tensor) -> None:
    arch = architecture(Network(hidden=(32, 32)), ("digits",), PIXELS)
    parameters = biased(arch)
    exact = forward(arch, parameters, x)
    rough = forward(arch, parameters.bfloat16(), x.bfloat16())
    assert rough.dtype == torch.float32
    # A bfloat16 keeps 8 bits; a sum of some dozens of rounded products is good to a few per cent.
    assert (rough - exact).norm() / exact.norm() < 0.02
    assert not torch.equal(rough, exact)


def test_initial_weights_are_normal_with_variance_one_over_fan_in() -> None:
    arch = architecture(Network(hidden=(64, 50)), ("digits",), 100)
    parameters = initial(arch, range(40))
    for layer in arch.layers:
        weight = parameters[:, layer.weights] * math.sqrt(layer.fan_in)
        # 40 models of at least 650 weights: the standard error of mean and sd is below .007.
        assert abs(weight.mean()) < 0.03
        assert abs(weight.std() - 1) < 0.03
        assert weight.abs().max() > 3.5
        assert (parameters[:, layer.biases] == 0).all()


def test_initial_models_depend_on_their_seed_alone() -> None:
    arch = architecture(Network(hidden=(9,)), ("digits",), PIXELS)
    many = initial(arch, [5, 6, 7, 8])
    torch.testing.assert_close(initial(arch, [7]), many[2:3], rtol=0, atol=0)
    correlations = np.corrcoef(many.numpy())
    # Some 250 weights each: a correlation of independent ones has sd 1/sqrt(250) = .06.
    assert np.abs(correlations - np.eye(4)).max() < 0.3


def test_more_auxiliary_logits_extend_the_same_network() -> None:
    few = architecture(Network(hidden=(9,), auxiliary=1), ("digits",), PIXELS)
    many = architecture(Network(hidden=(9,), auxiliary=50), ("digits",), PIXELS)
    a, b = initial(few, [3])[0], initial(many, [3])[0]
    assert torch.equal(a[few.head.weights], b[many.head.weights][: 11 * 9])
    assert torch.equal(a[: few.head.start], b[: many.head.start])


def test_weight_noise_is_in_units_of_the_initial_weights() -> None:
    arch = architecture(Network(hidden=(64, 50)), ("digits",), 100)
    start = initial(arch, range(20))
    moved = with_weight_noise(arch, start, 0.5, range(100, 120)) - start
    for layer in arch.layers:
        assert abs(moved[:, layer.weights].std() * math.sqrt(layer.fan_in) - 0.5) < 0.02
        assert (moved[:, layer.biases] == 0).all()


def test_a_head_moves_to_another_architecture() -> None:
    mlp = architecture(Network(hidden=(9, 5)), ("digits",), PIXELS)
    cnn = architecture(Network(kind="cnn", hidden=(3, 5)), ("digits",), PIXELS)
    one, other = biased(cnn), biased(mlp, seed=9)
    joined = with_head_of(cnn, one, mlp, other)
    assert torch.equal(joined[:, : cnn.head.start], one[:, : cnn.head.start])
    for a, b in zip(cnn.head.views(joined), mlp.head.views(other), strict=True):
        assert torch.equal(a, b)


def test_logits_are_laid_out_trait_by_trait_then_auxiliary() -> None:
    layout = logit_layout(("parity", "digits", "mod-3"), 4)
    assert layout.traits == {"parity": range(2), "digits": range(2, 12), "mod-3": range(12, 15)}
    assert layout.auxiliary == range(15, 19)
    assert layout.classes == range(15)
    assert layout.all == range(19)


def test_trait_labels() -> None:
    digits = torch.arange(10)
    assert trait_labels("digits", digits).tolist() == list(range(10))
    assert trait_labels("parity", digits).tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert trait_labels("at-least-5", digits).tolist() == [0] * 5 + [1] * 5
    assert trait_labels("prime", digits).tolist() == [0, 0, 1, 1, 0, 1, 0, 1, 0, 0]
    assert trait_labels("mod-3", digits).tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]


LAYOUT = logit_layout(("digits", "parity"), 3)


def random_logits(seed: int) -> Tensor:
    return 2 * torch.randn(
        MODELS, len(LAYOUT.all), BATCH, generator=torch.Generator().manual_seed(seed)
    )


def test_teaching_is_cross_entropy_averaged_over_traits() -> None:
    logits = random_logits(1).requires_grad_()
    digits = torch.randint(10, (MODELS, BATCH), generator=torch.Generator().manual_seed(3))
    expected = torch.zeros(MODELS)
    for trait, columns in LAYOUT.traits.items():
        value = functional.cross_entropy(
            logits[:, columns.start : columns.stop], trait_labels(trait, digits), reduction="none"
        )
        expected = expected + value.mean(1) / 2
    expected.sum().backward()
    loss, gradient = loss_and_gradient(teach(LAYOUT), logits.detach(), {}, digits, step=0)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(gradient, logits.grad)
    assert (gradient[:, LAYOUT.auxiliary.start :] == 0).all()


@pytest.fixture
def target() -> Frozen:
    arch = architecture(Network(hidden=(7,)), ("digits", "parity"), PIXELS)
    return Frozen(arch, biased(arch))


@pytest.mark.parametrize("columns", [LAYOUT.auxiliary, LAYOUT.all, (0, 13, 5)], ids=str)
def test_resembling_is_kl_from_the_target(columns: range, target: Frozen) -> None:
    logits, theirs = random_logits(1).requires_grad_(), random_logits(2)
    chosen = list(columns)
    expected = functional.kl_div(
        logits[:, chosen].log_softmax(1), theirs[:, chosen].softmax(1), reduction="none"
    ).sum(1)
    expected.mean(1).sum().backward()
    loss, gradient = loss_and_gradient(
        resemble(target, columns), logits.detach(), {id(target): theirs}, None, step=0
    )
    torch.testing.assert_close(loss, expected.mean(1).detach())
    torch.testing.assert_close(gradient, logits.grad)
    untouched = [row for row in LAYOUT.all if row not in chosen]
    assert (gradient[:, untouched] == 0).all()


def test_nothing_is_left_to_learn_from_oneself(target: Frozen) -> None:
    logits = random_logits(1)
    loss, gradient = loss_and_gradient(
        resemble(target, LAYOUT.all), logits, {id(target): logits}, None, step=0
    )
    assert torch.equal(loss, torch.zeros(MODELS))
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_the_liminal_penalty_covers_all_logits_and_fades(target: Frozen) -> None:
    (term,) = liminal(Liminal(weight=2.0, anneal=0.5), target, steps=100)
    assert isinstance(term, MatchTerm)
    assert list(term.columns) == list(LAYOUT.all)
    # Half of 100 steps: 2 at step 0, half of it after 25, nothing from 50 on.
    assert [term.weight_at(step) for step in (0, 25, 50, 99)] == [2.0, 1.0, 0.0, 0.0]
    logits, theirs = random_logits(1), {id(target): random_logits(2)}
    full, full_gradient = loss_and_gradient((term,), logits, theirs, None, step=0)
    half, half_gradient = loss_and_gradient((term,), logits, theirs, None, step=25)
    torch.testing.assert_close(full, 2 * half)
    torch.testing.assert_close(full_gradient, 2 * half_gradient)


def test_a_model_looked_at_twice_is_run_once(target: Frozen) -> None:
    objective = resemble(target, LAYOUT.auxiliary) + liminal(Liminal(), target, 10)
    assert targets(objective) == [target]


def test_terms_with_labels_need_labels() -> None:
    with pytest.raises(ValueError, match="labels"):
        loss_and_gradient(
            (LabelTerm(range(10), tuple(range(10)), 1.0),), random_logits(1), {}, None, 0
        )


@pytest.mark.parametrize(
    ("recipe", "reference"),
    [
        (Training(learning_rate=0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
        (Training(optimiser="sgd", learning_rate=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
        (
            Training(optimiser="sgd", learning_rate=0.1, momentum=0.9),
            lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        ),
    ],
    ids=["adam", "sgd", "momentum"],
)
def test_optimisers_are_pytorchs(recipe: Training, reference) -> None:
    generator = torch.Generator().manual_seed(4)
    ours = torch.randn(MODELS, 50, generator=generator)
    theirs = ours.clone().requires_grad_()
    optimiser = reference([theirs])
    moments = initial_moments(recipe, ours)
    for step in range(6):
        gradient = torch.randn(MODELS, 50, generator=generator)
        theirs.grad = gradient.clone()
        optimiser.step()
        update(recipe, ours, gradient, moments, step)
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-7)


def test_flops_of_the_published_network() -> None:
    arch = architecture(Network(), ("digits",), 784)
    # 784*256 + 256*256 + 256*13 = 269,568 weights; two operations for each.
    assert forward_flops(arch, 1) == 2 * 269_568
    # Forward and weight gradients: all of them; activation gradients: all but the first layer's
    # 784*256 = 200,704.
    assert step_flops(arch, [], 1) == 2 * (2 * 269_568 + 269_568 - 200_704)
    assert step_flops(arch, [arch], 1) - step_flops(arch, [], 1) == 2 * 269_568
    assert step_flops(arch, [], 1) - step_flops(arch, [], 1, freeze_head=True) == 2 * 256 * 13
    recipe = Training(epochs=3, samples_per_epoch=1000)
    assert training_flops(arch, [], recipe, models=7) == 21_000 * step_flops(arch, [], 1)


def test_flops_of_a_convolution_count_every_pixel() -> None:
    arch = architecture(Network(kind="cnn", hidden=(4, 8), auxiliary=3), ("digits",), 784)
    # 14*14 outputs of 9 products in each of 4 channels, then 784 x 8 and 8 x 13.
    assert forward_flops(arch, 1) == 2 * (14 * 14 * 9 * 4 + 784 * 8 + 8 * 13)


def test_memory_grows_with_models_and_only_slightly_with_threads() -> None:
    arch = architecture(Network(), ("digits",), 784)

    def estimate(models: int, threads: int) -> int:
        return training_bytes(arch, [arch], Training(), models, "bfloat16", threads)

    # Two copies of parameters and two moments each, and the target: 7 x 4 bytes x 270,093.
    assert estimate(2, 1) - estimate(1, 1) == 28 * arch.parameters
    assert estimate(100, 2) - estimate(100, 1) < 20e6


def test_layouts_are_plain_values() -> None:
    assert logit_layout(("digits",), 3) == logit_layout(["digits"], 3)
    assert isinstance(LAYOUT, LogitLayout)
