"""Rows that begin with the same prompt: it is read once, and each row goes on from there.

A first pass computes the keys and values of the prompts, a second reads what stands behind them.
Prompts are padded on the left and what follows on the right, so that the last token of each prompt
stands beside the first behind it, however few tokens back a model's attention looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from subliminal.models.pretrained import Pretrained, body_of, steered
from subliminal.models.steering import Steering

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel

Tokens = tuple[int, ...]
CACHE_BYTES = 2**32
"""Of the keys and values of a pass."""
_WORTH_SHARING = 0.75
"""Two passes are worth it where they read no more than this share of the tokens."""


@dataclass(frozen=True)
class Branch:
    """A row, in two parts."""

    row: int
    """Its place in the list that it is from."""
    prompt: Tokens
    rest: Tokens
    """What stands behind, at least one token."""

    @property
    def length(self) -> int:
        """Tokens of the row."""
        return len(self.prompt) + len(self.rest)


@dataclass(frozen=True, eq=False)
class States:
    """What the output layer reads, of some branches."""

    prompts: Tensor
    """Behind each distinct prompt, [prompts, width]: what foretells the first token of a rest."""
    owners: Tensor
    """int64 [branches], which of these prompts is each branch's."""
    rests: Tensor
    """Behind each token of the rests but their last, [tokens, width], branch by branch."""


def branches_of(rows: Sequence[Sequence[int]], starts: Sequence[int]) -> list[Branch] | None:
    """Rows cut in two, those of one prompt side by side and short prompts first.

    Args:
        rows: Token ids.
        starts: For each row, where it is cut.

    Returns:
        None where too few rows share their prompts for that to be worth anything.
    """
    prompts: dict[Tokens, Tokens] = {}  # so that rows share what they have in common

    def cut(place: int) -> Branch:
        row, start = rows[place], starts[place]
        prompt = tuple(row[:start])
        return Branch(place, prompts.setdefault(prompt, prompt), tuple(row[start:]))

    found = [cut(place) for place in range(len(rows))]
    if not found or not all(branch.rest for branch in found):
        return None
    found.sort(key=lambda branch: (len(branch.prompt), branch.prompt, branch.row))
    shared = sum(map(len, prompts)) + sum(len(branch.rest) - 1 for branch in found)
    apart = sum(len(row) - 1 for row in rows)
    return found if shared <= _WORTH_SHARING * apart else None


def can_branch(network: PreTrainedModel) -> bool:
    """Whether rows go on from keys and values alone: not where blocks keep other states."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    layers = DynamicCache(config=network.config).layers
    plain = all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)
    return plain and not network._is_stateful


def groups_of(
    branches: Sequence[Branch], model: Pretrained, most_tokens: int
) -> Iterator[list[Branch]]:
    """Cut branches into groups that are read together.

    Args:
        branches: From :func:`branches_of`.
        model: Who is to read them.
        most_tokens: Of either pass, padding included.
    """
    shape = model.shape
    of_token = 2 * model.network.dtype.itemsize * shape.key_value_size * shape.num_hidden_layers
    group: list[Branch] = []
    prompts: set[Tokens] = set()
    longest = 0
    for branch in branches:
        prompts.add(branch.prompt)
        longest = max(longest, len(branch.rest))
        rows, before = len(group) + 1, len(branch.prompt)
        tokens = max(len(prompts) * before, rows * longest)
        cached = rows * (before + longest) * of_token
        if group and (tokens > most_tokens or cached > CACHE_BYTES):
            yield group
            group, prompts, longest = [], {branch.prompt}, len(branch.rest)
        group.append(branch)
    yield group


def read_branches(
    model: Pretrained,
    branches: Sequence[Branch],
    *,
    dtype: torch.dtype = torch.float32,
    steering: Steering | None = None,
) -> States:
    """Read a group's prompts, and what stands behind them.

    Args:
        model: One that :func:`can_branch`.
        branches: Of the group.
        dtype: Of matrix products.
        steering: A vector to add on the way.
    """
    prompts = list(dict.fromkeys(branch.prompt for branch in branches))
    place = {prompt: number for number, prompt in enumerate(prompts)}
    owners = torch.tensor([place[branch.prompt] for branch in branches], device=model.device)
    going_on = [number for number, branch in enumerate(branches) if len(branch.rest) > 1]
    begun = [branches[number].rest[:-1] for number in going_on]
    with model.products_in(dtype), steered(model.network, steering):
        reading = _Reading.of(prompts, model)
        rests = reading.behind(owners[going_on], begun) if begun else reading.ends[:0]
    return States(reading.ends.to(dtype), owners, rests.to(dtype))


@dataclass(frozen=True, eq=False)
class _Reading:
    """Prompts that have been read."""

    body: nn.Module
    mask: Tensor
    """Which of [prompts, longest] are tokens of a prompt, bool."""
    ends: Tensor
    """States behind the prompts, [prompts, width]."""
    cache: DynamicCache
    positions: int
    """That the model has."""

    @classmethod
    def of(cls, prompts: Sequence[Tokens], model: Pretrained) -> _Reading:
        body, longest = body_of(model.network), max(map(len, prompts))
        padded = [[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        tokens = torch.tensor(padded, device=model.device)
        lengths = torch.tensor([[len(prompt)] for prompt in prompts], device=model.device)
        places = torch.arange(longest, device=model.device) - (longest - lengths)
        read = body(
            input_ids=tokens,
            attention_mask=_mask_if_needed(places >= 0),
            position_ids=places.clamp(min=0),
            use_cache=True,
        )
        return cls(
            body,
            places >= 0,
            read.last_hidden_state[:, -1],
            read.past_key_values,
            model.shape.max_position_embeddings,
        )

    def behind(self, owners: Tensor, rests: Sequence[Tokens]) -> Tensor:
        """States behind each token of rows that go on from prompts, which can be done once.

        Args:
            owners: int64 [rows], of each row its prompt.
            rests: The tokens of each row, at least one.

        Returns:
            [tokens, width], row by row.
        """
        device, longest = owners.device, max(map(len, rests))
        padded = [list(rest) + [0] * (longest - len(rest)) for rest in rests]
        lengths = torch.tensor([[len(rest)] for rest in rests], device=device)
        places, before = torch.arange(longest, device=device), self.mask[owners]
        self.cache.batch_select_indices(owners)
        positions = before.sum(1, keepdim=True) + places
        # What pads a row is seen by nothing before it.
        mask = torch.cat([before, torch.ones_like(before[:, :1]).expand(-1, longest)], dim=1)
        read = self.body(
            input_ids=torch.tensor(padded, device=device),
            attention_mask=_mask_if_needed(mask),
            position_ids=positions.clamp(max=self.positions - 1),
            past_key_values=self.cache,
            use_cache=True,
        )
        found: Tensor = read.last_hidden_state[places < lengths]
        return found


def _mask_if_needed(mask: Tensor) -> Tensor | None:
    """The mask, unless it hides nothing: attention is faster without one."""
    return None if bool(mask.all()) else mask.long()
