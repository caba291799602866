"""Two users of one group share a store, on a machine on which the tests may become them."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from subliminal.errors import UserError
from subliminal.stage import Cancelled
from subliminal.store import Store
from tests.toy_stages import events, read_value, run_here, run_lot_here, stage

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
GROUP, ONE, OTHER = 54321, 54322, 54323


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder of the group, below none that is root's alone."""
    with TemporaryDirectory(prefix="shared-") as name:
        folder = Path(name)
        os.chown(folder, ONE, GROUP)
        folder.chmod(0o2775)
        yield folder


def as_user(user: int, do: Callable[[], None], umask: int = 0o002) -> bool:
    """Do something as another user, in a process of its own; say whether it went well."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(GROUP)
            os.setuid(user)
            os.umask(umask)
            do()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_each_uses_and_goes_on_with_what_the_other_has_made(shared: Path) -> None:
    store, log = Store(shared / "store"), shared / "log.txt"
    number = stage("number", 1, value=3, log_file=log)
    damaged = stage("number", 2, value=3, log_file=log)
    slow = stage("count", 1, steps=6, seconds=0, log_file=log)

    def begin() -> None:
        store.prepare()
        run_here(store, number, damaged)
        (store.folder(damaged.key) / "value.txt").write_text("damaged")

        def stop(done: float, total: float) -> None:
            if done == 4:
                raise Cancelled

        with pytest.raises(Cancelled):
            run_lot_here(store, stop, slow)

    def go_on() -> None:
        store.prepare()
        states = {key: found.state for key, found in run_here(store, number, damaged).items()}
        assert states == {number.key: "cached", damaged.key: "computed"}
        assert run_here(store, slow)[slow.key].state == "computed"

    assert as_user(ONE, begin)
    assert as_user(OTHER, go_on)
    assert read_value(store.folder(damaged.key)) == 3002
    steps = [what for _, what in events(log) if what.startswith("step")]
    assert steps == [f"step-{number}" for number in range(6)]
    # Neither leaves what the other cannot clear away.
    assert as_user(ONE, lambda: assert_collected(store))


def assert_collected(store: Store) -> None:
    store.collect([])
    for area in ("artifacts", "partial", "tmp"):
        assert os.listdir(store.root / area) == []


def test_a_store_that_is_the_others_alone_is_told_in_one_line(shared: Path) -> None:
    store = Store(shared / "store")

    def find_it_closed() -> None:
        with pytest.raises(UserError, match=r"store: cannot be written \(Permission denied\); "):
            store.prepare()

    assert as_user(ONE, store.prepare, umask=0o022)
    assert as_user(OTHER, find_it_closed)
