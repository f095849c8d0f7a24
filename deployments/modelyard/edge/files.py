"""The edge's files on disk, and the launcher that Ray Serve starts as its HAProxy."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.connections import connection_limits, max_open_files
from modelyard.edge.error_responses import ERROR_FILE, render_error_file
from modelyard.edge.frontends import GATEWAY_BACKEND, render
from modelyard.edge.model_maps import LIVE_FILES, REPLICAS_FILE, STATE_FILE, STOPPING, Models, render_maps
from modelyard.edge.tls import BUNDLE_FILE, CLIENT_CA_FILE, TlsBundle

ADMIN_SOCKET = "admin.sock"
GATEWAY_BACKEND_LINE = f"backend {GATEWAY_BACKEND}\n"
"""The frontends refer to this backend, and HAProxy rejects a reference to an unknown one."""
LAUNCHER = Path(__file__).parent / "haproxy-launcher"


@dataclass(frozen=True, slots=True)
class EdgeFiles:
    """The folder that the launcher reads. The launcher knows the file names too."""

    folder: Path

    def write(self, server: ServerSpec, models: Models) -> None:
        """Write the files that differ. Each is replaced atomically, since HAProxy may start at any moment."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in render_maps(models).items():  # first: the configuration files refer to them
            self._replace(name, content)
        self._replace(ERROR_FILE, render_error_file())
        for name in (REPLICAS_FILE, STATE_FILE):
            (self.folder / name).touch()
        most = connection_limits(server.connections, max_open_files()).per_port
        self._replace("edge.cfg", render(server, models, connections=most, starting=False))
        self._replace("edge-starting.cfg", render(server, models, connections=most, starting=True))

    def write_updating(self, applications: Iterable[str]) -> None:
        """Record what Serve may rebuild. Until Serve lists replicas of these again, the launcher keeps the previous ones."""
        self._replace("updating", "".join(f"{name}\n" for name in sorted(applications)))

    def write_stopping(self) -> None:
        """Record for HAProxy's next start that the server is about to stop."""
        self._replace(STATE_FILE, f"{STOPPING} 1\n")

    def write_tls_bundle(self, tls: TlsBundle) -> None:
        """The certificates for HAProxy's next start."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._replace(BUNDLE_FILE, tls.bundle)
        if tls.client_ca is not None:
            self._replace(CLIENT_CA_FILE, tls.client_ca)

    def live_maps(self) -> dict[str, str]:
        """The content of the maps that change in the running HAProxy, by file name."""
        return {name: (self.folder / name).read_text() for name in LIVE_FILES}

    def admin_sockets(self) -> list[Path]:
        """Of the running HAProxy. Serve puts the socket into a folder that is named after the node."""
        return list(self.folder.glob(f"*/{ADMIN_SOCKET}"))

    @property
    def sockets_path(self) -> Path:
        """The socket from which a restarted HAProxy gets the listening sockets of the one that died."""
        return self.folder / "sockets.sock"

    def haproxy_pid(self) -> int | None:
        """The process id of the HAProxy that Serve started last."""
        try:
            return int((self.folder / "haproxy.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def standby_command(self) -> list[str]:
        """The command of a standby HAProxy that serves as Serve's last one did. Raises OSError.

        The standby has no admin socket: Serve would mistake it for its own HAProxy.
        """
        served = (self.folder / "served.cfg").read_text()
        lines = [line for line in served.splitlines(keepends=True) if not line.lstrip().startswith("stats socket ")]
        self._replace("standby.cfg", "".join(lines))
        frontends = "edge.cfg" if GATEWAY_BACKEND_LINE in lines else "edge-starting.cfg"
        files = [argument for name in ("standby.cfg", frontends) for argument in ("-f", str(self.folder / name))]
        return [os.environ["MODELYARD_HAPROXY"], "-db", "-dR", *files, "-x", str(self.sockets_path)]

    def haproxy_error(self) -> str:
        """Why HAProxy rejected the edge's files at its last start; "" if it accepted them."""
        try:
            output = (self.folder / "error").read_text()
        except FileNotFoundError:
            return ""
        return "\n".join(line for line in output.splitlines() if not line.startswith("[NOTICE]"))

    def _replace(self, name: str, content: str | bytes) -> None:
        path, wanted = self.folder / name, content.encode() if isinstance(content, str) else content
        if not path.exists() or path.read_bytes() != wanted:
            partial = path.with_suffix(".partial")
            partial.touch(mode=0o600)  # one of the files holds a private key
            partial.write_bytes(wanted)
            partial.replace(path)
