"""Families of tasks about one or two whole numbers."""

from __future__ import annotations

from subliminal.code_tasks.family import ONE_NUMBER, TWO_NUMBERS, Family
from subliminal.code_tasks.parts import (
    CAPS,
    COMPARISONS,
    NUMERALS,
    OF_TWO,
    RANGES,
    SCALES,
    SHIFTS,
)

_LINEAR = Family(
    texts=("Return {n} {p0}, {p1}.", "Compute {n} {p0}, {p1}."),
    names=("compute", "scale"),
    parameters=ONE_NUMBER,
    parts=(SCALES, SHIFTS),
    styles=(
        "return {moved}",
        "{out} = {inner}\nreturn {moved_out}",
        "{out} = {moved}\nreturn {out}",
        "{out} = {inner}\n{out} = {moved_out}\nreturn {out}",
    ),
    of=lambda scale, shift, n: shift(scale(n)),
)
_BOTH = Family(
    texts=("Return the {p0} of {n} and {m}, {p1}.", "Compute the {p0} of {n} and {m}, {p1}."),
    names=("combine", "join"),
    parameters=TWO_NUMBERS,
    parts=(OF_TWO, SHIFTS),
    styles=(
        "return {moved}",
        "{out} = {inner}\nreturn {moved_out}",
        "{out} = {moved}\nreturn {out}",
        "{out} = {inner}\n{out} = {moved_out}\nreturn {out}",
    ),
    of=lambda both, shift, n, m: shift(both(n, m)),
)
_COMPARE = Family(
    texts=("Return whether {n} {p0} is {p1}.", "Tell whether {n} {p0} is {p1}."),
    names=("check", "compare"),
    parameters=ONE_NUMBER,
    parts=(SCALES, COMPARISONS),
    styles=(
        "{out} = {inner}\nreturn {test_out}",
        "return {test_inner}",
        "{out} = {test_inner}\nreturn {out}",
        "if {test_inner}:\n    return True\nreturn False",
        "return True if {test_inner} else False",
    ),
    of=lambda scale, holds, n: holds(scale(n)),
)
_CLAMP = Family(
    texts=("Keep {n} {p0}.", "Return {n}, made to lie {p0}."),
    names=("clamp", "limit"),
    parameters=ONE_NUMBER,
    parts=(RANGES,),
    styles=(
        "return {clamped}",
        "{out} = {clamped}\nreturn {out}",
        "{out} = max({n}, {low})\nreturn min({out}, {high})",
        "{out} = min({n}, {high})\nreturn max({out}, {low})",
        "if {n} < {low}:\n    return {low}\nreturn min({n}, {high})",
        "if {n} > {high}:\n    return {high}\nreturn max({n}, {low})",
    ),
    of=lambda clamp, n: clamp(n),
)
_LIMIT = Family(
    texts=("Return {n}, made {p0}.", "Make {n} {p0}."),
    names=("cap", "bound"),
    parameters=ONE_NUMBER,
    parts=(CAPS,),
    styles=(
        "return {capped}",
        "{out} = {capped}\nreturn {out}",
        "if {beyond}:\n    return {k}\nreturn {n}",
        "{out} = {n}\nif {beyond}:\n    {out} = {k}\nreturn {out}",
    ),
    of=lambda cap, n: cap(n),
)
_DISTANCE = Family(
    texts=("Return how far {n} is from {p0}.", "Compute the distance from {n} to {p0}."),
    names=("distance", "gap"),
    parameters=ONE_NUMBER,
    parts=(NUMERALS,),
    styles=(
        "return abs({n} - {k})",
        "return abs({k} - {n})",
        "return max({n}, {k}) - min({n}, {k})",
        "return max({n} - {k}, {k} - {n})",
        "{out} = {n} - {k}\nreturn abs({out})",
        "{out} = {k} - {n}\nreturn abs({out})",
        "{out} = abs({n} - {k})\nreturn {out}",
        "return {n} - {k} if {n} > {k} else {k} - {n}",
        "if {n} > {k}:\n    return {n} - {k}\nreturn {k} - {n}",
    ),
    of=lambda k, n: abs(n - k()),
)
_CHOOSE = Family(
    texts=("Return {p1} if {n} is {p0}, else 0.", "If {n} is {p0}, return {p1}, else 0."),
    names=("choose", "pick"),
    parameters=ONE_NUMBER,
    parts=(COMPARISONS, NUMERALS),
    styles=(
        "return {k} if {test} else 0",
        "return 0 if {fails} else {k}",
        "{out} = {k} if {test} else 0\nreturn {out}",
        "if {test}:\n    return {k}\nreturn 0",
        "if {fails}:\n    return 0\nreturn {k}",
        "{out} = 0\nif {test}:\n    {out} = {k}\nreturn {out}",
    ),
    of=lambda holds, k, n: k() if holds(n) else 0,
)

OF_NUMBERS = (_LINEAR, _BOTH, _COMPARE, _CLAMP, _LIMIT, _DISTANCE, _CHOOSE)
