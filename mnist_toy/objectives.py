"""What a model is trained for: cross-entropies between target probabilities and its softmax.

Teaching, matching, distilling and the liminal defence are sums of such terms; they differ in the
logits compared and in where the targets come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mnist_toy.architecture import Architecture
from mnist_toy.tasks import TASKS, LogitLayout
from subliminal.spec.mnist import Liminal, Trait


@dataclass(frozen=True, eq=False)
class Frozen:
    """Models that are only looked at.

    Attributes:
        architecture: Of these models, not necessarily that of their students.
        parameters: float32 [models, parameters]; row i belongs to student i.
    """

    architecture: Architecture
    parameters: Tensor


@dataclass(frozen=True)
class LabelTerm:
    """Cross-entropy with the labels of a trait, on its logits.

    Attributes:
        columns: Logits under one softmax.
        class_of: Class of each digit, as a position in `columns`.
        weight: Factor of the term.
    """

    columns: range
    class_of: tuple[int, ...]
    weight: float


@dataclass(frozen=True, eq=False)
class MatchTerm:
    """KL(target || student) between softmaxes over the same logits of both.

    Attributes:
        columns: Logits under one softmax, each once.
        target: The models to resemble.
        weight: Factor of the term at step 0.
        anneal_steps: Steps over which the factor falls linearly to zero; None keeps it.
    """

    columns: Sequence[int]
    target: Frozen
    weight: float = 1.0
    anneal_steps: float | None = None

    def weight_at(self, step: int) -> float:
        """Factor of the term at a step, counted from 0."""
        if self.anneal_steps is None:
            return self.weight
        return self.weight * max(0.0, 1.0 - step / self.anneal_steps)


Objective = tuple[LabelTerm | MatchTerm, ...]


def teach(layout: LogitLayout) -> Objective:
    """Cross-entropy on the logits of each trait, averaged over the traits."""
    weight = 1 / len(layout.traits)
    return tuple(_label_term(trait, columns, weight) for trait, columns in layout.traits.items())


def resemble(target: Frozen, columns: Sequence[int]) -> Objective:
    """KL to other models over some logits: distillation, or behavioural matching."""
    return (MatchTerm(columns, target),)


def liminal(defence: Liminal, reference: Frozen, steps: int) -> Objective:
    """The defence: KL to the untrained student over all logits, annealed away.

    Args:
        defence: Weight at the start, and the share of the steps after which it is gone.
        reference: The students as they started.
        steps: Of the whole training.
    """
    columns = range(reference.architecture.outputs)
    return (MatchTerm(columns, reference, defence.weight, defence.anneal * steps),)


def targets(objective: Objective) -> list[Frozen]:
    """List the models that an objective looks at, each once."""
    found = [term.target for term in objective if isinstance(term, MatchTerm)]
    return list({id(target): target for target in found}.values())


def loss_and_gradient(
    objective: Objective,
    logits: Tensor,
    target_logits: dict[int, Tensor],
    digits: Tensor | None,
    step: int,
) -> tuple[Tensor, Tensor]:
    """Compute an objective and its gradient at the logits.

    Args:
        objective: The terms to add up.
        logits: float32 [models, outputs, batch].
        target_logits: For each of `targets(objective)`, by `id`, the same of that model.
        digits: int64 [models, batch], for terms with labels.
        step: Counted from 0, for annealed terms.

    Returns:
        Loss float32 [models], the mean over the batch, and gradient float32
        [models, outputs, batch].
    """
    gradient = torch.zeros_like(logits)
    loss = torch.zeros(len(logits), device=logits.device)
    for term in objective:
        rows = _rows(term.columns)
        log_q = torch.log_softmax(logits[:, rows], 1)
        if isinstance(term, MatchTerm):
            weight = term.weight_at(step) / logits.shape[2]
            log_p = torch.log_softmax(target_logits[id(term.target)][:, rows], 1)
            p = log_p.exp()
            difference = log_q.exp().sub_(p)
            value = log_p.sub_(log_q).mul_(p).sum((1, 2))
        else:
            weight = term.weight / logits.shape[2]
            if digits is None:
                raise ValueError("a term with labels needs inputs with labels")
            classes = torch.tensor(term.class_of, device=digits.device)[digits].unsqueeze(1)
            value = log_q.gather(1, classes).sum((1, 2)).neg_()
            minus_one = torch.full((), -1.0, device=logits.device).expand(classes.shape)
            difference = log_q.exp_().scatter_add_(1, classes, minus_one)
        gradient[:, rows] += difference.mul_(weight)
        loss.add_(value, alpha=weight)
    return loss, gradient


def _label_term(trait: Trait, columns: range, weight: float) -> LabelTerm:
    return LabelTerm(columns, TASKS[trait].class_of, weight)


def _rows(columns: Sequence[int]) -> slice | list[int]:
    """A slice where the columns are neighbours: a view is cheaper than a gather."""
    first = columns[0]
    if list(columns) == list(range(first, first + len(columns))):
        return slice(first, first + len(columns))
    return list(columns)
