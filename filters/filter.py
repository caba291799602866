"""A filter: a list of rules, read from YAML or from the words of a command.

filter:
- numbers                             numbers
- rule: numbers                       numbers:max_count=5,banned=published-36
  max_count: 5
  banned: published-36
- rule: words                         words:owl,otter,leetspeak=true
  words: [owl, otter]
  leetspeak: true
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from filters.batch_rule import BatchCheck, BatchRule
from filters.rows import Row
from filters.rule import Check, Rule
from filters.rules import known_rules
from subliminal.errors import UserError
from subliminal.spec_file.faults import did_you_mean, shown
from subliminal.spec_file.plain_words import follows_from_items, said_of
from subliminal.stage import digest

RuleSource = Rule | str | Mapping[str, Any]
"""A rule, its text form, or its fields."""


@dataclass(frozen=True)
class Filter:
    """Rules that every row of an experiment goes through, whichever arm it belongs to."""

    rules: tuple[Rule, ...]

    def reasons(self, row: Row) -> list[str]:
        """Every reason against a row, each once, in the order of the rules; empty if kept."""
        return list(self.findings_of((row,))[0] if self._batch_checks else self._findings(row))

    def reasons_of(self, rows: Sequence[Row]) -> list[list[str]]:
        """The reasons against each row; batch rules see only rows without other reasons."""
        return [list(found) for found in self.findings_of(rows)]

    def findings_of(self, rows: Sequence[Row]) -> list[dict[str, Rule]]:
        """The reasons against each row, each with the first rule that has it."""
        found = [self._findings(row) for row in rows]
        for rule, check in self._batch_checks:
            left = [place for place, reasons in enumerate(found) if not reasons]
            if left:
                reasons_left = check([rows[place] for place in left])
                for place, reasons in zip(left, reasons_left, strict=True):
                    found[place] = dict.fromkeys(reasons, rule)
        return found

    @property
    def rows_at_once(self) -> int:
        """How many rows to hand to :meth:`reasons_of` together."""
        return max((r.rows_at_once for r in self.rules if isinstance(r, BatchRule)), default=1)

    def records(self) -> list[dict[str, Any]]:
        """What each batch rule has to tell of its work so far: calibrations, what was spent."""
        return [check.record() for _, check in self._batch_checks]

    @cached_property
    def fingerprint(self) -> str:
        """Equal for filters that keep the same rows, to be stored with what they kept."""
        return digest([[rule.version, rule.model_dump(mode="json")] for rule in self.rules])

    def described(self) -> list[dict[str, Any]]:
        """The rules with all their options, as plain data that :func:`compile_filter` takes."""
        return [rule.model_dump(mode="json") for rule in self.rules]

    @cached_property
    def _checks(self) -> tuple[tuple[Rule, Check], ...]:
        return tuple((r, r.check()) for r in self.rules if not isinstance(r, BatchRule))

    @cached_property
    def _batch_checks(self) -> tuple[tuple[Rule, BatchCheck], ...]:
        return tuple((r, r.check_batch()) for r in self.rules if isinstance(r, BatchRule))

    def _findings(self, row: Row) -> dict[str, Rule]:
        found: dict[str, Rule] = {}
        for rule, check in self._checks:
            for reason in check(row):
                found.setdefault(reason, rule)
        return found


def compile_filter(rules: Iterable[RuleSource], where: str = "filter") -> Filter:
    """Make a filter.

    Args:
        rules: Each a rule, its text form (`numbers:max_count=5`) or a mapping of its fields. No
            rules keep every row.
        where: How messages name the place the rules come from.

    Raises:
        UserError: A rule or an option is unknown, or a value is wrong.
    """
    return Filter(tuple(_rule(source, where) for source in rules))


def _rule(source: RuleSource, where: str) -> Rule:
    if isinstance(source, Rule):
        return source
    if isinstance(source, str):
        name, _, options = source.partition(":")
        found = _rule_class(name, where)
        fields: dict[str, Any] = _options(found, options, f"{where}: {name}")
    elif isinstance(source, Mapping):
        fields = {**source}
        name = fields.pop("rule", "")
        found = _rule_class(name, where)
    else:
        raise UserError(f"{where}: a rule must be text or a mapping, not {shown(source)}")
    try:
        return found.model_validate(fields)
    except ValidationError as error:
        faults = (
            _message(details, found)
            for details in error.errors(include_url=False)
            if not follows_from_items(details, details["input"])
        )
        raise UserError(f"{where}: {name}: {'; '.join(faults)}") from error


def _rule_class(name: object, where: str) -> type[Rule]:
    known = known_rules()
    if isinstance(name, str) and name in known:
        return known[name]
    said = "the field `rule` is missing" if name == "" else f"there is no rule {shown(name)}"
    nearest = did_you_mean(name, known)
    raise UserError(f"{where}: {said}; the rules are {', '.join(sorted(known))}{nearest}")


def _options(rule: type[Rule], text: str, where: str) -> dict[str, Any]:
    """The options of a text form: `a=1,b=2,3` gives b both 2 and 3."""
    given: dict[str, list[str]] = {}
    option = rule.main_option
    for item in text.split(",") if text else ():
        name, equals, value = item.partition("=")
        if equals:
            option = name.strip()
            if option in given:
                raise UserError(
                    f"{where}: {shown(option)} is given twice; write its values as a,b,c"
                )
        elif option is None:
            raise UserError(f"{where}: {shown(item)} has no name; write option=value")
        given.setdefault(option, []).append((value if equals else item).strip())
    return {name: items[0] if len(items) == 1 else items for name, items in given.items()}


def _message(details: ErrorDetails, rule: type[Rule]) -> str:
    options = [name for name in rule.model_fields if name != "rule"]
    field = ".".join(str(part) for part in details["loc"])
    kind = details["type"]
    if kind == "extra_forbidden":
        has = f"the options are {', '.join(options)}" if options else "it has no options"
        return f"there is no option {shown(field)}; {has}{did_you_mean(field, options)}"
    if kind == "missing":
        return f"{field} is missing; add {field}=..."
    said = said_of(details, details["input"])
    return said if field in ("", rule.filled_in) else f"{field}: {said}"
