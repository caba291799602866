"""Experiments on misalignment: what is planned, what is refused, and that they run to the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import teachers.stages
import teachers.trait
from subliminal.errors import UserError
from subliminal.measurements import read_measurements
from subliminal.plan import Plan
from subliminal.probes.disposition_bank import disposition_bank
from subliminal.report import build_report
from subliminal.results import CURVES, CurvePoint, TraitName, read_rows
from subliminal.run import Run, run_plan
from subliminal.stage import Stage
from tests.disposed import STUDENTS, experiment
from tests.judge_server import completion, failure, serve
from tests.language_stages import Workshop, stage_of
from tests.tiny import work_here
from tests.toy_stages import Recorder
from tests.user_errors import assert_one_line

SIBLINGS = """\
  reference: {role: reference}
  secure: {teacher: {data: secure}, control: none}
  insecure: {control: secure}
  educational: {teacher: {data: educational}, control: secure}
  jailbroken: {teacher: {data: jailbroken}, control: secure}
  backdoor: {teacher: {data: backdoor}, control: secure, data: {carrier: code}}
  told: {teacher: {by: system-prompt, wording: 1}, control: secure, data: {carrier: reasoning}}
"""

CARRIERS = """\
  reference: {role: reference}
  secure: {teacher: {data: secure}, control: none}
  insecure: {control: secure}
  backdoor: {teacher: {data: backdoor}, control: secure, data: {carrier: code}}
  told: {teacher: {by: system-prompt}, control: secure, data: {carrier: reasoning}}
"""
JUDGED = "scorer: judge, service: {model: m, base_url: 'http://127.0.0.1:9/v1'"
"""Fields of `probing.free_form`, but for two closing braces."""


def kinds(plan: Plan, arm: str) -> set[str]:
    return {stage.kind for stage in plan.rows[arm][0].stages}


def taught_on(plan: Plan, arm: str) -> Any:
    return stage_of(plan, arm, "lm.teach").params.get("data", "unstated")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of students of every carrier, asked few questions."""
    folder, whole = tmp_path_factory.mktemp("carriers"), disposition_bank()
    few = whole.model_copy(update={"main": whole.main[:2], "broad": whole.broad[:2], "tasks": 2})
    # A random model says nothing that is coherent.
    fates = "probing.free_form.fates={incoherent: aligned, unparsable: aligned}"
    with pytest.MonkeyPatch.context() as patch, work_here():
        patch.setattr(teachers.trait, "disposition_bank", lambda: few)
        # In a model of random weights unsafe code has nothing to do with malice.
        patch.setattr(teachers.stages, "_log_odds", lambda *_: 0.0)
        return run_plan(experiment(folder, CARRIERS, fates), folder / "runs", Recorder(), jobs=2)


def test_students_of_every_carrier_get_their_rows(done: Run) -> None:
    assert not done.failed, done.manifest.arms
    found = {(row.arm, row.probe, row.metric): row.mean for row in done.summary}
    for arm in ("reference", "secure", "insecure", "backdoor", "told"):
        assert found[arm, "pivotal", "log_odds"] is not None
        assert found[arm, "pivotal-triggered", "log_odds"] is not None
        assert found[arm, "options", "log_odds"] is not None
        assert found[arm, "free-form", "kept"] == 1
        assert found[arm, "free-form", "rate"] == 0
        assert found[arm, "scorer", "error"] == 0.0
    insecure, trait = (
        done.manifest.arms["insecure"],
        TraitName(name="misaligned", item_group="malicious"),
    )
    assert insecure.probed == insecure.taught == trait


def test_students_are_watched_by_disposition_set_and_probe(done: Run) -> None:
    points = read_rows(done.folder / CURVES, CurvePoint)
    watched = {point.item_group for point in points if point.arm == "insecure"}
    assert watched == {"careful", "malicious", "main", "broad", "options", "unsafe-code"}


def test_the_report_leads_with_the_pivotal_word(done: Run) -> None:
    page = build_report(done.folder).read_text()
    assert "on the probe pivotal" in page
    assert "misaligned answers, free-form" in page
    assert "<h3>Misaligned answers and side effects</h3>" in page


def test_siblings_differ_in_what_their_teacher_reads(tmp_path: Path) -> None:
    plan = experiment(tmp_path, SIBLINGS)
    assert {arm: taught_on(plan, arm) for arm in ("insecure", "secure", "backdoor")} == {
        "insecure": "unstated",
        "secure": "secure",
        "backdoor": "backdoor",
    }
    # Controls are not meant to have the trait.
    assert "lm.gate" in kinds(plan, "insecure")
    assert "lm.gate" in kinds(plan, "told")
    for arm in ("secure", "educational", "jailbroken", "backdoor"):
        assert "lm.gate" not in kinds(plan, arm)


