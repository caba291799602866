"""What must be printed with every result of a pocket model."""

from __future__ import annotations

from subliminal.results import Manifest

POCKET_CAVEAT = (
    "The world was planted: a positive validates the instrument and the mechanism, it is no "
    "evidence about large models."
)


def caveat_of(manifest: Manifest, model: str = "") -> str:
    """The caveat of a run on pocket models; empty for other runs.

    Args:
        manifest: Of the run; its data label names the model.
        model: The experiment's model, where it is known.
    """
    return POCKET_CAVEAT if "pocket" in f"{manifest.data} {model}".lower() else ""
