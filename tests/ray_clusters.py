"""Small Ray clusters on one machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MIB = 2**20
NODE_MEMORY = 3000 * MIB
QUICK_TO_NOTICE = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 2,
}
"""For a node that is gone to be noticed in a second, not in twenty."""


SMALL = {"object_store_memory": 80 * MIB}


@contextmanager
def cluster() -> Iterator[Any]:
    """A cluster of a head without CPUs, to add nodes to; this process is connected to it."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK_TO_NOTICE, **SMALL}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        ray.init(made.address, log_to_driver=False, logging_level=logging.ERROR)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def add_node(made: Any, cache: Path, **more: Any) -> Any:
    """Let another node join, of two CPUs if nothing else is said.

    Args:
        made: The cluster.
        cache: Folder for what the node keeps for itself.
        more: What it has.
    """
    mine = {"SUBLIMINAL_CACHE": str(cache)}
    return made.add_node(
        **{"num_cpus": 2, "memory": NODE_MEMORY, "env_vars": mine, **SMALL, **more}
    )
