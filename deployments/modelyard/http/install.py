"""How the lane is put in front of Ray Serve."""

import logging
from typing import Any

from starlette.middleware import Middleware

from modelyard.http.path_prefix import PathPrefixMiddleware
from modelyard.http.middleware import RequestIdMiddleware

logger = logging.getLogger(__name__)

PROTOCOL = "modelyard.http.connection:FastPathProtocol"
"""Imported by uvicorn, and not here: where uvicorn or httptools are not as expected, that import is what fails."""


def install(uvicorn_config: Any = None, protocol: str = PROTOCOL) -> list[Middleware]:
    """Make uvicorn use the lane for connections it accepts from now on, if one request through it shows that this works.

    Serve calls this in every process that is about to start uvicorn (each replica, and the fallback proxy on the head node), and
    puts the middlewares it gets in front of its own. `uvicorn_config` is the module of that name.
    """
    try:
        # Imported here, because an import that fails is one of the ways in which it does not work.
        import uvicorn.config  # noqa: PLC0415

        from modelyard.http.self_test import self_test  # noqa: PLC0415

        config = uvicorn_config or uvicorn.config
        self_test(config, protocol)
        config.HTTP_PROTOCOLS["auto"] = protocol
    except Exception as error:  # noqa: BLE001 - a uvicorn that we do not know may fail in any way; it serves without the lane
        logger.warning("uvicorn is not as the fast lane expects (%r): requests take the ASGI path", error)
    return [Middleware(RequestIdMiddleware), Middleware(PathPrefixMiddleware)]
