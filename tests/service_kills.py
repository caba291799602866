"""Runs that end at every point at which they can: a killed process, a cut network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from subliminal import atomic
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
