"""What to tell of a download from the hub that failed."""

from __future__ import annotations

import errno

_TOO_MANY, _SERVER_FAULT = 429, 500


def why_not(error: Exception, revision: str | None) -> str:
    """What is wrong and how to mend it, as the end of a line that names the model.

    Args:
        error: What the hub's library raised.
        revision: The one that was asked for, if any.
    """
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return "is gated; accept its terms on the hub and set HF_TOKEN"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "no such folder, nor a repository on the hub; mend the name, or set HF_TOKEN"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"the hub has no revision {revision!r} of it; choose another"
    if isinstance(error.__cause__ or error, errors.DisabledRepoError):
        return "is disabled on the hub; choose another model, or name a folder"
    status = _status(error)
    if status is not None:
        return _refusal(status, error)
    if isinstance(error, errors.LocalEntryNotFoundError):
        return (
            "no such folder, nor in the hub's cache, and the hub cannot be reached; connect, or "
            "name a folder"
        )
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"the hub's cache cannot be written ({_said(error)}); set HF_HOME to a folder that can"
        )
    return _unknown(error)


def _status(error: Exception) -> int | None:
    """The HTTP status that the hub answered with, if it did.

    Of all but the commonest the library says that files are not in the cache, and why in the cause.
    """
    responses = (getattr(one, "response", None) for one in (error, error.__cause__))
    return next((found.status_code for found in responses if found is not None), None)


def _refusal(status: int, error: Exception) -> str:
    if status == 401:
        return "the hub refuses the token in HF_TOKEN (HTTP 401); set a valid one, or none"
    if status == 403:
        return (
            "the hub refuses access to it (HTTP 403); set HF_TOKEN to a token that may read this "
            "model"
        )
    if status == _TOO_MANY:
        return (
            "the hub has had too many requests from here (HTTP 429); try again later, or set "
            "HF_TOKEN"
        )
    if status >= _SERVER_FAULT:
        return f"the hub is out of order (HTTP {status}); try again later, or name a folder"
    return _unknown(error)


def _unknown(error: Exception) -> str:
    return f"cannot be downloaded ({_said(error)}); try again, or name a folder"


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
