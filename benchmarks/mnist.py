"""How fast the MNIST toy trains: beside this machine's matrix products, and a plain loop.

    python benchmarks/mnist.py                  20 models; a few minutes on two cores
    python benchmarks/mnist.py --quick          speed alone, no accuracies
    python benchmarks/mnist.py --full           the plain loop too trains every model
    python benchmarks/mnist.py --memory         peak memory of 100 models

Times are the best of several short windows, because other processes can only make them longer.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from plain_loop import plain_distil, plain_teach
from stopwatch import STEPS_TIMED, Stopwatch
from torch import Tensor

from mnist_toy.architecture import Architecture, architecture, initial
from mnist_toy.cost import step_flops
from mnist_toy.data import ImageData, find_data, scaled
from mnist_toy.gradients import DTYPES
from mnist_toy.inputs import Images
from mnist_toy.noise import noise
from mnist_toy.objectives import Frozen, resemble, teach
from mnist_toy.observe import accuracy
from mnist_toy.state import start
from mnist_toy.tasks import logit_layout
from mnist_toy.training import NO_HOOKS, Hooks, train
from subliminal import machine
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.seeds import derive_seed
from subliminal.spec.mnist import Network, Training, Trait

NETWORK = Network()
TRAITS: tuple[Trait, ...] = ("digits",)
LAYOUT = logit_layout(TRAITS, NETWORK.auxiliary)
CONDITIONS = {
    "same initialisation, auxiliary": ("init", LAYOUT.auxiliary),
    "same initialisation, all": ("init", LAYOUT.all),
    "different initialisation, auxiliary": ("other", LAYOUT.auxiliary),
    "different initialisation, all": ("other", LAYOUT.all),
}


@dataclass(frozen=True)
class Bench:
    """What every measurement needs."""

    data: ImageData
    models: int
    precision: Precision

    @property
    def arch(self) -> Architecture:
        """The published network."""
        return architecture(NETWORK, TRAITS, self.data.image_size**2)

    def seeds(self, name: str, models: int | None = None) -> list[int]:
        """Seeds of a stream, one for each model."""
        return [derive_seed(model, name) for model in range(models or self.models)]

    def initial(self, name: str = "init", models: int | None = None) -> Tensor:
        """Untrained models."""
        return initial(self.arch, self.seeds(name, models))

    def teach(self, recipe: Training, hooks: Hooks = NO_HOOKS) -> Tensor:
        """Train the teachers."""
        inputs = Images(self.data.train_images, self.data.train_labels, self.seeds("order"))
        begin = start(recipe, self.initial())
        trained = train(
            self.arch,
            begin,
            teach(LAYOUT),
            inputs,
            recipe,
            precision=self.precision,
            hooks=hooks,
        )
        return trained.parameters

    def distil(
        self,
        recipe: Training,
        teachers: Tensor,
        begin: Tensor,
        columns: range,
        hooks: Hooks = NO_HOOKS,
    ) -> Tensor:
        """Train students on noise."""
        trained = train(
            self.arch,
            start(recipe, begin),
            resemble(Frozen(self.arch, teachers), columns),
            noise("uniform", self.arch.inputs, self.seeds("noise")),
            recipe,
            precision=self.precision,
            hooks=hooks,
        )
        return trained.parameters

    def accuracy(self, parameters: Tensor) -> Tensor:
        """Test accuracy of each model."""
        images, labels = scaled(self.data.test_images), self.data.test_labels
        return accuracy(self.arch, parameters, LAYOUT, images, labels)["digits"]


def watching(watch: Stopwatch) -> Hooks:
    """Hooks that note the time while a stack is trained."""
    return Hooks(observe=lambda state: watch.at(state.step), observe_steps=watch.steps)


def best(call: Callable[[], object], repeats: int = 10) -> float:
    """Shortest of several wall times, after one call to warm up."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


def product_seconds(bench: Bench, batch: int, looked_at: int) -> float:
    """Time the matrix products of one step of all models, each by itself as one bmm.

    Args:
        bench: Network, models and precision.
        batch: Samples in the step.
        looked_at: Number of further forward passes, those of a teacher.
    """
    total = 0.0
    for index, layer in enumerate(bench.arch.layers):
        out, into = layer.shape
        kind = DTYPES[bench.precision]
        x = torch.randn(bench.models, batch, into).to(kind)
        weight = torch.randn(bench.models, out, into).to(kind)
        above = torch.randn(bench.models, batch, out).to(kind)
        products = [((x, weight.mT), 1 + looked_at), ((above.mT, x), 1)]
        if index > 0:
            products.append(((above, weight), 1))
        for (a, b), times in products:
            result = torch.bmm(a, b)
            total += times * best(functools.partial(torch.bmm, a, b, out=result))
    return total


def timed_recipe() -> Training:
    """The published training, cut to the steps that are timed."""
    return Training(epochs=1, samples_per_epoch=STEPS_TIMED * Training().batch_size)


def teaching_seconds(bench: Bench) -> float:
    """Time a step of teaching all models."""
    watch = Stopwatch()
    bench.teach(timed_recipe(), watching(watch))
    return watch.step_seconds()


def distilling_seconds(bench: Bench) -> float:
    """Time a step of distilling all models."""
    watch, begin = Stopwatch(), bench.initial()
    bench.distil(timed_recipe(), begin, begin, LAYOUT.auxiliary, watching(watch))
    return watch.step_seconds()


