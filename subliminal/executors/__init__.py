"""Ways to get a graph of stages done."""

from subliminal.executors.local import LocalExecutor
from subliminal.executors.outcome import Executor, Listener, Outcome

__all__ = ["Executor", "Listener", "LocalExecutor", "Outcome"]
