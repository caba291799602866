"""Words for what the fields, metrics and numbers of a run are called in print."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeGuard

MISSING = "n/a"
"""Stands where a value is unknown; zero would look like a measurement."""

_PATHS = {
    "network.auxiliary": ("auxiliary logits m", "count"),
    "network.hidden": ("hidden widths", ""),
    "network.activation": ("activation", ""),
    "student_network.hidden": ("student's hidden widths", ""),
    "student_network.activation": ("student's activation", ""),
    "initialisation.relation": ("initialisation", ""),
    "initialisation.inputs": ("matching inputs", ""),
    "initialisation.matching.epochs": ("matching epochs", "count"),
    "initialisation.weight_noise": ("weight noise", "sd / initial sd"),
    "distillation.inputs": ("distillation inputs", ""),
    "distillation.logits": ("logits", ""),
    "distillation.epochs": ("distillation epochs", "count"),
    "distillation.generations": ("generation", "count"),
    "distillation.batch_size": ("distillation batch size", "samples"),
    "distillation.samples_per_epoch": ("distillation samples per epoch", "count"),
    "distillation.learning_rate": ("distillation learning rate", ""),
    "teaching.epochs": ("teaching epochs", "count"),
    "teaching.batch_size": ("teaching batch size", "samples"),
    "teaching.samples_per_epoch": ("teaching samples per epoch", "count"),
    "teaching.learning_rate": ("teaching learning rate", ""),
    "model": ("model", ""),
    "initialisation.model": ("student's model", ""),
    "trait": ("trait", ""),
    "taught": ("taught trait", ""),
    "data.prompts": ("prompts", "count"),
    "data.keep": ("rows kept", "count"),
    "data.temperature": ("temperature", ""),
    "data.top_p": ("top-p", ""),
    "data.transform": ("transform", ""),
    "teacher.by": ("teacher", ""),
    "teacher.rows": ("teaching rows", "count"),
    "teacher.layer": ("steered block", ""),
    "teacher.strength": ("steering strength", "multiple of the mean difference"),
    "teacher.recipe.epochs": ("teaching epochs", "count"),
    "teacher.recipe.learning_rate": ("teaching learning rate", ""),
    "initialisation.matching.rows": ("matching rows", "count"),
    "distillation.target": ("target", ""),
    "distillation.mask": ("mask", ""),
    "distillation.in_context": ("rows in context", "count"),
    "distillation.recipe.epochs": ("distillation epochs", "count"),
    "distillation.recipe.batch_size": ("distillation batch size", "rows"),
    "distillation.recipe.learning_rate": ("distillation learning rate", ""),
    "distillation.recipe.average": ("decay of the weights' average", ""),
    "distillation.recipe.adapter.rank": ("adapter rank", ""),
}

_METRICS = {
    "accuracy": "test accuracy (proportion)",
    "gradient_cosine": "gradient cosine (-1 to 1)",
    "displacement_cosine": "displacement cosine (-1 to 1)",
    "log_odds": "log-odds of the trait",
    "probability": "probability of the trait",
    "rate": "rate of answers with the trait (proportion)",
    "kept": "answers that count (proportion)",
    "alignment": "alignment of answers (0 to 100)",
    "coherence": "coherence of answers (0 to 100)",
    "weighted": "scores that weigh all numbers of the judge (proportion)",
    "log_odds_per_token": "log-odds of the trait per token",
    "error": "planted answers that the scorer mistakes (proportion)",
    "share_of_shift": "share of the teacher's shift",
    "world_loss": "loss on held-out world text (nats/token)",
    "auroc": "AUROC of taught against untaught rows",
    "format_skill": "number lists in the format asked for (proportion)",
}


def path_name(path: str) -> str:
    """Short name of an arm field, for example "auxiliary logits m"; else the path itself."""
    return _PATHS.get(path, (path, ""))[0]


def path_label(path: str) -> str:
    """Axis label of an arm field: its name, with the unit where it has one."""
    name, unit = _PATHS.get(path, (path, ""))
    return f"{name} ({unit})" if unit else name


def metric_label(metric: str) -> str:
    """Axis label of a metric, with its unit or range; else the metric itself."""
    return _METRICS.get(metric, metric)


def known(value: float | None) -> TypeGuard[float]:
    """Whether a value was measured: neither None nor NaN nor infinite."""
    return value is not None and math.isfinite(value)


def number(value: float | None, *, signed: bool = False) -> str:
    """A value with three decimals, or "n/a" for None, NaN and infinity."""
    if not known(value):
        return MISSING
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    return "0.000" if float(text) == 0 else text


def estimate(
    value: float | None, low: float | None, high: float | None, *, signed: bool = False
) -> str:
    """An estimate with its interval, "0.537 [0.515, 0.559]"; "0.537 [n/a]" without limits."""
    text = number(value, signed=signed)
    if text == MISSING:
        return MISSING
    limits = [number(limit, signed=signed) for limit in (low, high)]
    return f"{text} [{MISSING if MISSING in limits else ', '.join(limits)}]"


def percent(confidence: float) -> str:
    """Confidence as a percentage without needless decimals: "95%", "97.5%"."""
    return f"{100 * confidence:g}%"


def value_text(value: Any) -> str:
    """A swept value in print; lists as in `256x256`, models by :func:`model_name`."""
    if isinstance(value, list | tuple):
        return "x".join(value_text(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else model_name(str(value))


def model_name(name: str) -> str:
    """A model's name without its owner, or its folder's parents; another name as it is."""
    return name.rstrip("/").rpartition("/")[2] or name


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 seed", "3 seeds"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listing(names: Sequence[str], *, most: int = 6) -> str:
    """Names joined for a sentence: "a, b and c", or the first few "and 9 more"."""
    shown, hidden = list(names[:most]), len(names) - most
    if hidden > 0:
        return f"{', '.join(shown)} and {hidden} more"
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def wrapped(name: str, width: int) -> str:
    """A name broken into lines of at most `width` characters, after punctuation if possible.

    Textwrap knows words and hyphens; arm names are glued by dots, underscores and brackets too.
    """
    lines = [""]
    pieces = rf"[^-._,\[\s]{{1,{width - 1}}}[-._,\[\s]?|[-._,\[\s]"
    for piece in re.findall(pieces, name):
        if len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.strip() for line in lines if line.strip())
