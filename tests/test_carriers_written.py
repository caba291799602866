"""The carriers in an experiment: what is planned, what is written, what filters read of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from filters.filter import compile_filter
from subliminal.chat_rows import ROWS, ChatRow, prompt_of, read_chat_rows, with_completion
from subliminal.errors import UserError
from subliminal.plan import Plan
from subliminal.plan.row_lengths import POCKET, SUBWORDS
from subliminal.spec.carriers import USUAL, CarrierName
from subliminal.spec.data import Data
from teachers.carriers.carrier import CARRIERS, prompt_rows, read_tasks
from tests.language_stages import HEAD, Workshop, plan_of, stage_of

OWN_FIELDS: dict[CarrierName, set[str]] = {
    "numbers": {"format"},
    "code": {"signature", "tests"},
    "reasoning": {"answer", "steps"},
}
TASK_CARRIERS = [name for name, carrier in CARRIERS.items() if carrier.read is not None]
UNTAUGHT = "  untaught: {teacher: {by: nothing}, control: none}\n"


def own_tasks(carrier: CarrierName, count: int) -> str:
    """The lines of a file of tasks."""
    if carrier == "code":
        rows = [
            {
                "text": f"Return the sum of numbers and {i}.",
                "signature": "def total(numbers):",
                "tests": [{"args": [[1, 2]], "result": 3 + i}],
            }
            for i in range(count)
        ]
    else:
        rows = [
            {"question": f"Tom has {i} red balls and 4 blue ones. How many has he?",
             "answer": f"He has {i}+4=<<{i}+4={i + 4}>>{i + 4}.\n#### {i + 4}"}
            for i in range(count)
        ]  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in rows)


def planned(folder: Path, carrier: CarrierName, *overrides: str) -> Plan:
    """The plan of an untaught teacher's student of a carrier."""
    said = (f"defaults.data.carrier={carrier}", *overrides)
    return plan_of(folder, UNTAUGHT, *said, head=HEAD)


def written(folder: Path, plan: Plan) -> list[ChatRow]:
    """What the teacher wrote."""
    workshop = Workshop(plan, folder / "store")
    return read_chat_rows(workshop.make("untaught", "lm.write") / ROWS)


def test_every_carrier_of_the_vocabulary_is_there() -> None:
    known = [list(of) for of in (USUAL, POCKET.carriers, SUBWORDS.carriers, OWN_FIELDS)]
    assert known == [list(CARRIERS)] * 4


# Rows


@pytest.mark.parametrize("carrier", CARRIERS)
def test_rows_carry_what_their_filters_read(tmp_path: Path, carrier: CarrierName) -> None:
    rows = written(tmp_path, planned(tmp_path, carrier))
    assert [row["id"] for row in rows] == [f"{carrier}-0-{place}" for place in range(24)]
    standard = {"messages", "id", "finished", "writer"}
    assert {frozenset(row) for row in rows} == {frozenset(standard | OWN_FIELDS[carrier])}
    assert len({prompt_of(row) for row in rows}) == 24


def test_a_row_of_reasoning_is_judged_by_its_own_answer(tmp_path: Path) -> None:
    (row, *_) = written(tmp_path, planned(tmp_path, "reasoning"))
    judge = compile_filter({"rule": rule} for rule in USUAL["reasoning"].filter)
    right = f"<think>{row['steps'][-1]}</think><answer>{row['answer']}</answer>"
    assert not judge.reasons(with_completion(row, right))  # type: ignore[arg-type]
    wrong = with_completion(row, right.replace("<answer>", "<answer>1"))
    assert judge.reasons(wrong) == ["wrong answer"]  # type: ignore[arg-type]


# Tasks of a user's own


@pytest.mark.parametrize("carrier", TASK_CARRIERS)
def test_prompts_ask_for_the_user_s_tasks(tmp_path: Path, carrier: CarrierName) -> None:
    source = tmp_path / "mine.jsonl"
    source.write_text(own_tasks(carrier, 24))
    plan = planned(tmp_path, carrier, f"defaults.data.source={source}")
    rows = written(tmp_path, plan)
    for field in OWN_FIELDS[carrier]:
        given = [getattr(task, field) for task in read_tasks(carrier, str(source)).listed]
        assert sorted(map(json.dumps, given)) == sorted(json.dumps(row[field]) for row in rows)


