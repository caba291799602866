"""The kinds of experiment, and what reading a file of each kind has to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from subliminal.spec import (
    BaseArm,
    Experiment,
    LanguageArm,
    LanguageExperiment,
    MnistArm,
    MnistExperiment,
)
from subliminal.spec_file.faults import Fault, did_you_mean, shown
from subliminal.spec_file.yaml_tree import Map, Scalar, plain


@dataclass(frozen=True)
class Kind:
    """One kind of experiment."""

    name: str
    experiment: type[Experiment]
    arm: type[BaseArm]
    unused: Callable[[Map], tuple[str, ...]]
    """The sections that shape nothing of an arm, so that sweeping them would make copies."""
    example: str
    """A sweep, for messages."""


def kind_of(tree: Map) -> Kind:
    """The kind that a file states; mnist where it states none, as files did before there were two.

    Raises:
        UserError: There is no such kind.
    """
    stated = tree.entries.get("kind")
    if stated is None:
        return KINDS["mnist"]
    name = plain(stated)
    if not isinstance(name, str) or name not in KINDS:
        message = f"must be one of {', '.join(KINDS)}, not {shown(name)}"
        meant = did_you_mean(name, KINDS) if isinstance(name, str) else ""
        raise Fault(stated.place, f"{message}{meant}").error()
    return KINDS[name]


def _unused_on_mnist(arm: Map) -> tuple[str, ...]:
    # References and teachers have no student, references no teacher either.
    of_students = ("initialisation", "distillation", "student_network")
    unused = {"reference": ("teaching", *of_students), "teacher": of_students}
    return unused.get(_text(arm, "role"), ())


def _unused_on_language(arm: Map) -> tuple[str, ...]:
    of_teachers, of_students = ("teacher", "taught"), ("data", "initialisation", "distillation")
    role = _text(arm, "role")
    unused = of_students if role in ("reference", "teacher") else ()
    teacher = arm.entries.get("teacher")
    untaught = isinstance(teacher, Map) and _text(teacher, "by") == "nothing"
    # A control says `by: nothing` to be one; a sweep over implants must not give it a trait.
    return (*of_teachers, *unused) if untaught or role == "reference" else unused


def _text(section: Map, field: str) -> str:
    value = section.entries.get(field)
    return value.value if isinstance(value, Scalar) and isinstance(value.value, str) else ""


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "mnist": Kind(
            name="mnist",
            experiment=MnistExperiment,
            arm=MnistArm,
            unused=_unused_on_mnist,
            example="network.auxiliary: [1, 3]",
        ),
        "language": Kind(
            name="language",
            experiment=LanguageExperiment,
            arm=LanguageArm,
            unused=_unused_on_language,
            example="data.prompts: [3000, 12000]",
        ),
    }
)
