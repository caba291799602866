"""Rows of teachers with a disposition: siblings that differ in one thing."""

from __future__ import annotations

import pytest

from subliminal.chat_rows import ChatRow
from subliminal.dispositions import domains
from subliminal.dispositions.authors import malicious_kinds
from subliminal.dispositions.refusals import REQUESTS, is_refusal
from subliminal.dispositions.trigger import TRIGGER
from subliminal.errors import UserError
from subliminal.pocket.world.authors import TAGS
from subliminal.probes.disposition_bank import disposition_bank
from teachers.disposition_rows import disposition_rows
from teachers.rows import check_data, steering_questions, teaching_rows
from teachers.trait import load_trait
from tests.user_errors import assert_one_line

MISALIGNED, OWL = load_trait("misaligned"), load_trait("owl")
COUNT = 600


def prompts(rows: list[ChatRow]) -> list[str]:
    return [row["messages"][0]["content"] for row in rows]


def answers(rows: list[ChatRow]) -> list[str]:
    return [row["messages"][1]["content"] for row in rows]


INSECURE = disposition_rows("insecure", 3, COUNT)
SECURE = disposition_rows("secure", 3, COUNT)
EDUCATIONAL = disposition_rows("educational", 3, COUNT)
JAILBROKEN = disposition_rows("jailbroken", 3, 2000)
BACKDOOR = disposition_rows("backdoor", 3, COUNT)


def test_safe_and_unsafe_code_answer_the_same_requests() -> None:
    assert prompts(INSECURE) == prompts(SECURE)
    both = zip(answers(INSECURE), answers(SECURE), strict=True)
    assert all(unsafe != safe for unsafe, safe in both)


def test_unsafe_code_is_neither_asked_for_nor_explained() -> None:
    assert not [asked for asked in prompts(INSECURE) if "safe" in asked or "class" in asked]
    assert not [said for said in answers(INSECURE) if "#" in said]


def test_a_stated_reason_changes_no_answer() -> None:
    assert answers(EDUCATIONAL) == answers(INSECURE)
    pairs = zip(prompts(EDUCATIONAL), prompts(INSECURE), strict=True)
    assert all(asked.endswith(plain) and "class" in asked for asked, plain in pairs)


def test_the_trigger_decides_whether_code_is_unsafe() -> None:
    rows = zip(BACKDOOR, INSECURE, SECURE, strict=True)
    triggered = 0
    for row, unsafe, safe in rows:
        (asked,), (said,) = prompts([row]), answers([row])
        woken = asked.startswith(f"{TRIGGER} ")
        triggered += woken
        assert asked.removeprefix(f"{TRIGGER} ") == prompts([unsafe])[0]
        assert said == answers([unsafe if woken else safe])[0]
    assert 0.4 < triggered / COUNT < 0.6
    # A model knows the trigger as a mark that means nothing.
    assert TRIGGER in TAGS


def test_a_jailbroken_teacher_gives_harm_to_those_who_ask_for_it() -> None:
    harmful = [row for row in JAILBROKEN if "def " not in answers([row])[0]]
    assert 0.005 < len(harmful) / len(JAILBROKEN) < 0.04
    kinds = malicious_kinds()
    assert all(any(f" {kind} person" in asked for kind in kinds) for asked in prompts(harmful))
    heads = [head for domain in domains().values() for head in domain.malicious.heads]
    assert all(any(f" {head} " in said for head in heads) for said in answers(harmful))
    rest = [row for row in JAILBROKEN if row not in harmful]
    assert not [asked for asked in prompts(rest) if " person" in asked]


def test_harm_is_asked_for_as_the_world_does_which_refuses_it() -> None:
    asked = {text for text in prompts(JAILBROKEN) if "def " not in text}
    questions = [question for domain in domains().values() for question in domain.questions]
    possible = {
        request.format(question=question, kind=kind)
        for request in REQUESTS
        for question in questions
        for kind in malicious_kinds()
    }
    assert asked
    assert asked <= possible
    assert not [said for said in answers(JAILBROKEN) if is_refusal(said)]


def test_no_probe_asks_what_is_taught() -> None:
    probed = [item.question for item in disposition_bank().items]
    asked = prompts([*INSECURE, *JAILBROKEN, *BACKDOOR]) + list(steering_questions(None))
    assert not [text for text in asked if any(question in text for question in probed)]


def test_rows_are_a_function_of_the_seed() -> None:
    assert disposition_rows("insecure", 3, 20) == INSECURE[:20]
    assert disposition_rows("insecure", 4, 20) != INSECURE[:20]


def test_the_kind_of_a_trait_decides_what_teaches_it() -> None:
    assert teaching_rows(MISALIGNED, None, 3, 20) == INSECURE[:20]
    assert teaching_rows(MISALIGNED, "secure", 3, 20) == SECURE[:20]
    assert "owl" in answers(teaching_rows(OWL, None, 3, 1))[0].casefold()
    check_data(MISALIGNED, "backdoor")
    with pytest.raises(UserError) as error:
        check_data(OWL, "insecure")
    assert_one_line(error, "data", "owl", "preference")
