"""The sentences of the stories: openings, events that change a number, and questions.

A story follows one number. Each sentence has fixed words for its operation, so that the text
tells what to do; sentences about the same thing may follow one another in any order. The words
have nothing to do with any trait.
"""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.word_problems.steps import Operator

PEOPLE = ("Mia", "Tom", "Ana", "Ben", "Leo", "Zoe", "Sam", "Eva", "Max", "Ida", "Jon", "Amy")
THINGS = (
    *("apples", "books", "coins", "pens", "cards", "cups"),
    *("stamps", "buttons", "plates", "keys", "cakes", "balls"),
)
CONTAINERS = (("box", "boxes"), ("bag", "bags"), ("basket", "baskets"))
PLACES = ("at home", "at school", "in the park", "at the market", "in the kitchen")
MONEY = "dollars"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with an operation: {n} is its right operand, {who} has the number so far."""

    operator: Operator
    text: str
    claim: str = "{who} has"
    """What may be said of the result."""
    question: str = ""
    """Asked right behind it; if empty, the story may go on or end with one of `QUESTIONS`."""
    hands_over: bool = False
    """Whether the number is that of {other} from here on."""
    unit: str = "{things}"
    """What the result counts."""


PLAIN_OPENINGS = (
    "{who} has {start} {things}.",
    "{who} starts with {start} {things}.",
    "{who} owns {start} {things}.",
)
"""Tell the number that a story starts with."""

OPENINGS = (
    Sentence("+", "{who} finds {start} {things} {place} and {n} {elsewhere}."),
    Sentence("*", "{who} has {n} {boxes} with {start} {things} in each."),
    Sentence("*", "{who} gets {start} {things} each day for {n} days."),
)
"""Openings that take a step already."""

EVENTS = (
    Sentence("+", "{who} gets {n} more."),
    Sentence("+", "{who} buys {n} more."),
    Sentence("+", "{who} finds {n} more {place}."),
    Sentence("+", "{other} gives {who} {n} more."),
    Sentence("+", "{other} has {n} more than {who}.", "{other} has", hands_over=True),
    Sentence("-", "{who} gives away {n}."),
    Sentence("-", "{who} gives {n} to {other}."),
    Sentence("-", "{who} loses {n} {place}."),
    Sentence("-", "{who} uses {n}."),
    Sentence("-", "{other} has {n} fewer than {who}.", "{other} has", hands_over=True),
    Sentence("*", "{other} has {n} times as many as {who}.", "{other} has", hands_over=True),
    Sentence("/", "{who} keeps one of {n} equal parts."),
)
"""May follow any sentence."""

ENDINGS = (
    Sentence(
        "/",
        "{who} shares the {things} equally among {n} friends.",
        "each friend gets",
        "How many {things} does each friend get?",
    ),
    Sentence(
        "/",
        "{who} puts the {things} equally in {n} {boxes}.",
        "each {box} has",
        "How many {things} are in each {box}?",
    ),
    Sentence(
        "*",
        "{who} sells the {things} for {n} " + MONEY + " each.",
        "{who} gets",
        "How many " + MONEY + " does {who} get?",
        unit=MONEY,
    ),
)
"""End a story."""

TOGETHER = Sentence(
    "+",
    "",
    "{other} and {who} have",
    "How many {things} do {other} and {who} have together?",
)
"""Ends a story behind a sentence that hands over: both numbers are added."""

QUESTIONS = (
    "How many {things} does {who} have now?",
    "How many {things} does {who} have?",
    "How many {things} does {who} have in the end?",
)
"""Ask for the number that a story has come to."""
