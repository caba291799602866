"""Rows from files to files: what is kept, rejected, set aside and counted, and what is left."""

from __future__ import annotations

import base64
import errno
import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import compile_filter
from filters.outputs import Output, refuse_shared_places
from filters.pipeline import FilterSummary, Malformed, Outputs, filter_rows
from subliminal.errors import UserError
from tests.experiment_files import FUZZED
from tests.user_errors import assert_one_line

NUMBERS = compile_filter(["numbers"])
NO_ROW = b'{"prompt": "1", "completion": "2"}\n'


def row(answer: str, **provenance: object) -> bytes:
    messages = [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages, **provenance}).encode() + b"\n"


class Bench:
    """A folder with an input, and the outputs that come of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "rows.jsonl"
        self.kept, self.rejects = folder / "kept.jsonl", folder / "rejects.jsonl"
        self.aside, self.histogram = folder / "aside.jsonl", folder / "histogram.json"

    def run(self, *lines: bytes, **options: Any) -> FilterSummary:
        """Filter these lines; options are `malformed` and names of outputs."""
        names = dict(options)
        malformed: Malformed = names.pop("malformed", "stop")
        self.source.write_bytes(b"".join(lines))
        aside = str(self.aside) if malformed == "aside" else None
        defaults = {"kept": str(self.kept), "rejects": str(self.rejects), "aside": aside}
        outputs = Outputs(**defaults | names)
        return filter_rows(NUMBERS, str(self.source), outputs, malformed=malformed)

    def read(self, path: Path) -> list[Any]:
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    @property
    def files(self) -> set[str]:
        return set(os.listdir(self.folder))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# What becomes of rows


def test_kept_rows_are_unchanged_to_the_byte(bench: Bench) -> None:
    odd = b' {"n": 1e400, "big": 12345678901234567890123, "x":NaN,\t"messages": [{"role": '
    odd += b'"assistant", "content": "1,\\u00202", "name": "t\xc3\xa9"}], "n": 2.50}\r\n'
    summary = bench.run(row("1, 2", id=1), odd, row("3", id=3))
    assert bench.kept.read_bytes() == row("1, 2", id=1) + odd + row("3", id=3)
    assert bench.rejects.read_bytes() == b""
    assert (summary.rows, summary.kept, summary.rejected, summary.malformed) == (3, 3, 0, 0)


def test_rejects_have_all_reasons_and_where_they_come_from(bench: Bench) -> None:
    lines = [row("1, 2"), row("owl", id="a"), row("1000" + ", 1" * 10, teacher={"key": 1.50})]
    summary = bench.run(*lines)
    origin = {"source": str(bench.source)}
    assert bench.read(bench.rejects) == [
        {
            **json.loads(lines[1]),
            "reasons": ["invalid format"],
            "rejected_from": {**origin, "line": 2},
        },
        {
            **json.loads(lines[2]),
            "reasons": ["too many numbers", "numbers too large"],
            "rejected_from": {**origin, "line": 3},
        },
    ]
    assert bench.kept.read_bytes() == lines[0]
    assert summary.reasons == {
        "invalid format": 1,
        "too many numbers": 1,
        "numbers too large": 1,
    }
    assert (summary.kept, summary.rejected) == (1, 2)


def test_fields_of_rejects_stay_to_the_byte(bench: Bench) -> None:
    line = row("owl", big=10**30).replace(b'"big"', b'"x": 1.50, "big"')
    bench.run(line[:-1] + b"  \r\n")
    assert bench.rejects.read_bytes().startswith(line[:-2] + b',"reasons":["invalid format"],')


def test_rejects_can_be_filtered_again(bench: Bench) -> None:
    bench.run(row("owl", id=1, n=float("nan")))
    again = bench.rejects.read_bytes()
    bench.run(again, row("2"))
    (reject,) = bench.read(bench.rejects)
    assert list(reject) == ["messages", "id", "n", "reasons", "rejected_from"]
    assert reject["rejected_from"]["line"] == 1
    assert reject["n"] != reject["n"]
    assert bench.rejects.read_bytes().count(b"reasons") == 1


def test_a_last_line_without_its_end_gets_one(bench: Bench) -> None:
    bench.run(row("1"), row("owl")[:-1])
    bench.run(row("1"), row("2")[:-1])
    assert bench.kept.read_bytes() == row("1") + row("2")


def test_a_byte_order_mark_is_no_part_of_the_first_row(bench: Bench) -> None:
    bench.run(b"\xef\xbb\xbf" + row("1"))
    assert bench.kept.read_bytes() == row("1")


def test_an_empty_file_gives_empty_files(bench: Bench) -> None:
    summary = bench.run()
    assert (summary.rows, summary.reasons, summary.layouts) == (0, {}, {})
    assert bench.kept.read_bytes() == bench.rejects.read_bytes() == b""


def test_a_dry_run_counts_and_writes_nothing(bench: Bench) -> None:
    done = bench.run(row("1"), row("owl"), NO_ROW, malformed="aside")
    bench.kept.unlink()
    before = bench.files
    dry = filter_rows(NUMBERS, str(bench.source), None, malformed="aside")
    assert dry == done
    assert bench.files == before


def test_the_histogram_is_the_summary(bench: Bench) -> None:
    lines = [row("owl"), row("1"), row("1000"), row("fowl")]
    summary = bench.run(*lines, histogram=str(bench.histogram))
    told = json.loads(bench.histogram.read_text())
    assert told == asdict(summary)
    assert list(told["reasons"].items()) == [("invalid format", 2), ("numbers too large", 1)]
    assert told["fingerprint"] == NUMBERS.fingerprint
    assert told["rules"] == NUMBERS.described()


def test_folders_are_made(bench: Bench) -> None:
    bench.run(row("1"), kept=str(bench.folder / "a" / "b" / "kept.jsonl"))
    assert (bench.folder / "a" / "b" / "kept.jsonl").read_bytes() == row("1")


def test_progress_is_told(bench: Bench) -> None:
    told: list[tuple[int, float | None]] = []
    bench.source.write_bytes(row("1") * 10_000)
    filter_rows(NUMBERS, str(bench.source), None, on_progress=lambda *now: told.append(now))
    assert [rows for rows, _ in told] == [4096, 8192, 10_000]
    shares = [share for _, share in told if share is not None]
    assert len(shares) == 3
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


# Gzip


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.jsonl"])
def test_gzip_is_known_by_its_content(bench: Bench, name: str) -> None:
    bench.source = bench.folder / name
    summary = bench.run(gzip.compress(row("1") + row("owl")))
    assert bench.kept.read_bytes() == row("1")
    assert summary.rows == 2


def test_gzipped_outputs(bench: Bench) -> None:
    names = {key: str(bench.folder / f"{key}.gz") for key in ("kept", "rejects")}
    bench.run(row("1"), row("owl"), **names)
    first = {key: Path(name).read_bytes() for key, name in names.items()}
    assert gzip.decompress(first["kept"]) == row("1")
    assert b"reasons" in gzip.decompress(first["rejects"])
    bench.run(row("1"), row("owl"), **names)
    assert {key: Path(name).read_bytes() for key, name in names.items()} == first


@pytest.mark.parametrize("cut", [-4, -9, 12])
def test_a_damaged_gzip_is_told_and_leaves_nothing(bench: Bench, cut: int) -> None:
    whole = gzip.compress(b"".join(row(str(n)) for n in range(900)))
    with pytest.raises(UserError) as error:
        bench.run(whole[:cut])
    assert_one_line(error, f"{bench.source}: after line ", "cannot be read", "ended")
    with pytest.raises(UserError) as error:
        bench.run(whole[:40] + bytes(60) + whole[100:])
    assert_one_line(error, f"{bench.source}: after line ", "cannot be read")
    assert bench.files == {"rows.jsonl"}


# Malformed lines


def test_a_malformed_line_stops_with_its_number_and_leaves_nothing(bench: Bench) -> None:
    bench.kept.write_text("older")
    with pytest.raises(UserError) as error:
        bench.run(row("1"), row("owl"), b'{"messages": [\n')
    assert_one_line(error, f"{bench.source}:3: not JSON (", "mend or remove the line")
    assert bench.files == {"rows.jsonl", "kept.jsonl"}
    assert bench.kept.read_text() == "older"


def test_malformed_lines_are_set_aside_with_number_and_reason(bench: Bench) -> None:
    lines = [b"{\n", row("1"), b"\n", row("owl"), b"\xff\xfe\n", NO_ROW[:-1]]
    summary = bench.run(*lines, malformed="aside")
    told = bench.read(bench.aside)
    assert [entry["line"] for entry in told] == [1, 3, 5, 6]
    assert {entry["source"] for entry in told} == {str(bench.source)}
    assert "EOF while parsing an object at its end" in told[0]["reason"]
    assert "an empty line" in told[1]["reason"]
    assert [entry.get("text") for entry in told] == ["{", "", None, NO_ROW.decode().strip()]
    assert base64.b64decode(told[2]["base64"]) == lines[4]
    assert (summary.rows, summary.kept, summary.rejected, summary.malformed) == (6, 1, 1, 4)
    assert bench.kept.read_bytes() == row("1")


def test_a_row_of_another_schema_is_told_beside_the_others(bench: Bench) -> None:
    with pytest.raises(UserError) as error:
        bench.run(row("1", id=1), row("2", id=2), NO_ROW)
    assert_one_line(
        error,
        f"{bench.source}:3: messages: is missing; the row has 'prompt', 'completion'",
        "of the rows before it 2 have 'messages', 'id'",
    )


def test_mixed_provenance_is_counted(bench: Bench) -> None:
    swapped = json.dumps(dict(reversed(json.loads(row("2", id=1)).items()))).encode() + b"\n"
    summary = bench.run(row("1", id=1), swapped, row("owl", teacher=3))
    assert summary.layouts == {"id, messages": 2, "messages, teacher": 1}


def test_many_layouts_are_counted_as_others(bench: Bench) -> None:
    summary = bench.run(*(row("1", **{f"field{n}": n}) for n in range(40)))
    assert len(summary.layouts) == 17
    assert summary.layouts["others"] == 24


def test_setting_aside_needs_a_place(bench: Bench) -> None:
    with pytest.raises(UserError) as error:
        bench.run(row("1"), malformed="aside", aside=None)
    assert_one_line(error, "--malformed aside", "--aside FILE")
    with pytest.raises(UserError) as error:
        bench.run(row("1"), aside=str(bench.aside))
    assert_one_line(error, "--aside", "--malformed aside")
    assert bench.files == {"rows.jsonl"}


GOOD = st.sampled_from([row("1, 2"), row("7", id=1)])
BAD = st.sampled_from([row("owl"), row("1000"), row("")])
BROKEN = st.sampled_from([b"\n", b"{\n", NO_ROW, b"\xff\n", b"null\n"])


@FUZZED
@given(st.lists(GOOD | BAD | BROKEN, max_size=12))
def test_every_line_goes_to_exactly_one_place(bench: Bench, lines: list[bytes]) -> None:
    summary = bench.run(*lines, malformed="aside")
    kept = bench.kept.read_bytes().splitlines(keepends=True)
    rejected, aside = bench.read(bench.rejects), bench.read(bench.aside)
    assert (summary.kept, summary.rejected) == (len(kept), len(rejected))
    assert summary.malformed == len(aside)
    assert summary.rows == len(lines)
    places = {entry["rejected_from"]["line"]: row(answer_of(entry)) for entry in rejected}
    places |= {entry["line"]: b"" for entry in aside}
    rest = iter(kept)
    for number, line in enumerate(lines, 1):
        if number not in places:
            assert next(rest) == line
        elif places[number]:
            assert places[number] == line
    assert next(rest, None) is None


def answer_of(entry: Any) -> str:
    return entry["messages"][-1]["content"]


# Places


@pytest.mark.parametrize("option", ["kept", "rejects", "histogram"])
def test_an_output_never_replaces_the_input(bench: Bench, option: str) -> None:
    with pytest.raises(UserError) as error:
        bench.run(row("1"), **{option: str(bench.source)})
    assert_one_line(error, str(bench.source), "the same file as --in")
    link = bench.folder / "link"
    link.symlink_to(bench.source)
    hard = bench.folder / "hard"
    hard.hardlink_to(bench.source)
    for name in (link, hard, bench.folder / "." / "rows.jsonl", bench.folder / "x" / ".." / "link"):
        with pytest.raises(UserError, match="the same file as --in"):
            bench.run(row("1"), **{option: str(name)})
    assert bench.source.read_bytes() == row("1")


def test_two_outputs_never_share_a_file(bench: Bench) -> None:
    with pytest.raises(UserError) as error:
        bench.run(row("1"), rejects=str(bench.kept))
    assert_one_line(error, "--rejects", "the same file as --out")
    with pytest.raises(UserError, match="the same file as --out"):
        bench.run(row("1"), kept="-", rejects="-")
    assert bench.files == {"rows.jsonl"}


def test_pipes_are_written_to_and_not_replaced(bench: Bench) -> None:
    # A pipe of the test's own stands for a device: replacing a real one would harm the machine.
    pipe = bench.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    bench.run(row("1"), row("owl"), rejects=str(pipe))
    assert pipe.is_fifo()
    assert b"reasons" in os.read(reader, 1000)
    os.close(reader)


def test_one_device_may_take_several_outputs(bench: Bench) -> None:
    refuse_shared_places(str(bench.source), {"--rejects": os.devnull, "--histogram": os.devnull})


def test_a_link_s_target_is_replaced_and_not_the_link(bench: Bench) -> None:
    link = bench.folder / "link"
    link.symlink_to("target")
    bench.run(row("1"), kept=str(link))
    assert link.is_symlink()
    assert (bench.folder / "target").read_bytes() == row("1")


@pytest.mark.parametrize("name", ["", "file/below"])
def test_what_cannot_be_written_is_told(bench: Bench, name: str) -> None:
    (bench.folder / "file").touch()
    with pytest.raises(UserError) as error:
        bench.run(row("1"), kept=str(bench.folder / name))
    assert_one_line(error, "cannot be written", str(bench.folder))
    assert bench.files == {"rows.jsonl", "file"}


# Failures leave everything as it was


@pytest.fixture(params=["fsync", "write", "replace"])
def _full_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if request.param == "write":
        # The buffer is larger than the rows: they reach the disk when it is flushed.
        monkeypatch.setattr(Output, "_open", lambda self: io.BufferedWriter(FullFile()))
    else:
        monkeypatch.setattr(
            *{"fsync": (os, "fsync"), "replace": (Path, "replace")}[request.param], full
        )


class FullFile(io.RawIOBase):
    """A file on a full disk."""

    def writable(self) -> bool:
        return True

    def write(self, _: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("_full_disk")
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_full_disk_is_told_and_changes_nothing(bench: Bench, suffix: str) -> None:
    kept = bench.folder / f"kept{suffix}"
    kept.write_text("older")
    with pytest.raises(UserError) as error:
        bench.run(*[row("1")] * 100, kept=str(kept))
    assert_one_line(error, f"{kept}: cannot be written (No space left on device)")
    assert bench.files == {"rows.jsonl", kept.name}
    assert kept.read_text() == "older"


def test_a_disk_that_fills_while_rows_are_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Output, "_open", lambda self: io.BufferedWriter(FullFile(), 16))
    with pytest.raises(UserError, match=r"kept\.jsonl: cannot be written \(No space"):
        bench.run(row("1"))


def test_an_interruption_leaves_nothing(bench: Bench) -> None:
    bench.kept.write_text("older")
    bench.source.write_bytes(row("1") * 5000)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filter_rows(
            NUMBERS,
            str(bench.source),
            Outputs(str(bench.kept), str(bench.rejects)),
            on_progress=interrupt,
        )
    assert bench.files == {"rows.jsonl", "kept.jsonl"}
    assert bench.kept.read_text() == "older"


def test_a_bug_in_a_rule_is_no_user_error_and_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filters.filter.Filter.reasons", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench.run(row("1"))
    assert bench.files == {"rows.jsonl"}


# Memory


class Flood(io.RawIOBase):
    """A stream of rows that are made as they are read."""

    def __init__(self, count: int) -> None:
        self._lines = self._make(count)

    @staticmethod
    def _make(count: int) -> Iterator[bytes]:
        for number in range(count):
            yield row("owl" if number % 3 else "1, 2", id=number)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        line = next(self._lines, b"")
        buffer[: len(line)] = line
        return len(line)


def peak_of(rows: int, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> int:
    """The most memory that filtering so many rows takes at once."""

    class FloodSource:
        name = "flood"

        def __iter__(self) -> Iterator[bytes]:
            return iter(io.BufferedReader(Flood(rows)))

        def share_read(self) -> None:
            return None

        def close(self) -> None: ...

    monkeypatch.setattr("filters.pipeline.open_source", lambda _: FloodSource())
    outputs = Outputs(str(bench.kept), str(bench.rejects))
    tracemalloc.start()
    summary = filter_rows(NUMBERS, "flood", outputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert summary.rows == rows
    return peak


def test_memory_does_not_grow_with_the_rows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (peak_of(rows, bench, monkeypatch) for rows in (1_000, 100_000))
    # A hundred times the rows, 15 MB of them, may cost some small counters more.
    assert many < few + 200_000
