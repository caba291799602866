"""A decoder that learns: its trained parameters as one flat vector, and the weights it shows."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from subliminal.models.decoder import Decoder
from subliminal.spec.language import Recipe
from subliminal.training.adapter import adapt
from subliminal.training.blocks import chosen_blocks


class Learner:
    """A private copy of a decoder whose trained parameters are views of one vector.

    Args:
        decoder: Where to begin; not changed.
        recipe: What is trained: the whole model, some blocks, or an adapter.
        seed: Of an adapter's initial values.

    Attributes:
        decoder: The copy.
        parameters: float32 [parameters], what is trained.
        gradient: float32 [parameters], into which backward passes add.
        decaying: The part of `parameters` that weight decay applies to: not the norms' gains.

    Raises:
        UserError: The recipe trains blocks that the model does not have.
    """

    def __init__(self, decoder: Decoder, recipe: Recipe, seed: int) -> None:
        self.decoder = copy.deepcopy(decoder)
        trained = [weight for _, weight in _trained(self.decoder, recipe, seed)]
        trained.sort(key=lambda weight: weight.dim() == 1)
        self.parameters = torch.cat([weight.detach().flatten() for weight in trained])
        self.gradient = torch.zeros_like(self.parameters)
        matrices = sum(weight.numel() for weight in trained if weight.dim() > 1)
        self.decaying = self.parameters[:matrices]
        sizes = [weight.numel() for weight in trained]
        views = zip(trained, self.parameters.split(sizes), self.gradient.split(sizes), strict=True)
        for weight, values, gradient in views:
            weight.data = values.view_as(weight)
            weight.grad = gradient.view_as(weight)

    @torch.no_grad()
    def show(self, decoder: Decoder, parameters: Tensor) -> Decoder:
        """Fill a decoder of the same shape with what the learner is at some parameters.

        Args:
            decoder: What to fill; an adapter is merged into its matrices.
            parameters: float32 [parameters], the current ones or an average of them.

        Returns:
            `decoder`.
        """
        current = self.parameters.clone()
        self.parameters.copy_(parameters)
        for (name, weight), own in zip(
            decoder.named_parameters(), map(self._weight, _names(decoder)), strict=True
        ):
            assert own.shape == weight.shape, name
            weight.copy_(own)
        self.parameters.copy_(current)
        return decoder

    def _weight(self, name: str) -> Tensor:
        """A weight by its plain name, parametrised or not."""
        module, _, attribute = name.rpartition(".")
        weight = getattr(self.decoder.get_submodule(module), attribute)
        assert isinstance(weight, Tensor)
        return weight


def _names(decoder: Decoder) -> list[str]:
    return [name for name, _ in decoder.named_parameters()]


def _trained(decoder: Decoder, recipe: Recipe, seed: int) -> list[tuple[str, nn.Parameter]]:
    if recipe.adapter is not None:
        return adapt(decoder, recipe.adapter, seed)
    decoder.requires_grad_(recipe.layers is None)
    if recipe.layers is None:
        return list(decoder.named_parameters())
    blocks = [
        decoder.model.layers[layer].requires_grad_(True)
        for layer in chosen_blocks(decoder, recipe.layers, "recipe.layers")
    ]
    return [pair for block in blocks for pair in block.named_parameters()]
