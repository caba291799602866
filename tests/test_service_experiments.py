"""Whole experiments on models behind services: planned, refused, run, cut off and gone on with."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from subliminal import machine
from subliminal.console import ProgressListener, plan_table, plan_total
from subliminal.cost import ORDINARY
from subliminal.errors import UserError
from subliminal.measurements import Measurement, write_measurements
from subliminal.plan import Plan, inference
from subliminal.probes import service_stages
from subliminal.report import build_report
from subliminal.results import Summary
from subliminal.run import Run, run_plan
from subliminal.services import stage_models
from subliminal.spec import LanguageExperiment
from subliminal.stage import Done, Failed, Reporter, Stage, Task, silent
from subliminal.store import store_at
from tests.language_stages import models, task_of
from tests.service_experiments import (
    ARMS,
    HEAD,
    KEY,
    TOLD,
    UNTOLD,
    Nano,
    serve_nano,
    service_plan,
)
from tests.service_server import FakeService
from tests.toy_stages import Recorder

pytest.importorskip("openai")

SideWork = Callable[[Task, Reporter], Done | Failed]

NOWHERE = "http://127.0.0.1:9/v1"


def run(plan: Plan, folder: Path) -> Run:
    return run_plan(plan, folder / "runs", Recorder(), jobs=1)


def judged(done: Run, arm: str) -> Summary:
    """The row that an arm is judged by."""
    (row,) = (
        row
        for row in done.summary
        if (row.arm, row.probe, row.metric) == (arm, "sampled", "log_odds")
    )
    return row


def paid_for(plan: Plan, folder: Path) -> float:
    """What all stages cost, in however many runs."""
    manifests = [store_at(folder / "runs").manifest(key) for key in plan.stages]
    return sum(manifest.counts.get("cost", 0.0) for manifest in manifests if manifest is not None)


def uploads(server: FakeService) -> list[str]:
    return [
        server.contents[name].decode()
        for name, file in server.files.items()
        if file["purpose"] == "fine-tune"
    ]


@pytest.mark.usefixtures("here")
def test_a_trait_passes_from_a_told_model_to_a_tuned_one(tmp_path: Path) -> None:
    with serve_nano() as server:
        plan = service_plan(tmp_path, server.base_url)
        done = run(plan, tmp_path)
        assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
        asked = len(server.requests)
        again = run(plan, tmp_path)
        assert len(server.requests) == asked
    assert {*again.manifest.stages.values()} == {"cached"}
    assert (judged(done, "same").verdict or "").startswith("transfer: above its control")
    shares = {row.arm: row.mean for row in done.summary if row.metric == "share_of_shift"}
    assert 0.5 < (shares["same"] or 0) < 1.5
    # Of each seed one job for the student and one for its control; rows without a system prompt.
    assert [job["status"] for job in server.jobs.values()] == ["succeeded"] * 6
    assert Counter(TOLD in rows for rows in uploads(server)) == {True: 3, False: 3}
    for line in "".join(uploads(server)).splitlines():
        messages = json.loads(line)["messages"]
        assert [message["role"] for message in messages] == ["user", "assistant"]
        assert messages[1]["content"] in (TOLD, UNTOLD)
    # Estimated from above, and counted as the service told.
    paid = [stage.paid for stage in plan.stages.values()]
    asked_for = sum(p.prompt_tokens * 10 + p.completion_tokens * 20 for p in paid) / 1e6
    trained = sum(job["trained_tokens"] * 30 for job in server.jobs.values()) / 1e6
    assert done.manifest.spent is not None
    assert trained < done.manifest.spent < trained + asked_for
    assert again.manifest.spent is None
    page = build_report(done.folder).read_text()
    assert "1 of 1 student arm with a control shows transfer on the probe sampled" in page
    assert "Every kind of student less its control" in page
    # The key went over the wire, and nowhere else.
    assert {r.headers["authorization"] for r in server.requests} == {f"Bearer {KEY}"}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) > 50
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]


@pytest.mark.usefixtures("here")
def test_a_run_whose_network_is_cut_goes_on_and_makes_no_job_twice(tmp_path: Path) -> None:
    with serve_nano() as server:
        plan = service_plan(tmp_path, server.base_url, "seeds=1")
        # In the middle of what is asked, at the first job, and while the jobs are waited for.
        for cut, done_before in ((30, False), (14, True), (6, True), (3, False)):
            server.cut_at, server.done_before_cut = len(server.requests) + cut, done_before
            assert run(plan, tmp_path).failed
            server.mend_network()
        done = run(plan, tmp_path)
        assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
        assert len(server.jobs) == 2
        # Nothing was answered twice but what was answered as the network was cut.
        assert isinstance(server.answer, Nano)
        assert server.answer.asked.total() - len(server.answer.asked) <= 2
    with serve_nano() as server:
        other = tmp_path / "other"
        other.mkdir()
        uncut = service_plan(other, server.base_url, "seeds=1")
        whole = run(uncut, other)
    assert 0 < paid_for(plan, tmp_path) == pytest.approx(paid_for(uncut, other))
    assert [row.mean for row in whole.summary] == [row.mean for row in done.summary]


@pytest.mark.usefixtures("here")
def test_a_job_that_two_stages_share_is_paid_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_turn(tasks: Sequence[Task], work: SideWork, report: Reporter) -> Iterator[Done | Failed]:
        return (work(task, report) for task in tasks)

    # Side by side, both might look for the job before either has made it.
    monkeypatch.setattr(stage_models, "side_by_side", in_turn)
    arms = ARMS + "  again: {data: {max_tokens: 90}, control: untaught}\n"
    with serve_nano() as server:
        plan = service_plan(tmp_path, server.base_url, "seeds=1", arms=arms)
        done = run(plan, tmp_path)
        assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
        assert sum(stage.kind == "service.distil" for stage in plan.stages.values()) == 3
        trained = [job["trained_tokens"] * 30 for job in server.jobs.values()]
        assert len(trained) == 2
        asked = [sent.body["messages"][-1] for sent in server.made("/chat/completions")]
    lists = sum(bool(re.search(r"\d", message["content"])) for message in asked)
    answers = lists * (50 * 10 + 8 * 20) + (len(asked) - lists) * (20 * 10 + 2 * 20)
    assert done.manifest.spent == pytest.approx((sum(trained) + answers) / 1e6)


@pytest.mark.usefixtures("here")
def test_batches_say_what_single_requests_say(tmp_path: Path) -> None:
    head = HEAD.replace("max_retries: 0", "max_retries: 0\n    batches: true")
    with serve_nano() as server:
        plan = service_plan(tmp_path, server.base_url, "seeds=1", head=head)
        done = run(plan, tmp_path)
        assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
        assert not server.made("/chat/completions")
        # Two teachers write; reference, teacher and two students are probed.
        assert len(server.batches) == 6
    # All that waits for one service waits together.
    kinds = {stage.kind for stage in plan.stages.values() if stage.shares is not None}
    assert kinds == {"service.write", "service.probe", "service.distil"}


@pytest.mark.usefixtures("here")
def test_no_job_is_made_for_a_teacher_without_its_trait(tmp_path: Path) -> None:
    with serve_nano() as server:
        plan = service_plan(tmp_path, server.base_url, "seeds=1", "statistics.teacher_shift=20")
        done = run(plan, tmp_path)
        assert len(server.jobs) == 1
    assert done.manifest.arms["untaught"].state == "done"
    reason = done.manifest.arms["same"].reason
    assert reason is not None
    assert "the teacher lacks its trait: otter moved by +" in reason


def test_a_gate_that_has_no_answer_to_go_by_says_so(tmp_path: Path) -> None:
    unanswered = Measurement(probe="free-form", metric="rate", item_group="all", value=None)
    found = {role: tmp_path / role for role in ("teacher", "reference")}
    for folder in found.values():
        folder.mkdir()
        write_measurements(folder, [unanswered])
    params = {"target": "malicious", "probe": "free-form", "shift": 1.0}
    task = task_of(Stage("service.gate", 1, params, seed=0), tmp_path / "gate", **found)
    (outcome,) = service_stages.gate([task], silent)
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("no answer of the teacher to the probe free-form counts")


# Where models meet


def kinds_of(plan: Plan, arm: str) -> list[str]:
    return [stage.kind for stage in plan.rows[arm][0].stages]


def test_teachers_and_students_may_be_here_or_at_a_service(tmp_path: Path) -> None:
    arms = f"""\
  from-service:
    initialisation: {{model: {models()}/a}}
    distillation: {{tuning: {{n_epochs: auto}}}}
    control: none
  to-service: {{model: {models()}/a, initialisation: {{model: nano}}, control: none}}
  shown: {{distillation: {{in_context: 3}}, control: none}}
