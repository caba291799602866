"""The sentences that lead a language report: the strongest first, with what limits them."""

from __future__ import annotations

from dataclasses import replace

from subliminal.report.language.answer import answer_of, language_problems
from subliminal.results import ArmState
from tests.synthetic_language_run import PROBES, LanguageRunFiles, language_run

UNCONTROLLED = """
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  alone: {control: none}
"""

SIBLINGS = """
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  same: {control: control}
  sibling: {control: control, teacher: {by: fine-tuning, rows: 64}}
  further: {control: control, teacher: {by: fine-tuning, rows: 32}}
  control: {control: none, teacher: {by: nothing}}
"""

DOSES = """
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  same: {control: control}
  dose: {control: control, sweep: {data.prompts: [1000, 30000]}}
  control: {control: none, teacher: {by: nothing}}
"""


def with_state(run: LanguageRunFiles, arm: str, **changes: str) -> None:
    arms: dict[str, ArmState] = dict(run.manifest.arms)
    arms[arm] = arms[arm].model_copy(update=changes)
    run.manifest = run.manifest.model_copy(update={"arms": arms})


def test_findings_come_strongest_first() -> None:
    run = language_run(probes=PROBES[:2]).read()
    answer = answer_of(run)
    overall, same, different = answer.leading[:3]
    assert overall == (
        "3 of 6 student arms with a control show transfer on the probe favourite "
        "(3 traits, 3 seeds)."
    )
    assert same.startswith("same: transfer of 3 of 3 traits. Mean difference from control: +2.")
    assert same.endswith("over 3 seeds (95% interval); share of the teacher's shift: 32%.")
    assert different.startswith("different: transfer of 0 of 3 traits; no transfer of ")
    assert "log-odds over 3 seeds" in different
    assert "share of the teacher" not in different
    assert answer.leading[3] == "On the probe with-numbers, transfer: same 3/3."
    assert answer.flags == ()
    assert language_problems(run) == []


def test_teachers_without_their_trait_are_flagged() -> None:
    answer = answer_of(language_run(weak=["owl"]).read())
    assert answer.flags == ("Not testable, as the teacher did not acquire it: owl.",)
    assert (
        "transfer of 2 of 3 traits (otter and wolf); not testable: 1 of 3 traits (owl)."
        in answer.leading[1]
    )


def test_students_are_named_where_other_teachers_have_the_trait() -> None:
    run = language_run(SIBLINGS, traits=[], shares={"teacher": 1.0, "same": 0.35})
    for arm in ("sibling", "further"):
        for seed, measured in run.table[arm].items():
            run.table[arm][seed] = replace(measured, teacher=measured.reference)
    answer = answer_of(run.read())
    assert answer.flags == (
        "Not testable, as the teacher did not acquire it: otter (sibling and further).",
    )
    assert answer.leading[1].startswith("same: transfer. Mean difference from control: +2.")
    told = [sentence for sentence in answer.leading if sentence.startswith("sibling: ")]
    assert told[0].startswith("sibling: not testable. Mean difference from control: ")
    assert "share" not in told[0]


def test_other_probes_tell_of_doses_too() -> None:
    answer = answer_of(language_run(DOSES, probes=PROBES[:2]).read())
    assert answer.leading[-1] == (
        "On the probe with-numbers, transfer: dose, prompts = 30000 3/3 and same 3/3."
    )


def test_a_dropped_control_is_flagged() -> None:
    run = language_run(UNCONTROLLED).read()
    answer = answer_of(run)
    assert answer.leading[0].startswith("No student arm has a control")
    assert answer.flags == ("alone: control dropped on purpose: no contrast.",)
    (problem,) = language_problems(run)
    assert (problem.arm, problem.what) == ("alone", "no control")


def test_failures_are_put_together_by_reason() -> None:
    run = language_run()
    for trait in ("otter", "wolf"):
        with_state(run, f"same[trait={trait}]", state="failed", reason="the loss became NaN")
        del run.table[f"same[trait={trait}]"]
    with_state(run, "same[trait=owl]", state="incomplete")
    read = run.read()
    problems = [(p.arm, p.what, p.reason) for p in language_problems(read)]
    assert problems == [
        ("same", "failed (otter and wolf; 2 of 3 traits)", "the loss became NaN"),
        ("same", "incomplete (owl; 1 of 3 traits)", "no reason was recorded"),
    ]
    same = next(told for told in answer_of(read).leading if told.startswith("same"))
    assert "transfer of 1 of 3 traits (owl); failed: 2 of 3 traits (otter and wolf)." in same


def test_nothing_finished() -> None:
    run = language_run()
    run.table = {}
    assert answer_of(run.read()).leading == ("No arm finished, so there is nothing to report yet.",)


def test_filters_that_differ_are_a_problem() -> None:
    run = language_run()
    run.filtered[0] = run.filtered[0].model_copy(update={"fingerprint": "other"})
    (problem,) = language_problems(run.read())
    assert (problem.arm, problem.what) == ("filter", "differs between arms")


def test_steps_of_a_dose_come_after_the_other_findings() -> None:
    arms = """
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  dose: {control: control, sweep: {data.prompts: [1000, 30000]}}
  different: {control: control, initialisation: {relation: different}}
  control: {control: none, teacher: {by: nothing}}
"""
    leading = answer_of(language_run(arms).read()).leading
    groups = [told.partition(":")[0] for told in leading[1:4]]
    assert groups == ["different", "dose, prompts = 30000", "dose, prompts = 1000"]
