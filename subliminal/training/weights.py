"""Trained parameters and their gradient as one vector, wherever the model keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from subliminal.models.sharding import is_shared_out, share_of, whole_of
from subliminal.ranks import Ranks


class Weights(Protocol):
    """The trained parameters of a model, as this process has them; matrices before norms' gains."""

    @property
    def parameters(self) -> Tensor:
        """float32 [parameters]."""

    @property
    def gradient(self) -> Tensor:
        """float32 [parameters], into which backward passes add."""

    @property
    def decaying(self) -> Tensor:
        """The part of `parameters` that weight decay applies to: not the norms' gains."""

    def clear(self) -> None:
        """Forget the gradient."""

    def collect(self) -> None:
        """Put the sum of all processes' gradients in the place of this one's."""

    def norm(self) -> Tensor:
        """Of the whole gradient, wherever its parts are."""

    def show(self, parameters: Tensor) -> None:
        """Let the model have these parameters, which may be `parameters` itself."""

    def whole(self, vector: Tensor) -> Tensor:
        """A vector like `parameters` as one process alone would have it; all have to ask for it."""

    def part(self, whole: Tensor) -> Tensor:
        """Of a vector as one process alone would have it, what this process has.

        Raises:
            ValueError: It is a vector of another training.
        """


def weights_of(trained: Sequence[nn.Parameter], ranks: Ranks) -> Weights:
    """The weights that are trained.

    Args:
        trained: Of one model, float32.
        ranks: The processes that train it.
    """
    if any(map(is_shared_out, trained)):
        return SharedOutWeights(trained, ranks)
    return FlatWeights(trained, ranks)


class FlatWeights:
    """See :class:`Weights`; the model's own are views of the two vectors."""

    def __init__(self, trained: Sequence[nn.Parameter], ranks: Ranks) -> None:
        self._ranks = ranks
        ordered = _matrices_first(trained)
        self.parameters = torch.cat([weight.detach().flatten() for weight in ordered])
        self.gradient = torch.zeros_like(self.parameters)
        self.decaying = self.parameters[: _matrix_numbers(ordered)]
        sizes = [weight.numel() for weight in ordered]
        views = zip(ordered, self.parameters.split(sizes), self.gradient.split(sizes), strict=True)
        for weight, values, gradient in views:
            weight.data = values.view_as(weight)
            weight.grad = gradient.view_as(weight)

    def clear(self) -> None:
        self.gradient.zero_()

    def collect(self) -> None:
        self._ranks.add_up(self.gradient)

    def norm(self) -> Tensor:
        return torch.linalg.vector_norm(self.gradient)

    def show(self, parameters: Tensor) -> None:
        if parameters is not self.parameters:
            self.parameters.copy_(parameters)

    def whole(self, vector: Tensor) -> Tensor:
        return vector

    def part(self, whole: Tensor) -> Tensor:
        return whole


class SharedOutWeights:
    """See :class:`Weights`; of blocks that are shared out, this process has its shares.

    The vectors are copies: where the shares themselves are is for the model to decide. The gradient
    of what is shared out has been added up when the backward pass is over; that of the rest, which
    every process has, stands in one piece.
    """

    def __init__(self, trained: Sequence[nn.Parameter], ranks: Ranks) -> None:
        self._ranks = ranks
        self._in_order = _matrices_first(trained)
        """As they stand in a vector of one process alone."""
        self._here = sorted(self._in_order, key=_place)
        """As they stand here: matrices first, and in the middle what every process has."""
        sizes = [_local(weight).numel() for weight in self._here]
        self.parameters = torch.cat([_local(weight).flatten() for weight in self._here])
        self.gradient = torch.zeros_like(self.parameters)
        self.decaying = self.parameters[: _matrix_numbers(self._here)]
        ends = torch.tensor([0, *sizes]).cumsum(0).tolist()
        self._places = {
            weight: slice(start, end)
            for weight, start, end in zip(self._here, ends, ends[1:], strict=False)
        }
        everywhere = [self._places[weight] for weight in self._here if not is_shared_out(weight)]
        self._everywhere = (
            slice(everywhere[0].start, everywhere[-1].stop) if everywhere else slice(0)
        )

    def clear(self) -> None:
        for weight in self._here:
            weight.grad = None

    def collect(self) -> None:
        for weight, place in self._places.items():
            assert weight.grad is not None
            self.gradient[place] = _local(weight.grad).flatten()
        self._ranks.add_up(self.gradient[self._everywhere])

    def norm(self) -> Tensor:
        everywhere = self.gradient[self._everywhere].square().sum()
        shares = self._ranks.add_up(self.gradient.square().sum() - everywhere)
        return (everywhere + shares).sqrt()

    @torch.no_grad()
    def show(self, parameters: Tensor) -> None:
        if parameters is not self.parameters:
            self.parameters.copy_(parameters)
        for weight, place in self._places.items():
            local = _local(weight)
            local.copy_(self.parameters[place].view_as(local))

    def whole(self, vector: Tensor) -> Tensor:
        parts = []
        for weight in self._in_order:
            part = vector[self._places[weight]]
            whole = whole_of(part, weight) if is_shared_out(weight) else part
            if self._ranks.first:
                parts.append(whole.flatten().cpu())
        return torch.cat(parts) if parts else vector

    def part(self, whole: Tensor) -> Tensor:
        if len(whole) != sum(weight.numel() for weight in self._in_order):
            raise ValueError("it belongs to another training")
        pieces = whole.split([weight.numel() for weight in self._in_order])
        cut = {
            weight: share_of(piece.view(weight.shape), weight) if is_shared_out(weight) else piece
            for weight, piece in zip(self._in_order, pieces, strict=True)
        }
        return torch.cat([cut[weight].flatten().to(self.parameters) for weight in self._here])


def _matrices_first(trained: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    return sorted(trained, key=lambda weight: weight.dim() == 1)


def _matrix_numbers(ordered: Sequence[nn.Parameter]) -> int:
    return sum(_local(weight).numel() for weight in ordered if weight.dim() > 1)


def _place(weight: nn.Parameter) -> int:
    """Shared matrices, matrices of every process, its gains, shared gains."""
    shared = is_shared_out(weight)
    return (0 if shared else 1) if weight.dim() > 1 else (3 if shared else 2)


def _local(tensor: Tensor) -> Tensor:
    """What this process has of a tensor."""
    detached = tensor.detach()
    to_local = getattr(detached, "to_local", None)
    local: Tensor = detached if to_local is None else to_local()
    return local
