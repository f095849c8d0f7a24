"""The edge's files on disk, and the launcher that Ray Serve starts in HAProxy's place."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.connections import connections, most_files
from modelyard.edge.error_responses import ERROR_FILE, render_error
from modelyard.edge.frontends import GATEWAY_BACKEND, render
from modelyard.edge.model_maps import LEAVING, REPLICAS_FILE, STATE_FILE, TIMEOUTS_FILE, Models, render_maps
from modelyard.edge.tls import BUNDLE_FILE, CLIENT_CA_FILE, TlsBundle

ADMIN_SOCKET = "admin.sock"
GATEWAY = f"backend {GATEWAY_BACKEND}\n"
"""Our frontends name it, and HAProxy refuses a name that it does not know."""
LAUNCHER = Path(__file__).parent / "haproxy-launcher"


@dataclass(frozen=True, slots=True)
class EdgeFiles:
    """Where the launcher looks; the names are known to it too."""

    folder: Path

    def write(self, server: ServerSpec, models: Models) -> None:
        """Write what differs; each file is replaced at once, since HAProxy may start at any moment."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in render_maps(models).items():  # first: the others name them
            self._replace(name, content)
        self._replace(ERROR_FILE, render_error())
        for name in (REPLICAS_FILE, STATE_FILE):
            (self.folder / name).touch()
        most = connections(server.connections, most_files()).on_a_port
        self._replace("edge.cfg", render(server, models, connections=most, starting=False))
        self._replace("edge-starting.cfg", render(server, models, connections=most, starting=True))

    def write_changing(self, models: Iterable[str]) -> None:
        """The models that Serve may be building again: until it lists their replicas, those of before keep their places."""
        self._replace("changing", "".join(f"{name}\n" for name in sorted(models)))

    def write_leaving(self) -> None:
        """For HAProxy's next start: the server is about to stop."""
        self._replace(STATE_FILE, f"{LEAVING} 1\n")

    def write_identity(self, identity: TlsBundle) -> None:
        """For HAProxy's next start."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._replace(BUNDLE_FILE, identity.bundle)
        if identity.client_ca is not None:
            self._replace(CLIENT_CA_FILE, identity.client_ca)

    def timeouts(self) -> str:
        """The content of the map of time-outs."""
        return (self.folder / TIMEOUTS_FILE).read_text()

    def admin_sockets(self) -> list[Path]:
        """Of the running HAProxy; Serve puts it into a folder of the node's name."""
        return list(self.folder.glob(f"*/{ADMIN_SOCKET}"))

    @property
    def sockets(self) -> Path:
        """Where a HAProxy that Serve starts anew gets the sockets of the one that died."""
        return self.folder / "sockets.sock"

    def haproxy(self) -> int | None:
        """The process id of the HAProxy that Serve started last."""
        try:
            return int((self.folder / "haproxy.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def stand_in_command(self) -> list[str]:
        """A HAProxy of our own that serves as Serve's last did. Raises OSError.

        It has no admin socket: Serve would take it for its own.
        """
        served = (self.folder / "served.cfg").read_text()
        lines = [line for line in served.splitlines(keepends=True) if not line.lstrip().startswith("stats socket ")]
        self._replace("stand-in.cfg", "".join(lines))
        ours = "edge.cfg" if GATEWAY in lines else "edge-starting.cfg"
        files = [argument for name in ("stand-in.cfg", ours) for argument in ("-f", str(self.folder / name))]
        return [os.environ["MODELYARD_HAPROXY"], "-db", "-dR", *files, "-x", str(self.sockets)]

    def error(self) -> str:
        """What HAProxy said against our files at its last start; "" when it took them."""
        try:
            said = (self.folder / "error").read_text()
        except FileNotFoundError:
            return ""
        return "\n".join(line for line in said.splitlines() if not line.startswith("[NOTICE]"))

    def _replace(self, name: str, content: str | bytes) -> None:
        path, wanted = self.folder / name, content.encode() if isinstance(content, str) else content
        if not path.exists() or path.read_bytes() != wanted:
            partial = path.with_suffix(".partial")
            partial.touch(mode=0o600)  # one of them holds a private key
            partial.write_bytes(wanted)
            partial.replace(path)
