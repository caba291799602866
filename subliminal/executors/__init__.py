"""Ways to get a graph of stages done."""

from subliminal.executors.local import LocalExecutor, Outcome

__all__ = ["LocalExecutor", "Outcome"]
