"""Client of the running server's control socket. Imports little, so that commands start quickly."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.control import control_socket
from modelyard.control.plan import NeedsConfirmation

VERSION = "v1"
CONNECT_S, STATUS_S, READ_S = 2.0, 5.0, 120.0
"""Time-outs: to connect, for a status, and for requests that read files."""


class RunningServer:
    """The socket of one server, and the configuration folder in the form that the operator used."""

    def __init__(self, state: Path, config_dir: Path) -> None:
        self._state = state
        self._config_dir = config_dir
        self._folder = os.path.abspath(config_dir)  # noqa: PTH100 - resolve() would follow a link to the folder

    def is_running(self) -> bool:
        """Whether a server listens on the socket."""
        try:
            control_socket.connect(self._state, CONNECT_S).close()
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return False
        return True

    def status(self) -> dict[str, Any]:
        """See `LiveState.as_json`. Raises ConnectionError."""
        return self._request("GET", "status", None, STATUS_S)

    def plan(self) -> dict[str, Any]:
        """See `FileOperations.plan`. Raises ConnectionError, and SpecError with the errors of the files."""
        return self._request("POST", "plan", {"config": self._folder}, READ_S)

    def apply(self, *, allow_removals: bool) -> dict[str, Any]:
        """See `FileOperations.apply`. Raises ConnectionError, SpecError and NeedsConfirmation."""
        return self._request("POST", "apply", {"config": self._folder, "allow_removals": allow_removals}, READ_S)

    def _request(self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float) -> dict[str, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} /{VERSION}/{path} HTTP/1.0\r\ncontent-length: {len(content)}\r\n\r\n"
        try:
            status, document = self._exchange(head.encode() + content, timeout_s)
        except TimeoutError:
            raise ConnectionError(f"the server at {self._where} did not respond within {timeout_s:g} s") from None
        except (OSError, ValueError) as error:
            raise ConnectionError(f"the connection to the server at {self._where} failed: {error}") from None
        if status == 422:
            raise SpecError(tuple(self._as_named(Diagnostic(**each)) for each in document["diagnostics"]))
        if status == 409:
            raise NeedsConfirmation(document["withheld"])
        if status == 404:
            raise ConnectionError(f"the running server and this command are of different releases: {document['error']}")
        if status != 200:
            raise ConnectionError(str(document.get("error", document)))
        return document

    def _exchange(self, request: bytes, timeout_s: float) -> tuple[int, dict[str, Any]]:
        with control_socket.connect(self._state, CONNECT_S) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                head, _, content = stream.read().partition(b"\r\n\r\n")
        _, code, *_ = head.split(b" ", 2)
        document: dict[str, Any] = json.loads(content)
        return int(code), document

    def _as_named(self, diagnostic: Diagnostic) -> Diagnostic:
        """With the path in the operator's form: the server may run in another folder."""
        if not diagnostic.path.startswith(self._folder):
            return diagnostic
        return replace(diagnostic, path=f"{self._config_dir}{diagnostic.path[len(self._folder) :]}")

    @property
    def _where(self) -> Path:
        return self._state / control_socket.NAME


def running_server(config_dir: Path) -> RunningServer | None:
    """The server of this configuration on this machine; None if none is running, or if Ray is a cluster.

    Raises PermissionError if it is another user's.
    """
    from modelyard.config.state_folder import state_folder  # noqa: PLC0415 - may import the YAML parser

    state = state_folder(config_dir, os.environ)
    if state is None or not (server := RunningServer(state, config_dir)).is_running():
        return None
    return server
