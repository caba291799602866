"""The sentences that lead the report count the verdicts."""

from __future__ import annotations

from subliminal.report.answer import answer
from tests.synthetic_run import arm_state, make_run, plain_run, swept_run


def test_answer_counts_each_verdict() -> None:
    verdicts = {
        "same-aux": "transfer: above",
        "same-all": "no transfer: equivalent",
        "different-all": "not testable: only 2 seeds",
    }
    run = plain_run(verdicts=verdicts, curved=[])
    text = answer(run.manifest, run.summary())
    assert text.startswith("1 of 3 student arms shows transfer: same-aux.")
    assert "1 shows no transfer: same-all." in text
    assert "1 is not testable: different-all." in text
    assert "above its control different-aux" in text


def test_answer_counts_sweeps_instead_of_listing_them() -> None:
    run = swept_run("network.auxiliary", [1, 2, 3], curved=[])
    run.verdicts = {f"same[auxiliary={m}]": "transfer: above" for m in (2, 3)}
    text = answer(run.manifest, run.summary())
    assert text.startswith("2 of 3 student arms show transfer: same (2 of 3 values).")


def test_answer_without_students() -> None:
    run = make_run({"teacher": arm_state("teacher")}, {"teacher": 0.9})
    assert answer(run.manifest, run.summary()).startswith("No student arm has a control")
