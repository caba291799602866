"""Who works on which stage: objects that a run writes, renews and removes.

Claims save work, no more: an object store has no locks, and two runs that claim a stage in the same
moment both do it. That harms nothing, because copies of artifacts cannot damage each other.

Clocks of machines are not compared. A claim is dead when whoever waits for it has seen no change of
it for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from pydantic import BaseModel, ValidationError

from subliminal.errors import UserError
from subliminal.remote_store.bucket import Bucket
from subliminal.remote_store.rhythm import Rhythm

AREA = "claims"


class _Claim(BaseModel):
    run: str
    beat: int


class Claims:
    """The claims of one run, in one process.

    Args:
        bucket: Where they are written.
        run: Names the run; its workers take over each other's claims.
        rhythm: How they are kept alive.
    """

    def __init__(self, bucket: Bucket, run: str, rhythm: Rhythm) -> None:
        self._bucket, self._run, self._rhythm = bucket, run, rhythm
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()
        self._beating: threading.Thread | None = None
        self._seen: dict[str, tuple[_Claim, float]] = {}
        self._looked = float("-inf")
        self._running: set[str] = set()

    def take(self, key: str) -> bool:
        """Claim a stage; False if another run has."""
        if self._foreign([key]):
            return False
        with self._lock:
            self._write(key, 0)
            if self._foreign([key]):  # it was as quick
                return False
            self._held[key] = 0
            if self._beating is None:
                self._beating = threading.Thread(target=self._beat, daemon=True)
                self._beating.start()
        return True

    def release(self, key: str) -> None:
        """Let others work on a stage."""
        # If it cannot be removed it dies, which takes a while longer.
        with self._lock, suppress(UserError):
            del self._held[key]
            self._bucket.remove([_object(key)])

    def foreign(self, keys: Iterable[str]) -> set[str]:
        """Which stages other runs have claimed, alive or not."""
        return set(self._foreign(keys))

    def running(self, keys: Iterable[str]) -> set[str]:
        """Which stages other runs are working on; claims that are found dead are removed.

        Asked again and again by a run that waits.
        """
        now = time.monotonic()
        if now - self._looked > self._rhythm.between_looks:
            self._looked = now
            found = self._foreign(keys)
            self._seen = {
                key: self._seen[key] if self._last_seen(key) == claim else (claim, now)
                for key, claim in found.items()
            }
            dead = {key for key, (_, since) in self._seen.items() if self._is_dead(now - since)}
            self._bucket.remove(map(_object, dead))
            self._running = set(found) - dead
        return self._running & set(keys)

    def _last_seen(self, key: str) -> _Claim | None:
        return self._seen[key][0] if key in self._seen else None

    def _is_dead(self, seconds: float) -> bool:
        return seconds > self._rhythm.until_dead

    def _foreign(self, keys: Iterable[str]) -> dict[str, _Claim]:
        objects = {_object(key): key for key in keys}
        claims = {objects[n]: _parsed(d) for n, d in self._bucket.read_many(objects).items()}
        return {k: claim for k, claim in claims.items() if claim and claim.run != self._run}

    def _write(self, key: str, beat: int) -> None:
        claim = _Claim(run=self._run, beat=beat)
        self._bucket.write(_object(key), claim.model_dump_json().encode())

    def _beat(self) -> None:
        while True:
            time.sleep(self._rhythm.between_beats)
            with self._lock:
                if not self._held:
                    self._beating = None
                    return
                for key in self._held:
                    self._held[key] += 1
                    with suppress(UserError):  # the network may be back at the next beat
                        self._write(key, self._held[key])


def _object(key: str) -> str:
    return f"{AREA}/{key}.json"


def _parsed(data: bytes) -> _Claim | None:
    try:
        return _Claim.model_validate_json(data)
    except ValidationError:  # being written, on a file system that shows halves
        return None
