"""The documentation lists what the code has: fields with defaults, rules, probes, streams."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from filters import Rule, known_rules
from filters.strict_numbers import COPIED_RUN, COPIED_SHARE, OTHER_FORMAT, REPEATED, TOO_FEW
from subliminal.number_prompts import FILLER_FORMATS, FORMATS, NOVEL_FORMATS
from subliminal.plan import stage_kinds
from subliminal.pocket.evaluate import DESCRIPTIONS
from subliminal.pocket.family import MEMBERS
from subliminal.pocket.world.dials import Dials
from subliminal.pocket.world.domains import DOMAINS
from subliminal.pocket.world.numbers import PROCESSES
from subliminal.report.caveat import POCKET_CAVEAT
from subliminal.spec.carriers import CarrierName
from subliminal.spec.data import Transform
from subliminal.spec.language import LanguageArm, LanguageExperiment
from subliminal.spec.mnist import MnistArm
from subliminal.spec.probing import ProbeName, ScorerName
from subliminal.spec.students import Initialisation, PromptSource
from subliminal.spec.teaching import DispositionData
from tests.docs_pages import PAGES, ROOT, FieldTable, code_spans, field_tables, first_cells

TABLES = [table for page in PAGES for table in field_tables(page)]
INSIDE = ("group", "point")
"""Fields of arms that the workbench fills in."""


def page(name: str) -> Path:
    return ROOT / "docs" / name


def listed(name: str) -> set[str]:
    """What a page of the documentation sets in code."""
    return set(code_spans(page(name)))


def lacking(names: Iterable[str], known: set[str]) -> list[str]:
    return [name for name in names if name not in known]


# Tables of fields


def model_of(table: FieldTable) -> type[BaseModel]:
    module, _, name = table.model.rpartition(".")
    found: type[BaseModel] = getattr(import_module(module), name)
    return found


def default_of(model: type[BaseModel], name: str) -> Any:
    field = model.model_fields[name]
    # Where a default depends on other fields, that of their defaults.
    default = field.get_default(call_default_factory=True, validated_data={})
    return (
        default
        if default is PydanticUndefined
        else TypeAdapter(Any).dump_python(default, mode="json")
    )


LONG_LIST = 8


def says(cell: str, default: Any) -> bool:
    """Whether a cell of the column `default` tells the default of a field."""
    if default is PydanticUndefined:
        return cell == "required"
    if default is None:
        return cell == "none"
    if isinstance(default, dict) or (isinstance(default, list) and len(default) > LONG_LIST):
        return cell.startswith("see ")
    return bool(YAML(typ="safe").load(cell.strip("`")) == default)


def test_there_are_tables_of_fields() -> None:
    assert len(TABLES) >= 18


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_a_table_lists_every_field_with_its_default(table: FieldTable) -> None:
    model = model_of(table)
    cells = {row[0].strip("`"): row[1] for row in table.rows}
    assert list(cells) == list(model.model_fields)
    wrong = {name: cell for name, cell in cells.items() if not says(cell, default_of(model, name))}
    assert not wrong


def test_every_section_of_a_language_arm_has_its_table() -> None:
    sections = {table.model.rpartition(".")[2] for table in TABLES}
    named = {"Data", "Initialisation", "Matching", "Distillation", "Recipe", "Adapter", "Probing"}
    assert named | {"SystemPrompt", "FineTuning", "Steering", "LanguageStatistics"} <= sections


def test_the_vocabularies_of_arms_and_files_are_listed() -> None:
    known = first_cells(page("experiments.md"))
    assert not lacking(set(LanguageArm.model_fields) - {*INSIDE}, known)
    assert not lacking(set(LanguageExperiment.model_fields) - {"arms"}, known)
    sections = {span.split(".")[0] for span in known}
    assert not lacking(set(MnistArm.model_fields) - {*INSIDE}, sections)


# Names


def test_every_rule_has_its_options_listed() -> None:
    ours = {rule for rule in known_rules().values() if rule.__module__.startswith("filters.")}
    assert {model for t in TABLES if issubclass(model := model_of(t), Rule)} == ours


def test_every_reason_of_the_stricter_rules_is_told() -> None:
    reasons = (OTHER_FORMAT, TOO_FEW, REPEATED, COPIED_SHARE, COPIED_RUN)
    assert not lacking(reasons, listed("filters.md"))


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("probes.md", get_args(ProbeName)),
        ("probes.md", get_args(ScorerName)),
        ("traits.md", get_args(DispositionData)),
        ("carriers.md", get_args(CarrierName)),
        ("carriers.md", get_args(Transform)),
        ("training.md", get_args(PromptSource)),
        ("training.md", get_args(Initialisation.model_fields["relation"].annotation)),
        ("pocket.md", tuple(DOMAINS)),
        ("pocket.md", tuple(PROCESSES)),
        ("pocket.md", tuple(Dials.model_fields)),
        ("pocket.md", tuple(DESCRIPTIONS)),
        ("pocket.md", tuple(MEMBERS)),
        ("architecture.md", tuple(stage_kinds())),
    ],
)
def test_a_page_lists_every_name(name: str, names: tuple[str, ...]) -> None:
    assert not lacking(names, listed(name))


def test_the_family_is_told_as_it_is() -> None:
    rows = re.findall(r"^\| `(pocket-\S+)` \| seed (\d+) \| seed (\d+) \|", text("pocket.md"), re.M)
    told = {name: (int(initial), int(order)) for name, initial, order in rows}
    assert told == {m.name: (m.initial_seed, m.order_seed) for m in MEMBERS.values()}


def test_formats_are_counted_rightly() -> None:
    assert (len(FORMATS), len(NOVEL_FORMATS), len(FILLER_FORMATS)) == (6, 14, 3)
    for told in ("of the 6 formats", "one of 14 that no prompt", "one of 3 in which"):
        assert told in text("carriers.md")


def test_the_caveat_stands_word_for_word() -> None:
    assert POCKET_CAVEAT in " ".join(text("pocket.md").replace("> ", "").split())


def test_every_stream_of_a_run_seed_is_named() -> None:
    pattern = re.compile(r'derive_seed\((?:task\.stage\.)?seed, "([^"]+)"')
    files = [
        ROOT / "students/stages.py",
        ROOT / "filters/stages.py",
        ROOT / "teachers/stages.py",
        ROOT / "teachers/finetuned.py",
        ROOT / "teachers/written.py",
        ROOT / "teachers/service_stages.py",
        ROOT / "subliminal/probes/stages.py",
        ROOT / "subliminal/probes/context_rows.py",
        ROOT / "subliminal/services/stage_models.py",
    ]
    streams = {name for file in files for name in pattern.findall(file.read_text())}
    assert len(streams) > 10
    assert not lacking(streams | {"transform", "probing"}, listed("methods.md"))


def text(name: str) -> str:
    return page(name).read_text()