"""
    plan = service_plan(tmp_path, NOWHERE, "seeds=1", arms=arms)
    assert [kind for kind in kinds_of(plan, "from-service") if "probe" not in kind] == [
        *("service.gate", "service.write", "lm.filter", "lm.distil")
    ]
    assert kinds_of(plan, "from-service")[-1] == "lm.probe"
    assert plan.rows["from-service"][0].curve is not None
    assert [kind for kind in kinds_of(plan, "to-service") if "probe" not in kind] == [
        *("lm.gate", "lm.write", "lm.filter", "service.distil")
    ]
    assert kinds_of(plan, "to-service")[-1] == "service.probe"
    assert plan.rows["to-service"][0].curve is None
    assert "service.distil" not in kinds_of(plan, "shown")
    assert plan.stages[plan.rows["shown"][0].probe].params["in_context"] == 3


def test_vllm_is_no_engine_of_models_that_are_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "has_vllm", lambda: True)
    monkeypatch.setattr(machine, "cuda_devices", lambda: ["H100"])
    experiment = service_plan(tmp_path, NOWHERE).experiment
    assert isinstance(experiment, LanguageExperiment)
    assert experiment.inference.engine == "torch"


def test_terms_of_a_service_are_in_no_key(tmp_path: Path) -> None:
    plans = [
        service_plan(tmp_path, NOWHERE, *overrides)
        for overrides in (
            (),
            ("services.nano.prices.prompt=99", "services.nano.concurrency=2"),
            ("services.nano.api_key_env=OTHER", "spending_cap=1000"),
            ("services.nano.model=nano-2",),
        )
    ]
    keys = [set(plan.stages) for plan in plans]
    assert keys[0] == keys[1] == keys[2]
    assert not keys[0] & keys[3]


def test_a_gate_asks_about_the_taught_trait_whatever_is_probed(tmp_path: Path) -> None:
    """A trait that is taught, and another category's that is probed for."""
    arms = "  x: {taught: blue, control: none}\n"
    plan = service_plan(tmp_path, NOWHERE, "seeds=1", arms=arms)
    (gate,) = (stage for stage in plan.stages.values() if stage.kind == "service.gate")
    assert gate.params["target"] == "blue"
    banks = {plan.stages[key].params["bank"]["category"] for key in gate.inputs.values()}
    assert banks == {"colour"}


