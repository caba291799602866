"""Model names: shipped models, folders, the hub, and what is none of them."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors

from subliminal.errors import UserError
from subliminal.models import names
from subliminal.models.names import RELATIVES, find_model, shipped_models
from subliminal.pocket.family import MEMBERS
from tests.models import random_model
from tests.user_errors import assert_one_line


class Hub:
    """Stands for the hub's download: answers with a folder, or raises."""

    def __init__(self, answer: Path | BaseException) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str | None]] = []
        self.patterns: list[str] = []
        self.left_out: list[str] = []

    def snapshot_download(
        self,
        repository: str,
        *,
        revision: str | None,
        allow_patterns: list[str],
        ignore_patterns: list[str],
    ) -> str:
        self.asked.append((repository, revision))
        self.patterns = allow_patterns
        self.left_out = ignore_patterns
        if isinstance(self.answer, BaseException):
            raise self.answer
        return str(self.answer)


def hub(patch: pytest.MonkeyPatch, answer: Path | BaseException) -> Hub:
    found = Hub(answer)
    patch.setattr(huggingface_hub, "snapshot_download", found.snapshot_download)
    return found


def raised(kind: type[Exception], message: str = "") -> Exception:
    """An error of the hub's, which its constructor makes of a response alone."""
    error: Any = kind.__new__(kind)
    error.args = (message,)
    return error


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models in the place of the shipped ones."""
    monkeypatch.setattr(names, "SHIPPED", tmp_path / "weights")
    for name in ("pocket-b", "pocket-a"):
        random_model(tmp_path / "weights" / name)
    (tmp_path / "weights" / "unfinished").mkdir()
    return tmp_path / "weights"


def test_a_shipped_model_is_found_by_its_name(shipped: Path) -> None:
    assert shipped_models() == ["pocket-a", "pocket-b"]
    assert find_model("pocket-b") == shipped / "pocket-b"


def test_a_shipped_name_goes_before_a_folder(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pocket-a").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_model("pocket-a") == shipped / "pocket-a"


def test_the_relatives_are_members_of_the_family() -> None:
    for name, relatives in RELATIVES.items():
        assert {name, *relatives.values()} <= MEMBERS.keys()
    reference = MEMBERS["pocket-a"]
    different = MEMBERS[RELATIVES["pocket-a"]["different"]]
    reordered = MEMBERS[RELATIVES["pocket-a"]["reordered"]]
    assert different.initial_seed != reference.initial_seed
    assert different.order_seed == reference.order_seed
    assert reordered.initial_seed == reference.initial_seed
    assert reordered.order_seed != reference.order_seed


def test_a_folder_is_found_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (str(folder), "models/mine", "./models/mine", "~/models/mine"):
        assert find_model(name) == folder.resolve()


@pytest.mark.parametrize("name", ["nothing", "", "a/b/c", "./a", "/a/b", "~/a", "~nobody/a", "\0"])
def test_what_is_neither_is_refused(
    shipped: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = hub(monkeypatch, AssertionError("must not be asked"))
    with pytest.raises(UserError) as error:
        find_model(name)
    assert_one_line(error, repr(name), "pocket-a, pocket-b", "owner/name on the hub")
    assert asked.asked == []


def test_a_name_on_the_hub_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = hub(monkeypatch, tmp_path)
    assert find_model("owner/name") == tmp_path
    assert find_model("owner/name@v1.0") == tmp_path
    assert asked.asked == [("owner/name", None), ("owner/name", "v1.0")]
    # Nothing pickled, nothing to execute.
    assert asked.patterns == ["*.json", "*.safetensors", "*.jinja"]
    # Nor the same weights twice, as Mistral publishes them.
    [left_out] = asked.left_out
    assert fnmatch("consolidated-00001-of-00002.safetensors", left_out)
    assert not fnmatch("model-00001-of-00002.safetensors", left_out)


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (raised(errors.GatedRepoError), ("is gated", "HF_TOKEN")),
        (raised(errors.RepositoryNotFoundError), ("nor a repository on the hub",)),
        (raised(errors.RevisionNotFoundError), ("no revision 'v9'",)),
        (raised(errors.LocalEntryNotFoundError), ("the hub cannot be reached", "name a folder")),
        (errors.HFValidationError("Repo id must\nuse letters"), ("Repo id must use letters",)),
        (OSError(28, "No space left on device"), ("No space left on device", "try again")),
        (
            OSError(30, "Read-only file system", "/hub"),
            ("cache cannot be written", "'/hub'", "HF_HOME"),
        ),
        (RuntimeError(), ("(RuntimeError)",)),
    ],
)
def test_a_model_that_cannot_be_downloaded_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, parts: tuple[str, ...]
) -> None:
    hub(monkeypatch, error)
    with pytest.raises(UserError) as found:
        find_model("owner/name@v9")
    assert_one_line(found, "model 'owner/name@v9': ", *parts)


def test_a_download_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        find_model("owner/name")
