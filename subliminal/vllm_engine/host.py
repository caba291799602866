"""vLLM's offline engine at the end of two pipes: a program for the interpreter that has vLLM.

It reads a JSON object a line from standard input and writes JSON objects to standard output; what
else is printed goes to standard error. It imports nothing of the workbench, for the interpreter may
be one of another environment. It leads a process group of its own, and takes the group with it as
soon as standard input ends: whoever started it may be killed at any time.

    {"do": "load", "engine": {...}}     -> {"loaded": {...}} or {"refused": "why"}
    {"do": "answer", "settings": {...}, "adapter": [name, number, folder] or null,
     "requests": [...]}                 -> {"answer": place, ...} for each of them, in any order
    {"do": "end"}

Between answers that take long it says {"alive": true}, after a step of the engine: one that does
not end leaves it silent. An engine that fails says {"broken": "why"} and ends, if it still can.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from array import array
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, BinaryIO

Object = dict[str, Any]

ON_GPU = {"gpu_memory_utilization": 0.85}
"""Unless a share is given: whoever started this holds a little of the same device."""
ON_CPU = {"enforce_eager": True, "kv_cache_memory_bytes": 2**29, "enable_chunked_prefill": False}
"""vLLM's own defaults compile for minutes and claim nearly all memory; and where it reads a prompt
in parts, a seed of its request stops the engine."""
TOKENS_AT_ONCE_ON_CPU = 4096
"""Of a step; or as many as a row may have, for it is read in one."""
SECONDS_OF_SILENCE = 10.0
"""After which it says that it is alive."""


def main() -> None:
    """Do what is asked until there is nothing left to be asked."""
    host = Host(_take_standard_output())
    commands = _take_standard_input()
    while (command := commands.get())["do"] != "end":
        host.do(command)
    host.unload()


class Host:
    """One engine at a time, and where its replies go."""

    def __init__(self, replies: BinaryIO) -> None:
        self._replies = replies
        self._replied = time.monotonic()
        self._llm: Any = None

    def do(self, command: Object) -> None:
        """Load an engine, or let it answer."""
        if command["do"] == "load":
            self._load(command["engine"])
            return
        try:
            self._add(command["requests"], command["settings"], command["adapter"])
            for answer in self._answers(command["requests"]):
                self._reply(answer)
        except Exception as error:
            traceback.print_exc()
            self._reply({"broken": _said_by(error)})
            sys.exit(1)

    def unload(self) -> None:
        """Give up the engine, and the memory that it takes."""
        if self._llm is not None:
            from vllm.distributed import cleanup_dist_env_and_memory

            self._llm = None
            gc.collect()
            cleanup_dist_env_and_memory()

    def _load(self, arguments: Object) -> None:
        import torch
        import vllm
        from vllm.platforms import current_platform

        self.unload()
        if not current_platform.is_cpu():
            arguments = {**ON_GPU, **arguments}
        else:
            arguments = for_cpu(arguments)
            # What little vLLM compiles outside its models takes a minute, and saves none.
            torch._dynamo.config.disable = True
        try:
            self._llm = vllm.LLM(**arguments)
        except Exception as error:
            traceback.print_exc()
            self._reply({"refused": _said_by(error)})
            return
        versions = {"vllm": vllm.__version__, "torch": torch.__version__}
        self._reply({"loaded": {**versions, "device": current_platform.device_type}})

    def _add(self, requests: list[Object], settings: Object, adapter: list[Any] | None) -> None:
        """Hand all requests over before the first step, so that they meet in the same batches."""
        from vllm import SamplingParams
        from vllm.inputs.engine import tokens_input
        from vllm.lora.request import LoRARequest
        from vllm.sampling_params import RequestOutputKind

        lora = None if adapter is None else LoRARequest(*adapter)
        for place, request in enumerate(requests):
            params = SamplingParams(
                **settings,
                **request["settings"],
                detokenize=False,
                ignore_eos=True,
                flat_logprobs=True,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
            prompt = tokens_input(request["tokens"])
            self._llm.llm_engine.add_request(str(place), prompt, params, lora_request=lora)

    def _answers(self, requests: list[Object]) -> Iterator[Object]:
        engine = self._llm.llm_engine
        while engine.has_unfinished_requests():
            for output in engine.step():
                place, drawn = int(output.request_id), output.outputs[0]
                if drawn.finish_reason not in ("stop", "length"):
                    raise RuntimeError(f"a request ended by {drawn.finish_reason}")
                yield {
                    "answer": place,
                    "tokens": list(drawn.token_ids),
                    "stopped": drawn.finish_reason == "stop",
                    "drawn": _packed(drawn.logprobs, 0),
                    "read": _packed(output.prompt_logprobs, requests[place]["from"]),
                }
            if time.monotonic() - self._replied > SECONDS_OF_SILENCE:
                self._reply({"alive": True})

    def _reply(self, what: Object) -> None:
        self._replies.write(json.dumps(what).encode() + b"\n")
        self._replies.flush()
        self._replied = time.monotonic()


def for_cpu(arguments: Object) -> Object:
    """Arguments of an engine that runs without a GPU."""
    tokens = max(arguments["max_model_len"], TOKENS_AT_ONCE_ON_CPU)
    fitting = {**ON_CPU, "max_num_batched_tokens": tokens, **arguments}
    if "gpu_memory_utilization" in arguments:
        # Which is what vLLM calls the share of the machine's memory, too.
        del fitting["kv_cache_memory_bytes"]
    return fitting


def _take_standard_output() -> BinaryIO:
    """Keep standard output for replies: what vLLM prints there goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _take_standard_input() -> queue.Queue[Object]:
    """Read commands as they come, and end with whoever gives them."""
    lines = os.fdopen(os.dup(0), "rb")
    # Or processes that vLLM starts would inherit it.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    commands: queue.Queue[Object] = queue.Queue()

    def read() -> None:
        for line in lines:
            commands.put(json.loads(line))
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=read, daemon=True).start()
    return commands


def _packed(logprobs: Any, first: int) -> Object | None:
    """Log-probabilities from a position on: at each the token's own, then those asked for."""
    if not logprobs:
        return None
    begin = logprobs.start_indices[first]
    return {
        "positions": len(logprobs.start_indices) - first,
        "tokens": _encoded("i", logprobs.token_ids[begin:]),
        "logprobs": _encoded("f", logprobs.logprobs[begin:]),
    }


def _encoded(kind: str, values: list[Any]) -> str:
    return b64encode(array(kind, values).tobytes()).decode()


def _said_by(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


if __name__ == "__main__":
    main()
