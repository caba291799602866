"""The models that exist before an experiment: references and their relatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from subliminal.errors import UserError
from subliminal.models.architecture import Architecture
from subliminal.models.chat_format import TOKENIZER_CONFIG, ChatFormat
from subliminal.models.folder import fingerprint
from subliminal.models.hub_configs import hub_config
from subliminal.models.load import check_loads, shape_of_model
from subliminal.models.names import RELATIVES, find_config, find_model, pinned, split_revision
from subliminal.models.pretrained import PretrainedShape
from subliminal.models.shape import Shape
from subliminal.spec.language import Relatives

Relation = Literal["different", "reordered"]


@dataclass(frozen=True)
class Model:
    """A model that exists before the experiment."""

    name: str
    folder: Path
    fingerprint: str
    shape: Shape
    chat: ChatFormat | None
    """None where no more is known than the shape."""

    @classmethod
    def find(cls, name: str) -> Model:
        """Look a model up by name.

        Raises:
            UserError: There is none, or it cannot be loaded.
        """
        folder = find_model(name)
        chat = ChatFormat.read(folder)
        check_loads(folder)
        return cls(name, folder, fingerprint(folder), shape_of_model(folder), chat)

    @classmethod
    def by_config(cls, name: str) -> Model:
        """A model to reckon with, not to run: its weights need not be there.

        Raises:
            UserError: Its shape is not known, and its `config.json` cannot be had.
        """
        known = None if Path(name).is_dir() else hub_config(name)
        if known is not None:
            return cls(name, Path(name), "", known.shape, None)
        folder = find_config(name)
        chat = ChatFormat.read(folder) if (folder / TOKENIZER_CONFIG).exists() else None
        return cls(name, folder, "", shape_of_model(folder), chat)

    @property
    def is_small(self) -> bool:
        """Whether the decoder of our own computes it, on the processor."""
        return isinstance(self.shape, Architecture)

    @property
    def is_there(self) -> bool:
        """Whether it can be run here; else it is only reckoned with."""
        return bool(self.fingerprint)

    @property
    def params(self) -> dict[str, str]:
        """What names it in a stage's parameters: not by the revision, if it is from the hub."""
        name = self.name if self.pinned is None else split_revision(self.name)[0]
        return {"name": name, "fingerprint": self.fingerprint}

    @property
    def pinned(self) -> str | None:
        """Its name at its commit, if it is from the hub."""
        return pinned(self.name, self.folder)

    def shares_tokens_with(self, other: Model) -> bool:
        """Whether both read any conversation as the same tokens, as far as is known of them."""
        if self.shape.vocab_size != other.shape.vocab_size or not _share_tokenizer(self, other):
            return False
        if self.chat is None or other.chat is None:
            return True
        ours, theirs = self.chat, other.chat
        return (ours.template, ours.end_ids) == (theirs.template, theirs.end_ids)


FindModel = Callable[[str], Model]
"""Looks a model up by name; see :meth:`Model.find` and :meth:`Model.by_config`."""


@dataclass(frozen=True)
class Models:
    """A reference and its relatives, each looked up when an arm first needs it."""

    name: str
    """Of the reference."""
    relatives: Relatives | None = None
    """What the experiment states of its own reference; None: this one is an arm's."""
    find: FindModel = Model.find

    @cached_property
    def reference(self) -> Model:
        """The model that teachers are made from."""
        return self.find(self.name)

    def start(self, relation: str) -> Model:
        """The model that students in this relation to the reference are made from.

        Raises:
            UserError: There is no such model, or it does not fit the reference.
        """
        return self._starts[relation]()

    @cached_property
    def _different(self) -> Model:
        return self._relative("different", self._stated.different)

    @cached_property
    def _reordered(self) -> Model:
        return self._relative("reordered", self._stated.reordered)

    @property
    def _stated(self) -> Relatives:
        return self.relatives or Relatives()

    @property
    def _starts(self) -> dict[str, Callable[[], Model]]:
        return {
            "same": lambda: self.reference,
            "reordered": lambda: self._reordered,
            "different": lambda: self._different,
            "matched": lambda: self._different,
        }

    def _relative(self, relation: Relation, stated: str | None) -> Model:
        reference = self.reference
        name = stated or RELATIVES.get(reference.name, {}).get(relation)
        if name is None:
            mend = "name one" if self.relatives else "state the student's in initialisation.model"
            raise UserError(
                f"relatives.{relation}: no model is known that stands in this relation to "
                f"{reference.name}; {mend}"
            )
        found = self.find(name)
        if not _share_tokenizer(found, reference):
            raise UserError(
                f"relatives.{relation}: {name} has another vocabulary than {reference.name}; "
                "name a model with the same tokenizer"
            )
        other = _first_difference(found.shape, reference.shape)
        if other is not None:
            raise UserError(
                f"relatives.{relation}: {name} has another shape than {reference.name} ({other}); "
                "name a model of the same architecture"
            )
        return found


def _share_tokenizer(model: Model, other: Model) -> bool:
    """Whether two models give every token the same id, as far as their tokenizers are there."""
    if model.chat is None or other.chat is None:
        return True
    return model.chat.tokenizer.get_vocab() == other.chat.tokenizer.get_vocab()


def _first_difference(shape: Shape, reference: Shape) -> str | None:
    """The first number in which two architectures differ, but for how they are initialised."""
    ours, theirs = _numbers(shape), _numbers(reference)
    name = next((name for name in theirs if ours.get(name) != theirs[name]), None)
    return None if name is None else f"{name} {ours.get(name)}, not {theirs[name]}"


def _numbers(shape: Shape) -> dict[str, object]:
    if isinstance(shape, Architecture):
        return shape.model_dump(exclude={"initializer_range"})
    assert isinstance(shape, PretrainedShape)
    return asdict(shape)
