"""The only module that calls Ray Serve's API: start, deploy, observe, stop."""

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
from modelyard.control.followed_settings import join, split
from modelyard.control.hub_view import HubView
from modelyard.control.pools import fold, unfold
from modelyard.control.serve_config import ServeConfig, by_name
from modelyard.control.serve_details import ServeDetails
from modelyard.control.status import Running
from modelyard.control.worker_imports import InstalledPackagesOnly
from modelyard.ray_serve.hub import HubClient

REQUEST_TIMEOUT_S = 3600
"""Serve's own limit on a request. The scheduler's deadline comes first; only streams reach it."""


class ServeClient:
    """A connection to Serve in a cluster that this process is attached to."""

    def __init__(self, client: ServeControllerClient) -> None:
        self._client = client
        self._details = ServeDetails(client.get_serve_details, self._statuses)
        self._seen = Running({})
        self._unfolded = Running({})
        self._hub = HubView(HubClient())

    @classmethod
    def start(cls, *, proxy_location: str, port: int, host: str = "127.0.0.1") -> "ServeClient":
        """Start Serve, or connect to it if it runs. Replicas and Serve's own frontend listen on `host`."""
        options = {
            "host": host,
            "port": port,
            "request_timeout_s": REQUEST_TIMEOUT_S,
            "keep_alive_timeout_s": REQUEST_TIMEOUT_S,
        }
        try:
            return cls(serve_start(http_options=options, proxy_location=proxy_location))
        except RayActorError:
            # On a very busy machine Serve replaces its first proxy; Serve itself runs by then.
            return cls.find()

    @classmethod
    def find(cls) -> "ServeClient":
        """Connect to the running Serve. Raises RayServeException if there is none."""
        return cls(_get_global_client())

    def deploy(self, config: ServeConfig) -> None:
        """Make Serve run exactly these applications and pools; returns before they are up. Raises ConnectionError.

        A change of the pools' models or of the gateway's catalogue alone does not reach Serve.
        """
        applications, settings = split(fold(config))
        self._hub.send(settings)  # first: an application that starts reads them
        if by_name(applications) == self._seen.configs:
            return
        try:
            self._client.deploy_apps(ServeDeploySchema.model_validate(applications))
        finally:
            self._details.forget()

    def running(self) -> Running:
        """Observe Serve. Raises ConnectionError if its controller does not respond."""
        try:
            details = self._details.read()
        except RayError as error:
            raise ConnectionError(f"Serve's controller does not respond: {error}") from error
        self._seen = Running(details["applications"]).after(self._seen)
        self._hub.observe(self._seen)
        self._unfolded = unfold(join(self._seen, self._hub.settings), self._hub.reports, self._unfolded)
        return self._unfolded

    def _statuses(self) -> object:
        """What changes when a status or a replica does, without the settings of the models."""
        statuses = self._client.list_serve_statuses()
        running = ray.get(self._client._controller._all_running_replicas.remote())
        replicas = {
            str(deployment): sorted(each.replica_id.unique_id for each in infos)
            for deployment, infos in running.items()
        }
        return statuses, replicas

    def cores(self) -> int:
        """The number of CPU cores of all nodes, as they were started."""
        return int(ray.cluster_resources().get("CPU", 1))

    def shutdown(self) -> None:
        """Drain and stop every replica and proxy."""
        self._client.shutdown()


def attach(address: str, *, frontend: Listen | None = None) -> ServeClient:
    """Connect this process to a running cluster. Raises ConnectionError if there is none, or no Serve in it.

    With `frontend`, Serve is started if it does not run, with its own frontend on that address of every node.
    """
    try:
        ray.init(
            address=address,
            namespace=SERVE_NAMESPACE,
            job_config=InstalledPackagesOnly(),
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
    """Disconnect from the cluster, which keeps running."""
    ray.shutdown()
