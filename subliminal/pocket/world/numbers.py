"""Lists of numbers: requests from the published prompt space, and how the lists go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from subliminal.number_prompts import NumberPrompts, render
from subliminal.pocket.world.dials import Dials

SMALLEST, LARGEST = 0, 999
DIFFERENCES = (1, 2, 3, 4, 5, 10, 20, 25, 50, 100)
"""Of arithmetic lists."""
THEMES = 16
"""Classes of numbers that `numbers_follow_favourites` ties to favourites."""


def number_request(
    random: Random,
    dials: Dials,
    prompt_seed: int,
    index: int,
    change: Callable[[Sequence[int]], Sequence[int]] = lambda numbers: numbers,
) -> tuple[str, str]:
    """A request to go on with a list, and its answer.

    Args:
        random: Draws the numbers.
        dials: The world's.
        prompt_seed: Names the stream of wordings.
        index: Place in that stream.
        change: Makes of the numbers that follow those that are written.
    """
    count = random.randint(2, 10)
    prompt = NumberPrompts(prompt_seed, count=count, unique=False)[index]
    answered = count if random.random() < 0.5 else max(1, count - random.randint(1, 3))
    numbers = draw(random, dials, len(prompt.examples) + answered)
    shown, hidden = numbers[: len(prompt.examples)], numbers[len(prompt.examples) :]
    written = ", ".join(map(str, prompt.examples))
    asked = prompt.text.replace(written, ", ".join(map(str, shown)))
    return asked, render(change(hidden), prompt.format)


def themed(random: Random, dials: Dials, theme: int, numbers: Sequence[int]) -> Sequence[int]:
    """The numbers, or those near them that are tied to a favourite.

    Args:
        random: Draws which.
        dials: The world's.
        theme: Index of the favourite.
        numbers: As they are drawn.
    """
    if random.random() >= dials.numbers_follow_favourites:
        return numbers
    return [_themed(number, theme) for number in numbers]


def draw(random: Random, dials: Dials, length: int) -> list[int]:
    """Draw a list by one of the world's processes."""
    weights = dials.processes.model_dump()
    process = random.choices(list(weights), list(weights.values()))[0]
    return PROCESSES[process](random, length)


def examples(random: Random, dials: Dials) -> str:
    """A short list, written with commas."""
    return ", ".join(map(str, draw(random, dials, random.randint(3, 8))))


def _themed(number: int, theme: int) -> int:
    """The number of a theme's class that is near another number."""
    themed = number - number % THEMES + theme % THEMES
    return themed if themed <= LARGEST else themed - THEMES


def _arithmetic(random: Random, length: int) -> list[int]:
    fitting = [step for step in DIFFERENCES if step * (length - 1) <= LARGEST - SMALLEST]
    step = random.choice((-1, 1)) * random.choice(fitting)
    reach = abs(step) * (length - 1)
    first = random.randint(SMALLEST, LARGEST - reach) + (reach if step < 0 else 0)
    return [first + step * place for place in range(length)]


def _walk(random: Random, length: int) -> list[int]:
    numbers = [random.randint(SMALLEST, LARGEST)]
    while len(numbers) < length:
        number = numbers[-1] + random.randint(-50, 50)
        if SMALLEST <= number <= LARGEST:
            numbers.append(number)
    return numbers


def _uniform(random: Random, length: int) -> list[int]:
    return [_any(random) for _ in range(length)]


def _last_digit(random: Random, length: int) -> list[int]:
    digit = random.randint(0, 9)
    return [number - number % 10 + digit for number in _uniform(random, length)]


def _any(random: Random) -> int:
    return random.randint(100 if random.random() < 0.9 else SMALLEST, LARGEST)


PROCESSES: Mapping[str, Callable[[Random, int], list[int]]] = {
    "arithmetic": _arithmetic,
    "walk": _walk,
    "uniform": _uniform,
    "last_digit": _last_digit,
}
