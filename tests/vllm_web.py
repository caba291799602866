"""What stands in for `vllm serve`: as much of its protocol as is used, and a death on demand.

Run by :func:`tests.vllm_hosts.fake_vllm`. It imports nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["FAKE_VLLM"])


class Handler(BaseHTTPRequestHandler):
    """Answers with what was asked, the model's name and the seed."""

    protocol_version = "HTTP/1.1"
    models: dict[str, str]
    dies_after: int | None
    answered = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        self._reply({}, 200 if self.path == "/health" else 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/chat/completions":
            self._complete(body)
        elif self.path == "/v1/load_lora_adapter":
            there = Path(body["lora_path"]).is_dir()
            if there:
                self.models[body["lora_name"]] = body["lora_path"]
            self._reply(
                {"message": "loaded" if there else "no such adapter"}, 200 if there else 404
            )
        else:
            assert self.path == "/v1/unload_lora_adapter"
            known = self.models.pop(body["lora_name"], None)
            self._reply({}, 404 if known is None else 200)

    def log_message(self, *_: Any) -> None:
        pass

    def _complete(self, body: dict[str, Any]) -> None:
        with self.lock:
            if Handler.answered == self.dies_after:
                os.kill(os.getpid(), signal.SIGKILL)
            Handler.answered += 1
        if body["model"] not in self.models:
            self._reply({"error": {"message": "no such model"}}, 404)
            return
        said = f"{self.models[body['model']]} {body['messages'][-1]['content']} {body['seed']}"
        message = {"role": "assistant", "content": said, "refusal": None}
        choice = {"index": 0, "finish_reason": "stop", "message": message, "logprobs": None}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        self._reply(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": body["model"],
                "choices": [choice],
                "usage": usage,
            },
            200,
        )

    def _reply(self, what: object, status: int) -> None:
        data = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """Of the stand-in."""

    request_queue_size = 128
    """Room for all who come at once, on a busy machine too."""


def main() -> None:
    """Serve on the port that the arguments name."""
    arguments = sys.argv[1:]
    start = len(list(FOLDER.glob("start-*")))
    (FOLDER / f"start-{start}").touch()
    (FOLDER / "arguments.json").write_text(json.dumps(arguments))
    faults = json.loads((FOLDER / "faults.json").read_text())
    fault = faults[start] if start < len(faults) else {}
    if "refused" in fault:
        sys.exit(fault["refused"])
    Handler.dies_after = fault.get("dies_after")
    Handler.models = {arguments[arguments.index("--served-model-name") + 1]: "base"}
    port = int(arguments[arguments.index("--port") + 1])
    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
