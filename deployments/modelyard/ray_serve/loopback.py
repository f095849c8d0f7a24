"""Keeps a replica's internal gRPC server on 127.0.0.1 if all of Ray is on this machine."""

from typing import Any

from ray.serve._private import replica as serve_replica
from ray.util import get_node_ip_address

LOOPBACK = "127.0.0.1"


def keep_on_loopback() -> None:
    """Call this before Serve opens the port. It would listen on every address of the machine, without authentication, and
    unpickle what it receives."""
    if get_node_ip_address() != LOOPBACK:
        return
    add_port = serve_replica.add_port_to_grpc_server

    def add_port_here(server: Any, address: str) -> Any:
        return add_port(server, address.replace("[::]:", f"{LOOPBACK}:"))

    serve_replica.add_port_to_grpc_server = add_port_here
