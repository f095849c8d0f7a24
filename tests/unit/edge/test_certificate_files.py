"""Which certificates the server accepts, and the form in which HAProxy gets them."""

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from modelyard.config.server_spec import TlsSpec
from modelyard.edge.tls import TlsError, read_tls_bundle

FILES = TlsSpec(certificate="server.pem", key="server.key")
MUTUAL = TlsSpec(certificate="server.pem", key="server.key", client_ca="clients.pem")
AUTHORITY = trustme.CA()
ISSUED = AUTHORITY.issue_cert("127.0.0.1")
CERTIFICATE = b"".join(part.bytes() for part in ISSUED.cert_chain_pems)
KEY = ISSUED.private_key_pem.bytes()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder with the files; some lines are empty, and end as on Windows."""
    (tmp_path / "server.pem").write_bytes(b"\n" + CERTIFICATE.replace(b"\n", b"\r\n") + b"\r\n\r\n")
    (tmp_path / "server.key").write_bytes(KEY + b"\n  \n")
    (tmp_path / "clients.pem").write_bytes(b"\n\n" + AUTHORITY.cert_pem.bytes())
    return tmp_path


def test_haproxy_gets_certificate_and_key_without_empty_lines(root: Path):
    tls = read_tls_bundle(FILES, root)
    assert tls.bundle == CERTIFICATE + KEY
    assert tls.client_ca is None


def test_the_authorities_of_clients_are_read_too(root: Path):
    tls = read_tls_bundle(MUTUAL, root)
    assert tls.bundle == CERTIFICATE + KEY
    assert tls.client_ca == AUTHORITY.cert_pem.bytes()


def test_an_absolute_path_is_used_as_it_is(root: Path, tmp_path: Path):
    spec = TlsSpec(certificate=str(root / "server.pem"), key=str(root / "server.key"))
    assert read_tls_bundle(spec, tmp_path / "elsewhere").bundle == CERTIFICATE + KEY


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("server.pem", None, r"server\.pem cannot be read: No such file or directory$"),
        ("server.key", None, r"server\.key cannot be read: No such file or directory$"),
        ("clients.pem", None, r"clients\.pem cannot be read: No such file or directory$"),
        (
            "server.key",
            trustme.CA().private_key_pem.bytes(),
            r"are not a certificate and its key: KEY_VALUES_MISMATCH$",
        ),
        ("server.pem", b"no PEM", r"server\.pem and .*server\.key are not a certificate and its key: \S"),
        ("clients.pem", b"no PEM", r"clients\.pem contains no certificates: \S"),
    ],
)
def test_the_error_names_the_file_and_the_reason(root: Path, name: str, content: bytes | None, reason: str):
    if content is None:
        (root / name).unlink()
    else:
        (root / name).write_bytes(content)
    with pytest.raises(TlsError, match=reason):
        read_tls_bundle(MUTUAL, root)


def test_an_encrypted_key_is_an_error_and_no_prompt(root: Path):
    key = load_pem_private_key(KEY, None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (root / "server.key").write_bytes(encrypted)
    with pytest.raises(TlsError, match="are not a certificate and its key"):
        read_tls_bundle(FILES, root)
