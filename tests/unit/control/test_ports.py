"""Free ports."""

import errno
import os
import re
import socket
from pathlib import Path

import pytest

from modelyard.control import ports
from modelyard.control.ports import (
    PORT_RANGE,
    bad_host,
    bad_port,
    check_listening,
    free_ports,
    haproxy_binary,
    in_use,
)


def test_free_ports_are_different_and_free():
    found = free_ports(20)
    assert len(set(found)) == 20
    for port in found:
        with socket.socket() as each:
            each.bind(("127.0.0.1", port))


def test_the_haproxy_that_comes_with_serve_can_be_run():
    assert os.access(haproxy_binary(), os.X_OK)


def test_a_port_with_a_listener_is_in_use_even_if_it_is_shared():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert in_use("127.0.0.1", port)
    assert not in_use("127.0.0.1", port)


def test_free_ports_are_none_of_those_that_outgoing_connections_get():
    least, most = map(int, PORT_RANGE.read_text().split())
    assert not [port for port in free_ports(50) if least <= port <= most]


@pytest.mark.parametrize("text", [None, "", "20000 65535"])
def test_free_ports_are_found_if_the_kernels_port_range_is_unknown_or_covers_all_ports(tmp_path, monkeypatch, text):
    if text is not None:
        (tmp_path / "range").write_text(text)
    monkeypatch.setattr(ports, "PORT_RANGE", tmp_path / "range")
    assert len(free_ports(3)) == 3


def test_an_address_of_another_machine_is_a_bad_host(monkeypatch: pytest.MonkeyPatch):
    assert bad_host("192.0.2.1", 0) == "this machine has no address 192.0.2.1"
    assert bad_host("127.0.0.1", 0) == ""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert bad_host("127.0.0.1", listener.getsockname()[1]) == "", "the port is in use, and the address is there"
    monkeypatch.setattr(ports, "_bind", lambda *_: socket.gaierror(socket.EAI_NONAME, "unknown"))
    assert bad_host("unknown.example", 0) == "this machine has no address unknown.example"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, ""),
        (OSError(errno.EADDRINUSE, "in use"), ""),
        (OSError(errno.EACCES, "forbidden"), "this user may not listen on port 80"),
        (OSError(errno.EINVAL, "Invalid argument"), "cannot listen on port 80: Invalid argument"),
    ],
)
def test_a_port_is_bad_if_this_user_could_never_listen_there(
    monkeypatch: pytest.MonkeyPatch, error: OSError | None, reason: str
):
    monkeypatch.setattr(ports, "_bind", lambda *_: error)
    assert bad_port("127.0.0.1", 80) == reason
    assert in_use("127.0.0.1", 80) is (error is not None and error.errno == errno.EADDRINUSE)


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "[::1]")])
def test_an_address_at_which_no_process_listens_is_an_error(family: socket.AddressFamily, host: str):
    with socket.create_server((host.strip("[]"), 0), family=family) as listener:
        address = f"{host}:{listener.getsockname()[1]}"
        check_listening(address)
    with pytest.raises(ConnectionError, match=f"cannot connect to {re.escape(address)}: .*refused"):
        check_listening(address)


def test_too_few_free_ports_are_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports, "_bind", lambda _, port: None if port in (30_000, 30_001) else OSError())
    monkeypatch.setattr(ports, "_outgoing_range", lambda: range(40_000, 50_000))
    assert sorted(free_ports(2)) == [30_000, 30_001]
    with pytest.raises(OSError, match="no free port") as raised:
        free_ports(3)
    assert raised.value.errno == errno.EADDRINUSE


def test_ports_are_chosen_between_those_of_ray_and_the_last(monkeypatch: pytest.MonkeyPatch):
    tried: list[int] = []
    monkeypatch.setattr(ports, "_bind", lambda _, port: tried.append(port) or OSError())
    monkeypatch.setattr(ports, "_outgoing_range", lambda: range(20_001, 65_535))
    with pytest.raises(OSError, match="no free port"):
        free_ports(1)
    assert sorted(tried) == [20_000, 65_535]


@pytest.mark.parametrize(
    ("text", "expected"), [("32768\t60999\n", range(32768, 61000)), ("unknown", range(49152, 65536))]
)
def test_the_range_of_outgoing_connections_includes_both_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: range
):
    (tmp_path / "range").write_text(text)
    monkeypatch.setattr(ports, "PORT_RANGE", tmp_path / "range")
    tried: list[int] = []
    monkeypatch.setattr(ports, "_bind", lambda _, port: tried.append(port) or OSError())
    with pytest.raises(OSError, match="no free port"):
        free_ports(1)
    assert set(range(20_000, 65_536)) - set(tried) == set(expected)


def test_a_port_whose_connections_have_just_ended_is_free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            accepted.close()  # the side that ends a connection first waits for late packets
            assert client.recv(1) == b""
    assert not in_use("127.0.0.1", port)
