"""Artifacts at a URL are whole or absent, whichever machine wrote or reads them."""

from __future__ import annotations

import itertools
import os
import pickle
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import pytest

from subliminal.artifact_store import ArtifactStore
from subliminal.errors import UserError
from subliminal.executors import LocalExecutor
from subliminal.remote_store import RemoteStore
from subliminal.remote_store.bucket import Bucket
from subliminal.remote_store.copies import Copies
from subliminal.remote_store.rhythm import Rhythm
from subliminal.remote_store.store import default_cache
from subliminal.stage import Cancelled, Stage
from subliminal.store import MANIFEST, Store
from subliminal.stores import open_store
from tests.tiny import TINY, subliminal, work_here
from tests.toy_stages import (
    KINDS,
    Recorder,
    by_key,
    events,
    read_value,
    run,
    run_here,
    run_lot_here,
    stage,
)
from tests.user_errors import assert_one_line

AT_ONCE = Rhythm(between_beats=0.01, until_dead=0.0, between_looks=0.0, between_copies=0.0)

Machine = Callable[..., RemoteStore]


SCHEMES = ["memory", "file", *(["s3"] if find_spec("moto") and find_spec("s3fs") else [])]
"""The last one if `make test-s3` has installed what it needs."""


@pytest.fixture(params=SCHEMES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    name = secrets.token_hex(4)
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{name}/store"
    return f"memory://{name}/store" if request.param == "memory" else f"file://{tmp_path}/{name}"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket of a server on this machine, which the environment leads to."""
    import s3fs  # type: ignore[import-not-found]
    from moto.server import ThreadedMotoServer  # type: ignore[import-not-found]

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "the-name-of-a-key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "a-key")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem().mkdir("bucket")
        yield "s3://bucket"
    server.stop()


@pytest.fixture
def machine(url: str, tmp_path: Path) -> Machine:
    """Gets the store as another machine, or another run on it, sees it."""

    def seen_from(name: str, run: str = "run", rhythm: Rhythm = Rhythm()) -> RemoteStore:  # noqa: B008
        return RemoteStore(url, tmp_path / name, run, rhythm)

    return seen_from


def objects(store_url: str) -> set[str]:
    return set(Bucket(store_url).sizes("artifacts"))


def key_files(store: ArtifactStore, made: Stage) -> dict[str, bytes]:
    folder = store.fetch(made.key)
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# Artifacts


def test_an_artifact_is_the_same_on_every_machine(machine: Machine) -> None:
    first, second = machine("a"), machine("b")
    numbers = [stage("number", seed, value=1) for seed in range(3)]
    total = stage("add", 0, numbers)
    run_here(first, *numbers)
    assert {report.state for report in run_here(second, *numbers).values()} == {"cached"}
    assert run_here(second, total)[total.key].state == "computed"
    assert read_value(first.fetch(total.key)) == 3003
    assert key_files(first, total) == key_files(second, total)
    every = {made.key for made in (*numbers, total)}
    assert first.whole(every) == first.present(every) == every
    assert Store(first.root).verify(total.key)


def test_many_are_found_like_few(machine: Machine) -> None:
    numbers = [stage("number", seed, value=1) for seed in range(24)]
    run_here(machine("a"), *numbers[:22])
    keys = [made.key for made in numbers]
    assert machine("b").whole(keys) == machine("b").present(keys) == set(keys[:22])


def test_a_writer_that_dies_at_any_operation_leaves_a_whole_artifact_or_none(
    machine: Machine, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    made = stage("model", 4, log_file=log)
    for last in itertools.count():
        with monkeypatch.context() as patch:
            fail_after(patch, last)
            report = run_here(machine(f"writer-{last}"), made)[made.key]
        reader = machine(f"reader-{last}")
        assert reader.has(made.key) == (report.state == "computed")
        if report.state == "computed":
            assert read_value(reader.fetch(made.key)) == 4
            break
        assert report.reason == "the network is down"
    # A claim, the file that the writer before did not get to, and the manifest.
    assert last == 3
    assert {PurePosixPath(name).name for name in objects(url)} == {
        *("model.safetensors", "value.txt"),
        MANIFEST,
    }


def fail_after(patch: pytest.MonkeyPatch, operations: int) -> None:
    """Let so many objects be written, and none after."""
    left = itertools.count()
    write = Bucket.write

    def watched(self: Bucket, name: str, data: bytes) -> None:
        if next(left) >= operations:
            raise UserError("the network is down")
        write(self, name, data)

    def upload(self: Bucket, files: Mapping[str, Path]) -> None:
        for name, file in files.items():
            watched(self, name, file.read_bytes())

    patch.setattr(Bucket, "write", watched)
    patch.setattr(Bucket, "upload", upload)


def test_what_could_not_be_uploaded_is_uploaded_later_and_not_made_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = stage("model", 4, log_file=tmp_path / "log.txt")
    with monkeypatch.context() as patch:
        fail_after(patch, 2)
        assert run_here(machine("a"), made)[made.key].state == "failed"
    assert run_here(machine("a"), made)[made.key].state == "cached"
    assert events(tmp_path / "log.txt") == [(made.key, "run")]
    assert read_value(machine("b").fetch(made.key)) == 4


def test_two_that_upload_an_artifact_at_once_do_not_damage_it(
    url: str, machine: Machine, tmp_path: Path
) -> None:
    """Even where what they made differs, as it may on other hardware."""
    made = stage("number", 4, value=1)
    stores = [Store(tmp_path / name) for name in ("one", "other")]
    copies = Copies(Bucket(url), "artifacts")
    for place, store in enumerate(stores):
        store.prepare()
        run_here(store, made)
        (store.folder(made.key) / "value.txt").write_text(str(place))
        manifest = store.manifest(made.key)
        assert manifest is not None
        entry = manifest.files["value.txt"].model_copy(
            update={"size": 1, "sha256": sha256_of(str(place))}
        )
        told = manifest.model_copy(update={"files": {"value.txt": entry}})
        (store.folder(made.key) / MANIFEST).write_text(told.model_dump_json())
    first, second = (store.folder(made.key) for store in stores)
    copies.upload(made.key, first, (first / MANIFEST).read_bytes())
    assert read_value(machine("a").fetch(made.key)) == 0
    copies.upload(made.key, second, (second / MANIFEST).read_bytes())
    assert read_value(machine("b").fetch(made.key)) == 1
    copies.upload(made.key, first, (first / MANIFEST).read_bytes())
    assert read_value(machine("c").fetch(made.key)) == 0


def sha256_of(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("change", ["cut", "missing"])
def test_an_artifact_that_lacks_bytes_is_made_again(
    machine: Machine, url: str, change: str
) -> None:
    made = stage("number", 4, value=1)
    run_here(machine("a"), made)
    (data,) = (name for name in objects(url) if not name.endswith(MANIFEST))
    Bucket(url).write(data, b"1") if change == "cut" else Bucket(url).remove([data])
    assert machine("b").whole([made.key]) == set()
    assert run_here(machine("b"), made)[made.key].state == "computed"
    assert read_value(machine("c").fetch(made.key)) == 1004


def test_an_input_with_wrong_bytes_is_removed_and_told(machine: Machine, url: str) -> None:
    number = stage("number", 4, value=1)
    lot = [stage("add", 0, [number]), stage("add", 1, [stage("number", 5, value=1)])]
    run_here(machine("a"), number)
    run_here(machine("a"), stage("number", 5, value=1))
    data = next(name for name in objects(url) if f"{number.key}/" in name and "value" in name)
    Bucket(url).write(data, b"6666")
    reports = run_here(machine("b"), *lot)
    assert [reports[made.key].state for made in lot] == ["failed", "computed"]
    reason = reports[lot[0].key].reason or ""
    assert reason.startswith(f"{url}/artifacts/{number.key}: was damaged and has been removed; run")
    assert not machine("b").has(number.key)
    # A machine that has it whole still has it.
    assert run_here(machine("a"), number)[number.key].state == "cached"
    assert run_here(machine("b"), lot[0])[lot[0].key].state == "computed"


def test_an_input_that_is_gone_is_told(machine: Machine) -> None:
    needs = stage("add", 0, [stage("number", 1, value=1)])
    report = run_here(machine("a"), needs)[needs.key]
    assert report.state == "failed"
    assert "is gone; run again to make it anew" in (report.reason or "")


def test_a_manifest_cannot_name_files_outside_of_its_folder(machine: Machine, url: str) -> None:
    made = stage("number", 4, value=1)
    run_here(machine("a"), made)
    name = f"artifacts/{made.key}/{MANIFEST}"
    text = (Bucket(url).read(name) or b"").replace(b'"value.txt"', b'"../../../value.txt"')
    Bucket(url).write(name, text)
    with pytest.raises(UserError, match="is gone"):
        machine("b").fetch(made.key)
    assert not list(machine("b").root.rglob("value.txt"))


def test_results_are_read_without_the_weights(machine: Machine) -> None:
    made = stage("model", 1)
    run_here(machine("a"), made)
    here = machine("b").readable([made.key])
    assert sorted(os.listdir(here.folder(made.key))) == [MANIFEST, "value.txt"]
    assert sorted(os.listdir(machine("b").fetch(made.key))) == [
        MANIFEST,
        "model.safetensors",
        "value.txt",
    ]


# Claims


def test_a_stage_that_another_run_is_at_is_not_begun(machine: Machine) -> None:
    made = stage("number", 4, value=1)
    held = machine("a", "one").claim(made.key)
    assert held is not None
    other = machine("b", "other")
    assert run_here(other, made)[made.key].state == "busy"
    assert other.running([made.key]) == {made.key}
    assert other.states([made.key]) == {made.key: "running"}
    held.release()
    assert run_here(other, made)[made.key].state == "computed"
    assert machine("a", "one").claim(made.key) is not None


def test_two_runs_of_one_machine_do_not_share_its_folder(machine: Machine) -> None:
    held = machine("a", "one").claim("key")
    assert held is not None
    assert machine("a", "one").claim("key") is None


def test_the_workers_of_a_run_take_over_from_those_that_were_lost(machine: Machine) -> None:
    assert machine("lost", "one").claim("key") is not None
    assert machine("a", "one").running(["key"]) == set()
    assert machine("a", "one").claim("key") is not None


def test_a_claim_that_is_not_renewed_is_removed(machine: Machine, url: str) -> None:
    Bucket(url).write("claims/key.json", b'{"run": "dead", "beat": 3}')
    waiting = machine("a", "other", AT_ONCE)
    assert waiting.running(["key"]) == {"key"}  # seen for the first time
    time.sleep(0.01)
    assert waiting.running(["key"]) == set()
    assert waiting.claim("key") is not None


def test_a_claim_that_is_renewed_is_believed(machine: Machine, url: str) -> None:
    waiting = machine("a", "other", AT_ONCE)
    for beat in range(4):
        Bucket(url).write("claims/key.json", b'{"run": "alive", "beat": %d}' % beat)
        assert waiting.running(["key"]) == {"key"}
        time.sleep(0.01)


def test_claims_are_renewed_while_they_are_held(machine: Machine, url: str) -> None:
    held = machine("a", "one", AT_ONCE).claim("key")
    assert held is not None
    first = Bucket(url).read("claims/key.json")
    deadline = time.monotonic() + 60
    while Bucket(url).read("claims/key.json") == first:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    held.release()
    time.sleep(0.05)
    assert Bucket(url).read("claims/key.json") is None


# Progress


class Stop:
    """A reporter that cancels at some word."""

    def __init__(self, word: int) -> None:
        self.left = word

    def __call__(self, done: float, total: float) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled


@pytest.mark.parametrize("rhythm", [Rhythm(), AT_ONCE], ids=["when-stopped", "now-and-then"])
def test_progress_moves_to_another_machine(
    machine: Machine, tmp_path: Path, rhythm: Rhythm
) -> None:
    log = tmp_path / "log.txt"
    slow = stage("count", 1, log_file=log, steps=6, seconds=0)
    with pytest.raises(Cancelled):
        run_lot_here(machine("a", rhythm=rhythm), Stop(4), slow)
    assert machine("b").states([slow.key]) == {slow.key: "begun"}
    assert run_here(machine("b"), slow)[slow.key].state == "computed"
    steps = [what for _, what in events(log) if what.startswith("step")]
    assert steps == [f"step-{number}" for number in range(6)]
    assert Bucket(machine("b")._bucket.url).sizes("partial") == {}


def test_the_last_progress_counts_wherever_it_was_made_and_whatever_clocks_say(
    machine: Machine, tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    slow = stage("count", 1, log_file=log, steps=9, seconds=0)
    for place, name in enumerate(("a", "b", "a", "b")):
        with pytest.raises(Cancelled):
            run_lot_here(machine(name), Stop(2), slow)
        assert len(events(log)) == 3 * (place + 1)
        set_clocks(machine(name).partial(slow.key), {"a": 2 * 10**9, "b": 0}[name])
    assert run_here(machine("a"), slow)[slow.key].state == "computed"
    steps = [what for _, what in events(log) if what.startswith("step")]
    assert steps == [f"step-{number}" for number in range(9)]


def set_clocks(folder: Path, seconds: int) -> None:
    """As if what is in a folder had been written when a clock said so."""
    for path in folder.iterdir():
        os.utime(path, (seconds, seconds))


class Killed(BaseException):
    """Ends a stage as a kill would: its progress is not copied."""


def test_progress_since_the_last_copy_is_not_lost_where_the_clock_was_set_back(
    machine: Machine, tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    slow = stage("count", 1, log_file=log, steps=9, seconds=0)
    with pytest.raises(Cancelled):
        run_lot_here(machine("a"), Stop(2), slow)

    def die(done: float, total: float) -> None:
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        run_lot_here(machine("a"), die, slow)
    set_clocks(machine("a").partial(slow.key), 0)
    assert run_here(machine("a"), slow)[slow.key].state == "computed"
    steps = [what for _, what in events(log) if what.startswith("step")]
    assert steps == [f"step-{number}" for number in range(9)]
    assert not any((machine("a").root / "generations").iterdir())


def test_progress_that_is_damaged_is_done_again(machine: Machine, url: str) -> None:
    slow = stage("count", 1, steps=6, seconds=0)
    with pytest.raises(Cancelled):
        run_lot_here(machine("a"), Stop(4), slow)
    (data,) = (n for n in Bucket(url).sizes(f"partial/{slow.key}") if not n.endswith(MANIFEST))
    Bucket(url).write(data, b"x")
    assert run_here(machine("b"), slow)[slow.key].state == "computed"
    assert read_value(machine("b").fetch(slow.key)) == 6


# Whole runs, and cleaning up


def test_a_run_over_a_url_makes_what_a_run_over_a_folder_makes(tmp_path: Path) -> None:
    numbers = [stage("number", seed, value=1) for seed in range(4)]
    plan = [*numbers, stage("add", 0, numbers[:2]), stage("refuse", 1)]
    over_url = RemoteStore(f"file://{tmp_path}/bucket", tmp_path / "cache")
    outcomes, _ = run(plan, over_url)
    folder = Store(tmp_path / "folder")
    assert outcomes == run(plan, folder)[0]
    for made in plan[:-1]:
        ours, theirs = Store(over_url.root).manifest(made.key), folder.manifest(made.key)
        assert ours is not None
        assert theirs is not None
        assert ours.files == theirs.files

    elsewhere = RemoteStore(f"file://{tmp_path}/bucket", tmp_path / "empty")
    recorder = Recorder()
    LocalExecutor(KINDS, 1).run(by_key(plan), [s.key for s in plan[:-1]], elsewhere, recorder)
    assert recorder.to_compute == []


def test_the_command_line_takes_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(tmp_path / "cache"))
    experiment = tmp_path / "tiny.yaml"
    experiment.write_text(TINY)
    url = ("--store", f"file://{tmp_path}/bucket")
    run = ("run", experiment, "--jobs", 1, "--set", "seeds=1")
    with work_here():
        assert subliminal(*run, "--out", tmp_path / "over-url", *url).code == 0
        assert subliminal(*run, "--out", tmp_path / "over-folder").code == 0
    for name in ("results.jsonl", "curves.jsonl", "summary.json"):
        (ours,), (theirs,) = (tmp_path.glob(f"over-{w}/tiny-*/{name}") for w in ("url", "folder"))
        assert ours.read_text() == theirs.read_text()
    assert not (tmp_path / "over-url" / ".store").exists()

    status = subliminal("status", experiment, "--set", "seeds=1", *url)
    assert [line.split()[1:] for line in status.out.splitlines() if "mnist." in line] == [
        ["4", "0", "0", "0"],
        ["1", "0", "0", "0"],
        ["2", "0", "0", "0"],
    ]
    plan = ("plan", experiment, "--set", "seeds=1", *url)
    assert "0 of 7 stages to compute" in subliminal(*plan).out
    gc = ("runs", "gc", "--out", tmp_path / "over-folder", *url)
    assert "freed 0 B in 0 folders" in subliminal(*gc).out  # the same run, so the same keys
    for folder in (tmp_path / "over-folder").glob("tiny-*"):
        shutil.rmtree(folder)
    assert re.search(r"freed [1-9][\d.]* .iB in \d+ folders", subliminal(*gc).out)
    assert "7 of 7 stages to compute" in subliminal(*plan).out


def test_what_no_run_needs_is_collected(machine: Machine, url: str) -> None:
    kept, needless, begun, claimed = (stage("count", n, steps=2, seconds=0) for n in range(4))
    run_here(machine("a"), kept, needless)
    for made in (begun, claimed):
        with pytest.raises(Cancelled):
            run_lot_here(machine("a"), Stop(1), made)
    assert machine("b", "other").claim(claimed.key) is not None
    store = machine("c")
    would = store.collect([kept.key], dry_run=True)
    assert {name for name, _ in would} == {f"artifacts/{needless.key}", f"partial/{begun.key}"}
    assert would == store.collect([kept.key])
    assert dict(would)[f"artifacts/{needless.key}"] > 1
    states = store.states([kept.key, needless.key, begun.key, claimed.key])
    assert list(states.values()) == ["done", "missing", "missing", "running"]
    assert len(Bucket(url).sizes("partial")) == 2
    assert {name for name, _ in machine("a").collect([kept.key])} == {
        f"{area}/{made.key}"
        for area, made in (("artifacts", needless), ("partial", begun), ("partial", claimed))
    }


# Faults


@pytest.mark.parametrize(
    ("bad", "parts"),
    [
        ("nonsense://a/b", ("nonsense://a/b: cannot be opened", "Protocol not known")),
        ("file:///dev/null/x", ("file:///dev/null/x: cannot be written", "check the address")),
    ],
)
def test_a_store_that_cannot_be_had_is_a_user_error(
    tmp_path: Path, bad: str, parts: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as error:
        RemoteStore(bad, tmp_path).prepare()
    assert_one_line(error, *parts)


def test_a_cache_that_cannot_be_written_is_a_user_error(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as error:
        RemoteStore(url, tmp_path / "file").prepare()
    assert_one_line(error, f"{tmp_path / 'file'}: cannot be written", "set SUBLIMINAL_CACHE to")


def test_a_missing_library_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(UserError, match="s3://bucket/x: Install s3fs to access S3; do so on every"):
        RemoteStore("s3://bucket/x", tmp_path).prepare()


def test_keys_are_shown_nowhere(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("the key hunter2 is wrong")

    monkeypatch.setenv("SOME_SECRET_KEY", "hunter2")
    store = RemoteStore(url, tmp_path / "cache")
    store.prepare()
    monkeypatch.setattr(store._bucket._files, "pipe_file", refuse)
    with pytest.raises(UserError) as error:
        store.prepare()
    assert_one_line(error, "the key $SOME_SECRET_KEY is wrong")
    assert b"hunter2" not in pickle.dumps(store)


def test_a_store_sent_to_another_machine_finds_a_folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(tmp_path / "here"))
    sent = pickle.dumps(RemoteStore("memory://somewhere"))
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(tmp_path / "there"))
    received = pickle.loads(sent)
    assert received.root == default_cache("memory://somewhere")
    assert received.root.is_relative_to(tmp_path / "there")


def test_a_store_is_opened_by_its_name(tmp_path: Path) -> None:
    named = {"SUBLIMINAL_STORE": "file:///x/y"}
    assert isinstance(open_store(tmp_path, None, named), RemoteStore)
    assert isinstance(open_store(tmp_path, "s3://bucket/x", {}), RemoteStore)
    folder = open_store(tmp_path, "some/folder", named)
    assert isinstance(folder, Store)
    assert folder.root == Path("some/folder").absolute()
    assert open_store(tmp_path, None, {}).root == tmp_path / ".store"


def test_memory_that_no_worker_sees_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--store memory://x: a process sees nothing of another"):
        open_store(tmp_path, "memory://x", {})


def test_a_password_in_a_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        open_store(tmp_path, "ftp://me:hunter2@host/x", {})
    assert_one_line(error, "--store: a password stands in the URL")
    assert "hunter2" not in str(error.value)
