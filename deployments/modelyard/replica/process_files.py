"""Opens the files of a replica: its log, the requests that run, and why the process ends."""

import builtins
import logging
from pathlib import Path

from ray import serve
from ray.serve._private import logging_utils

from modelyard.inference.running_requests import RUNNING
from modelyard.replica.exit_recorder import ExitRecorder
from modelyard.replica.log_handler import open_log
from modelyard.replica_files.paths import ReplicaFiles

logger = logging.getLogger("ray.serve")


def open_files(folder: Path, application: str) -> ExitRecorder:
    """Open the log, and record why the process ends. If the disk cannot be written, the replica serves without them.

    `folder` is that of all replicas' files; `application` is the model's or the pool's.
    """
    files = ReplicaFiles(folder, application, replica_id())
    try:
        open_log(files)
        RUNNING.open(files.running)
    except OSError as error:
        logger.warning("cannot write %s: %s", files.log, error)
    builtins.print = logging_utils.buildin_print  # replaces Serve's own, which adds no request ids
    exits = ExitRecorder(files)
    exits.install()
    return exits


def replica_id() -> str:
    """Serve's id of this replica."""
    replica: str = serve.get_replica_context().replica_id.unique_id
    return replica
