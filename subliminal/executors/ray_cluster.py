"""Finding a Ray cluster, or starting a Ray on this machine."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

from subliminal import machine
from subliminal.errors import UserError
from subliminal.executors.ray_needs import Node
from subliminal.packages import need

SECONDS_TO_CONNECT = 5.0
OBJECT_STORE_BYTES = 100 * 2**20
"""What Ray keeps in memory for tasks: artifacts go through the store, so little is needed."""
ADDRESS_VARIABLE = "RAY_ADDRESS"


def ray_library() -> ModuleType:
    """Ray itself.

    Raises:
        UserError: It is not installed.
    """
    need("ray", extra="ray", where="--executor ray")
    import ray

    return ray


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Be connected to a cluster; a connection that is there already is used and left alone.

    Args:
        address: `host:port`, `auto` for one that runs on this machine, or None to find one and else
            start one that ends with the connection.

    Raises:
        UserError: Ray is not installed, or there is no cluster.
    """
    ray = ray_library()
    if ray.is_initialized():
        yield
        return
    _connect(ray, address or os.environ.get(ADDRESS_VARIABLE))
    try:
        yield
    finally:
        ray.shutdown()


def living_nodes() -> list[Node]:
    """What the nodes for work have, other runs' share included; a head often has no CPUs."""
    nodes = [_node(node["Resources"]) for node in ray_library().nodes() if node["Alive"]]
    return [node for node in nodes if node.cpus]


def _connect(ray: ModuleType, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address not in (None, "auto"):
        _check_reachable(address)
    try:
        ray.init(address=address or "auto", **quiet)
    except ConnectionError:
        if address is not None:
            raise _no_cluster(address, "no Ray runs on this machine") from None
        _start(ray, quiet)
    except (RuntimeError, ValueError) as error:  # another version of Ray or Python, for example
        raise _no_cluster(address or "auto", " ".join(str(error).split())) from None


def _start(ray: ModuleType, quiet: Mapping[str, object]) -> None:
    # Nobody has agreed to Ray telling its makers how it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=machine.cores(),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        **quiet,
    )


def _check_reachable(address: str) -> None:
    """Ray itself would try for minutes, and then end the process."""
    if address.startswith("ray://"):
        raise UserError(
            f"--address {address}: this has to run on a node of the cluster; start it with "
            "`ray job submit`, or there with --address auto"
        )
    parts = re.fullmatch(r"\[?([\w.:-]+?)\]?:(\d{1,5})", address)
    if parts is None or int(parts[2]) > 65535:
        raise UserError(f"--address {address}: is not an address; give host:port, or auto")
    try:
        socket.create_connection((parts[1], int(parts[2])), SECONDS_TO_CONNECT).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from None


def _no_cluster(address: str, reason: str) -> UserError:
    return UserError(
        f"--address {address}: there is no Ray cluster to join ({reason}); start one with "
        "`ray start --head`, or leave out --address"
    )


def _node(resources: dict[str, float]) -> Node:
    return Node(
        cpus=int(resources.get("CPU", 0)),
        gpus=int(resources.get("GPU", 0)),
        memory_bytes=int(resources.get("memory", 0)),
    )
