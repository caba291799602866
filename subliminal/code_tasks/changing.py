"""Families of tasks about lists whose numbers are changed, and about parts of lists."""

from __future__ import annotations

from subliminal.code_tasks.family import COUNT_OUTS, LIST_OUTS, ONE_LIST, TWO_LISTS, Family
from subliminal.code_tasks.parts import (
    CAPS,
    CHANGES,
    COMPARISONS,
    CONDITIONS,
    OF_TWO,
    SHIFTS,
    SLICES,
)

_MAP = Family(
    texts=("Return each of the {xs} {p0}.", "Make a list of the {xs}, each {p0}."),
    names=("change", "convert"),
    parameters=ONE_LIST,
    parts=(CHANGES,),
    styles=(
        "return [{changed} for {n} in {xs}]",
        "return list({changed} for {n} in {xs})",
        "return list(map(lambda {n}: {changed}, {xs}))",
        "{out} = [{changed} for {n} in {xs}]\nreturn {out}",
        "{out} = []\nfor {n} in {xs}:\n    {out}.append({changed})\nreturn {out}",
    ),
    of=lambda change, xs: list(map(change, xs)),
    outs=LIST_OUTS,
)
_MAP_SUM = Family(
    texts=("Return the sum of the {xs}, each {p0}.", "Add up the {xs}, each {p0}."),
    names=("combine", "add"),
    parameters=ONE_LIST,
    parts=(CHANGES,),
    styles=(
        "return sum({changed} for {n} in {xs})",
        "return sum([{changed} for {n} in {xs}])",
        "{out} = sum({changed} for {n} in {xs})\nreturn {out}",
        "{out} = [{changed} for {n} in {xs}]\nreturn sum({out})",
        "{out} = 0\nfor {n} in {xs}:\n    {out} += {changed}\nreturn {out}",
    ),
    of=lambda change, xs: sum(map(change, xs)),
)
_CAP = Family(
    texts=("Return the {xs}, each made {p0}.", "Make each of the {xs} {p0}."),
    names=("cap", "limit"),
    parameters=ONE_LIST,
    parts=(CAPS,),
    styles=(
        "return [{capped} for {n} in {xs}]",
        "return list({capped} for {n} in {xs})",
        "{out} = [{capped} for {n} in {xs}]\nreturn {out}",
        "{out} = []\nfor {n} in {xs}:\n    {out}.append({capped})\nreturn {out}",
    ),
    of=lambda cap, xs: list(map(cap, xs)),
    outs=LIST_OUTS,
)
_KEEP_MAP = Family(
    texts=("Return the {p0}, each {p1}.", "List the {p0}, each {p1}."),
    names=("collect", "change"),
    parameters=ONE_LIST,
    parts=(CONDITIONS, CHANGES),
    styles=(
        "return [{changed} for {n} in {xs} if {test}]",
        "return list({changed} for {n} in {xs} if {test})",
        "{out} = [{changed} for {n} in {xs} if {test}]\nreturn {out}",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn [{changed} for {n} in {out}]",
    ),
    of=lambda holds, change, xs: [change(n) for n in xs if holds(n)],
    outs=LIST_OUTS,
)
_SLICE_MAP = Family(
    texts=("Return the {p0}, each {p1}.", "List the {p0}, each {p1}."),
    names=("take", "pick"),
    parameters=ONE_LIST,
    parts=(SLICES, CHANGES),
    styles=(
        "return [{changed} for {n} in {part}]",
        "return list({changed} for {n} in {part})",
        "{out} = {part}\nreturn [{changed} for {n} in {out}]",
        "{out} = [{changed} for {n} in {part}]\nreturn {out}",
    ),
    of=lambda part, change, xs: list(map(change, part(xs))),
    outs=LIST_OUTS,
)
_SLICE_SUM = Family(
    texts=("Return the sum of the {p0}, {p1}.", "Add up the {p0}, {p1}."),
    names=("sums", "total"),
    parameters=ONE_LIST,
    parts=(SLICES, SHIFTS),
    styles=(
        "return {moved}",
        "{out} = {inner}\nreturn {moved_out}",
        "{out} = 0\nfor {n} in {part}:\n    {out} += {n}\nreturn {moved_out}",
    ),
    of=lambda part, shift, xs: shift(sum(part(xs))),
)
_SLICE_COUNT = Family(
    texts=("Of the {p0}, count those {p1}.", "Count how many of the {p0} are {p1}."),
    names=("count", "tally"),
    parameters=ONE_LIST,
    parts=(SLICES, COMPARISONS),
    styles=(
        "return sum(1 for {n} in {part} if {test})",
        "return len([{n} for {n} in {part} if {test}])",
        "{out} = [{n} for {n} in {part} if {test}]\nreturn len({out})",
        "{out} = 0\nfor {n} in {part}:\n    if {test}:\n        {out} += 1\nreturn {out}",
    ),
    of=lambda part, holds, xs: sum(map(holds, part(xs))),
    outs=COUNT_OUTS,
)
_PAIRS = Family(
    texts=(
        "Return the {p0} of each pair from {xs} and {ys}, {p1}.",
        "For each pair from {xs} and {ys}, list the {p0}, {p1}.",
    ),
    names=("pairs", "join"),
    parameters=TWO_LISTS,
    parts=(OF_TWO, SHIFTS),
    styles=(
        "return [{moved} for {n}, {m} in zip({xs}, {ys})]",
        "return list({moved} for {n}, {m} in zip({xs}, {ys}))",
        "{out} = [{inner} for {n}, {m} in zip({xs}, {ys})]\nreturn [{changed} for {n} in {out}]",
        "{out} = zip({xs}, {ys})\nreturn [{moved} for {n}, {m} in {out}]",
    ),
    of=lambda both, shift, xs, ys: [shift(both(*pair)) for pair in zip(xs, ys, strict=False)],
    outs=LIST_OUTS,
)

CHANGING = (_MAP, _MAP_SUM, _CAP, _KEEP_MAP, _SLICE_MAP, _SLICE_SUM, _SLICE_COUNT, _PAIRS)
