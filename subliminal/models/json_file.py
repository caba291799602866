"""JSON files of a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic_core import from_json

from subliminal.errors import UserError


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        UserError: There is no such file, it cannot be read, or it holds something else.
    """
    try:
        found = from_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a model folder needs it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); copy the model anew") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no JSON object; copy the model anew")
    return found
