"""Packages that not every part of the workbench needs."""

from __future__ import annotations

from importlib import import_module

from subliminal.errors import UserError


def need(package: str, *, extra: str, where: str) -> None:
    """Say what is missing, or broken, and how to get it, before it is imported.

    Args:
        package: As it is imported.
        extra: Of the workbench's extras, the one that brings it.
        where: What needs it, as messages begin with it.

    Raises:
        UserError: It cannot be imported.
    """
    try:
        import_module(package)
    except ImportError as error:
        raise UserError(
            f"{where}: needs the library {package}; pip install 'subliminal[{extra}]'"
        ) from error
