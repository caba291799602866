"""Rules that keep or drop a carrier's rows and say why.

The MNIST toy has no rows to filter: its carrier is the logits themselves.
"""

# A rule is known once its module has been imported.
from filters import code_rules as code_rules
from filters import encoded_rule as encoded_rule
from filters import judge_rule as judge_rule
from filters import reasoning_rules as reasoning_rules
from filters.filter import Filter, compile_filter
from filters.rule import Check, Rule
from filters.rules import known_rules

__all__ = ["Check", "Filter", "Rule", "compile_filter", "known_rules"]
