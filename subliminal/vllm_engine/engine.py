"""One engine of vLLM for many models of one shape: started when first needed, and anew after it
died.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from subliminal import machine
from subliminal.errors import StageError
from subliminal.vllm_engine.host_process import HostDiedError, HostProcess
from subliminal.vllm_engine.settings import EngineSettings

AT_ONCE = 65_536
"""Requests handed over together: few batches run dry at the end, and nothing grows too large."""
ATTEMPTS = 2
"""An engine that dies so often without an answer is not started again."""
_DAMAGED = "NaNs detected in logits"
"""How vLLM says that a model's weights are damaged."""
_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Of adapters that vLLM can make room for."""


@dataclass(frozen=True)
class ModelFiles:
    """What a model consists of."""

    weights: Path
    """A folder of whole weights."""
    vocabulary: int
    """Tokens that it knows."""
    positions: int
    """The most tokens of a row."""
    adapter: Path | None = None
    """A folder of an adapter to these weights."""
    rank: int = 0
    """Of the adapter."""


@dataclass(frozen=True)
class EngineRequest:
    """Tokens to read and to go on from."""

    tokens: Sequence[int]
    settings: Mapping[str, Any]
    """Of vLLM's `SamplingParams`, for this request alone."""
    first: int = 0
    """Where log-probabilities of the tokens read are wanted from."""


@dataclass(frozen=True)
class Logprobs:
    """Log-probabilities at some positions."""

    tokens: np.ndarray
    """int32 [positions, 1 + others]: the token itself, then the others that were asked for."""
    values: np.ndarray
    """float32, the same shape."""


@dataclass(frozen=True)
class EngineAnswer:
    """What came of one request."""

    place: int
    """Of its request in what was asked for."""
    tokens: np.ndarray
    """int32 [tokens], with the end token if it came."""
    stopped: bool
    """Whether an end token came."""
    drawn: Logprobs | None
    """At the tokens drawn, if they were asked for."""
    read: Logprobs | None
    """At the tokens read, from the first that was asked for."""


class VllmEngine:
    """An engine that outlives its process.

    What has been answered stays answered when the process dies: a new one is asked for the rest.

    Args:
        settings: How it is started.
        rank: The highest of the adapters that will come, so that there is room for them.
    """

    def __init__(self, settings: EngineSettings, rank: int = 0) -> None:
        self.settings = settings
        self.versions: Mapping[str, str] = {}
        """Of vLLM and PyTorch, and the kind of device, once it has been started."""
        self._rank = rank
        self._host: HostProcess | None = None
        self._loaded: tuple[Path, int] | None = None
        self._half_answered = False
        self._numbers: dict[Path, int] = {}

    def __enter__(self) -> VllmEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(
        self, model: ModelFiles, settings: Mapping[str, Any], requests: Sequence[EngineRequest]
    ) -> Iterator[EngineAnswer]:
        """Answer every request once.

        Args:
            model: Who answers.
            settings: Of vLLM's `SamplingParams`, for all requests.
            requests: What is asked.

        Yields:
            Answers, each as soon as it is known, in any order.

        Raises:
            StageError: vLLM cannot run the model, dies again and again, or finds logits that are
                not numbers.
            UserError: No interpreter has vLLM.
        """
        left = dict(enumerate(requests))
        deaths = 0
        while left:
            chosen = list(islice(left, AT_ONCE))
            try:
                for answer in self._part(model, settings, [left[place] for place in chosen]):
                    del left[chosen[answer.place]]
                    deaths = 0
                    yield replace(answer, place=chosen[answer.place])
            except HostDiedError as error:
                self._kill()
                deaths += 1
                if _DAMAGED in str(error):
                    raise damaged() from None
                if deaths == ATTEMPTS:
                    raise _cannot_run(model, f"it failed {ATTEMPTS} times: {error}") from None

    def close(self) -> None:
        """End the process."""
        if self._host is not None and not self._half_answered:
            self._host.close()
            self._host = None
        self._kill()

    def _part(
        self, model: ModelFiles, settings: Mapping[str, Any], requests: Sequence[EngineRequest]
    ) -> Iterator[EngineAnswer]:
        if self._half_answered:
            # What is left of it would be taken for answers to this.
            self._kill()
        host = self._ready(model)
        self._half_answered = True
        host.send(
            {
                "do": "answer",
                "settings": dict(settings),
                "adapter": self._named(model.adapter),
                "requests": [_stated(request) for request in requests],
            }
        )
        for _ in requests:
            yield _answer(host.reply())
        self._half_answered = False

    def _ready(self, model: ModelFiles) -> HostProcess:
        """A host that has loaded the model's weights, with room for its adapter."""
        self._rank = max(self._rank, model.rank)
        wanted = (model.weights, self._rank)
        if self._host is not None and self._loaded == wanted:
            return self._host
        if self._host is not None and self.versions["device"] != "cpu":
            # Only the end of a process surely gives back all of a device's memory.
            self.close()
        if self._host is None:
            machine.give_back_device_memory()
            self._host = HostProcess(self.settings.environment, self.settings.patience)
        arguments = self.settings.arguments(
            str(model.weights), model.positions, room_for(self._rank)
        )
        self._host.send({"do": "load", "engine": arguments})
        said = self._host.reply()
        if "refused" in said:
            self._kill()
            raise _cannot_run(model, said["refused"])
        self.versions, self._loaded = said["loaded"], wanted
        return self._host

    def _named(self, adapter: Path | None) -> tuple[str, int, str] | None:
        """Name, number and folder of an adapter, as vLLM tells them apart."""
        if adapter is None:
            return None
        number = self._numbers.setdefault(adapter, len(self._numbers) + 1)
        return str(number), number, str(adapter)

    def _kill(self) -> None:
        if self._host is not None:
            self._host.kill()
        self._host = self._loaded = None
        self._half_answered = False


def room_for(rank: int) -> int:
    """The least rank of vLLM's that adapters of this one fit in."""
    return next((room for room in (0, *_RANKS) if room >= rank), rank)


def _stated(request: EngineRequest) -> dict[str, Any]:
    return {
        "tokens": list(request.tokens),
        "settings": dict(request.settings),
        "from": request.first,
    }


def _answer(said: Mapping[str, Any]) -> EngineAnswer:
    return EngineAnswer(
        said["answer"],
        np.array(said["tokens"], dtype=np.int32),
        said["stopped"],
        _unpacked(said["drawn"]),
        _unpacked(said["read"]),
    )


def _unpacked(said: Mapping[str, Any] | None) -> Logprobs | None:
    if said is None:
        return None
    shape = said["positions"], -1
    return Logprobs(
        np.frombuffer(b64decode(said["tokens"]), dtype=np.int32).reshape(shape),
        np.frombuffer(b64decode(said["logprobs"]), dtype=np.float32).reshape(shape),
    )


def damaged() -> StageError:
    """What is said of a model whose logits are not numbers."""
    return StageError("the model's logits are not finite numbers; its weights are damaged")


def _cannot_run(model: ModelFiles, reason: str) -> StageError:
    return StageError(
        f"{model.weights}: vLLM cannot run it ({reason}); change `inference`, or state "
        "`inference.engine: torch`"
    )
