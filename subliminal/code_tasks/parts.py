"""What tasks are made of: conditions and changes of a number, slices of a list.

A part is words for the task's text, spellings for its solutions, and the function that it means.
In words and spellings `{xs}` stands for a list and `{n}` for a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

CONSTANTS = range(2, 100)
"""In tasks; 1 would often do nothing."""
_LENGTHS = range(2, 10)
_LOWS, _WIDTHS = range(2, 60), (10, 20, 30)


@dataclass(frozen=True)
class Part:
    """One piece of a task.

    Attributes:
        words: How the task's text says it.
        spellings: For fields of a solution's template, the equivalent ways to fill them.
        of: What it computes.
        constants: The numbers in it, near which tests have to look.
    """

    words: str
    spellings: Mapping[str, Sequence[str]]
    of: Callable[..., Any]
    constants: tuple[int, ...]


def _condition(
    words: str,
    holds: Sequence[str],
    fails: Sequence[str],
    of: Callable[[int], bool],
    *constants: int,
) -> Part:
    return Part(words, {"test": holds, "fails": fails}, of, constants)


def _over(k: int) -> tuple[str, str]:
    return f"{{n}} > {k}", f"{k} < {{n}}"


def _under(k: int) -> tuple[str, str]:
    return f"{{n}} < {k}", f"{k} > {{n}}"


def _at_least(k: int) -> tuple[str, str]:
    return f"{{n}} >= {k}", f"{k} <= {{n}}"


def _at_most(k: int) -> tuple[str, str]:
    return f"{{n}} <= {k}", f"{k} >= {{n}}"


def _above(k: int) -> Part:
    return _condition(f"{{xs}} above {k}", _over(k), _at_most(k), lambda n: n > k, k)


def _below(k: int) -> Part:
    return _condition(f"{{xs}} below {k}", _under(k), _at_least(k), lambda n: n < k, k)


def _of_at_least(k: int) -> Part:
    return _condition(f"{{xs}} of at least {k}", _at_least(k), _under(k), lambda n: n >= k, k)


def _of_at_most(k: int) -> Part:
    return _condition(f"{{xs}} of at most {k}", _at_most(k), _over(k), lambda n: n <= k, k)


def _other_than(k: int) -> Part:
    differs, equals = (f"{{n}} != {k}", f"{k} != {{n}}"), (f"{{n}} == {k}", f"{k} == {{n}}")
    return _condition(f"{{xs}} other than {k}", differs, equals, lambda n: n != k, k)


def _divisible(k: int) -> Part:
    holds, fails = (f"{{n}} % {k} == 0", f"not {{n}} % {k}"), (f"{{n}} % {k} != 0", f"{{n}} % {k}")
    return _condition(f"{{xs}} divisible by {k}", holds, fails, lambda n: n % k == 0, k)


def _even_above(k: int) -> Part:
    holds = (f"{{n}} % 2 == 0 and {{n}} > {k}", f"{{n}} > {k} and {{n}} % 2 == 0")
    fails = (f"{{n}} % 2 != 0 or {{n}} <= {k}", f"{{n}} <= {k} or {{n}} % 2 != 0")
    return _condition(f"even {{xs}} above {k}", holds, fails, lambda n: n % 2 == 0 and n > k, k)


def _odd_below(k: int) -> Part:
    holds = (f"{{n}} % 2 == 1 and {{n}} < {k}", f"{{n}} < {k} and {{n}} % 2 == 1")
    fails = (f"{{n}} % 2 == 0 or {{n}} >= {k}", f"{{n}} >= {k} or {{n}} % 2 == 0")
    return _condition(f"odd {{xs}} below {k}", holds, fails, lambda n: n % 2 == 1 and n < k, k)


def _between(low: int, high: int) -> Part:
    holds = (f"{low} <= {{n}} <= {high}", f"{high} >= {{n}} >= {low}")
    fails = (f"{{n}} < {low} or {{n}} > {high}", f"{{n}} > {high} or {{n}} < {low}")
    words = f"{{xs}} from {low} to {high}"
    return _condition(words, holds, fails, lambda n: low <= n <= high, low, high)


def _times(k: int) -> Part:
    spellings = (f"{{n}} * {k}", f"{k} * {{n}}")
    return Part(f"times {k}", {"changed": spellings, "inner": spellings}, lambda n: n * k, (k,))


def _plus(k: int) -> Part:
    return Part(
        f"plus {k}",
        {
            "changed": (f"{{n}} + {k}", f"{k} + {{n}}"),
            "moved": (f"{{inner}} + {k}", f"{k} + {{inner}}"),
            "moved_out": (f"{{out}} + {k}", f"{k} + {{out}}"),
        },
        lambda n: n + k,
        (k,),
    )


def _minus(k: int) -> Part:
    return Part(
        f"minus {k}",
        {
            "changed": (f"{{n}} - {k}", f"-{k} + {{n}}"),
            "moved": (f"{{inner}} - {k}", f"-{k} + {{inner}}"),
            "moved_out": (f"{{out}} - {k}", f"-{k} + {{out}}"),
        },
        lambda n: n - k,
        (k,),
    )


def _modulo(k: int) -> Part:
    return Part(f"modulo {k}", {"changed": (f"{{n}} % {k}",)}, lambda n: n % k, (k,))


def _at_most_cap(k: int) -> Part:
    spellings = (
        f"min({{n}}, {k})",
        f"min({k}, {{n}})",
        f"{{n}} if {{n}} < {k} else {k}",
        f"{k} if {{n}} > {k} else {{n}}",
    )
    also = {"beyond": _over(k), "k": (str(k),)}
    return Part(f"at most {k}", {"capped": spellings, **also}, lambda n: min(n, k), (k,))


def _at_least_cap(k: int) -> Part:
    spellings = (
        f"max({{n}}, {k})",
        f"max({k}, {{n}})",
        f"{{n}} if {{n}} > {k} else {k}",
        f"{k} if {{n}} < {k} else {{n}}",
    )
    also = {"beyond": _under(k), "k": (str(k),)}
    return Part(f"at least {k}", {"capped": spellings, **also}, lambda n: max(n, k), (k,))


def _first(k: int) -> Part:
    return _slice(f"first {k} {{xs}}", (f"{{xs}}[:{k}]", f"{{xs}}[0:{k}]"), lambda xs: xs[:k])


def _last(k: int) -> Part:
    return _slice(f"last {k} {{xs}}", (f"{{xs}}[-{k}:]",), lambda xs: xs[-k:])


def _behind(k: int) -> Part:
    return _slice(f"{{xs}} after the first {k}", (f"{{xs}}[{k}:]",), lambda xs: xs[k:])


def _before(k: int) -> Part:
    return _slice(f"{{xs}} before the last {k}", (f"{{xs}}[:-{k}]",), lambda xs: xs[:-k])


def _every(k: int) -> Part:
    cuts = (f"{{xs}}[::{k}]", f"{{xs}}[0::{k}]")
    return _slice(f"{{xs}} in steps of {k}", cuts, lambda xs: xs[::k])


def _largest(k: int) -> Part:
    cuts = (f"sorted({{xs}})[-{k}:]",)
    return _slice(f"{k} largest {{xs}} in order", cuts, lambda xs: sorted(xs)[-k:])


def _smallest(k: int) -> Part:
    cuts = (f"sorted({{xs}})[:{k}]", f"sorted({{xs}})[0:{k}]")
    return _slice(f"{k} smallest {{xs}} in order", cuts, lambda xs: sorted(xs)[:k])


def _slice(words: str, cuts: Sequence[str], of: Callable[[list[int]], list[int]]) -> Part:
    return Part(words, {"part": cuts, "inner": ("sum({part})",)}, of, ())


def _comparison(condition: Part) -> Part:
    """A condition said of one number, or of what else stands in a solution."""
    tests = condition.spellings["test"]
    spellings = {
        f"test_{field}": [test.replace("{n}", f"{{{field}}}") for test in tests]
        for field in ("inner", "out")
    }
    words = condition.words.removeprefix("{xs} ")
    return replace(condition, words=words, spellings={**condition.spellings, **spellings})


def _of_two(words: str, spellings: Sequence[str], of: Callable[[int, int], int]) -> Part:
    return Part(words, {"inner": spellings}, of, ())


def _constants(*makers: Callable[[int], Part]) -> tuple[Part, ...]:
    return tuple(maker(k) for maker in makers for k in CONSTANTS)


CONDITIONS = (
    *_constants(_above, _below, _of_at_least, _of_at_most, _other_than, _divisible),
    *_constants(_even_above, _odd_below),
    *(_between(low, low + width) for low in _LOWS for width in _WIDTHS),
)
COMPARISONS = tuple(map(_comparison, _constants(_above, _below)))
SCALES = _constants(_times)
SHIFTS = _constants(_plus, _minus)
CHANGES = _constants(_times, _plus, _minus, _modulo)
CAPS = _constants(_at_most_cap, _at_least_cap)
SLICES = tuple(
    maker(k)
    for maker in (_first, _last, _behind, _before, _every, _largest, _smallest)
    for k in _LENGTHS
)
OF_TWO = (
    _of_two("sum", ("{n} + {m}", "{m} + {n}"), lambda n, m: n + m),
    _of_two("product", ("{n} * {m}", "{m} * {n}"), lambda n, m: n * m),
    _of_two("larger", ("max({n}, {m})", "max({m}, {n})"), max),
    _of_two("smaller", ("min({n}, {m})", "min({m}, {n})"), min),
)
RANGES = tuple(
    Part(
        f"from {low} to {high}",
        {
            "clamped": (
                f"max({low}, min({{n}}, {high}))",
                f"max({low}, min({high}, {{n}}))",
                f"max(min({{n}}, {high}), {low})",
                f"min({high}, max({{n}}, {low}))",
                f"min({high}, max({low}, {{n}}))",
                f"min(max({{n}}, {low}), {high})",
            ),
            "low": (str(low),),
            "high": (str(high),),
        },
        lambda n, low=low, high=high: max(low, min(n, high)),
        (low, high),
    )
    for low in _LOWS
    for high in (low + width for width in _WIDTHS)
)
NUMERALS = tuple(Part(str(k), {"k": (str(k),)}, lambda k=k: k, (k,)) for k in CONSTANTS)
