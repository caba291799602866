"""Kills language experiments at random moments, and compares what comes out in the end.

    python -m tests.kill_trials --trials 60
    python -m tests.kill_trials --trials 20 --of adapters

A trial is a run of a small experiment that is killed (SIGKILL) before its end, whatever it is at: a
teacher's training, sampling, a student's training, a probe. The same command is run again until the
experiment ends; then every artifact and every file of the run folder has to be, to the byte, that
of a run that nothing happened to. Meanwhile clocks jump: between two runs, and within them.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from students import stages as student_stages
from subliminal import machine, results
from subliminal.plan import Plan
from subliminal.run import run_plan
from subliminal.store import Store
from subliminal.training import loop
from teachers import finetuned, writing
from tests.hub_models import hub_model
from tests.language_stages import STUDENTS, plan_of
from tests.tiny import work_here
from tests.toy_stages import Recorder

ARMS = f"""\
{STUDENTS}\
  logits: {{distillation: {{target: logits, recipe: {{epochs: 2}}}}, control: untaught}}
"""
OVERRIDES = (
    "probing={probes: [favourite, sampled], samples: 1, side_effects: false}",
    "defaults.data={prompts: 120, max_tokens: 48}",
    "defaults.distillation.recipe.batch_size=40",
)
ADAPTER = "adapter={rank: 4, alpha: 8.0}"
OF_ADAPTERS = (
    f"defaults.teacher.recipe.{ADAPTER}",
    f"defaults.distillation.recipe.{ADAPTER}",
    "defaults.data={prompts: 40, max_tokens: 16}",
)
"""What is other where teachers and students are adapters of a model of transformers."""
MUST_BE_HIT, AT_LEAST = ("lm.write", "lm.distil", "lm.probe"), 50
"""Kinds of stages that so many trials must have killed."""
COMPARED = (results.EXPERIMENT, results.RESULTS, results.CURVES, results.SUMMARY)
SECONDS_OF_CLOCKS = 10.0**8
"""How far clocks jump to and fro."""


@dataclass
class Trials:
    """What has been tried so far."""

    hit: Counter[str] = field(default_factory=Counter)
    """Kind of stage -> kills while one was being done; "none" between stages."""
    compared: int = 0
    """Experiments that were killed on the way and came to the same end."""

    @property
    def kills(self) -> int:
        return self.hit.total()


def planned(of: str, folder: Path) -> Plan:
    """The experiment on a small model, or on adapters of one that transformers computes."""
    if of != "adapters":
        return plan_of(folder, ARMS, *OVERRIDES)
    model = hub_model(folder / "model", "qwen2")
    return plan_of(folder, ARMS, *OVERRIDES, *OF_ADAPTERS, f"model={model}")


def try_kills(plan: Plan, trials: int, seed: int, folder: Path) -> Trials:
    """Kill runs at random moments until so many have been killed.

    Args:
        plan: Of the experiment.
        trials: How many.
        seed: Of the moments.
        folder: For the runs.

    Raises:
        AssertionError: What came out differs from what an undisturbed run makes.
    """
    chance, found = random.Random(seed), Trials()
    killed, seconds = _run(plan, folder / "undisturbed", None)
    assert not killed
    expected = contents(folder / "undisturbed")
    while found.kills < trials:
        out = folder / f"killed-{found.compared}"
        while True:
            left = trials - found.kills
            moment = chance.uniform(0, seconds) if left else None
            begun = out.exists()
            killed, took = _run(plan, out, moment, chance.randrange(2**32))
            if not killed:
                # The machine may have become faster: later moments would all be past the end.
                seconds = seconds if begun else took
                break
            found.hit[_at(plan, out)] += 1
            _move_clocks(out, chance)
        assert contents(out) == expected
        found.compared += 1
    return found


def contents(out: Path) -> dict[str, object]:
    """Everything that a run has made, by its name: checksums of artifacts, bytes of results."""
    store = _store(out)
    manifests = {key: store.manifest(key) for key in store.keys()}  # noqa: SIM118
    assert all(store.verify(key) for key in manifests)
    store.collect(manifests)
    assert [*store.root.glob("partial/*"), *store.root.glob("tmp/*")] == []
    (run,) = (path.parent for path in out.glob(f"*/{results.MANIFEST}"))
    made: dict[str, object] = {key: found and found.files for key, found in manifests.items()}
    return made | {name: (run / name).read_bytes() for name in COMPARED}


def _run(plan: Plan, out: Path, seconds: float | None, seed: int = 0) -> tuple[bool, float]:
    """Run the experiment in a process of its own, and kill that after a while.

    Returns:
        Whether it was killed before its end, and how many seconds it lived.
    """
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        _run_to_the_end(plan, out, seed)
    process = psutil.Process(child)
    try:
        code = process.wait(seconds)
    except psutil.TimeoutExpired:
        process.kill()
        code = process.wait()
    assert code in (0, -signal.SIGKILL), "the run failed"
    return code != 0, time.monotonic() - begun


def _run_to_the_end(plan: Plan, out: Path, seed: int) -> None:
    code = 1
    try:
        with _saving_at_every_step(), _jumping_clock(seed), work_here():
            code = int(run_plan(plan, out, Recorder(), jobs=1).failed)
    finally:
        os._exit(code)


@contextmanager
def _saving_at_every_step() -> Iterator[None]:
    """Save progress all the time, so that there is some to go on from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "cores", lambda: 1)
        patch.setattr(writing, "FLUSH_EVERY", 5)
        for trainer in (student_stages, finetuned):
            patch.setattr(trainer, "train", partial(loop.train, checkpoint_seconds=0.0))
        yield


@contextmanager
def _jumping_clock(seed: int) -> Iterator[None]:
    """Let the clock on the wall show another year whenever somebody looks."""
    chance, clock = random.Random(seed), time.time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: clock() + chance.uniform(-1, 1) * SECONDS_OF_CLOCKS)
        yield


def _move_clocks(out: Path, chance: random.Random) -> None:
    """As if what there is had been written at other times, in any order."""
    for path in _store(out).root.rglob("*"):
        moment = time.time() + chance.uniform(-1, 1) * SECONDS_OF_CLOCKS
        os.utime(path, (moment, moment))


def _at(plan: Plan, out: Path) -> str:
    """The kind of the stage whose folder was being filled."""
    open_ = (path.name.split(".")[0] for path in _store(out).root.glob("tmp/*"))
    return next((plan.stages[key].kind for key in open_ if key in plan.stages), "none")


def _store(out: Path) -> Store:
    return Store(out / ".store")


def main() -> None:
    """Try, and say what has been hit."""
    parser = argparse.ArgumentParser(description="Kill language experiments at random moments.")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", choices=("small", "adapters"), default="small")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="kill-trials-") as name:
        folder = Path(name)
        found = try_kills(planned(options.of, folder), options.trials, options.seed, folder)
    hit = ", ".join(f"{count} in {kind}" for kind, count in sorted(found.hit.items()))
    print(f"{found.kills} kills ({hit}); {found.compared} experiments came to the undisturbed end")
    spared = [kind for kind in MUST_BE_HIT if kind not in found.hit]
    if found.kills >= AT_LEAST and spared:
        sys.exit(f"never killed: {', '.join(spared)}")


if __name__ == "__main__":
    main()
