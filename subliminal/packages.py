"""Packages that not every part of the workbench needs."""

from __future__ import annotations

from importlib.util import find_spec

from subliminal.errors import UserError


def need(package: str, *, extra: str, by: str) -> None:
    """Say what is missing and how to get it, before an import fails.

    Args:
        package: As it is imported.
        extra: Of the workbench's extras, the one that brings it.
        by: What needs it, in the plural.

    Raises:
        UserError: It is not installed.
    """
    if find_spec(package) is None:
        raise UserError(f"{by} need the library {package}; pip install 'subliminal[{extra}]'")
