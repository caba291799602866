"""Replies of services are kept for good, in a file that many append to."""

from __future__ import annotations

from pathlib import Path

import pytest

from subliminal.chat import Message
from subliminal.errors import UserError
from subliminal.services.replies import ChatRequest, Reply
from subliminal.services.reply_cache import REPLIES, ReplyCache, default_cache
from tests.user_errors import assert_one_line


def test_what_a_thread_is_sending_is_not_another_ones_to_send(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    missing = {key: ChatRequest((Message("user", key),), max_tokens=4) for key in "ab"}

    def fail_after_the_first() -> None:
        with cache.claimed(missing) as mine:
            assert mine == missing
            with cache.claimed(missing) as theirs:
                assert theirs == {}
            cache.put("a", Reply(text="1"))
            raise UserError("the service is gone")

    with pytest.raises(UserError):
        fail_after_the_first()
    # What was given up is free again.
    with cache.claimed(missing) as mine:
        assert list(mine) == ["b"]


def test_a_line_that_a_kill_cut_off_spoils_no_other(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put("a", Reply(text="1"))
    cache.put("b", Reply(text="2"))
    path = tmp_path / REPLIES
    path.write_bytes(path.read_bytes()[:-9])
    ReplyCache(tmp_path).put("c", Reply(text="3"))
    read = ReplyCache(tmp_path)
    assert ("a" in read, "b" in read, read["c"].text) == (True, False, "3")


def test_of_two_replies_to_one_request_the_first_counts(tmp_path: Path) -> None:
    one, other = ReplyCache(tmp_path), ReplyCache(tmp_path)
    one.put("a", Reply(text="first"))
    one.put("a", Reply(text="again"))
    other.put("a", Reply(text="second"))
    assert one["a"].text == "first"
    assert ReplyCache(tmp_path)["a"].text == "first"
    assert (tmp_path / REPLIES).read_bytes().count(b'"a"') == 2


def test_replies_are_read_where_they_stand_among_those_of_others(tmp_path: Path) -> None:
    one, other = ReplyCache(tmp_path), ReplyCache(tmp_path)
    for n in range(3):
        one.put(f"a{n}", Reply(text=f"one's {n}"))
        other.put(f"b{n}", Reply(text="x" * 9 * n))
    assert [one[f"a{n}"].text for n in range(3)] == ["one's 0", "one's 1", "one's 2"]
    assert [ReplyCache(tmp_path)[f"b{n}"].text for n in range(3)] == ["", "x" * 9, "x" * 18]
    (tmp_path / REPLIES).write_bytes(b"")
    with pytest.raises(UserError) as error:
        one["a2"]
    assert_one_line(error, REPLIES, "changed while it was in use", "run again")


def test_a_cache_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as error:
        ReplyCache(tmp_path / "file").put("a", Reply(text="1"))
    assert_one_line(error, "file", "SUBLIMINAL_CACHE")
    (tmp_path / REPLIES).mkdir()
    with pytest.raises(UserError) as error:
        ReplyCache(tmp_path)
    assert_one_line(error, "cannot be read")


def test_the_cache_lies_where_the_variable_says() -> None:
    assert default_cache("judges", {"SUBLIMINAL_CACHE": "/somewhere"}) == Path("/somewhere/judges")
    assert default_cache("samples", {"SUBLIMINAL_CACHE": "/a"}) == Path("/a/samples")
    assert default_cache("judges", {}).parts[-2:] == ("subliminal", "judges")
