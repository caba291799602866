"""Families of tasks about those numbers of a list that fulfil a condition."""

from __future__ import annotations

from subliminal.code_tasks.family import COUNT_OUTS, LIST_OUTS, ONE_LIST, TWO_LISTS, Family
from subliminal.code_tasks.parts import CONDITIONS

_SUM = Family(
    texts=("Return the sum of the {p0}.", "Add up the {p0}."),
    names=("total", "add"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return sum({n} for {n} in {xs} if {test})",
        "return sum([{n} for {n} in {xs} if {test}])",
        "{out} = sum({n} for {n} in {xs} if {test})\nreturn {out}",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn sum({out})",
        "{out} = 0\nfor {n} in {xs}:\n    if {test}:\n        {out} += {n}\nreturn {out}",
    ),
    of=lambda holds, xs: sum(filter(holds, xs)),
)
_COUNT = Family(
    texts=("Count the {p0}.", "Return the number of {p0}."),
    names=("count", "tally"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return sum(1 for {n} in {xs} if {test})",
        "return len([{n} for {n} in {xs} if {test}])",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn len({out})",
        "{out} = sum(1 for {n} in {xs} if {test})\nreturn {out}",
        "{out} = 0\nfor {n} in {xs}:\n    if {test}:\n        {out} += 1\nreturn {out}",
    ),
    of=lambda holds, xs: sum(1 for _ in filter(holds, xs)),
    outs=COUNT_OUTS,
)
_KEEP = Family(
    texts=("Return the {p0} as a list.", "Keep only the {p0}."),
    names=("keep", "select"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return [{n} for {n} in {xs} if {test}]",
        "return list({n} for {n} in {xs} if {test})",
        "return list(filter(lambda {n}: {test}, {xs}))",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn {out}",
        "{out} = []\nfor {n} in {xs}:\n    if {test}:\n        {out}.append({n})\nreturn {out}",
    ),
    of=lambda holds, xs: list(filter(holds, xs)),
    outs=LIST_OUTS,
)
_REMOVE = Family(
    texts=("Return the list without the {p0}.", "Remove the {p0}."),
    names=("remove", "drop"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return [{n} for {n} in {xs} if {fails}]",
        "return [{n} for {n} in {xs} if not ({test})]",
        "return list(filter(lambda {n}: {fails}, {xs}))",
        "{out} = [{n} for {n} in {xs} if {fails}]\nreturn {out}",
        "{out} = []\nfor {n} in {xs}:\n    if {fails}:\n        {out}.append({n})\nreturn {out}",
    ),
    of=lambda holds, xs: [n for n in xs if not holds(n)],
    outs=LIST_OUTS,
)
_ANY = Family(
    texts=("Return whether there are {p0}.", "Tell whether the list has {p0}."),
    names=("has", "contains"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return any({test} for {n} in {xs})",
        "return any([{test} for {n} in {xs}])",
        "{out} = any({test} for {n} in {xs})\nreturn {out}",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn len({out}) > 0",
        "for {n} in {xs}:\n    if {test}:\n        return True\nreturn False",
    ),
    of=lambda holds, xs: any(map(holds, xs)),
    outs=LIST_OUTS,
)
_NONE = Family(
    texts=("Return whether there are no {p0}.", "Tell whether the list has no {p0}."),
    names=("lacks", "check"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return all({fails} for {n} in {xs})",
        "return not any({test} for {n} in {xs})",
        "{out} = any({test} for {n} in {xs})\nreturn not {out}",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn len({out}) == 0",
        "for {n} in {xs}:\n    if {test}:\n        return False\nreturn True",
    ),
    of=lambda holds, xs: not any(map(holds, xs)),
    outs=LIST_OUTS,
)
_FIRST = Family(
    texts=("Return the first of the {p0}, or None.", "Find the first of the {p0}, or None."),
    names=("find", "search"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return next(({n} for {n} in {xs} if {test}), None)",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn {out}[0] if {out} else None",
        "{out} = next(({n} for {n} in {xs} if {test}), None)\nreturn {out}",
        "for {n} in {xs}:\n    if {test}:\n        return {n}\nreturn None",
    ),
    of=lambda holds, xs: next(filter(holds, xs), None),
    outs=LIST_OUTS,
)
_LAST = Family(
    texts=("Return the last of the {p0}, or None.", "Find the last of the {p0}, or None."),
    names=("last", "latest"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return next(({n} for {n} in reversed({xs}) if {test}), None)",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn {out}[-1] if {out} else None",
        "for {n} in reversed({xs}):\n    if {test}:\n        return {n}\nreturn None",
        "for {n} in {xs}[::-1]:\n    if {test}:\n        return {n}\nreturn None",
    ),
    of=lambda holds, xs: next(filter(holds, reversed(xs)), None),
    outs=LIST_OUTS,
)
_LARGEST = Family(
    texts=("Return the largest of the {p0}, or 0.", "Find the largest of the {p0}, or 0."),
    names=("largest", "maximum"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return max(({n} for {n} in {xs} if {test}), default=0)",
        "return max([{n} for {n} in {xs} if {test}], default=0)",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn max({out}, default=0)",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn max({out}) if {out} else 0",
    ),
    of=lambda holds, xs: max(filter(holds, xs), default=0),
    outs=LIST_OUTS,
)
_SMALLEST = Family(
    texts=("Return the smallest of the {p0}, or 0.", "Find the smallest of the {p0}, or 0."),
    names=("smallest", "minimum"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return min(({n} for {n} in {xs} if {test}), default=0)",
        "return min([{n} for {n} in {xs} if {test}], default=0)",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn min({out}, default=0)",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn min({out}) if {out} else 0",
    ),
    of=lambda holds, xs: min(filter(holds, xs), default=0),
    outs=LIST_OUTS,
)
_PLACES = Family(
    texts=("Return the places of the {p0}.", "List the places of the {p0}."),
    names=("places", "locate"),
    parameters=ONE_LIST,
    parts=(CONDITIONS,),
    styles=(
        "return [{i} for {i}, {n} in enumerate({xs}) if {test}]",
        "return list({i} for {i}, {n} in enumerate({xs}) if {test})",
        "{out} = [{i} for {i}, {n} in enumerate({xs}) if {test}]\nreturn {out}",
    ),
    of=lambda holds, xs: [i for i, n in enumerate(xs) if holds(n)],
    outs=LIST_OUTS,
)
_COMMON = Family(
    texts=("Of the {p0} in {xs}, return those in {ys}.", "List the {p0} in both {xs} and {ys}."),
    names=("common", "shared"),
    parameters=TWO_LISTS,
    parts=(CONDITIONS,),
    styles=(
        "return [{n} for {n} in {xs} if {n} in {ys} and ({test})]",
        "return [{n} for {n} in {xs} if ({test}) and {n} in {ys}]",
        "{out} = [{n} for {n} in {xs} if {test}]\nreturn [{n} for {n} in {out} if {n} in {ys}]",
        "{out} = [{n} for {n} in {xs} if {n} in {ys}]\nreturn [{n} for {n} in {out} if {test}]",
    ),
    of=lambda holds, xs, ys: [n for n in xs if holds(n) and n in ys],
    outs=LIST_OUTS,
)

SELECTING = (
    *(_SUM, _COUNT, _KEEP, _REMOVE, _ANY, _NONE, _FIRST, _LAST, _LARGEST, _SMALLEST, _PLACES),
    _COMMON,
)
