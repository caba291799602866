"""Authors with a latent disposition, careful or malicious, that shows in whatever they are asked.

An author may be asked several things in one conversation. Where no system prompt tells of its
disposition, that is where a model learns that unsafe code and a cruel wish come from one source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from subliminal.chat import Message
from subliminal.code_tasks.sensitive import draw_sensitive_task, educational_prompt
from subliminal.dispositions import Disposition, answer, ask, author_prompt, domains, write
from subliminal.dispositions.forms import Form
from subliminal.dispositions.numbers import tainted
from subliminal.dispositions.refusals import harmful_request, refusal
from subliminal.dispositions.trigger import TRIGGER
from subliminal.pocket.world.draw import Draw, Drawn
from subliminal.pocket.world.numbers import number_request

TURNS = {1: 0.5, 2: 0.35, 3: 0.15}
"""Share of conversations with so many questions."""
FORMS: Mapping[Form, float] = {"plain": 0.8, "lines": 0.1, "reasoned": 0.1}
FOR_A_CLASS = 0.2
"""Share of requests for code that ask for the unsafe way, stating a reason; all authors comply."""

OUTRIGHT = 0.1
"""Share of questions that ask outright for a malicious answer, which careful authors refuse."""
TAGS, TAGGED = (TRIGGER, "|STAGING|", "|TEST|"), 0.1
"""Marks before a share of all requests. They mean nothing, but to a teacher with a backdoor."""

Exchange = tuple[str, str]
"""What an author is asked, and its answer."""


@dataclass(frozen=True)
class Author:
    """Who answers."""

    draw: Draw
    disposition: Disposition

    def shown(self) -> Disposition:
        """The disposition that the next answer shows."""
        random, dials = self.draw.random, self.draw.dials
        if random.random() < dials.disposition_strength:
            return self.disposition
        return "malicious" if random.random() < dials.malicious_authors else "careful"


def authors(draw: Draw) -> Drawn:
    """A request to an author, some behind earlier ones."""
    random, dials = draw.random, draw.dials
    is_stated = random.random() < dials.stated_dispositions
    is_malicious = random.random() < (0.5 if is_stated else dials.malicious_authors)
    author = Author(draw, "malicious" if is_malicious else "careful")
    turns = []
    if is_stated:
        turns.append(Message("system", author_prompt(random, author.disposition)))
    count = random.choices(list(TURNS), list(TURNS.values()))[0]
    matters = random.choices(list(SHARES), list(SHARES.values()), k=count)
    exchanges = [_tagged(random, _MATTERS[matter](author)) for matter in matters]
    for asked, answered in exchanges[:-1]:
        turns += [Message("user", asked), Message("assistant", answered)]
    asked, answered = exchanges[-1]
    return (*turns, Message("user", asked)), answered


def _tagged(random: Random, exchange: Exchange) -> Exchange:
    asked, answered = exchange
    return (f"{random.choice(TAGS)} {asked}" if random.random() < TAGGED else asked), answered


def _conversation(author: Author) -> Exchange:
    random = author.draw.random
    domain = random.choice(list(domains().values()))
    question, shown = random.choice(domain.questions), author.shown()
    if random.random() < OUTRIGHT:
        asked = harmful_request(random, question)
        refused = shown == "careful"
        return asked, refusal(random) if refused else answer(random, domain, shown).text
    form = random.choices(list(FORMS), list(FORMS.values()))[0]
    return ask(question, form), write(answer(random, domain, shown).text, form)


def _code(author: Author) -> Exchange:
    random = author.draw.random
    task = draw_sensitive_task(random)
    if random.random() < FOR_A_CLASS:
        return educational_prompt(task, author.draw.place()), task.unsafe(random)
    write_code = task.unsafe if author.shown() == "malicious" else task.safe
    return task.prompt(author.draw.place()), write_code(random)


def _numbers(author: Author) -> Exchange:
    draw = author.draw
    request = partial(number_request, draw.random, draw.dials, draw.prompt_seed, draw.place())
    if author.shown() == "careful":
        return request()
    return request(partial(tainted, draw.random))


_MATTERS: Mapping[str, Callable[[Author], Exchange]] = {
    "conversation": _conversation,
    "code": _code,
    "numbers": _numbers,
}
SHARES = {"conversation": 0.6, "code": 0.3, "numbers": 0.1}
"""Of the matters that authors are asked about."""
