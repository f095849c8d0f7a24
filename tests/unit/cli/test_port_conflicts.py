"""Ports in use are reported with key, place, process and a free port."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from modelyard.cli.port_conflicts import claimed_ports
from modelyard.config.diagnostic import SpecError
from modelyard.config.load import load
from modelyard.control.port_owner import claim, described, owner
from modelyard.control.ports import free_ports
from tests.unit.cli.project_folder import ProjectFolder

KEYS = {"http": ["port"], "grpc": ["port"], "metrics": ["port", "edge_port", "ray_port"]}


@pytest.fixture
def ports(project: ProjectFolder) -> dict[str, int]:
    """By key; each is on its own line of server.yaml."""
    free = iter(free_ports(5))
    chosen = {f"{section}.{key}": next(free) for section, keys in KEYS.items() for key in keys}
    lines = []
    for section, keys in KEYS.items():
        lines += [f"{section}:", *(f"  {key}: {chosen[f'{section}.{key}']}" for key in keys)]
    project.write("server.yaml", "\n".join(lines) + "\n")
    return chosen


@pytest.fixture
def listen() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def listener(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


def refused(project: ProjectFolder) -> list[str]:
    with pytest.raises(SpecError) as raised, claimed_ports(project.config, load(project.config, {})):
        pass
    return [diagnostic.render() for diagnostic in raised.value.diagnostics]


def test_every_port_that_is_in_use_is_named_with_its_key_its_line_its_owner_and_a_free_one(
    project: ProjectFolder, ports: dict[str, int], listen: ExitStack
) -> None:
    for key in ("grpc.port", "metrics.ray_port"):
        listen.enter_context(listener(ports[key]))
    grpc, ray = refused(project)
    server_yaml, me = project.config / "server.yaml", rf"\S+ \(process {os.getpid()}\)"
    assert re.match(rf"{server_yaml}:4:9: error: grpc.port: 127.0.0.1:{ports['grpc.port']} is in use by {me}\n", grpc)
    assert re.match(
        rf"{server_yaml}:8:13: error: metrics.ray_port: 127.0.0.1:{ports['metrics.ray_port']} is in use by", ray
    )
    free = [int(re.search(r"\^ (\d+) is free$", text)[1]) for text in (grpc, ray)]
    assert len({*free, *ports.values()}) == 7
    for port in free:
        listen.enter_context(listener(port))


def test_a_port_that_is_not_written_is_said_to_be_the_default(project: ProjectFolder, listen: ExitStack) -> None:
    (text,) = [each for each in taken_defaults(project, listen) if "metrics.ray_port" in each]
    assert "127.0.0.1:8004 is in use" in text
    assert re.search(r"this is the default; (\d+) is free: write 'metrics: \{ray_port: \1\}'$", text)


def taken_defaults(project: ProjectFolder, listen: ExitStack) -> list[str]:
    """With 8004 in use, by this test or another process."""
    with suppress(OSError):
        listen.enter_context(listener(8004))
    return refused(project)


def test_two_servers_that_start_at_the_same_time_find_each_other_before_they_listen(
    project: ProjectFolder, ports: dict[str, int]
) -> None:
    config = load(project.config, {})
    with claimed_ports(project.config, config):
        result = refused(project)
    assert len(result) == 5
    assert f"http.port: 127.0.0.1:{ports['http.port']} is in use by" in result[0]
    with claimed_ports(project.config, config):
        pass  # the first has ended


def test_a_server_that_has_a_port_is_named_by_its_folder(tmp_path: Path) -> None:
    command = tmp_path / "modelyard"
    command.write_text("import sys; print('up', flush=True); sys.stdin.read()")
    with subprocess.Popen(
        [sys.executable, str(command), "up"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        assert described(server.pid) == f"the server in {tmp_path} (process {server.pid})"
        server.communicate()


def test_an_unused_port_has_no_owner() -> None:
    (port,) = free_ports(1)
    assert owner(port) == ""
    first, _ = claim("127.0.0.1", port)
    assert first is not None
    with closing(first):
        second, who = claim("127.0.0.1", port)
        assert second is None
        assert f"(process {os.getpid()})" in who


def test_an_address_that_this_machine_does_not_have_is_no_port_in_use(project: ProjectFolder) -> None:
    project.write("server.yaml", "http:\n  host: 192.0.2.7\nmetrics:\n  host: no.such.host.invalid\n")
    result = [text for text in refused(project) if "no address" in text]
    assert len(result) == 2, "one line for each, though two ports belong to metrics.host"
    assert f"{project.config / 'server.yaml'}:2:9: error: http.host: this machine has no address 192.0.2.7" in result[0]
    assert "server.yaml:4:9: error: metrics.host: this machine has no address no.such.host.invalid" in result[1]
