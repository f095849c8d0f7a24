"""The TLS files of a running server: told when they are bad, taken into use when they change."""

from collections.abc import Callable
from pathlib import Path

from modelyard.config.server_spec import TlsSpec
from modelyard.control.writes import reason_of
from modelyard.edge.admin_socket import AdminError, renew
from modelyard.edge.files import EdgeFiles
from modelyard.edge.tls import TlsBundle, TlsError, read_tls_bundle


class TlsReload:
    """Looks at the files as often as it is asked to; none of it costs a connection."""

    def __init__(self, spec: TlsSpec, root: Path, edge: EdgeFiles) -> None:
        self._spec = spec
        self._root = root
        self._edge = edge
        self._files = [root / path for path in (spec.certificate, spec.key, spec.client_ca) if path]
        self._seen: list[tuple[int, int, int] | None] = []
        self._used: TlsBundle | None = None

    def start(self) -> None:
        """Write the first identity. Raises TlsError: a server does not start without the TLS that it was told to have."""
        self._seen = self._stamps()
        self._used = read_tls_bundle(self._spec, self._root)
        self._edge.write_identity(self._used)

    def check(self, tell: Callable[[str], None]) -> None:
        """Take changed files into use; `tell` is told if they cannot be, and the old ones stay in use."""
        stamps = self._stamps()
        if stamps == self._seen:
            return
        try:
            identity = read_tls_bundle(self._spec, self._root)
            if identity != self._used:
                self._edge.write_identity(identity)
                for socket in self._edge.admin_sockets():
                    renew(socket, identity)
                self._used = identity
        except TlsError as error:
            tell(f"{error}; the certificate that was in use stays in use")
        except AdminError as error:
            tell(f"HAProxy did not take the new certificate: {error}")
            return  # HAProxy may be starting just now: the next look tries again
        except OSError as error:  # a full disk
            tell(f"the new certificate cannot be written: {reason_of(error)}; the one that was in use stays in use")
            return
        self._seen = stamps

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        """What changes when a file is written or another is put in its place, links followed."""
        return [_stamp(path) for path in self._files]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