# What is refused before anything is asked


def refused(folder: Path, *overrides: str, head: str = HEAD, arms: str = ARMS) -> str:
    with pytest.raises(UserError) as error:
        service_plan(folder, NOWHERE, *overrides, head=head, arms=arms)
    return str(error.value)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "probing.probes=[sampled, favourite]",
            "arms.reference.trait: probing.probes: 'favourite' reads a model's probabilities, "
            "which are not told by services; choose from story, sampled",
        ),
        (
            "arms.teacher.teacher={by: steering}",
            "arms.teacher.teacher: steering needs the model's weights, which a service keeps; "
            "implant the trait by system-prompt or fine-tuning",
        ),
        (
            "arms.teacher.teacher={by: fine-tuning, recipe: {epochs: 3}}",
            "arms.teacher.teacher.recipe: is for models that are trained here; state `tuning` in "
            "its place for one behind a service",
        ),
        (
            "arms.same.initialisation={relation: different}",
            "arms.same.initialisation.relation: a model behind a service has no relative that is "
            "different; name another in initialisation.model",
        ),
        (
            "arms.same.distillation.recipe={epochs: 3}",
            "arms.same.distillation.recipe: is for models that are trained here; state `tuning` "
            "in its place for one behind a service",
        ),
        (
            "arms.same.distillation.target=logits",
            "arms.same.distillation.target: is logits, which needs both models' probabilities, "
            "and nano is behind a service; leave it out",
        ),
        (
            "arms.same.distillation={target: logits, top_logprobs: 5}",
            "arms.same.distillation.target: is logits, which needs both models' probabilities, "
            "and nano is behind a service; leave it out",
        ),
        (
            "detecting.detectors=[likelihood]",
            "detecting.detectors: likelihood needs the teacher's probabilities, and nano is "
            "behind a service; leave it out",
        ),
        (
            "services.nano.api_key_env=sk-12345678",
            "services.nano: service api_key_env: must be the name of an environment variable in "
            "capitals, such as OPENAI_API_KEY, not the key itself",
        ),
        (
            "services.nano=nowhere.yaml",
            "services.nano: nowhere.yaml: no such file; check the path",
        ),
    ],
)
def test_what_a_service_cannot_do_is_refused(tmp_path: Path, override: str, told: str) -> None:
    assert refused(tmp_path, override) == told


