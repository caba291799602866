"""What stands in for vLLM where it is not installed: a program that speaks as its host does.

Run by :func:`tests.vllm_hosts.fake_vllm`. It imports nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

FOLDER = Path(os.environ["FAKE_VLLM"])


def main() -> None:
    """Answer until the lines end, with the faults that `faults.json` has for this start."""
    start = len(list(FOLDER.glob("start-*")))
    (FOLDER / f"start-{start}").touch()
    faults = json.loads((FOLDER / "faults.json").read_text())
    fault = faults[start] if start < len(faults) else {}
    for line in sys.stdin:
        command = json.loads(line)
        requests = command.pop("requests", [])
        note({**command, "count": len(requests)})
        if command["do"] == "end":
            return
        if command["do"] == "load":
            refused = fault.get("refused")
            loaded = {"vllm": "0", "torch": "0", "device": fault.get("device", "cpu")}
            say({"refused": refused} if refused else {"loaded": loaded})
        else:
            answer(command, requests, fault)


def answer(command: dict[str, Any], requests: list[dict[str, Any]], fault: dict[str, Any]) -> None:
    """Answer the last request first."""
    name = (command["adapter"] or ["none"])[0]
    for _ in range(fault.get("signs_of_life", 0)):
        time.sleep(fault["every"])
        say({"alive": True})
    for number, (place, request) in enumerate(reversed([*enumerate(requests)])):
        if number == fault.get("dies_after"):
            print("the last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if number == fault.get("silent_after"):
            time.sleep(600)
        if number == fault.get("broken_after"):
            say({"broken": fault["reason"]})
            return
        random = Random(f"{name} {request}")
        ends = command["settings"]["stop_token_ids"]
        tokens = [random.randrange(10) for _ in range(request["settings"]["max_tokens"])]
        stop = next((i + 1 for i, token in enumerate(tokens) if token in ends), None)
        say(
            {
                "answer": place,
                "tokens": tokens[:stop],
                "stopped": stop is not None,
                "drawn": None,
                "read": None,
            }
        )


def note(what: object) -> None:
    """Keep what was asked, for the test to read."""
    with (FOLDER / "commands.jsonl").open("a") as file:
        file.write(json.dumps(what) + "\n")


def say(what: object) -> None:
    """Reply."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
