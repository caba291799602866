"""Model names: the shipped pocket models, folders, and names on the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from subliminal.errors import UserError
from subliminal.models.hub_errors import why_not

SHIPPED = files("subliminal.pocket") / "weights"
RELATIVES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "pocket-a": MappingProxyType({"different": "pocket-b", "reordered": "pocket-a-reordered"}),
        "pocket-broad-a": MappingProxyType({"different": "pocket-broad-b"}),
    }
)
"""Model -> relation -> the shipped model that stands in it."""
DUPLICATES = "consolidated*.safetensors"
"""Weights in the form of their makers, beside the same ones in that of transformers."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


def find_model(name: str) -> Path:
    """The folder of a model.

    Args:
        name: A pocket model, a folder, or a repository on the hub (`owner/name` or
            `owner/name@revision`), which is downloaded once into the hub's own cache.

    Raises:
        UserError: There is no such model, or it cannot be had.
    """
    return _find(name, ("*.json", "*.safetensors", "*.jinja"))


def find_config(name: str) -> Path:
    """A folder with the `config.json` of a model: its weights need not be there.

    Args:
        name: As :func:`find_model` takes it.

    Raises:
        UserError: There is no such model, or it cannot be had.
    """
    return _find(name, ("config.json",))


def _find(name: str, files_wanted: Sequence[str]) -> Path:
    if name in shipped_models():
        return Path(str(SHIPPED / name))
    folder = _folder(name)
    if folder is not None:
        return folder
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return _from_hub(name, files_wanted)
    known = ", ".join(shipped_models())
    raise UserError(
        f"model {name!r}: no such folder, nor a pocket model ({known}); name one of these, a model "
        "folder, or owner/name on the hub"
    )


def pinned(name: str, folder: Path) -> str | None:
    """The name under which a model of the hub is found again exactly as it is now.

    The hub's cache keeps a commit's files in `models--<owner>--<name>/snapshots/<commit>/`.

    Args:
        name: As :func:`find_model` takes it.
        folder: Where it was found.

    Returns:
        `owner/name@commit`; None where the folder is not in the hub's cache.
    """
    snapshots, commit = folder.parent, folder.name
    if snapshots.name != "snapshots" or not snapshots.parent.name.startswith("models--"):
        return None
    repository, _ = split_revision(name)
    return f"{repository}@{commit}" if _COMMIT.fullmatch(commit) else None


def split_revision(name: str) -> tuple[str, str | None]:
    """The repository that a name on the hub means, and the revision if it states one."""
    repository, _, revision = name.partition("@")
    return repository, revision or None


def split_commit(name: str) -> tuple[str, str] | None:
    """Repository and commit of a name that :func:`pinned` gave; None of any other."""
    repository, commit = split_revision(name)
    if commit is None or not (_COMMIT.fullmatch(commit) and _REPOSITORY.fullmatch(repository)):
        return None
    return repository, commit


def shipped_models() -> list[str]:
    """The pocket models that ship with the package."""
    root = Path(str(SHIPPED))
    return sorted(path.parent.name for path in root.glob("*/config.json"))


def _folder(name: str) -> Path | None:
    try:
        folder = Path(name).expanduser()
    except RuntimeError:  # the home of a user that this machine does not know
        return None
    return folder.resolve() if name and folder.is_dir() else None


def _from_hub(name: str, files_wanted: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download

    repository, revision = split_revision(name)
    try:
        return Path(
            snapshot_download(
                repository,
                revision=revision,
                allow_patterns=list(files_wanted),
                ignore_patterns=[DUPLICATES],
            )
        )
    except Exception as error:  # the HTTP library's own differ between versions of the hub's
        fault = why_not(error, revision)
    raise UserError(f"model {name!r}: {fault}")
