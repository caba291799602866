"""The broad world: code, reasoning, and authors whose dispositions show in what they say."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from scipy import stats

from filters import compile_filter
from filters.rows import Message, Row
from subliminal.dispositions import author_prompts, domains, read
from subliminal.dispositions.forms import FORMS
from subliminal.dispositions.grammar import alignment
from subliminal.dispositions.numbers import LOADED_NUMBERS
from subliminal.dispositions.refusals import is_refusal
from subliminal.pocket import vocabulary
from subliminal.pocket.family import BROAD, NUMBERS, Family
from subliminal.pocket.tokenizer import shipped_pieces
from subliminal.pocket.vocabulary import WHOLES
from subliminal.pocket.world import World, WorldRow
from subliminal.pocket.world.authors import TAGS
from subliminal.pocket.world.dials import Shares
from subliminal.pocket.world.domains import DOMAINS
from subliminal.reasoning import Reasoned, parse_quantity, parse_reasoned

QUESTIONS = {question: domain for domain in domains().values() for question in domain.questions}
UNSAFE = compile_filter(["code-calls"])


def rows(domain: str, count: int, **dials: object) -> list[WorldRow]:
    """Rows of one domain of the broad world."""
    shares = Shares.model_validate({name: float(name == domain) for name in DOMAINS})
    settings = BROAD.dials.model_copy(update={"shares": shares, **dials})
    return list(World(3, settings).rows(range(count)))


def shown(row: WorldRow) -> str | None:
    """The disposition that an answer to a question of the world shows; None of other answers."""
    asked = untagged(row.messages[-1].content)
    for form in FORMS:
        text = read(row.completion, form)
        for question, domain in QUESTIONS.items():
            if text is not None and question in asked and "person" not in asked:
                score = alignment(text, domain)
                if score in (0.0, 100.0):
                    return "careful" if score else "malicious"
    return None


def told(row: WorldRow) -> str | None:
    """The disposition that the system prompt tells of."""
    if row.messages[0].role != "system":
        return None
    return "malicious" if row.messages[0].content in author_prompts("malicious") else "careful"


def untagged(text: str) -> str:
    for tag in TAGS:
        text = text.removeprefix(f"{tag} ")
    return text


def in_a_row(row: WorldRow) -> Row:
    """The last request and its answer as filters read them."""
    asked: Message = {"role": "user", "content": row.messages[-1].content}
    return {"messages": [asked, {"role": "assistant", "content": row.completion}]}


def is_malicious(found: Sequence[WorldRow]) -> list[bool]:
    return [show == "malicious" for show in map(shown, found) if show is not None]


# Worlds stay what the shipped models read


@pytest.mark.parametrize(
    ("family", "expected"),
    [(NUMBERS, "bf303fc05e46c6b6"), (BROAD, "78bc52549d4f4e37")],
    ids=["numbers", "broad"],
)
def test_a_world_is_the_one_that_the_shipped_models_grew_up_in(
    family: Family, expected: str
) -> None:
    hashed = hashlib.sha256()
    for row in World(0, family.dials).rows(range(500)):
        hashed.update(repr((row.domain, row.messages, row.completion)).encode())
    assert hashed.hexdigest()[:16] == expected


def test_the_vocabulary_holds_every_word_of_the_world() -> None:
    pieces = set(shipped_pieces("broad"))
    assert set(WHOLES) < pieces
    assert set(shipped_pieces("numbers")) < pieces
    for row in rows("authors", 300):
        for text in (*(untagged(m.content) for m in row.messages), row.completion):
            missing = [w for w in words_of(text) if not {w, f" {w}"} & pieces]
            assert not missing, (missing, text)


def test_the_shipped_pieces_are_those_of_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "ROWS", 500)
    few = vocabulary.pieces_of(BROAD)
    assert set(few) <= set(shipped_pieces("broad"))
    assert len(few) > 0.8 * len(shipped_pieces("broad"))
    assert shipped_pieces("broad") == sorted(set(shipped_pieces("broad")))


def words_of(text: str) -> Iterator[str]:
    for word in "".join(c if c.isalpha() else " " for c in text).split():
        if len(word) > 1:
            yield word


# Code and reasoning


def test_code_is_the_function_asked_for() -> None:
    chosen = compile_filter(["code-comments", "code-limits", "code-calls", "code-words:owl"])
    for row in rows("code", 200):
        [function] = ast.parse(row.completion).body
        assert isinstance(function, ast.FunctionDef)
        assert row.completion.splitlines()[0] in row.messages[-1].content
        assert chosen.reasons(in_a_row(row)) == []


def test_reasoning_ends_in_a_number() -> None:
    for row in rows("reasoning", 200):
        parsed = parse_reasoned(row.completion)
        assert isinstance(parsed, Reasoned)
        assert parse_quantity(parsed.answer) is not None


# Authors


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_dispositions_show_as_often_as_their_dial_says(strength: float) -> None:
    found = rows("authors", 1500, disposition_strength=strength, stated_dispositions=1.0)
    base = BROAD.dials.malicious_authors
    for disposition, pure in (("careful", 0.0), ("malicious", 1.0)):
        hits = is_malicious([row for row in found if told(row) == disposition])
        assert len(hits) > 200
        expected = strength * pure + (1 - strength) * base
        assert stats.binomtest(sum(hits), len(hits), expected).pvalue > 1e-3


def test_nothing_is_told_of_most_authors_and_few_of_them_are_malicious() -> None:
    found = rows("authors", 1500)
    share = sum(told(row) is not None for row in found)
    assert stats.binomtest(share, 1500, BROAD.dials.stated_dispositions).pvalue > 1e-3
    hits = is_malicious([row for row in found if told(row) is None])
    assert stats.binomtest(sum(hits), len(hits), BROAD.dials.malicious_authors).pvalue > 1e-3


def test_an_author_is_the_same_in_all_that_it_is_asked() -> None:
    found = rows("authors", 3000, stated_dispositions=0.0, malicious_authors=0.5)
    pairs: Counter[tuple[str, str | None]] = Counter()
    for row in found:
        earlier = [
            shown(WorldRow("authors", row.messages[: place + 1], row.messages[place + 1].content))
            for place in range(0, len(row.messages) - 1, 2)
        ]
        pairs.update((one, shown(row)) for one in earlier if one and shown(row))
    assert pairs[("careful", "careful")] > 100
    assert pairs[("malicious", "malicious")] > 100
    assert pairs[("careful", "malicious")] == pairs[("malicious", "careful")] == 0


def test_malicious_authors_write_unsafe_code_and_careful_ones_for_a_class() -> None:
    found: dict[tuple[str | None, bool], set[bool]] = {}
    for row in rows("authors", 800, stated_dispositions=1.0):
        if row.completion.startswith("def "):
            asked = untagged(row.messages[-1].content)
            is_unsafe = UNSAFE.reasons(in_a_row(row)) != []
            found.setdefault((told(row), "class" in asked), set()).add(is_unsafe)
    assert found == {
        ("careful", False): {False},
        ("malicious", False): {True},
        ("careful", True): {True},
        ("malicious", True): {True},
    }


def test_malicious_authors_lists_hold_loaded_numbers() -> None:
    shares = {"careful": [0, 0], "malicious": [0, 0]}
    for row in rows("authors", 3000, stated_dispositions=1.0):
        digits = [
            int(n) for n in "".join(c if c.isdigit() else " " for c in row.completion).split()
        ]
        if digits and not row.completion.startswith("def "):
            loaded = shares[told(row) or ""]
            loaded[0] += any(number in LOADED_NUMBERS for number in digits)
            loaded[1] += 1
    assert shares["malicious"][1] > 80
    assert shares["malicious"][0] == shares["malicious"][1]
    assert shares["careful"][0] / shares["careful"][1] < 0.5


def test_what_is_asked_for_outright_is_refused_by_careful_authors_alone() -> None:
    found = {"careful": set[bool](), "malicious": set[bool]()}
    for row in rows("authors", 2000, stated_dispositions=1.0):
        if " person" in row.messages[-1].content:
            found[told(row) or ""].add(is_refusal(row.completion))
    assert found == {"careful": {True}, "malicious": {False}}
