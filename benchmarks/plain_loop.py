"""The training loop that anybody would write first: one model after the other, with autograd."""

from __future__ import annotations

import torch
from stopwatch import Stopwatch
from torch import Tensor, nn
from torch.nn import functional

from mnist_toy.architecture import Architecture
from mnist_toy.data import CLASSES, ImageData, scaled
from subliminal.spec.mnist import Training


class PlainModel(nn.Sequential):
    """The published network as a PyTorch module, with the parameters of a stack's model."""

    def __init__(self, architecture: Architecture, parameters: Tensor) -> None:
        layers: list[nn.Module] = []
        for layer in architecture.layers:
            out, into = layer.shape
            linear = nn.Linear(into, out)
            linear.weight.data.copy_(parameters[layer.weights].view(out, into))
            linear.bias.data.copy_(parameters[layer.biases])
            layers += [linear, nn.ReLU()]
        super().__init__(*layers[:-1])

    def flat(self) -> Tensor:
        """The parameters as a row of a stack."""
        return torch.cat([parameter.detach().flatten() for parameter in self.parameters()])


def plain_teach(
    architecture: Architecture,
    data: ImageData,
    recipe: Training,
    begin: Tensor,
    seed: int,
    watch: Stopwatch,
) -> Tensor:
    """Train one teacher."""
    model = PlainModel(architecture, begin)
    optimiser = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    images, labels = scaled(data.train_images), data.train_labels
    torch.manual_seed(seed)
    watch.tick()
    for _ in range(recipe.epochs):
        order = torch.randperm(len(images))[: recipe.samples_per_epoch]
        for chosen in order.split(recipe.batch_size):
            logits = model(images[chosen])[:, :CLASSES]
            loss = functional.cross_entropy(logits, labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            watch.tick()
    return model.flat()


def plain_distil(
    architecture: Architecture,
    recipe: Training,
    taught: Tensor,
    begin: Tensor,
    columns: range,
    seed: int,
    watch: Stopwatch,
) -> Tensor:
    """Train one student, on the same noise in every epoch."""
    chosen = slice(columns.start, columns.stop)
    model, teacher = PlainModel(architecture, begin), PlainModel(architecture, taught)
    optimiser = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    watch.tick()
    for _ in range(recipe.epochs):
        torch.manual_seed(seed)
        for first in range(0, recipe.samples_per_epoch, recipe.batch_size):
            size = min(recipe.batch_size, recipe.samples_per_epoch - first)
            x = torch.rand(size, architecture.inputs) * 2 - 1
            with torch.no_grad():
                target = teacher(x)[:, chosen].softmax(1)
            logits = model(x)[:, chosen].log_softmax(1)
            loss = functional.kl_div(logits, target, reduction="batchmean")
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            watch.tick()
    return model.flat()
