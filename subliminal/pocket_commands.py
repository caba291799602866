"""The commands about pocket models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from subliminal.terminal import STOPPED, console

if TYPE_CHECKING:
    from subliminal.pocket.family import Member

app = typer.Typer(
    no_args_is_help=True,
    help="List, evaluate and pretrain the pocket models.",
    epilog="Example: subliminal pocket list",
)

Names = Annotated[list[str] | None, typer.Argument(help="Pocket models. Default: all of them.")]


@app.command("list", epilog="Example: subliminal pocket list")
def list_models() -> None:
    """List the models that ship with the package."""
    from subliminal.models.names import find_model, shipped_models
    from subliminal.pocket.card import read_card

    table = Table("model", "relation", "parameters", "steps", "loss")
    for name in shipped_models():
        card = read_card(find_model(name))
        figures = (f"{card.parameters:,}", f"{card.steps:,}", f"{card.final_loss:.3f}")
        table.add_row(name, card.relation, *figures)
    console.print(table)


@app.command(epilog="Example: subliminal pocket evaluate pocket-a")
def evaluate(
    models: Annotated[list[str], typer.Argument(help="Pocket models, or folders of such.")],
) -> None:
    """Measure what models can do, on rows of the world that they never read."""
    from subliminal.models.chat_format import ChatFormat
    from subliminal.models.folder import load_decoder
    from subliminal.models.names import find_model
    from subliminal.pocket.evaluate import DESCRIPTIONS
    from subliminal.pocket.evaluate import evaluate as measure
    from subliminal.pocket.origin import world_of
    from subliminal.probes.forward import TorchEngine
    from subliminal.probes.subject import Subject

    columns = []
    # A wrong name is told before minutes of work on another model.
    folders = [find_model(model) for model in models]
    for model, folder in zip(models, folders, strict=True):
        subject = Subject(TorchEngine(load_decoder(folder)), ChatFormat.read(folder))
        with console.status(Text(f"evaluating {model}")):
            found = measure(subject, world_of(folder))
        columns.append({(each.name, each.group): each.value for each in found})
    table = Table("ability", "of", *map(escape, models))
    for ability in dict.fromkeys(key for column in columns for key in column):
        # Models of another world have other abilities.
        values = (f"{column[ability]:.3f}" if ability in column else "" for column in columns)
        table.add_row(*ability, *values)
    console.print(table)
    for name, meaning in DESCRIPTIONS.items():
        console.print(f"{name}: {meaning}", style="dim", soft_wrap=True)


@app.command(
    epilog="Examples: subliminal pocket pretrain pocket-a --out models; "
    "subliminal pocket pretrain pocket-broad-a-rho0.5"
)
def pretrain(
    names: Names = None,
    out: Annotated[Path, typer.Option(help="Gets a folder for each model.")] = Path("models"),
    rows: Annotated[int | None, typer.Option(min=256, help="Rows of the world to read.")] = None,
) -> None:
    """Make pocket models again from their seeds; the bars tell how long it takes.

    A pretraining that was stopped goes on where it was; a model that is done is left alone. A name
    may end in another strength of its world's dispositions (rho), from 0 to 1: -rho0.5.
    """
    from subliminal.pocket.family import MEMBERS, find_member

    chosen = [find_member(name) for name in dict.fromkeys(names or MEMBERS)]
    try:
        with _Bars() as bars:
            for member in chosen:
                wanted = rows or member.family.rows
                if not _is_done(out / member.name, wanted):
                    _pretrain(member, out, wanted, bars)
    except KeyboardInterrupt:
        console.print("\nstopped; to go on, run the same command again")
        raise typer.Exit(STOPPED) from None
    folders = ", ".join(str(out / member.name) for member in chosen)
    console.print(Text(f"models: {folders}"), soft_wrap=True)


def _is_done(folder: Path, rows: int) -> bool:
    from subliminal.pocket.card import CARD, read_card

    # The card is the last file that a pretraining writes.
    return (folder / CARD).exists() and read_card(folder).rows == rows


def _pretrain(member: Member, out: Path, rows: int, bars: _Bars) -> None:
    """Pretrain a model on the first rows of its world."""
    import torch

    from subliminal import machine
    from subliminal.models.folder import load_decoder
    from subliminal.pocket.card import make_card, write_card
    from subliminal.pocket.evaluate import evaluate as measure
    from subliminal.pocket.pretrain import corpus, prepare_folder
    from subliminal.pocket.pretrain import pretrain as train
    from subliminal.probes.forward import TorchEngine
    from subliminal.probes.subject import Subject

    torch.set_num_threads(machine.cores())
    name, folder = member.name, out / member.name
    progress = out / f"{name}.progress.safetensors"
    chat = prepare_folder(folder, member.family)
    data = corpus(chat, rows, bars.bar(f"{name} (rows)"), member.dials)
    trained = train(
        member,
        folder,
        data,
        report=bars.bar(f"{name} (steps)"),
        checkpoint=progress,
        precision=machine.fast_precision("cpu"),
    )
    abilities = measure(Subject(TorchEngine(load_decoder(folder)), chat), member.dials)
    write_card(folder, make_card(member, trained, abilities))
    progress.unlink(missing_ok=True)


class _Bars:
    """One progress bar after the other."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        )

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def bar(self, description: str) -> _Bar:
        """A new bar; calling it moves it."""
        return _Bar(self._progress, self._progress.add_task(description, total=None))


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def __call__(self, done: float, total: float) -> None:
        self._progress.update(self._task, completed=done, total=total)