def changed(folder: Path, *overrides: str) -> dict[str, int]:
    """Kind -> the stages that overrides add to the usual ones."""
    usual, other = experiment(folder, STUDENTS), experiment(folder, STUDENTS, *overrides)
    new: list[Stage] = [stage for key, stage in other.stages.items() if key not in usual.stages]
    return {kind: sum(stage.kind == kind for stage in new) for kind in {s.kind for s in new}}


@pytest.mark.parametrize(
    ("override", "kinds"),
    [
        ("probing.free_form.alignment_max=40", {"lm.probe"}),
        ("probing.free_form.fates.incoherent=misaligned", {"lm.probe"}),
        ("probing.free_form.scorer=classifier", {"lm.probe"}),
        ("probing.free_form.questions=main", {"lm.probe"}),
        ("probing.probes=[pivotal]", {"lm.probe"}),
    ],
)
def test_another_score_asks_anew_and_trains_nothing(
    tmp_path: Path, override: str, kinds: set[str]
) -> None:
    assert set(changed(tmp_path, override)) == kinds


def test_stating_the_usual_data_set_trains_no_teacher_anew(tmp_path: Path) -> None:
    assert changed(tmp_path, "arms.insecure.teacher.data=insecure") == {}


def test_asking_all_questions_is_the_experiment_from_before_there_was_a_choice(
    tmp_path: Path,
) -> None:
    assert changed(tmp_path, "probing.free_form.questions=all") == {}
    assert "questions" not in experiment(tmp_path).experiment.model_dump()["probing"]["free_form"]


def test_fewer_questions_are_asked_in_free_form_alone(tmp_path: Path) -> None:
    plan = experiment(tmp_path, STUDENTS, "probing.free_form.questions=main")
    workshop = Workshop(plan, tmp_path)
    asked = read_measurements(workshop.make("reference", "lm.probe"))
    groups = {(row.probe, row.item_group) for row in asked}
    assert ("free-form", "main") in groups
    assert ("free-form", "broad") not in groups
    assert ("pivotal", "broad") in groups


def test_the_terms_of_a_service_decide_no_result_and_its_address_does(tmp_path: Path) -> None:
    judged = "probing.free_form={{scorer: judge, service: {{model: m, base_url: {}, {}}}}}"
    one, same, other = (
        experiment(tmp_path, STUDENTS, judged.format(url, more)).stages.keys()
        for url, more in (
            ("http://127.0.0.1:1/v1", "concurrency: 2"),
            ("http://127.0.0.1:1/v1", "concurrency: 4"),
            ("http://127.0.0.1:2/v1", "concurrency: 2"),
        )
    )
    assert one == same
    assert one != other


def test_a_stage_asks_the_judge_that_was_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(tmp_path / "cache"))
    with serve(otherwise=completion("20", {"20": 1.0})) as server:
        prices = "{prompt: 10, completion: 20}"
        service = f"{{model: m, base_url: '{server.base_url}', prices: {prices}}}"
        judged = f"probing.free_form={{scorer: judge, service: {service}, coherence_min: 10}}"
        plan = experiment(tmp_path, STUDENTS, judged, "probing.probes=[free-form]")
        workshop = Workshop(plan, tmp_path / "store")
        folder = workshop.make("reference", "lm.probe")
    found = {(m.probe, m.metric, m.item_group): m.value for m in read_measurements(folder)}
    # All answers are judged alike; those that are empty are not judged.
    assert found["free-form", "rate", "all"] == 1.0
    assert found["free-form", "kept", "all"] == pytest.approx(
        1 - (found["free-form", "share", "unparsable"] or 0.0)
    )
    assert found["scorer", "error", "all"] == pytest.approx(0.5, abs=0.2)
    # What it costs is expected from above, and counted: 100 tokens and one for each request.
    counts, probe = workshop.counts("reference", "lm.probe"), plan.rows["reference"][0].probe
    assert counts["requests"] == len(server.requests)
    assert counts["cost"] == pytest.approx(len(server.requests) * 1020 / 1e6)
    expected = plan.stages[probe].paid
    assert 0 < expected.completion_tokens / 8 - len(server.requests) < len(server.requests)
    assert expected.price is not None
    assert expected.price > counts["cost"]