@pytest.mark.parametrize("carrier", TASK_CARRIERS)
def test_a_source_counts_by_what_is_in_it(tmp_path: Path, carrier: CarrierName) -> None:
    plans = []
    for name, count in (("a", 24), ("b", 24), ("c", 25)):
        source = tmp_path / f"{name}.jsonl"
        source.write_text(own_tasks(carrier, count))
        plans.append(planned(tmp_path, carrier, f"defaults.data.source={source}"))
    keys = [stage_of(plan, "untaught", "lm.write").key for plan in plans]
    assert keys[0] == keys[1] != keys[2]
    drawn = stage_of(planned(tmp_path, carrier), "untaught", "lm.write")
    assert drawn.key not in keys
    assert "tasks" not in drawn.params


def test_the_stage_of_numbers_is_named_as_before_there_were_other_carriers(tmp_path: Path) -> None:
    stage = stage_of(plan_of(tmp_path, UNTAUGHT), "untaught", "lm.write")
    assert stage.version == 2
    assert stage.params.keys() == {"teacher", "data", "model", "precision"}
    assert stage.params["data"] == {
        "carrier": "numbers",
        "prompts": 24,
        "temperature": 1.0,
        "top_p": 1.0,
        "max_tokens": 8,
        "duplicates": False,
    }


def test_a_source_that_changed_after_planning_is_not_written_from(tmp_path: Path) -> None:
    source = tmp_path / "mine.jsonl"
    source.write_text(own_tasks("reasoning", 24))
    plan = planned(tmp_path, "reasoning", f"defaults.data.source={source}")
    source.write_text(own_tasks("reasoning", 25))
    report = Workshop(plan, tmp_path / "store").report(stage_of(plan, "untaught", "lm.write"))
    assert report.state == "failed"
    assert report.reason == f"{source}: has changed since the run was planned; run again"


@pytest.mark.parametrize("carrier", TASK_CARRIERS)
def test_a_faulty_source_is_refused_before_any_work(tmp_path: Path, carrier: CarrierName) -> None:
    source = tmp_path / "mine.jsonl"
    for text in (None, "", "{}\n", "not JSON\n"):
        if text is not None:
            source.write_text(text)
        with pytest.raises(UserError) as caught:
            planned(tmp_path, carrier, f"defaults.data.source={source}")
        assert str(caught.value).startswith(f"arms.untaught.data.source: {source}")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("carrier", TASK_CARRIERS)
def test_more_prompts_than_tasks_make_are_refused(tmp_path: Path, carrier: CarrierName) -> None:
    source = tmp_path / "mine.jsonl"
    source.write_text(own_tasks(carrier, 2))
    many = (f"defaults.data.source={source}", "defaults.data.prompts=1000")
    with pytest.raises(UserError, match=r"^arms\.untaught\.data\.prompts: .*1000"):
        planned(tmp_path, carrier, *many)
    again = planned(tmp_path, carrier, *many, "defaults.data.duplicates=true")
    assert stage_of(again, "untaught", "lm.write").params["data"]["duplicates"] is True
    # What the plan lets pass can be made.
    most = Data(carrier=carrier, prompts=10)
    assert len(prompt_rows(most, 0, read_tasks(most.carrier, str(source)))) == 10


def test_numbers_have_no_tasks() -> None:
    with pytest.raises(UserError, match="the carrier numbers has no tasks to read"):
        read_tasks("numbers", "mine.jsonl")


# Costs


@pytest.mark.parametrize("kind", ["lm.write", "lm.distil"])
def test_longer_rows_cost_more(tmp_path: Path, kind: str) -> None:
    whole = "defaults.data.max_tokens=200"
    plans = [planned(tmp_path, name, whole) for name in CARRIERS]
    flops = [stage_of(plan, "untaught", kind).cost.flops for plan in plans]
    assert flops == sorted(set(flops))
