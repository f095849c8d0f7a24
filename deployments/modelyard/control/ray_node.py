"""A Ray head node on this machine, started and stopped with this process."""

import logging
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import ray
from ray._private import services, worker
from ray.serve._private.constants import SERVE_NAMESPACE

from modelyard.control.process_tree import command_of, descendants
from modelyard.control.ray_processes import changed_processes, patched, supervised_agents
from modelyard.control.startup_wait import retried
from modelyard.control.worker_imports import InstalledPackagesOnly

OBJECT_STORE_BYTES = 96 * 2**20
"""Requests do not pass the object store; Ray's minimum is 75 MiB."""
LOOPBACK = "127.0.0.1"


class RayNode:
    """A Ray head node."""

    def __init__(
        self,
        run_dir: Path,
        cpus: float | None,
        metrics_port: int,
        slow: Callable[[float], None],
        worker_command: list[str],
    ) -> None:
        """`worker_command` starts the workers; see `worker_forks`.

        `slow` is called with the seconds waited so far, from time to time, if Ray takes long to start."""
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        with _waiting_for_the_raylet(slow), _on_loopback(), changed_processes(worker_command):
            context = ray.init(
                num_cpus=None if cpus is None else max(1, round(cpus)),
                namespace=SERVE_NAMESPACE,
                job_config=InstalledPackagesOnly(),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=str(run_dir),
                _node_ip_address=LOOPBACK,
                _metrics_export_port=metrics_port,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=False,
            )
        self.address: str = context.address_info["gcs_address"]
        self.session_dir = Path(context.address_info["session_dir"])

    def dead_processes(self) -> list[str]:
        """Names of Ray's own processes that have died, such as "raylet" and "gcs_server"."""
        node = worker._global_node
        return [] if node is None else [str(name) for name, _ in node.dead_processes()]

    def keep_logs(self, folder: Path) -> None:
        """Copy the logs of replicas, proxies and the controller to a folder that outlives the node. Raises OSError."""
        logs = self.session_dir / "logs" / "serve"
        if logs.exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(logs, folder, dirs_exist_ok=True)

    def stop(self) -> None:
        """End Ray's processes. Agents are killed: they would notice only after seconds that the raylet has ended."""
        agents = supervised_agents()
        ray.shutdown()
        for pid in agents:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _waiting_for_the_raylet(slow: Callable[[float], None]) -> AbstractContextManager[None]:
    """Wait longer than Ray's 30 s for its raylet, for which Ray has no setting. On a busy machine, Ray would give up and start
    again, which makes the machine busier."""
    return patched(services, "get_node", retried(services.get_node, is_alive=_raylet_is_alive, slow=slow))


def _on_loopback() -> AbstractContextManager[None]:
    """Keep Ray on 127.0.0.1. It would replace this address by the machine's own and listen on all of them: two dozen ports, its
    metrics, and a token in clear text. All processes of this node are on this machine."""
    return patched(services, "resolve_ip_for_localhost", lambda host: host)


def _raylet_is_alive() -> bool:
    return any(command_of(pid)[:1] == [services.RAYLET_EXECUTABLE] for pid in descendants(os.getpid()))
