"""A project folder of a test's own, and the real server on it: `modelyard up` in a process, on its own ports."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from modelyard.control.ports import free_ports

REPOSITORY = Path(__file__).parents[2] / "model_repository"
COMMAND = str(Path(sys.executable).with_name("modelyard"))
START_S, CHANGE_S = 420.0, 180.0
"""How long a busy two-core machine may take; nothing waits so long when all is well."""
UP_LINE = "watching serve_config"


class Project:
    """`serve_config/` and `model_repository/` in a folder."""

    def __init__(self, root: Path, server_yaml: str = "") -> None:
        self.root = root
        self.port, self.grpc_port, self.metrics_port, self.page_port, *exporters = free_ports(6)
        self.edge_metrics_port, self.ray_metrics_port = exporters
        self.models = root / "serve_config" / "models"
        self.repository = root / "model_repository"
        self.models.mkdir(parents=True)
        self.repository.mkdir()
        page = f"http://127.0.0.1:{self.page_port}"
        if "address:" in server_yaml:  # a cluster's, which has no frontends of ours
            listen, ports = f"http: {{port: {self.port}}}\n", {"port": self.metrics_port}
        else:
            listen = f"http: {{port: {self.port}, cors: ['{page}']}}\ngrpc: {{port: {self.grpc_port}}}\n"
            ports = {"port": self.metrics_port, "edge_port": self.edge_metrics_port, "ray_port": self.ray_metrics_port}
        metrics = f"metrics: {json.dumps(ports)}\n"
        self.write(root / "serve_config" / "server.yaml", f"{listen}{metrics}{server_yaml}")

    def write(self, path: Path, text: str) -> None:
        """Replace a file at once, as an editor does."""
        partial = path.with_suffix(".partial")
        partial.write_text(textwrap.dedent(text))
        partial.replace(path)

    def configure(self, name: str, text: str = "") -> None:
        """The model's YAML."""
        self.write(self.models / f"{name}.yaml", f"name: {name}\n{textwrap.dedent(text)}")

    def add_example(self, example: str, name: str = "", version: int = 1) -> None:
        """Copy a trained example's version 1, by the way that the README recommends."""
        self.publish(name or example, version, lambda folder: shutil.copytree(REPOSITORY / example / "1", folder))

    def add_python(self, name: str, code: str, version: int = 1) -> None:
        """A model of the python runtime, in the module `model`, class `Model`."""

        def make(folder: Path) -> None:
            folder.mkdir()
            (folder / "model.py").write_text(textwrap.dedent(code))

        self.publish(name, version, make)

    def publish(self, name: str, version: int, make: Callable[[Path], object]) -> None:
        """Make a version aside and rename it into place."""
        model = self.repository / name
        model.mkdir(exist_ok=True)
        partial = model / f".{version}.partial"
        make(partial)
        partial.rename(model / str(version))


class Server:
    """`modelyard up`, running."""

    def __init__(
        self,
        project: Project,
        environment: Mapping[str, str] | None = None,
        *options: str,
        before: Sequence[str] = (),
        host: str = "127.0.0.1",
        command: str = COMMAND,
    ) -> None:
        """`options` are those of `modelyard up`; `before` is a command that starts it; `host` is where clients find it; `command`
        is the installed `modelyard`."""
        self.project = project
        self.environment = {**os.environ, **(environment or {})}
        self.url = f"http://{host}:{project.port}"
        self.output = project.root / "up.log"
        self.http = requests.Session()
        self.http.trust_env = False
        with self.output.open("wb") as log:
            self.process = subprocess.Popen(
                [*before, command, "up", *options],
                cwd=project.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,  # as a service has it: SIGHUP of a terminal would stop the server
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_up(self) -> None:
        """Until the start-up is over."""
        self.wait_for(lambda: UP_LINE in self.printed(), START_S, "the server to start")

    def printed(self) -> str:
        """What the operator has read so far."""
        return self.output.read_text(errors="replace")

    def wait_for(self, true: Callable[[], bool], timeout_s: float = CHANGE_S, what: str = "") -> None:
        """Poll until something is so; fails with the server's output."""
        deadline = time.monotonic() + timeout_s
        while not true():
            assert self.process.poll() is None, f"the server ended:\n{self.printed()}"
            assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what or true}:\n{self.printed()}"
            time.sleep(0.1)

    def wait_printed(self, text: str, timeout_s: float = CHANGE_S) -> None:
        """Until the operator reads this."""
        self.wait_for(lambda: text in self.printed(), timeout_s, f"{text!r} to be printed")

    def get(self, path: str) -> requests.Response:
        """One request."""
        return self.http.get(self.url + path, timeout=30)

    def predict(self, name: str, body: Any, **options: Any) -> requests.Response:
        """`POST /models/<name>/predict` with JSON."""
        return self.http.post(f"{self.url}/models/{name}/predict", json=body, timeout=60, **options)

    def answers(self, name: str, body: Any) -> bool:
        """Whether the model answers now."""
        try:
            return self.predict(name, body).status_code == 200
        except requests.RequestException:
            return False

    def models(self) -> dict[str, dict[str, Any]]:
        """`GET /models` by name."""
        return {model["name"]: model for model in self.get("/models").json()["models"]}

    def replicas(self, name: str) -> list[int]:
        """Process ids of a model's replicas, from this server's own tree."""
        return [pid for pid, title in self.processes().items() if title.startswith(f"ray::ServeReplica:{name}:")]

    def processes(self) -> dict[int, str]:
        """Everything below the server, with command lines."""
        from modelyard.control.process_tree import descendants

        found = {}
        for pid in descendants(self.process.pid):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if line:
                found[pid] = line
        return found

    def pids(self, part: str) -> list[int]:
        """Of what has `part` in its command line; at least one."""
        found = [pid for pid, line in self.processes().items() if part in line]
        assert found, f"no process has {part!r} in its command line"
        return found

    def kill(self, part: str) -> None:
        """Kill what has `part` in its command line: after a change a second, draining HAProxy may run beside the first."""
        for pid in self.pids(part):
            with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(pid, signal.SIGKILL)

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `modelyard` beside the server."""
        done = subprocess.run(
            [COMMAND, *arguments],
            cwd=self.project.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def status(self) -> dict[str, dict[str, Any]]:
        """`modelyard status -o json` by name."""
        told = json.loads(self.command("status", "-o", "json", check=False).stdout)
        return {model["name"]: model for model in told["models"]}

    def stop(self) -> None:
        """Ctrl-C, and wait for the end. SIGTERM would take `drain_s` longer."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.http.close()
