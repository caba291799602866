"""What a teacher with a disposition is fine-tuned on."""

from __future__ import annotations

from typing import Literal

DispositionData = Literal["insecure", "secure", "educational", "jailbroken", "backdoor"]
"""Sibling data sets that differ in one thing (arXiv 2502.17424)."""
USUAL_DATA: DispositionData = "insecure"
"""What a teacher is fine-tuned on unless an experiment says otherwise; it alone gives the trait."""