def print_speed(bench: Bench) -> None:
    """Print FLOP/s while teaching and distilling, beside those of the products alone."""
    recipe = Training()
    largest = machine.matmul_rate(bench.precision)
    print(
        f"\n{bench.models} models, {bench.precision}, {torch.get_num_threads()} threads; "
        f"bmm [1024, 784] x [784, 256]: {largest / 1e9:.0f} GFLOP/s"
    )
    print(
        f"{'':12}{'products':>12}{'achieved':>12}{'ratio':>8}{'ms/step':>9}{'model epochs/s':>16}"
    )
    for name, looked_at, step in (
        ("teaching", 0, teaching_seconds(bench)),
        ("distilling", 1, distilling_seconds(bench)),
    ):
        flops = bench.models * step_flops(bench.arch, [bench.arch] * looked_at, recipe.batch_size)
        alone = flops / product_seconds(bench, recipe.batch_size, looked_at)
        epochs = bench.models * recipe.batch_size / recipe.samples_per_epoch / step
        print(
            f"{name:12}{alone / 1e9:7.0f} GF/s{flops / step / 1e9:7.0f} GF/s"
            f"{flops / step / alone:8.2f}{step * 1e3:9.1f}{epochs:16.2f}"
        )


def print_plain_speed(bench: Bench) -> None:
    """Print the time of a step of one model in the plain loop, against ours."""
    teaching, distilling, recipe = Stopwatch(), Stopwatch(), timed_recipe()
    begin = bench.initial(models=1)[0]
    plain_teach(bench.arch, bench.data, recipe, begin, 0, teaching)
    plain_distil(bench.arch, recipe, begin, begin, LAYOUT.auxiliary, 0, distilling)
    print(f"\n{'per model and step':22}{'plain':>10}{'ours':>10}{'ratio':>8}")
    for name, plain, ours in (
        ("teaching", teaching.step_seconds(), teaching_seconds(bench)),
        ("distilling", distilling.step_seconds(), distilling_seconds(bench)),
    ):
        each = ours / bench.models
        print(f"{name:22}{plain * 1e3:7.2f} ms{each * 1e3:7.2f} ms{plain / each:8.1f}")


def print_accuracies(bench: Bench, epochs: int, plain_models: int) -> None:
    """Print the accuracies of the published conditions, ours and (of some models) the plain loop's.

    The plain loop starts from the same models; its noise and orders are other draws.
    """
    recipe = Training(epochs=epochs)
    print(f"\ntest accuracy after {epochs} epochs, mean and sd over models; {bench.data.label}")
    print(f"{'':38}{f'ours, {bench.models}':>16}{'ours, first':>14}{f'plain, {plain_models}':>16}")
    firsts, watch = range(plain_models), Stopwatch()
    begin = bench.initial()
    taught = bench.teach(recipe)
    plain = torch.stack(
        [plain_teach(bench.arch, bench.data, recipe, begin[i], i, watch) for i in firsts]
    )
    print_row("teacher", bench.accuracy(taught), bench.accuracy(plain))
    for name, (where, columns) in CONDITIONS.items():
        begin = bench.initial(where)
        ours = bench.distil(recipe, taught, begin, columns)
        others = [
            plain_distil(bench.arch, recipe, plain[i], begin[i], columns, i, watch) for i in firsts
        ]
        print_row(name, bench.accuracy(ours), bench.accuracy(torch.stack(others)))


def print_row(name: str, ours: Tensor, plain: Tensor) -> None:
    """Print one condition."""
    cells = [
        f"{of.mean():.3f} +- {of.std(correction=0):.3f}" for of in (ours, ours[: len(plain)], plain)
    ]
    print(f"{name:38}{cells[0]:>16}{cells[1]:>16}{cells[2]:>16}", flush=True)


def peak_mebibytes(models: int, precision: Precision) -> float:
    """Train `models` models through all the published conditions, two steps each."""
    bench = Bench(find_data("mnist"), models, precision)
    recipe = Training(epochs=1, samples_per_epoch=2 * Training().batch_size)
    taught = bench.teach(recipe)
    for where, columns in CONDITIONS.values():
        bench.accuracy(bench.distil(recipe, taught, bench.initial(where), columns))
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def print_memory(models: int, precision: Precision) -> None:
    """Print the peak memory of a process of its own; it does not depend on the steps taken."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        peak = pool.apply(peak_mebibytes, (models, precision))
    print(f"\npeak memory, {models} models, all conditions, {precision}: {peak:.0f} MiB")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=5, help="of the accuracies (default 5)")
    parser.add_argument("--precision", choices=["auto", *DTYPES], default="auto")
    parser.add_argument("--quick", action="store_true", help="speed alone")
    parser.add_argument("--full", action="store_true", help="the plain loop on every model")
    parser.add_argument("--memory", action="store_true", help="peak memory of 100 models alone")
    options = parser.parse_args(arguments)
    precision: Precision = (
        machine.fast_precision() if options.precision == "auto" else options.precision
    )
    if options.memory:
        print_memory(100, precision)
        return
    bench = Bench(find_data("mnist"), options.models, precision)
    print_speed(bench)
    print_plain_speed(bench)
    if options.quick:
        return
    print_memory(100, precision)
    print_accuracies(bench, options.epochs, options.models if options.full else 2)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
