"""Language experiments that are killed at random moments; `make test-kills` tries many more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def test_killed_experiments_come_to_the_same_end() -> None:
    command = [sys.executable, "-m", "tests.kill_trials", "--trials", "5", "--seed", "1"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 kills ("), done.stdout
