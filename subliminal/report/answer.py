"""The outcome of a run in plain words, and what a reader must know before believing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from subliminal.report.bars import controls_of
from subliminal.report.labels import counted, known, listing, number
from subliminal.report.table_rows import control_name, split_verdict
from subliminal.results import ArmState, Manifest, Summary


@dataclass(frozen=True)
class Problem:
    """Something about an arm that limits what the run can say."""

    arm: str
    what: str
    reason: str


def answer(manifest: Manifest, rows: Sequence[Summary]) -> str:
    """What the run found, in a few plain sentences.

    Args:
        manifest: The run.
        rows: Summary rows of one probe and metric.
    """
    measured = {row.arm for row in rows}
    compared = [
        name
        for name, state in manifest.arms.items()
        if state.role == "student" and control_name(state)
        # An arm that is done but was not measured has another trait, not a missing answer.
        if name in measured or state.state != "done"
    ]
    if not any(known(row.mean) for row in rows):
        return "No arm finished, so there is nothing to report yet."
    if not compared:
        return "No student arm has a control, so there is no transfer to judge."
    verdicts = _labels(compared, manifest, rows)
    sentences = _counts(verdicts, manifest)
    strongest = _strongest([row for row in rows if verdicts.get(row.arm) == "transfer"])
    if strongest:
        sentences.append(strongest)
    return " ".join(sentences)


def problems(manifest: Manifest) -> list[Problem]:
    """Arms that failed or are incomplete, and students that are compared with nothing."""
    controls = controls_of(manifest.arms)
    found = []
    for name, state in manifest.arms.items():
        if state.state != "done":
            found.append(Problem(name, state.state, state.reason or "no reason was recorded"))
        if state.role == "student" and not control_name(state) and name not in controls:
            found.append(
                Problem(name, "no control", "it is compared with nothing, so it has no verdict")
            )
    return found


def uncontrolled_controls(manifest: Manifest) -> str:
    """Students without a control that serve others as one: not a fault, but worth knowing."""
    controls = controls_of(manifest.arms)
    return _named(
        [
            name
            for name, state in manifest.arms.items()
            if state.role == "student" and not control_name(state) and name in controls
        ],
        manifest,
    )


def _labels(compared: Iterable[str], manifest: Manifest, rows: Sequence[Summary]) -> dict[str, str]:
    verdicts = {row.arm: row.verdict for row in rows if row.verdict is not None}
    return {
        name: split_verdict(verdicts[name])[0]
        if name in verdicts
        else _without_verdict(manifest.arms[name])
        for name in compared
    }


def _without_verdict(state: ArmState) -> str:
    return "not judged" if state.state == "done" else state.state


_VERBS = {
    "transfer": ("shows transfer", "show transfer"),
    "no transfer": ("shows no transfer", "show no transfer"),
    "not testable": ("is not testable", "are not testable"),
    "failed": ("failed", "failed"),
    "incomplete": ("is incomplete", "are incomplete"),
    "not judged": ("was not judged", "were not judged"),
}


def _counts(verdicts: Mapping[str, str], manifest: Manifest) -> list[str]:
    """One sentence for each label, the first of which says out of how many."""
    transferred = [name for name, label in verdicts.items() if label == "transfer"]
    verb = "shows" if len(transferred) == 1 else "show"
    total = counted(len(verdicts), "student arm")
    names = f": {_named(transferred, manifest)}" if transferred else ""
    sentences = [f"{len(transferred)} of {total} {verb} transfer{names}."]
    for label in dict.fromkeys([*_VERBS, *verdicts.values()]):
        members = [name for name, given in verdicts.items() if given == label]
        if members and label != "transfer":
            singular, plural = _VERBS.get(label, (label, label))
            phrase = singular if len(members) == 1 else plural
            names = _named(members, manifest)
            sentences.append(f"{len(members)} {phrase}: {names}.")
    return sentences


def _named(members: Iterable[str], manifest: Manifest) -> str:
    """Names of arms for a sentence; those of a sweep are counted, not listed."""
    sizes = Counter(state.group for state in manifest.arms.values())
    by_group: dict[str, list[str]] = {}
    for name in members:
        by_group.setdefault(manifest.arms[name].group, []).append(name)
    return listing(
        [
            names[0] if sizes[group] == 1 else f"{group} ({len(names)} of {sizes[group]} values)"
            for group, names in by_group.items()
        ]
    )


def _strongest(rows: Sequence[Summary]) -> str:
    contrasts = [(row.contrast, row) for row in rows if known(row.contrast)]
    if not contrasts:
        return ""
    contrast, row = max(contrasts, key=lambda pair: pair[0])
    return (
        f"The largest difference is that of {row.arm}: a mean {row.metric} of {number(row.mean)} "
        f"over {counted(row.n_seeds, 'seed')}, {number(contrast)} above its control {row.control}."
    )
