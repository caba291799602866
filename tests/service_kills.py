"""Runs that end at every point at which they can: a killed process, a cut network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.services.event_log import EventLog
from subliminal.services.polling import Polling
from subliminal.services.reply_cache import ReplyCache
from tests.service_server import FakeService, serve_service

IMPATIENT = Polling(patience=0, sleep=lambda _: None)
"""Gives up at once."""
STEPS: tuple[tuple[Any, str], ...] = (
    (atomic, "write_bytes"),
    (ReplyCache, "put"),
    (EventLog, "add"),
)
"""What of a run is on disk afterwards."""


class Killed(BaseException):
    """As sudden as a kill: no code of ours handles it."""


@contextmanager
def killed_at(step: int, *, done: bool) -> Iterator[None]:
    """Kill a run at one of its steps.

    Args:
        step: Which one; 0 is the first.
        done: Whether the step is done first.
    """
    steps = count()

    def deadly(original: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            kill = next(steps) == step
            if kill and not done:
                raise Killed
            result = original(*args)
            if kill:
                raise Killed
            return result

        return run

    with pytest.MonkeyPatch.context() as patch:
        for place, name in STEPS:
            patch.setattr(place, name, deadly(getattr(place, name)))
        yield


@contextmanager
def cut_at(request: int, *, done: bool, **behaviour: Any) -> Iterator[FakeService]:
    """A service whose network is gone from a request on.

    Args:
        request: Which one; 1 is the first.
        done: Whether the service still does it, so that only the reply is lost.
        behaviour: Of the service otherwise.
    """
    with serve_service(cut_at=request, done_before_cut=done, **behaviour) as service:
        yield service


Work = Callable[[FakeService, Path], object]
"""A run, or a look at what runs have made: at a service, with a folder of its own."""


def cut_everywhere(folder: Path, run: Work, again: Work, check: Work, *, done: bool) -> int:
    """Cut the network at each request of a run in turn, and run again when it is back.

    Args:
        folder: Holds a folder for each turn.
        run: Gives up when the network is gone.
        again: The second run.
        check: What has to be true after it.
        done: Whether the service still does the request.

    Returns:
        Turns, one more than the run has requests.
    """
    for request in count(1):
        here = folder / str(request)
        with cut_at(request, done=done) as server:
            try:
                run(server, here)
            except UserError:
                server.mend_network()
                again(server, here)
            else:
                return request
        check(server, here)
    raise AssertionError("a run without end")


def killed_everywhere(folder: Path, run: Work, check: Work, *, done: bool) -> int:
    """Kill a run at each of its steps in turn, and run again; see :func:`cut_everywhere`.

    Returns:
        The run's steps.
    """
    for step in count():
        here = folder / str(step)
        with serve_service() as server:
            try:
                with killed_at(step, done=done):
                    run(server, here)
            except Killed:
                run(server, here)
            else:
                return step
        check(server, here)
    raise AssertionError("a run without end")
