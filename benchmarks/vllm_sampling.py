"""vLLM's part of sampling.py; run by the interpreter of an environment that has vLLM.

Reads one JSON object from standard input and writes another to the file of its only argument, for
vLLM prints to standard output.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

BATCHES = (64, 256, 1024)


def measured(question: dict[str, Any], batch: int) -> list[tuple[int, float]]:
    """Accepted tokens and seconds of each round with at most `batch` sequences at a time."""
    from vllm import LLM, SamplingParams

    engine = LLM(
        question["model"],
        dtype=question["precision"],
        max_num_seqs=batch,
        enforce_eager=True,
        skip_tokenizer_init=True,
        disable_log_stats=True,
        # The default claims nearly all memory and refuses to start where some of it is in use.
        gpu_memory_utilization=0.2,
    )
    settings = SamplingParams(
        temperature=question["temperature"],
        top_p=question["top_p"],
        max_tokens=question["max_tokens"],
        stop_token_ids=question["end_tokens"],
        ignore_eos=True,
        detokenize=False,
    )
    prompts = [{"prompt_token_ids": prompt} for prompt in question["prompts"]]
    engine.generate(prompts[:batch], settings, use_tqdm=False)
    found = []
    for _ in range(question["rounds"]):
        # Or the second round would find its prompts already read.
        if not engine.reset_prefix_cache():
            raise RuntimeError("vLLM did not forget the prompts it has read")
        begin = time.perf_counter()
        answers = [
            answer.outputs[0] for answer in engine.generate(prompts, settings, use_tqdm=False)
        ]
        seconds = time.perf_counter() - begin
        accepted = [len(a.token_ids) for a in answers if a.finish_reason == "stop"]
        found.append((sum(accepted), seconds))
    return found


def main() -> None:
    """Answer with the best batch's fastest round."""
    question = json.load(sys.stdin)
    runs = [
        (tokens / seconds, tokens, seconds, batch)
        for batch in BATCHES
        for tokens, seconds in measured(question, batch)
    ]
    _, tokens, seconds, batch = max(runs)
    answer = {"tokens": tokens, "seconds": seconds, "batch": batch}
    Path(sys.argv[1]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
