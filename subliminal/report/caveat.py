"""What must be printed with every result of a pocket model, or of a run in miniature."""

from __future__ import annotations

from subliminal.results import Manifest

POCKET_CAVEAT = (
    "The world was planted: a positive validates the instrument and the mechanism, it is no "
    "evidence about large models."
)

TINY_CAVEAT = (
    "Scale tiny: few rows, few arms and a small model. The run shows that the experiment works; "
    "its results mean nothing."
)


def caveat_of(manifest: Manifest, model: str = "") -> str:
    """The caveat of a run in miniature, or on pocket models; empty for other runs.

    Args:
        manifest: Of the run; its data label names the model.
        model: The experiment's model, where it is known.
    """
    if manifest.scale == "tiny":
        return TINY_CAVEAT
    return POCKET_CAVEAT if "pocket" in f"{manifest.data} {model}".lower() else ""
