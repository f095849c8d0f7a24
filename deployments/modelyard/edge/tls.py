"""The server's certificates, checked before HAProxy reads them: HAProxy does not start with an invalid one."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.server_spec import TlsSpec

BUNDLE_FILE = "tls.pem"
CLIENT_CA_FILE = "client-ca.pem"


class TlsError(Exception):
    """A file cannot be used. The one argument names it, and says why."""


@dataclass(frozen=True, slots=True)
class TlsBundle:
    """PEM without empty lines, which would end a command on HAProxy's admin socket."""

    bundle: bytes
    """Certificate, chain and key."""
    client_ca: bytes | None
    """None if clients need no certificate."""


def read_tls_bundle(spec: TlsSpec, root: Path) -> TlsBundle:
    """Read and check the files. Relative paths start at `root`. Raises TlsError."""
    certificate, key = root / spec.certificate, root / spec.key
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = b"\n".join((_read(certificate), _read(key)))
    try:
        # Without a passphrase argument OpenSSL would prompt on the terminal; an empty one makes an encrypted key an error.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        raise TlsError(f"{certificate} and {key} are not a certificate and its key: {_reason(error)}") from error
    if spec.client_ca is None:
        return TlsBundle(_without_empty_lines(pem), None)
    authorities = root / spec.client_ca
    client_ca = _read(authorities)
    try:
        context.load_verify_locations(authorities)
    except (ssl.SSLError, OSError) as error:
        raise TlsError(f"{authorities} contains no certificates: {_reason(error)}") from error
    return TlsBundle(_without_empty_lines(pem), _without_empty_lines(client_ca))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)


def _without_empty_lines(pem: bytes) -> bytes:
    return b"".join(line.strip() + b"\n" for line in pem.splitlines() if line.strip())