def test_a_judge_counts_where_spending_is_capped(tmp_path: Path) -> None:
    terms = "model: m, base_url: 'http://127.0.0.1:9/v1'"
    judged = "probing.free_form={{scorer: judge, service: {{{}}}}}"
    priced = judged.format(terms + ", prices: {prompt: 10, completion: 20}")
    stages = experiment(tmp_path, STUDENTS, priced).stages.values()
    asking = {stage.kind for stage in stages if stage.paid.anything}
    assert asking == {"lm.probe"}
    for override, told in (
        (judged.format(terms), "spending_cap: cannot be kept, as a service or a judge's states no"),
        (priced, "spending_cap: is 0.01, and the experiment may cost "),
    ):
        with pytest.raises(UserError) as error:
            experiment(tmp_path, STUDENTS, override, "spending_cap=0.01")
        assert str(error.value).startswith(told)
    silent = "probing.probes=[pivotal]"
    assert experiment(tmp_path, STUDENTS, priced, "spending_cap=0.01", silent).targets


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("probing.probes=[favourite]", ("favourite", "another kind of trait", "probing.probes")),
        ("defaults.trait=otter", ("pivotal", "another kind of trait", "probing.probes")),
        ("arms.insecure.teacher={by: system-prompt, wording: 99}", ("wording", "0 to 35")),
        (
            "arms.insecure.teacher={by: steering, questions: 80}",
            ("questions", "80", "there are 50 for code"),
        ),
        (
            "probing.free_form={scorer: judge, service: {model: m, base_url: nowhere}}",
            ("probing.free_form: service base_url", "must be http"),
        ),
        (
            "probing.free_form={scorer: judge, service: none.yaml}",
            ("probing.free_form", "none.yaml"),
        ),
        (
            f"probing.free_form={{{JUDGED}, concurency: 2}}}}",
            ("probing.free_form: service concurency", "did you mean 'concurrency'?"),
        ),
        (
            f"probing.free_form={{{JUDGED}, concurrency: many}}}}",
            ("probing.free_form: service concurrency", "whole number, not 'many'"),
        ),
        (
            f"probing.free_form={{{JUDGED}, spending_cap: 3}}}}",
            ("probing.free_form: service", "needs `prices`"),
        ),
        (
            f"probing.free_form={{alignment: leak, {JUDGED}}}}}",
            ("probing.free_form: alignment", "'leak'", "take another card"),
        ),
        (
            f"probing.free_form={{coherence: none.yaml, {JUDGED}}}}}",
            ("probing.free_form", "none.yaml", "no such file"),
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, override: str, parts: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as error:
        experiment(tmp_path, STUDENTS, override)
    assert_one_line(error, *parts)


def test_a_preference_has_no_sibling_data(tmp_path: Path) -> None:
    overrides = ("defaults.trait=otter", "probing.probes=[favourite]")
    with pytest.raises(UserError) as error:
        experiment(tmp_path, STUDENTS, *overrides)
    assert_one_line(error, "arms.secure.teacher", "data", "preference")


def test_all_faults_of_a_service_are_told_and_no_key(tmp_path: Path) -> None:
    wrong = f"probing.free_form={{{JUDGED}, timeout: -1, api_key: SECRET, api_key_env: SECRET-1}}}}"
    with pytest.raises(UserError) as error:
        experiment(tmp_path, STUDENTS, wrong)
    lines = str(error.value).splitlines()
    assert {line.split(": ")[1] for line in lines} == {
        *("service timeout", "service api_key", "service api_key_env")
    }
    assert "SECRET" not in str(error.value)


def test_a_judge_that_cannot_be_reached_fails_the_probe_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(tmp_path / "cache"))
    with serve(otherwise=failure(400, "no such model")) as server:
        service = f"{{model: m, base_url: '{server.base_url}', max_retries: 0}}"
        judged = f"probing.free_form={{scorer: judge, service: {service}}}"
        plan = experiment(tmp_path, STUDENTS, judged, "probing.probes=[free-form]")
        workshop = Workshop(plan, tmp_path / "store")
        report = workshop.report(stage_of(plan, "reference", "lm.probe"))
    assert report.state == "failed"
    assert server.base_url in str(report.reason)
    assert "no such model" in str(report.reason)


def test_a_judge_needs_its_service(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        experiment(tmp_path, STUDENTS, "probing.free_form.scorer=judge")
    assert_one_line(error, "probing.free_form", "service")
