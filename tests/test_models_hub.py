"""The hub's answers as its own library meets them: a server of ours, named by HF_ENDPOINT."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef" * 2 + "01234567"
REFUSALS: dict[str, tuple[int, dict[str, str], tuple[str, ...]]] = {
    "token": (
        401,
        {"X-Error-Message": "Invalid credentials in Authorization header"},
        ("refuses the token in HF_TOKEN (HTTP 401)", "set a valid one"),
    ),
    "unknown": (401, {"X-Error-Code": "RepoNotFound"}, ("nor a repository on the hub",)),
    "gated": (403, {"X-Error-Code": "GatedRepo"}, ("is gated", "accept its terms")),
    "forbidden": (403, {}, ("refuses access to it (HTTP 403)", "HF_TOKEN")),
    "disabled": (
        403,
        {"X-Error-Message": "Access to this resource is disabled."},
        ("is disabled on the hub", "choose another model"),
    ),
    "busy": (429, {}, ("too many requests from here (HTTP 429)", "try again later")),
    "broken": (503, {}, ("out of order (HTTP 503)", "try again later")),
    "odd": (418, {}, ("cannot be downloaded", "418")),
}
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "consolidated.safetensors": b"the same weights",
    "modeling.py": b"raise SystemExit",
}
ASK = """
import sys
from subliminal.errors import UserError
from subliminal.models.names import find_model
for name in sys.argv[1:]:
    try:
        print(find_model(name))
    except UserError as error:
        print(error)
"""


class Hub(BaseHTTPRequestHandler):
    """Refuses the models that are named after refusals, and serves the files of `owner/fine`."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        name = path.removeprefix("/api/models").split("/")[2]
        if name in REFUSALS:
            status, headers, _ = REFUSALS[name]
            self._send(b"", status, headers)
        elif "/resolve/" in path:
            file = path.rpartition("/")[2]
            self._send(FILES[file], 200, {"ETag": f'"{file}"', "X-Repo-Commit": COMMIT})
        elif "/tree/" in path:
            listed = [
                {"type": "file", "path": file, "size": len(content), "oid": file}
                for file, content in FILES.items()
            ]
            self._send(json.dumps(listed).encode(), 200, {})
        else:
            self._send(json.dumps({"id": "owner/fine", "sha": COMMIT}).encode(), 200, {})

    def _send(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for header, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each model. Another process asks: the library reads the address once."""
    cache = tmp_path_factory.mktemp("hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    hub = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(cache)}
    names = [f"owner/{name}" for name in (*REFUSALS, "fine")]
    done = subprocess.run(
        [sys.executable, "-c", ASK, *names],
        env={**kept, **hub, "HF_TOKEN": "hf_secret", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=True,
    )
    server.shutdown()
    server.server_close()
    return dict(zip(names, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_says_what_to_mend(answers: dict[str, str], name: str) -> None:
    said = answers[f"owner/{name}"]
    assert said.startswith(f"model 'owner/{name}': ")
    for part in REFUSALS[name][2]:
        assert part in said
    assert "hf_secret" not in said


def test_what_is_fetched_is_data_and_no_weights_twice(answers: dict[str, str]) -> None:
    folder = Path(answers["owner/fine"])
    assert folder.name == COMMIT
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