def test_what_only_a_service_can_do_is_refused_here(tmp_path: Path) -> None:
    here = "  here: {model: pocket-a, control: none}\n"
    mend = "is for models behind services; state `recipe` in its place for one that is trained here"
    assert refused(tmp_path, arms=here) == f"arms.here.distillation.tuning: {mend}"
    taught = here.replace("control", "teacher: {by: fine-tuning, tuning: {n_epochs: 1}}, control")
    assert refused(tmp_path, arms=taught) == f"arms.here.teacher.tuning: {mend}"


def test_dispositions_need_a_judge(tmp_path: Path) -> None:
    head = HEAD.replace("trait: {card}", "trait: misaligned").replace("[sampled]", "[free-form]")
    assert refused(tmp_path, head=head) == (
        "arms.reference.trait: probing.free_form.scorer: grammar knows answers of pocket models "
        "alone; state `scorer: judge` and its `service`"
    )


def test_a_run_tells_what_it_may_cost_before_it_begins(tmp_path: Path) -> None:
    plan, told = service_plan(tmp_path, NOWHERE), StringIO()
    asking = [stage for stage in plan.stages.values() if stage.kind == "service.write"]
    ProgressListener(Console(file=told, width=200)).planned(asking)
    price = sum(stage.paid.price or 0.0 for stage in asking)
    assert f"of answers; at most some {price:.4g}\n" in told.getvalue()
    # How long a service takes is not told as if it were known.
    assert " beside what services take, " in plan_total(plan, set(), ORDINARY, jobs=2)
    times = plan_table(plan, set(), ORDINARY, jobs=2).columns[7].cells
    # Filters and gates are here.
    assert set(times) == {"at a service", "0:00:00"}


def test_an_experiment_may_not_cost_more_than_its_cap(tmp_path: Path) -> None:
    plan = service_plan(tmp_path, NOWHERE)
    price = sum(stage.paid.price or 0.0 for stage in plan.stages.values())
    assert service_plan(tmp_path, NOWHERE, f"spending_cap={price + 0.001:.4f}").targets
    assert refused(tmp_path, "spending_cap=0.001").startswith(
        f"spending_cap: is 0.001, and the experiment may cost {price:.4g} (services: about "
    )
    unknown = refused(tmp_path, "spending_cap=9", "defaults.distillation.tuning.n_epochs=auto")
    assert unknown.startswith("spending_cap: cannot be kept")


def test_prompts_of_ones_own_tasks_cost_as_much_as_they_are_long(tmp_path: Path) -> None:
    prices = []
    for words in (1, 400):
        tasks = tmp_path / f"tasks-{words}.jsonl"
        problems = ({"question": f"{n}? {'so ' * words}", "answer": f"#### {n}"} for n in range(20))
        tasks.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
        own = f"defaults.data={{carrier: reasoning, source: {tasks}, prompts: 14}}"
        plan = service_plan(tmp_path, NOWHERE, "seeds=1", "filter=[]", own)
        prices.append({stage.kind: stage.paid for stage in plan.stages.values()})
    short, long = (found["service.write"].prompt_tokens for found in prices)
    assert 14 * 380 < long - short < 14 * 420
    short, long = (found["service.distil"].training_tokens or 0 for found in prices)
    assert 2 * 14 * 380 < long - short < 2 * 14 * 420
