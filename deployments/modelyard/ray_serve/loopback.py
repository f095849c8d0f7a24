"""Keeps on this machine what Serve opens in a replica for other replicas, where all of Ray is on this machine."""

from typing import Any

from ray.serve._private import replica as serve_replica
from ray.util import get_node_ip_address

LOOPBACK = "127.0.0.1"


def keep_on_loopback() -> None:
    """Called before Serve opens it. It would listen on every address of the machine, without authentication, and unpickles what
    comes."""
    if get_node_ip_address() != LOOPBACK:
        return
    add_port = serve_replica.add_port_to_grpc_server

    def add_port_here(server: Any, address: str) -> Any:
        return add_port(server, address.replace("[::]:", f"{LOOPBACK}:"))

    serve_replica.add_port_to_grpc_server = add_port_here
