"""Installs the fast path in front of Ray Serve."""

import logging
import os
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from modelyard.http.middleware import DrainingMiddleware, PathPrefixMiddleware, RequestIdMiddleware
from modelyard.http.unix_listener import SOCKETS_FOLDER, listen_beside_ports

EDGE_FOLDER = "MODELYARD_EDGE"
"""The environment variable with the folder of the edge's files, on a machine that has an edge."""

logger = logging.getLogger(__name__)

PROTOCOL = "modelyard.http.connection:FastPathProtocol"
"""uvicorn imports it. It is not imported here, because that fails where uvicorn or httptools are not as expected."""


def install(uvicorn_config: Any = None, protocol: str = PROTOCOL) -> list[Middleware]:
    """Make uvicorn use the fast path for connections that it accepts from here on, if the self-test passes.

    Serve calls this in every process that is about to start uvicorn (each replica, and the fallback proxy on the head node), and
    puts the middlewares that it returns before its own. `uvicorn_config` is the module of that name.
    """
    try:
        # Imported here, because a failing import is one of the failures to catch.
        import uvicorn  # noqa: PLC0415
        import uvicorn.config  # noqa: PLC0415

        from modelyard.http.self_test import self_test  # noqa: PLC0415

        config = uvicorn_config or uvicorn.config
        self_test(config, protocol)
        config.HTTP_PROTOCOLS["auto"] = protocol
    except Exception as error:  # noqa: BLE001 - another release of uvicorn may fail in any way; it serves without the fast path
        logger.warning("the HTTP fast path is off, as its self-test failed (%r): requests take the slow path", error)
    else:
        if edge := os.environ.get(EDGE_FOLDER):
            listen_beside_ports(uvicorn.Server, Path(edge, SOCKETS_FOLDER))
    return [Middleware(RequestIdMiddleware), Middleware(PathPrefixMiddleware), Middleware(DrainingMiddleware)]
