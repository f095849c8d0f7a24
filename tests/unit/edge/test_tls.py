"""TLS at the edge, with a real HAProxy: client certificates, and reloading of certificates."""

import socket
import ssl
from pathlib import Path

import pytest
import trustme

from modelyard.config.server_spec import TlsSpec
from modelyard.control.tls_reload import TlsReload
from modelyard.edge.tls import BUNDLE_FILE
from tests.unit.edge.proxy import backend

FILES = TlsSpec(certificate="server.pem", key="server.key")
MUTUAL = TlsSpec(certificate="server.pem", key="server.key", client_ca="clients.pem")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def root(tmp_path: Path, authority: trustme.CA) -> Path:
    """The folder with the certificate files."""
    issue(authority, tmp_path)
    authority.cert_pem.write_to_path(tmp_path / "clients.pem")
    return tmp_path


def issue(authority: trustme.CA, root: Path) -> None:
    """A new certificate for 127.0.0.1."""
    made = authority.issue_cert("127.0.0.1")
    (root / "server.pem").write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
    made.private_key_pem.write_to_path(root / "server.key")


def client(authority: trustme.CA, *protocols: str) -> ssl.SSLContext:
    """A client that trusts only this authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(list(protocols) or ["http/1.1"])
    return context


def shake(port: int, context: ssl.SSLContext) -> tuple[bytes, str | None]:
    """The server's certificate, and the protocol that was agreed on."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        # With TLS 1.3 a missing client certificate is rejected after the handshake.
        if secure.selected_alpn_protocol() != "h2":
            secure.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert secure.recv(12).endswith(b" 200")
        return secure.getpeercert(binary_form=True) or b"", secure.selected_alpn_protocol()


class Messages:
    """Records messages for the operator."""

    def __init__(self) -> None:
        self.reported: list[str] = []

    def __call__(self, trouble: str) -> None:
        self.reported.append(trouble)


def test_both_ports_use_tls_and_models_get_x_forwarded_proto(edge, root, authority):
    TlsReload(FILES, root, edge.files).start()
    edge.write(tls=FILES.model_dump())
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}):
        assert edge.files.haproxy_error() == ""
        assert shake(edge.port, client(authority, "h2", "http/1.1"))[1] == "h2"
        assert shake(edge.port, client(authority))[1] == "http/1.1"
        assert shake(edge.grpc_port, client(authority, "h2"))[1] == "h2"
        assert gateway.requests[0][1]["x-forwarded-proto"] == "https"
    assert (edge.folder / BUNDLE_FILE).stat().st_mode & 0o077 == 0


def test_a_client_without_a_required_certificate_is_rejected(edge, root, authority):
    TlsReload(MUTUAL, root, edge.files).start()
    edge.write(tls=MUTUAL.model_dump())
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shake(edge.port, client(authority))
        assert gateway.requests == []
        known = client(authority)
        authority.issue_cert("someone@example.org").configure_cert(known)
        shake(edge.port, known)


def test_a_new_certificate_is_used_without_a_restart_and_a_bad_one_is_not(edge, root, authority, admin):
    watch, messages = TlsReload(FILES, root, edge.files), Messages()
    watch.start()
    edge.write(tls=FILES.model_dump())
    (edge.folder / "node").mkdir()
    (edge.folder / "node" / "admin.sock").symlink_to(admin)
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}, admin=admin):
        first, _ = shake(edge.port, client(authority))
        watch.check(messages)
        assert shake(edge.port, client(authority))[0] == first

        (root / "server.key").write_text("no key")
        watch.check(messages)
        watch.check(messages)
        assert len(messages.reported) == 1, "reported once while the files are the same"
        assert "server.key are not a certificate and its key" in messages.reported[0]
        assert shake(edge.port, client(authority))[0] == first

        issue(authority, root)
        watch.check(messages)
        second, _ = shake(edge.port, client(authority))
        assert second != first
        assert len(messages.reported) == 1


def test_an_admin_socket_that_does_not_respond_is_reported_and_tried_again(edge, root, authority):
    watch, messages = TlsReload(FILES, root, edge.files), Messages()
    watch.start()
    (edge.folder / "node").mkdir()
    (edge.folder / "node" / "admin.sock").touch()
    issue(authority, root)
    watch.check(messages)
    watch.check(messages)
    assert len(messages.reported) == 2
    assert "does not respond" in messages.reported[0]
