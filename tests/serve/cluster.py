"""A Ray cluster of one node, started with `ray start`, in the environment that docs/operations.md describes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from modelyard.control.ports import free_ports
from modelyard.control.process_tree import descendants
from tests.serve.project import START_S

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
RAY = str(Path(sys.executable).with_name("ray"))


class Cluster:
    """Runs until `stop`."""

    def __init__(self, folder: Path) -> None:
        self.output = folder / "ray.log"
        (self.port,) = free_ports(1)
        self.address = f"127.0.0.1:{self.port}"
        token = folder / "token"
        token.write_text("of this test")
        self.environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        command = [RAY, "start", "--head", "--block", f"--port={self.port}", "--node-ip-address=127.0.0.1"]
        options = ["--num-cpus=4", "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder / 'ray'}"]
        # Ray's fixed port range for workers would conflict with the other server of this session.
        ports = ["--min-worker-port=0", "--max-worker-port=0", f"--ray-client-server-port={free_ports(1)[0]}"]
        with self.output.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *options, *ports, "--object-store-memory=100000000"],
                env={**os.environ, **self.environment, **documented(), **apart(folder)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_up(self) -> None:
        """Wait until the node runs."""
        deadline = time.monotonic() + START_S
        while "Ray runtime started" not in self.output.read_text():
            assert self._process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the node and all of its processes."""
        below = descendants(self._process.pid)
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def documented() -> dict[str, str]:
    """The environment that the documentation requires on every node."""
    return dict(re.findall(r"^(RAY_SERVE_\w+)=(\S+)$", OPERATIONS.read_text(), re.MULTILINE))


def apart(folder: Path) -> dict[str, str]:
    """Settings that avoid conflicts with other servers on this machine."""
    names = ("FALLBACK_PROXY_HTTP_PORT", "HAPROXY_METRICS_PORT", "HAPROXY_STATS_PORT")
    files = {"CONFIG_FILE_LOC": "h.cfg", "SOCKET_PATH": "a", "METRICS_SOCKET_PATH": "m", "SERVER_STATE_FILE": "s"}
    return {
        **{f"RAY_SERVE_{name}": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)},
        **{f"RAY_SERVE_HAPROXY_{name}": str(folder / file) for name, file in files.items()},
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
    }
