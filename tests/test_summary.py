"""Estimates, contrasts and verdicts, against values worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from subliminal.results import Result, Summary
from subliminal.spec import LanguageStatistics
from subliminal.spec.mnist import MnistArm, MnistStatistics
from subliminal.summary import Measured, summarise

Values = Mapping[int, float | None]

STUDENT: Values = {0: 0.5, 1: 0.6, 2: 0.7}
CONTROL: Values = {0: 0.1, 1: 0.1, 2: 0.1}
FLAT: Values = {0: 0.1, 1: 0.1, 2: 0.1}
TAUGHT: Values = {0: 0.9, 1: 0.9, 2: 0.9}


def student(control: str) -> MnistArm:
    return MnistArm(role="student", control=control)


REFERENCE, TEACHER = MnistArm(role="reference"), MnistArm(role="teacher")


def accuracy(arm: str, seed: int, value: float | None, probe: str = "digits") -> Result:
    return Result(
        arm=arm, seed=seed, probe=probe, metric="accuracy", item_group="all", value=value, n=100
    )


def measured(
    arm: str, values: Values, teacher: Values = TAUGHT, reference: Values = FLAT
) -> dict[int, Measured]:
    return {
        seed: Measured(
            own=[accuracy(arm, seed, value)],
            teacher=[accuracy(arm, seed, teacher[seed])],
            reference=[accuracy(arm, seed, reference[seed])],
        )
        for seed, value in values.items()
    }


def summary_of(
    arms: Mapping[str, MnistArm],
    values: Mapping[str, Values],
    *,
    seeds: int = 3,
    teacher: Values = TAUGHT,
    **statistics: object,
) -> dict[str, Summary]:
    """The accuracy rows, by arm."""
    table = {arm: measured(arm, by_seed, teacher) for arm, by_seed in values.items()}
    rows = summarise(arms, range(seeds), table, MnistStatistics.model_validate(statistics))
    return {row.arm: row for row in rows if row.metric == "accuracy"}


PAIR = {"student": student("control"), "control": student("none")}


def verdict(row: Summary) -> str:
    assert row.verdict is not None
    return row.verdict


def test_means_and_contrasts_have_t_intervals_over_seeds() -> None:
    row = summary_of(PAIR, {"student": STUDENT, "control": CONTROL})["student"]
    # The values are .5 .6 .7: mean .6, sd .1, standard error .1 / sqrt(3) = .0577350. Student's t
    # with 2 degrees of freedom leaves 2.5 % above 4.302653, so the interval is .6 -+ .2484137.
    assert row.n_seeds == 3
    assert row.mean == pytest.approx(0.6)
    assert (row.ci_low, row.ci_high) == pytest.approx((0.3515863, 0.8484137))
    # The differences are .4 .5 .6: mean .5 and the same spread.
    assert row.control == "control"
    assert row.contrast == pytest.approx(0.5)
    assert (row.contrast_ci_low, row.contrast_ci_high) == pytest.approx((0.2515863, 0.7484137))
    assert row.per_seed == STUDENT


def test_contrasts_pair_equal_seeds() -> None:
    # By seed the differences are all .1; unpaired means would differ by .1 too, with a wide
    # interval. Without spread the limits are the difference itself.
    values = {"student": {0: 0.2, 1: 0.5, 2: 0.8}, "control": {2: 0.7, 1: 0.4, 0: 0.1}}
    row = summary_of(PAIR, values)["student"]
    assert (row.contrast_ci_low, row.contrast, row.contrast_ci_high) == pytest.approx((0.1,) * 3)
    assert verdict(row).startswith("transfer")


def test_a_confidence_is_obeyed() -> None:
    values = {"student": STUDENT, "control": CONTROL}
    row = summary_of(PAIR, values, confidence=0.9)["student"]
    # Student's t with 2 degrees of freedom leaves 5 % above 2.919986: .6 -+ .1685855.
    assert (row.ci_low, row.ci_high) == pytest.approx((0.4314145, 0.7685855))


def test_one_seed_has_no_interval() -> None:
    row = summary_of(PAIR, {"student": {0: 0.5}, "control": {0: 0.1}}, seeds=1)["student"]
    assert (row.mean, row.ci_low, row.ci_high) == (0.5, None, None)
    assert row.contrast == pytest.approx(0.4)
    assert (row.contrast_ci_low, row.contrast_ci_high) == (None, None)
    assert verdict(row) == "not testable: only 1 seed, at least 3 needed"


# The p-value of the contrast .4 .5 .6 is that of t = .5 / .0577350 = 8.660254 with 2 degrees of
# freedom: 1 - t / sqrt(t^2 + 2) = 1 - 8.660254 / 8.774964 = .01307.


@pytest.mark.parametrize(
    ("correction", "adjusted"),
    [
        ("none", "0.013"),
        ("holm", "0.026"),  # the smaller of two counts twice, and the other is not below it
        ("benjamini-hochberg", "0.013"),  # the larger of two stays: .01307 x 2 / 2
    ],
)
def test_p_values_are_corrected_for_the_number_of_arms(correction: str, adjusted: str) -> None:
    arms = {"a": student("control"), "b": student("control"), "control": student("none")}
    values = {"a": STUDENT, "b": STUDENT, "control": CONTROL}
    rows = summary_of(arms, values, correction=correction)
    for arm in ("a", "b"):
        assert verdict(rows[arm]).endswith(f"adjusted p = {adjusted}"), verdict(rows[arm])


def test_arms_without_a_verdict_do_not_count_in_the_correction() -> None:
    arms = {
        "student": student("control"),
        "control": student("none"),
        "teacher": MnistArm(role="teacher", control="reference"),
        "reference": REFERENCE,
    }
    values = {"student": STUDENT, "control": CONTROL, "teacher": TAUGHT, "reference": FLAT}
    rows = summary_of(arms, values)
    assert verdict(rows["student"]).endswith("adjusted p = 0.013")
    assert rows["teacher"].contrast == pytest.approx(0.8)


def test_students_of_teachers_without_the_trait_do_not_count_in_the_correction() -> None:
    arms = {
        "student": student("control"),
        "sibling": student("control"),
        "control": student("none"),
    }
    table = {
        "student": measured("student", STUDENT),
        "sibling": measured("sibling", STUDENT, teacher=FLAT),
        "control": measured("control", CONTROL),
    }
    rows = summarise(arms, range(3), table, MnistStatistics())
    found = {row.arm: row for row in rows if row.metric == "accuracy"}
    assert verdict(found["student"]).endswith("adjusted p = 0.013")
    assert verdict(found["sibling"]).startswith("not testable: the teacher lacks the trait")


def test_probes_are_corrected_apart() -> None:
    table = {
        arm: {
            seed: Measured(
                own=[accuracy(arm, seed, value, probe) for probe in ("parity", "prime")],
                teacher=[accuracy(arm, seed, 0.9, probe) for probe in ("parity", "prime")],
                reference=[accuracy(arm, seed, 0.1, probe) for probe in ("parity", "prime")],
            )
            for seed, value in by_seed.items()
        }
        for arm, by_seed in {"student": STUDENT, "control": CONTROL}.items()
    }
    rows = summarise(PAIR, range(3), table, MnistStatistics())
    found = [row for row in rows if row.arm == "student" and row.metric == "accuracy"]
    assert [row.probe for row in found] == ["parity", "prime"]
    assert all(verdict(row).endswith("adjusted p = 0.013") for row in found)


def test_failed_seeds_leave_nothing_to_test() -> None:
    rows = summary_of(PAIR, {"student": STUDENT, "control": {0: 0.1, 1: 0.1, 2: 0.1}}, seeds=4)
    assert rows["student"].n_seeds == 3
    assert verdict(rows["student"]) == "not testable: 1 of 4 seeds failed"


def test_a_seed_that_failed_in_the_control_is_missing_too() -> None:
    values = {"student": STUDENT, "control": {0: 0.1, 2: 0.1}}
    row = summary_of(PAIR, values)["student"]
    # Pairs are left for seeds 0 and 2: differences .4 and .6.
    assert row.n_seeds == 3
    assert row.contrast == pytest.approx(0.5)
    assert verdict(row) == "not testable: 1 of 3 seeds failed"


def test_a_control_that_failed_everywhere_is_named() -> None:
    row = summary_of(PAIR, {"student": STUDENT})["student"]
    assert (row.control, row.contrast) == ("control", None)
    assert verdict(row) == (
        "not testable: no seed has a result both here and in its control control"
    )


def test_without_a_control_there_is_no_verdict() -> None:
    row = summary_of({"student": student("none")}, {"student": STUDENT})["student"]
    assert (row.control, row.contrast) == (None, None)
    assert verdict(row) == (
        "not testable: no control: there is nothing to compare the student with"
    )


@pytest.mark.parametrize(
    ("taught", "lacking"),
    [
        ((0.25, 0.25, 0.25), True),  # .15 above the reference's .1, on average
        ((0.9, 0.1, 0.1), False),  # (.8 + 0 + 0) / 3 = .27
        ((0.05, 0.05, 0.05), True),  # below the reference
    ],
)
def test_a_teacher_without_the_trait_has_none_to_pass_on(
    taught: tuple[float, float, float], lacking: bool
) -> None:
    values = {"student": STUDENT, "control": CONTROL}
    row = summary_of(PAIR, values, teacher=dict(enumerate(taught)), teacher_shift=0.2)["student"]
    assert verdict(row).startswith("not testable: the teacher lacks the trait") is lacking


def test_without_a_shift_asked_of_teachers_every_student_is_judged() -> None:
    values = {"student": STUDENT, "control": CONTROL}
    table = {arm: measured(arm, by_seed, teacher=FLAT) for arm, by_seed in values.items()}

    def judged(shift: float | None) -> str:
        rows = summarise(PAIR, range(3), table, LanguageStatistics(teacher_shift=shift))
        return next(verdict(row) for row in rows if row.arm == "student" and row.verdict)

    assert judged(0.2).startswith("not testable: the teacher lacks the trait")
    assert judged(None).startswith("transfer: above its control")


def test_a_difference_within_the_bound_is_no_transfer() -> None:
    values: dict[str, Values] = {
        "student": {0: 0.11, 1: 0.1, 2: 0.09},
        "control": {0: 0.1, 1: 0.1, 2: 0.1},
    }
    # Differences .01 0 -.01: standard error .01 / sqrt(3) = .00577; t(2) leaves 5 % above 2.92, so
    # the 90 % interval is 0 -+ .0169: within .02, not within .015.
    within = summary_of(PAIR, values, equivalence_bound=0.02)["student"]
    assert verdict(within).startswith("no transfer: equivalent to control within ±0.02")
    beyond = summary_of(PAIR, values, equivalence_bound=0.015)["student"]
    assert verdict(beyond).startswith("not testable: too few seeds")


def test_a_teacher_that_was_not_measured_is_not_taken_to_have_the_trait() -> None:
    table = {
        arm: {seed: Measured([accuracy(arm, seed, value)]) for seed, value in values.items()}
        for arm, values in {"student": STUDENT, "control": CONTROL}.items()
    }
    rows = summarise(PAIR, range(3), table, MnistStatistics())
    assert verdict(rows[0]).startswith("not testable: the teacher lacks the trait")


def test_references_and_teachers_are_not_judged() -> None:
    rows = summary_of(
        {"reference": REFERENCE, "teacher": TEACHER}, {"reference": FLAT, "teacher": TAUGHT}
    )
    assert [row.verdict for row in rows.values()] == [None, None]


def test_what_was_not_measured_is_left_out_and_never_zero() -> None:
    values = {"student": {0: 0.5, 1: None, 2: 0.7}, "control": CONTROL}
    row = summary_of(PAIR, values)["student"]
    assert (row.n_seeds, row.per_seed) == (2, {0: 0.5, 2: 0.7})
    assert row.mean == pytest.approx(0.6)
    assert verdict(row) == "not testable: 1 of 3 seeds failed"


def test_an_arm_that_was_nowhere_measured_has_no_row() -> None:
    values: dict[str, Values] = {"student": dict.fromkeys(range(3)), "control": CONTROL}
    assert list(summary_of(PAIR, values)) == ["control"]


def test_rows_come_in_the_order_of_the_arms() -> None:
    arms = {name: student("none") for name in ("z", "a", "m")}
    assert list(summary_of(arms, {"a": STUDENT, "m": STUDENT, "z": STUDENT})) == ["z", "a", "m"]


# Metrics other than accuracy


def of_metric(metric: str, value: float) -> list[Result]:
    return [accuracy("", 0, value).model_copy(update={"metric": metric, "n": None})]


def log_odds_row(*, own: float = 0.5, taught: float = 3.0, **statistics: object) -> Summary:
    """The row of students 0, 1 and -1 around a value above controls at 0; references are at 0."""
    table = {
        arm: {
            seed: Measured(
                of_metric("log_odds", value + noise),
                of_metric("log_odds", taught),
                of_metric("log_odds", 0.0),
            )
            for seed, noise in enumerate(noises)
        }
        for arm, value, noises in [("student", own, (0.01, 0, -0.01)), ("control", 0.0, (0, 0, 0))]
    }
    rows = summarise(PAIR, range(3), table, LanguageStatistics.model_validate(statistics))
    (row,) = (row for row in rows if (row.arm, row.metric) == ("student", "log_odds"))
    return row


def test_log_odds_are_judged_against_bounds_in_log_odds() -> None:
    assert verdict(log_odds_row(own=0.5)).startswith("transfer")
    assert verdict(log_odds_row(own=0.0)).startswith("no transfer: equivalent to control within")
    # The default bounds: differences within .3 count as none, teachers shift by 1 or lack the trait
    assert verdict(log_odds_row(own=0.0, equivalence_bound=0.01)).startswith("not testable")
    assert verdict(log_odds_row(taught=0.99)).startswith("not testable: the teacher lacks")
    assert not verdict(log_odds_row(taught=1.01)).startswith("not testable")


def test_other_metrics_get_no_verdict_and_no_share() -> None:
    own, teacher, reference = (of_metric("loss", value) for value in (2.0, 3.0, 1.0))
    measured = Measured(own, teacher, reference)
    (row,) = summarise(
        {"student": student("none")}, [0], {"student": {0: measured}}, MnistStatistics()
    )
    assert (row.metric, row.verdict) == ("loss", None)


def test_a_share_compares_values_of_one_probe_and_one_metric() -> None:
    own, reference = of_metric("log_odds", 1.0), of_metric("log_odds", 0.0)
    (row,) = Measured(own, of_metric("log_odds", 4.0), reference).shares()
    assert (row.metric, row.value) == ("share_of_shift", 0.25)
    assert Measured(own, of_metric("accuracy", 4.0), reference).shares() == []
    other = [row.model_copy(update={"probe": "parity"}) for row in of_metric("log_odds", 4.0)]
    assert Measured(own, other, reference).shares() == []


# The share of the teacher's shift


def shares(taught: float) -> list[Result]:
    results = measured("student", {0: 0.5}, {0: taught}, {0: 0.1})
    return results[0].shares()


def test_the_share_of_the_shift_that_came_through() -> None:
    # (.5 - .1) / (.9 - .1) = .5
    (row,) = shares(taught=0.9)
    assert (row.metric, row.value) == ("share_of_shift", pytest.approx(0.5))
    assert (row.n, row.ci_low, row.ci_high) == (None, None, None)


def test_no_share_of_no_shift() -> None:
    (row,) = shares(taught=0.1)
    assert row.value is None
    table = {"student": measured("student", {0: 0.5}, {0: 0.1}, {0: 0.1})}
    rows = summarise({"student": student("none")}, [0], table, MnistStatistics())
    assert [row.metric for row in rows] == ["accuracy"]


def test_references_and_teachers_have_no_share() -> None:
    assert Measured([accuracy("reference", 0, 0.1)]).shares() == []
    assert Measured([accuracy("t", 0, 0.9)], reference=[accuracy("t", 0, 0.1)]).shares() == []


def test_digit_groups_are_not_summed_up() -> None:
    own = [accuracy("student", 0, 0.5)]
    own.append(own[0].model_copy(update={"item_group": "digit 3", "value": 1.0}))
    rows = summarise(
        {"student": student("none")}, [0], {"student": {0: Measured(own)}}, MnistStatistics()
    )
    assert [row.mean for row in rows] == [0.5]


def test_no_number_of_a_summary_is_nan() -> None:
    rows = summary_of(PAIR, {"student": {0: 0.5}, "control": {0: 0.1}}, seeds=1)
    numbers = [
        value
        for row in rows.values()
        for value in row.model_dump().values()
        if isinstance(value, float)
    ]
    assert numbers
    assert all(math.isfinite(value) for value in numbers)
