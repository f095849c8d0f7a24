"""A Unix socket beside the port of a replica's HTTP server, for HAProxy on the same machine.

A request over it costs about 4 us of CPU less than over TCP on the loopback interface, half of that in HAProxy and half in the
replica (docs/adr/0011). `edge/haproxy-launcher` uses the socket where it finds one, and the port elsewhere.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from socket import socket
from typing import Any

SOCKETS_FOLDER = "replicas"
"""In the folder of the edge's files. A socket has the name of its port."""

logger = logging.getLogger("ray.serve")


def listen_beside_ports(server: type[Any], folder: Path) -> None:
    """Let each server of this class, which is uvicorn.Server, that starts with a port listen at `folder/PORT.sock` too."""
    startup = server.startup

    async def startup_with_socket(self: Any, sockets: Sequence[socket] | None = None) -> None:
        await startup(self, sockets)
        for each in sockets or ():
            path = folder / f"{each.getsockname()[1]}.sock"
            try:
                self.servers.append(await _listen(self, path))  # uvicorn closes them together
            except Exception as error:  # noqa: BLE001 - the port serves, whatever another release of uvicorn has changed
                logger.warning("cannot listen at %s (%r): requests arrive over TCP", path, error)

    server.startup = startup_with_socket


async def _listen(server: Any, path: Path) -> asyncio.Server:
    config = server.config

    def protocol() -> asyncio.Protocol:
        made: asyncio.Protocol = config.http_protocol_class(
            config=config, server_state=server.server_state, app_state=server.lifespan.state
        )
        return made

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)  # of a process that has died
    return await asyncio.get_running_loop().create_unix_server(protocol, str(path), backlog=config.backlog)
