"""Reloads the TLS files of a running server when they change, and reports invalid ones."""

from collections.abc import Callable
from pathlib import Path

from modelyard.config.server_spec import TlsSpec
from modelyard.control.writes import reason_of
from modelyard.edge.admin_socket import AdminError, update_certificate
from modelyard.edge.files import EdgeFiles
from modelyard.edge.tls import TlsBundle, TlsError, read_tls_bundle
from modelyard.repository.safe_tree import Identity, identity_of


class TlsReload:
    """Checks the files. A reload costs no connection."""

    def __init__(self, spec: TlsSpec, root: Path, edge: EdgeFiles) -> None:
        self._spec = spec
        self._root = root
        self._edge = edge
        self._files = [root / path for path in (spec.certificate, spec.key, spec.client_ca) if path]
        self._seen: list[Identity | None] = []
        self._used: TlsBundle | None = None

    def start(self) -> None:
        """Write the first certificate and key. Raises TlsError: a server with invalid TLS files does not start."""
        self._seen = self._stamps()
        self._used = read_tls_bundle(self._spec, self._root)
        self._edge.write_tls_bundle(self._used)

    def check(self, report: Callable[[str], None]) -> None:
        """Use changed files. `report` gets the reason if they are invalid; then the old ones stay in use."""
        stamps = self._stamps()
        if stamps == self._seen:
            return
        try:
            bundle = read_tls_bundle(self._spec, self._root)
            if bundle != self._used:
                self._edge.write_tls_bundle(bundle)
                for socket in self._edge.admin_sockets():
                    update_certificate(socket, bundle)
                self._used = bundle
        except TlsError as error:
            report(f"{error}; the previous certificate stays in use")
        except AdminError as error:
            report(f"HAProxy rejected the new certificate: {error}")
            return  # HAProxy may be starting: the next check tries again
        except OSError as error:  # a full disk
            report(f"the new certificate cannot be written: {reason_of(error)}; the previous one stays in use")
            return
        self._seen = stamps

    def _stamps(self) -> list[Identity | None]:
        """The files that are there now, links followed; None for a file that is missing."""
        return [_stamp(path) for path in self._files]


def _stamp(path: Path) -> Identity | None:
    try:
        return identity_of(path.stat())
    except OSError:
        return None
