"""The only caller of Ray Serve's API: start, deploy, look, stop."""

import logging

import ray
from ray.exceptions import RayActorError, RayError
from ray.serve._private.api import serve_start
from ray.serve._private.client import ServeControllerClient
from ray.serve._private.constants import SERVE_NAMESPACE
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ServeDeploySchema

from modelyard.config.server_spec import Listen
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import Running

REQUEST_TIMEOUT_S = 3600
"""Serve's own limit on a request; the model server's deadline comes first. Longer streams are nobody's accident."""


class ServeClient:
    """A connection to Serve in a cluster that this process is attached to."""

    def __init__(self, client: ServeControllerClient) -> None:
        self._client = client
        self._seen = Running({})

    @classmethod
    def start(cls, *, proxy_location: str, port: int, host: str = "127.0.0.1") -> "ServeClient":
        """Start Serve, or find it running. Replicas and Serve's own frontend listen on `host`."""
        options = {
            "host": host,
            "port": port,
            "request_timeout_s": REQUEST_TIMEOUT_S,
            "keep_alive_timeout_s": REQUEST_TIMEOUT_S,
        }
        try:
            return cls(serve_start(http_options=options, proxy_location=proxy_location))
        except RayActorError:
            # On a machine that is very busy the first proxy is given up and replaced; Serve itself runs by then.
            return cls.find()

    @classmethod
    def find(cls) -> "ServeClient":
        """The running Serve. Raises RayServeException where there is none."""
        return cls(_get_global_client())

    def deploy(self, config: ServeConfig) -> None:
        """Make Serve run exactly these applications; returns before they are up."""
        self._client.deploy_apps(ServeDeploySchema.model_validate(config))

    def running(self) -> Running:
        """What runs now. Raises ConnectionError while the controller is away."""
        try:
            details = self._client.get_serve_details()
        except RayError as error:
            raise ConnectionError(f"Serve's controller does not answer: {error}") from error
        self._seen = Running(details["applications"]).after(self._seen)
        return self._seen

    def cores(self) -> int:
        """Of the whole cluster, as its nodes were started."""
        return int(ray.cluster_resources().get("CPU", 1))

    def shutdown(self) -> None:
        """Drain and stop every replica and proxy."""
        self._client.shutdown()


def attach(address: str, *, frontend: Listen | None = None) -> ServeClient:
    """Connect this process to a running cluster. Raises ConnectionError where there is none, or no Serve in it.

    `frontend` starts Serve where the cluster has none yet, with its own frontend on that address of every node.
    """
    try:
        ray.init(
            address=address,
            namespace=SERVE_NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
        )
        if frontend is None:
            return ServeClient.find()
        return ServeClient.start(proxy_location="EveryNode", port=frontend.port, host=frontend.host)
    except (ConnectionError, RayServeException, RayError) as error:
        raise ConnectionError(f"cannot reach the server at {address}: {error}") from error


def detach() -> None:
    """Leave the cluster as it is."""
    ray.shutdown()
