"""Where this machine keeps what it can make anew."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "SUBLIMINAL_CACHE"


def user_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that $SUBLIMINAL_CACHE names, else one in the user's cache."""
    root = environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("subliminal")
    return Path(root).expanduser()
