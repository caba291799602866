"""`vllm serve`, started and looked after: its port, its health, its adapters, its end."""

from __future__ import annotations

import json
import socket
import sys
import time
import weakref
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from subliminal import machine
from subliminal.errors import UserError
from subliminal.services.endpoint import Endpoint
from subliminal.vllm_engine.engine import ModelFiles, room_for
from subliminal.vllm_engine.host import for_cpu
from subliminal.vllm_engine.program import Program
from subliminal.vllm_engine.settings import EngineSettings

SERVE = Path(__file__).with_name("serve.py")
HERE = "127.0.0.1"
SECONDS_TO_START = 1800.0
"""Large weights take minutes to load, and graphs to compile."""
SECONDS_BETWEEN_LOOKS = 0.25
SECONDS_TO_SAY_IT_LIVES = 60.0
ENVIRONMENT: Mapping[str, str] = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
ENVIRONMENT_ON_CPU: Mapping[str, str] = {
    # Several engines would bind their threads to the same cores.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "TORCH_COMPILE_DISABLE": "1",
}
_OFFLINE_ALONE = ("model", "skip_tokenizer_init")
"""Arguments of the offline engine that a server has otherwise."""


class VllmServer:
    """An OpenAI-compatible server of one model and its adapters on this machine.

    It ends with the context, or with whoever started it.

    Args:
        model: What is served; its adapter, if it has one, is not.
        name: What it is called there. Replies are cached by it and by the port.
        settings: How vLLM is started.
        rank: The highest of the adapters that may be loaded; 0: none.
        port: Of this machine; None: one that is free.
    """

    def __init__(
        self,
        model: ModelFiles,
        name: str,
        settings: EngineSettings = EngineSettings(),  # noqa: B008 frozen
        *,
        rank: int = 0,
        port: int | None = None,
    ) -> None:
        self.name = name
        self.port = self._own_port() if port is None else port
        self._model, self._settings, self._rank = model, settings, rank
        self._adapters: dict[str, Path] = {}
        self._program: Program | None = None

    def __enter__(self) -> VllmServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return f"http://{HERE}:{self.port}/v1"

    @property
    def patience(self) -> float:
        """Seconds for an answer, or to load an adapter: a processor takes long over them."""
        return self._settings.patience

    def endpoint(self, adapter: str | None = None, **terms: Any) -> Endpoint:
        """The model, or one of its adapters, as a service.

        Args:
            adapter: Its name at the server.
            terms: Other fields of an endpoint.
        """
        return Endpoint(model=adapter or self.name, base_url=self.base_url, **terms)

    @property
    def alive(self) -> bool:
        """Whether it runs and its engine does too."""
        if self._program is None or self._program.process.poll() is not None:
            return False
        try:
            self._call("/health")
        except (OSError, HTTPException):  # the latter, where it dies in the middle of an answer
            return False
        return True

    def start(self) -> None:
        """Start it, wait until it answers, and load the adapters that it had.

        Raises:
            UserError: No interpreter has vLLM, or the server does not start.
        """
        self.close()
        environment = {
            **ENVIRONMENT,
            **({} if machine.cuda_devices() else ENVIRONMENT_ON_CPU),
            **self._settings.environment,
        }
        program = Program(SERVE, self._arguments(), environment, replies=False)
        self._program = program
        deadline = time.monotonic() + SECONDS_TO_START
        while not self.alive:
            if program.process.poll() is not None or time.monotonic() > deadline:
                said = program.last_line
                self.close()
                raise UserError(
                    f"vllm serve {self._model.weights}: does not start (it said {said})"
                )
            time.sleep(SECONDS_BETWEEN_LOOKS)
        for name, folder in self._adapters.items():
            self._load(name, folder)

    def close(self) -> None:
        """End it, and whatever it started."""
        if self._program is not None:
            self._program.kill()
        self._program = None

    def load_adapter(self, name: str, folder: Path) -> None:
        """Serve an adapter of the model, too.

        Args:
            name: What it is called at the server.
            folder: Of peft's format.

        Raises:
            UserError: The server refuses it.
        """
        self._load(name, folder)
        self._adapters[name] = folder

    def unload_adapter(self, name: str) -> None:
        """Serve an adapter no longer.

        Raises:
            UserError: There is none of this name.
        """
        self._adapters.pop(name, None)
        self._ask("/v1/unload_lora_adapter", {"lora_name": name})

    def _own_port(self) -> int:
        """A free port, which on Linux nobody else is given while the server starts, or starts anew.

        There a server can listen where a socket is bound that does not, if both may reuse it.
        """
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HERE, 0))
        port: int = held.getsockname()[1]
        release = weakref.finalize(self, held.close)
        if sys.platform != "linux":
            release()
        return port

    def _load(self, name: str, folder: Path) -> None:
        self._ask("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})

    def _arguments(self) -> list[str]:
        arguments = self._settings.arguments(
            str(self._model.weights), self._model.positions, room_for(self._rank)
        )
        if not machine.cuda_devices():
            arguments = for_cpu(arguments)
        flags = [
            flag
            for name, value in arguments.items()
            if name not in _OFFLINE_ALONE
            for flag in _flag(name, value)
        ]
        where = ["--host", HERE, "--port", str(self.port), "--served-model-name", self.name]
        return [str(self._model.weights), *where, *flags]

    def _ask(self, path: str, body: Mapping[str, Any]) -> None:
        try:
            self._call(path, body)
        except HTTPError as error:
            said = " ".join(error.read().decode(errors="replace").split())[:300]
            raise UserError(f"{self.base_url}: refuses {dict(body)} ({said})") from None
        except (OSError, HTTPException) as error:
            raise UserError(f"{self.base_url}: cannot be reached ({error!r})") from None

    def _call(self, path: str, body: Mapping[str, Any] | None = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"http://{HERE}:{self.port}{path}", data, headers)
        # Past any proxy of the user's: the server is on this machine.
        seconds = SECONDS_TO_SAY_IT_LIVES if body is None else self.patience
        with build_opener(ProxyHandler({})).open(request, timeout=seconds) as response:
            response.read()


def _flag(name: str, value: object) -> list[str]:
    """An argument of the offline engine as the command line has it."""
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if isinstance(value, list):
        return [flag, *value]
    return [flag, str(value)]
