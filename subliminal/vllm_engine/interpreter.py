"""Which interpreter has vLLM: this one, or one of an environment of its own.

vLLM asks for the one version of PyTorch that it was built with, so it often stands apart.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from subliminal.errors import UserError

VARIABLE = "SUBLIMINAL_VLLM_PYTHON"


def has_vllm(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether there is an interpreter with vLLM, as far as can be told without starting it."""
    return bool(environ.get(VARIABLE)) or find_spec("vllm") is not None


def vllm_python(environ: Mapping[str, str] = os.environ) -> Path:
    """The interpreter that has vLLM.

    Raises:
        UserError: There is none.
    """
    stated = environ.get(VARIABLE)
    if stated:
        path = Path(stated).expanduser()
        if not os.access(path, os.X_OK) or path.is_dir():
            raise UserError(
                f"{VARIABLE}: {stated} is no interpreter; name the Python that has vLLM"
            )
        return path.absolute()
    if find_spec("vllm") is None:
        raise UserError(
            "inference.engine: vLLM is not installed; pip install 'subliminal[vllm]', or name the "
            f"Python that has it in the environment variable {VARIABLE}"
        )
    return Path(sys.executable)
