"""A renewed certificate is used, however little of its file's metadata differs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from modelyard.config.server_spec import TlsSpec
from modelyard.control.tls_reload import TlsReload
from modelyard.edge.files import EdgeFiles
from modelyard.edge.tls import BUNDLE_FILE, CLIENT_CA_FILE
from modelyard.repository.safe_tree import identity_of

SPEC = TlsSpec(certificate="server.pem", key="server.key", client_ca="clients.pem")
SIZE_BYTES = 8192
"""Empty lines fill each file up to this size."""
AUTHORITY = trustme.CA()


def issue() -> tuple[bytes, bytes]:
    """A certificate with its chain, and its key, in files of the same size each time."""
    made = AUTHORITY.issue_cert("127.0.0.1")
    chain = b"".join(part.bytes() for part in made.cert_chain_pems)
    return chain.ljust(SIZE_BYTES, b"\n"), made.private_key_pem.bytes().ljust(SIZE_BYTES, b"\n")


def written_in_place(path: Path, content: bytes) -> None:
    """The same inode and size, and another modification time."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    after = path.stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)


def replaced(path: Path, content: bytes) -> None:
    """The same modification time and size, and another inode."""
    before = path.stat()
    other = path.with_suffix(".other")
    other.write_bytes(content)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


def grown(path: Path, content: bytes) -> None:
    """The same inode and modification time, and another size."""
    before = path.stat()
    path.write_bytes(content + b"\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def written_with_its_old_times(path: Path, content: bytes) -> None:
    """The same inode, size and modification time, in the way in which a copy that preserves times writes."""
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of the file system moves in ticks
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)


class Server:
    """The TLS files of a server without a running HAProxy."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reports: list[str] = []
        certificate, key = issue()
        (root / "server.pem").write_bytes(certificate)
        (root / "server.key").write_bytes(key)
        AUTHORITY.cert_pem.write_to_path(root / "clients.pem")
        self._reload = TlsReload(SPEC, root, EdgeFiles(root / "edge"))
        self._reload.start()

    def check(self) -> bytes:
        """What HAProxy has as certificate and key after a check of the files."""
        self._reload.check(self.reports.append)
        return (self.root / "edge" / BUNDLE_FILE).read_bytes()

    def client_ca(self) -> bytes:
        return (self.root / "edge" / CLIENT_CA_FILE).read_bytes()


WRITES = [written_in_place, replaced, grown, written_with_its_old_times]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.mark.parametrize("write", WRITES)
def test_a_renewed_certificate_is_used(server: Server, write: Callable[[Path, bytes], None]):
    before = server.check()
    certificate, key = issue()
    write(server.root / "server.pem", certificate)
    write(server.root / "server.key", key)
    after = server.check()
    assert after != before
    assert after.replace(b"\n", b"") == (certificate + key).replace(b"\n", b"")
    assert server.reports == []


@pytest.mark.parametrize("write", WRITES)
def test_renewed_client_authorities_are_used(server: Server, write: Callable[[Path, bytes], None]):
    path = server.root / "clients.pem"
    path.write_bytes(path.read_bytes().ljust(SIZE_BYTES, b"\n"))
    server.check()
    other = trustme.CA().cert_pem.bytes()
    write(path, other.ljust(SIZE_BYTES, b"\n"))
    server.check()
    assert server.client_ca().strip() == other.strip()


@pytest.mark.parametrize("field", ["st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns"])
def test_each_field_alone_distinguishes_two_files(field: str):
    """A network file system may change only one of them."""
    assert identity_of(status()) == identity_of(status())
    assert identity_of(status(**{field: 1})) != identity_of(status())


def status(
    *, st_dev: int = 0, st_ino: int = 0, st_size: int = 0, st_mtime_ns: int = 0, st_ctime_ns: int = 0
) -> os.stat_result:
    times = {"st_mtime_ns": st_mtime_ns, "st_ctime_ns": st_ctime_ns}
    return os.stat_result((0o100600, st_ino, st_dev, 1, 0, 0, st_size, 0, 0, 0), times)


def test_a_key_that_does_not_fit_is_reported_once_and_the_next_good_pair_is_used(server: Server):
    before = server.check()
    certificate, key = issue()
    written_in_place(server.root / "server.key", key)
    assert [server.check(), server.check()] == [before, before]
    assert len(server.reports) == 1
    written_in_place(server.root / "server.pem", certificate)
    assert server.check() != before
    assert len(server.reports) == 1


def test_a_certificate_that_is_missing_for_a_moment_is_used_when_it_is_back(server: Server):
    before = server.check()
    path = server.root / "server.pem"
    content = path.read_bytes()
    path.unlink()
    assert server.check() == before
    assert "server.pem cannot be read" in server.reports[0]
    path.write_bytes(content)
    assert server.check() == before
    assert len(server.reports) == 1


def test_files_that_only_have_another_time_are_not_written_again(server: Server):
    server.check()
    bundle = server.root / "edge" / BUNDLE_FILE
    inode = bundle.stat().st_ino
    written_in_place(server.root / "server.pem", (server.root / "server.pem").read_bytes())
    server.check()
    assert bundle.stat().st_ino == inode


def test_certificates_that_cannot_be_written_are_reported_and_tried_again(server: Server):
    before = server.check()
    certificate, key = issue()
    replaced(server.root / "server.pem", certificate)
    replaced(server.root / "server.key", key)
    edge, away = server.root / "edge", server.root / "away"
    edge.rename(away)
    edge.write_text("a file in the folder's place")
    for _ in range(2):
        with pytest.raises(NotADirectoryError):
            server.check()
    assert ["cannot be written" in report for report in server.reports] == [True, True]
    edge.unlink()
    away.rename(edge)
    assert server.check() != before
