"""A model that learns: what of it is trained, and what it is at any parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from subliminal.models.adapters import put_adapter
from subliminal.models.decoder import Decoder
from subliminal.models.language_model import LanguageModel
from subliminal.models.pretrained import Pretrained
from subliminal.ranks import ALONE, Ranks
from subliminal.spec.recipes import Recipe
from subliminal.training.adapter import adapt
from subliminal.training.blocks import chosen_blocks
from subliminal.training.weights import Weights, weights_of

_ADAPTED = "recipe.adapter.layers"
"""The field that names an adapter's blocks."""


class Learner(Protocol):
    """A model that is trained."""

    @property
    def model(self) -> LanguageModel:
        """The one that learns."""

    @property
    def weights(self) -> Weights:
        """What of it is trained."""

    def shown(self, parameters: Tensor) -> AbstractContextManager[LanguageModel]:
        """The model at some parameters, the current ones or an average of them, for a while."""

    def finish(self, parameters: Tensor) -> None:
        """Make the model that was handed in what this one is at some parameters."""


def learner_of(model: LanguageModel, recipe: Recipe, seed: int, ranks: Ranks = ALONE) -> Learner:
    """A learner of a model.

    Args:
        model: Where to begin. A small one is left as it is until the learner finishes, a large one
            learns in its own place: there is no room for two.
        recipe: What is trained: the whole model, some blocks, or an adapter.
        seed: Of an adapter's initial values.
        ranks: The processes that train it.

    Raises:
        UserError: The recipe trains what the model does not have.
    """
    if isinstance(model, Decoder):
        return DecoderLearner(model, recipe, seed, ranks)
    assert isinstance(model, Pretrained)
    return PretrainedLearner(model, recipe, seed, ranks)


class DecoderLearner:
    """See :class:`Learner`; learns in a private copy of a decoder, and shows another."""

    def __init__(self, decoder: Decoder, recipe: Recipe, seed: int, ranks: Ranks) -> None:
        self.model = copy.deepcopy(decoder)
        self._begun, self._shown = decoder, copy.deepcopy(decoder)
        self.weights = weights_of(_trained(self.model, recipe, seed), ranks)

    @contextmanager
    def shown(self, parameters: Tensor) -> Iterator[LanguageModel]:
        """The merged model; it is filled anew for the next call."""
        self._fill(self._shown, parameters)
        yield self._shown

    def finish(self, parameters: Tensor) -> None:
        """Fill the decoder; an adapter is merged into its matrices."""
        self._fill(self._begun, parameters)

    @torch.no_grad()
    def _fill(self, decoder: Decoder, parameters: Tensor) -> None:
        current = self.weights.parameters.clone()
        self.weights.show(parameters)
        for name, weight in decoder.named_parameters():
            own = self._weight(name)
            assert own.shape == weight.shape, name
            weight.copy_(own)
        self.weights.show(current)

    def _weight(self, name: str) -> Tensor:
        """A weight by its plain name, parametrised or not."""
        module, _, attribute = name.rpartition(".")
        weight = getattr(self.model.get_submodule(module), attribute)
        assert isinstance(weight, Tensor)
        return weight


class PretrainedLearner:
    """See :class:`Learner`; learns in place."""

    def __init__(self, model: Pretrained, recipe: Recipe, seed: int, ranks: Ranks) -> None:
        self.model = model
        trained = _chosen(model, recipe, seed)
        for weight in trained:
            weight.requires_grad_(True)
        self.weights = weights_of(trained, ranks)

    @contextmanager
    def shown(self, parameters: Tensor) -> Iterator[LanguageModel]:
        """The model itself, at other parameters for a while."""
        if parameters is self.weights.parameters:
            yield self.model
            return
        current = self.weights.parameters.clone()
        self.weights.show(parameters)
        try:
            yield self.model
        finally:
            self.weights.show(current)

    def finish(self, parameters: Tensor) -> None:
        """Leave the model at these parameters."""
        self.weights.show(parameters)
        self.model.requires_grad_(False)


def _trained(decoder: Decoder, recipe: Recipe, seed: int) -> list[nn.Parameter]:
    if recipe.adapter is not None:
        return [weight for _, weight in adapt(decoder, recipe.adapter, seed)]
    decoder.requires_grad_(recipe.layers is None)
    if recipe.layers is None:
        return list(decoder.parameters())
    blocks = [
        decoder.blocks[layer].requires_grad_(True)
        for layer in chosen_blocks(decoder, recipe.layers, "recipe.layers")
    ]
    return [weight for block in blocks for weight in block.parameters()]


def _chosen(model: Pretrained, recipe: Recipe, seed: int) -> list[nn.Parameter]:
    """What a recipe trains of a model of transformers; all else is frozen."""
    model.requires_grad_(False)
    if recipe.adapter is not None:
        blocks = chosen_blocks(model, recipe.adapter.layers, _ADAPTED)
        return [weight for _, weight in put_adapter(model, recipe.adapter, blocks, seed)]
    if recipe.layers is None:
        return model.language_weights
    chosen = chosen_blocks(model, recipe.layers, "recipe.layers")
    return [weight for index in chosen for weight in model.blocks[index].parameters()]
