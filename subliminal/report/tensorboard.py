"""A run's losses and curves as event files, which TensorBoard shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from subliminal.atomic import cannot_write
from subliminal.errors import UserError
from subliminal.packages import need
from subliminal.results import CURVES, MANIFEST, CurvePoint, read_manifest, read_rows
from subliminal.store import Store
from subliminal.training.log import LOSSES

_PLAIN = " =,.+()"
"""Marks that stay as they are in the names of folders."""


@dataclass(frozen=True)
class Series:
    """Numbers that belong to one model, by their step."""

    folder: str
    """Of its event file: TensorBoard shows it as a run of its own."""
    tags: Mapping[str, list[tuple[int, float]]]
    """Step and value, by what was measured."""


class _Loss(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    loss: float | None


def series_of(run: Path, store: Store) -> Iterator[Series]:
    """What a run has to show.

    Args:
        run: The folder of a run: the curves of its students, by arm and seed.
        store: The loss of each step of its trainings, by stage.

    Raises:
        UserError: The run is not finished, or a file is damaged.
    """
    manifest = read_manifest(run / MANIFEST)
    if manifest.finished is None:
        raise UserError(f"{run}: is not finished; run the experiment again to go on")
    yield from _curves(read_rows(run / CURVES, CurvePoint))
    for key in manifest.stages:
        path, made = store.folder(key) / LOSSES, store.manifest(key)
        if made is not None and path.exists():
            name = f"{made.kind} seed {made.seed} {key[:8]}"
            yield Series(quote(name, safe=_PLAIN), {"loss": _losses(path)})


def write_events(series: Iterable[Series], out: Path) -> int:
    """Write an event file for each series.

    Args:
        series: From :func:`series_of`.
        out: A folder that is empty or not there yet: what it held would be shown beside them.

    Returns:
        How many there were.

    Raises:
        UserError: The folder holds something or cannot be written, or TensorBoard is missing.
    """
    need("tensorboard", extra="tensorboard", where="runs tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    count = 0
    try:
        if out.exists() and any(out.iterdir()):
            raise UserError(f"--to {out}: is not empty; name another folder")
        for one in series:
            writer: Any = SummaryWriter(str(out / one.folder))
            for tag, points in one.tags.items():
                for step, value in points:
                    writer.add_scalar(tag, value, step)
            writer.close()
            count += 1
    except OSError as error:
        raise cannot_write(out, error) from None
    return count


def _curves(points: Iterable[CurvePoint]) -> Iterator[Series]:
    found: dict[tuple[str, int], dict[str, list[tuple[int, float]]]] = {}
    for point in points:
        if point.value is not None:
            tags = found.setdefault((point.arm, point.seed), {})
            tag = f"{point.metric}/{point.item_group}"
            tags.setdefault(tag, []).append((point.step, point.value))
    for (arm, seed), tags in found.items():
        yield Series(quote(f"{arm} seed {seed}", safe=_PLAIN), tags)


def _losses(path: Path) -> list[tuple[int, float]]:
    try:
        rows = [_Loss.model_validate_json(line) for line in path.read_bytes().splitlines()]
    except (OSError, ValidationError):
        raise UserError(f"{path}: cannot be read; run the experiment again to rewrite it") from None
    return [(row.step, row.loss) for row in rows if row.loss is not None]
