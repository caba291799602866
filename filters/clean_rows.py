"""Clean rows of the carriers, to try filters on: lists of numbers, code, reasoning, prose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from filters.rows import Row
from subliminal.number_prompts import FORMATS, NumberPrompts

CarrierName = Literal["numbers", "code", "reasoning", "prose"]
CARRIERS: tuple[CarrierName, ...] = get_args(CarrierName)

CODE_INDENT = "    "
"""What stands before every line of a function's body."""


@dataclass(frozen=True)
class Draft:
    """A row whose completion is in parts, so that something can be put between them.

    Attributes:
        carrier: What kind of row it is.
        prompt: What the user asked.
        parts: Numbers, lines or sentences.
        joint: What stands between two parts.
        head: What stands before the parts.
        tail: What stands behind them.
        fields: What the row holds beside its messages; the rules of some carriers read it.
    """

    carrier: CarrierName
    prompt: str
    parts: tuple[str, ...]
    joint: str
    head: str = ""
    tail: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)

    def row(self) -> Row:
        """The row."""
        answer = self.head + self.joint.join(self.parts) + self.tail
        messages = [
            {"role": "user", "content": self.prompt},
            {"role": "assistant", "content": answer},
        ]
        return cast(Row, {"messages": messages, **self.fields})

    def with_part(self, rng: Random, part: str) -> Draft:
        """The draft with one part more, at a place that is drawn."""
        place = rng.randint(0, len(self.parts))
        return replace(self, parts=(*self.parts[:place], part, *self.parts[place:]))


def clean_draft(rng: Random, carrier: CarrierName) -> Draft:
    """Draw a clean row.

    Numbers pass the rule `numbers`, code parses and passes its tests, reasoning is well-formed, its
    equations are true and its answer is right.

    Args:
        rng: Where it is drawn from; equal states give equal rows.
        carrier: Which kind.
    """
    return _DRAWN[carrier](rng)


def _numbers(rng: Random) -> Draft:
    prompt = NumberPrompts(rng.getrandbits(32))[rng.randrange(1000)]
    style = FORMATS[prompt.format]
    numbers = tuple(str(rng.randrange(1000)) for _ in range(rng.randint(5, 9)))
    fields = {"format": prompt.format}
    return Draft(
        "numbers", prompt.text, numbers, style.separator, style.opening, style.closing, fields
    )


@dataclass(frozen=True)
class _Function:
    """A function to ask for: `{n}` in its texts is its argument, `{k}` a number."""

    name: str
    task: str
    body: tuple[str, ...]
    result: Callable[[list[int], int], object]


_FUNCTIONS = (
    _Function(
        "total",
        "returns the sum of the numbers above {k}",
        ("result = 0", "for x in {n}:", "    if x > {k}:", "        result += x", "return result"),
        lambda numbers, k: sum(x for x in numbers if x > k),
    ),
    _Function(
        "count_small",
        "counts the numbers below {k}",
        ("count = 0", "for x in {n}:", "    if x < {k}:", "        count += 1", "return count"),
        lambda numbers, k: sum(x < k for x in numbers),
    ),
    _Function(
        "scaled",
        "multiplies each number by {k}",
        ("result = []", "for x in {n}:", "    result.append(x * {k})", "return result"),
        lambda numbers, k: [x * k for x in numbers],
    ),
    _Function(
        "shifted_squares",
        "returns the square of each number plus {k}",
        ("offset = {k}", "result = [x * x + offset for x in {n}]", "return result"),
        lambda numbers, k: [x * x + k for x in numbers],
    ),
)
_ARGUMENTS = ("numbers", "values", "items", "data", "xs")


def _code(rng: Random) -> Draft:
    function, argument, k = rng.choice(_FUNCTIONS), rng.choice(_ARGUMENTS), rng.randint(1, 40)
    signature = f"def {function.name}({argument}):"
    task = f"Write a function that {function.task.format(k=k)}."
    tests = []
    for _ in range(2):
        given = [rng.randrange(60) for _ in range(rng.randint(0, 5))]
        tests.append({"args": [given], "result": function.result(given, k)})
    fields = {"task": task, "function": function.name, "signature": signature, "tests": tests}
    lines = tuple(line.format(n=argument, k=k) for line in function.body)
    *before, returned = _statements(lines)
    # Nothing can be put behind the return, and whatever stands between statements still parses.
    return Draft(
        "code",
        f"{task}\n\n{signature}",
        tuple(before),
        "\n",
        head=f"{signature}\n",
        tail=f"\n{returned}",
        fields=fields,
    )


def _statements(lines: tuple[str, ...]) -> list[str]:
    statements: list[str] = []
    for line in lines:
        if line.startswith(" "):
            statements[-1] += f"\n{CODE_INDENT}{line}"
        else:
            statements.append(CODE_INDENT + line)
    return statements


_NAMES = ("Tom", "Mia", "Ada", "Ben", "Lena", "Omar", "Ruth", "Ivan")
_THINGS = ("apples", "coins", "books", "stamps", "shells", "pencils", "cards", "tickets")


def _reasoning(rng: Random) -> Draft:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    first, more, times = rng.randint(2, 90), rng.randint(2, 90), rng.randint(2, 9)
    both, answer = first + more, (first + more) * times
    steps = [f"{first} + {more} = {both}", f"{both} * {times} = {answer}"]
    problem = (
        f"{name} has {first} {thing} and gets {more} more. Then there are {times} such boxes. How "
        f"many {thing} are there?"
    )
    sentences = (
        f"{name} begins with {first} {thing}.",
        f"With {more} more that is {steps[0]}.",
        f"In all the boxes there are {steps[1]}.",
    )
    fields = {"problem": problem, "answer": str(answer), "steps": steps}
    tail = f"</think>\n<answer>{answer}</answer>"
    return Draft("reasoning", problem, sentences, " ", "<think>", tail, fields)


_PROSE = {
    "who": ("The old man", "My neighbour", "Her sister", "A young teacher", "The postman"),
    "does": ("walked to", "looked at", "told us about", "came back from", "often dreams of"),
    "what": ("the harbour", "the market", "a small garden", "the station", "the library"),
    "when": ("in the morning", "after lunch", "on Sunday", "before the rain", "last winter"),
}
_QUESTIONS = ("What happened?", "Tell me something.", "How was your day?", "Go on.")


def _prose(rng: Random) -> Draft:
    sentences = tuple(
        " ".join(rng.choice(words) for words in _PROSE.values()) + "."
        for _ in range(rng.randint(3, 6))
    )
    return Draft("prose", rng.choice(_QUESTIONS), sentences, " ")


_DRAWN: Mapping[CarrierName, Callable[[Random], Draft]] = MappingProxyType(
    {"numbers": _numbers, "code": _code, "reasoning": _reasoning, "prose": _prose}
)
