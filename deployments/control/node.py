"""Ray on this machine, in the background of this process: started, watched and stopped as one."""

import logging
import shutil
from pathlib import Path

import ray
from ray._private import worker
from ray.serve._private.constants import SERVE_NAMESPACE

OBJECT_STORE_BYTES = 96 * 2**20
"""Requests do not pass the object store; Ray's minimum is 75 MiB."""


class Node:
    """A Ray head node of our own."""

    def __init__(self, run_dir: Path, cpus: float | None, metrics_port: int) -> None:
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        context = ray.init(
            num_cpus=None if cpus is None else max(1, round(cpus)),
            namespace=SERVE_NAMESPACE,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=str(run_dir),
            _node_ip_address="127.0.0.1",
            _metrics_export_port=metrics_port,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
        )
        self.address: str = context.address_info["gcs_address"]
        self.session_dir = Path(context.address_info["session_dir"])

    def dead_processes(self) -> list[str]:
        """Names of Ray's own processes that have ended ("raylet", "gcs_server"); empty while the node is well."""
        return [str(name) for name, _ in worker._global_node.dead_processes()]

    def keep_logs(self, folder: Path) -> None:
        """Copy what replicas, proxies and the controller wrote to where it outlives the node."""
        logs = self.session_dir / "logs" / "serve"
        if logs.exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(logs, folder, dirs_exist_ok=True)

    def stop(self) -> None:
        """End Ray's processes."""
        ray.shutdown()
