"""The environment of the server's processes."""

from pathlib import Path

import pytest

from modelyard.config.server_spec import ServerSpec
from modelyard.control.environment import EdgePorts, attach_environment, cluster_environment, server_environment
from modelyard.control.paths import ServerPaths

PATHS = ServerPaths(state=Path("/srv/yard/.modelyard"), run=Path("/tmp/modelyard-01234567"))
NODE_ID = "d" * 56
"""Serve keeps each node's files in a folder of this name below ours."""
LONGEST_SOCKET = 97
"""HAProxy's limit for the path of a socket that it binds, its own suffix included."""


def environment(cores: int = 2, files: int = 100_000, **server: object) -> dict[str, str]:
    ports = EdgePorts(serve=1, fallback=2, metrics=3, stats=4)
    return server_environment(
        ServerSpec.model_validate(server), PATHS, ports, Path("/opt/haproxy"), cores=cores, files=files
    )


@pytest.mark.parametrize("key", ["RAY_SERVE_HAPROXY_SOCKET_PATH", "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH"])
def test_haproxys_sockets_are_short_enough_with_serves_folder_in_their_path(key):
    socket = Path(environment()[key])
    assert len(str(socket.parent / NODE_ID / socket.name)) <= LONGEST_SOCKET


def test_a_command_that_attaches_finds_the_servers_token():
    assert attach_environment(PATHS).items() <= environment().items()
    assert attach_environment(PATHS)["RAY_AUTH_TOKEN_PATH"] == "/srv/yard/.modelyard/token"
    assert attach_environment(PATHS)["RAY_AUTH_MODE"] == "token"


@pytest.mark.parametrize(
    ("environ", "token_at_home", "mode"),
    [
        ({}, False, None),
        ({}, True, "token"),
        ({"RAY_AUTH_TOKEN": "secret"}, False, "token"),
        ({"RAY_AUTH_TOKEN_PATH": "/run/token"}, False, "token"),
        ({"RAY_AUTH_MODE": "disabled"}, True, None),
    ],
)
def test_a_client_of_a_cluster_uses_the_token_that_ray_start_would_find(tmp_path, environ, token_at_home, mode):
    if token_at_home:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("secret")
    assert cluster_environment(environ, tmp_path).get("RAY_AUTH_MODE") == mode


def test_threads_that_load_models_share_two_heaps():
    assert environment()["MALLOC_ARENA_MAX"] == "2"


def test_usage_reports_to_ray_are_off():
    assert attach_environment(PATHS)["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_replica_drains_as_long_as_the_yaml_says():
    assert environment(drain_s=2.5)["RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"] == "2.5"


def test_haproxys_connection_limit_covers_its_two_ports_and_its_internal_sockets():
    assert environment(connections=5000)["RAY_SERVE_HAPROXY_MAXCONN"] == "20030"
    assert environment(connections=5000, files=1024)["RAY_SERVE_HAPROXY_MAXCONN"] == "366"


@pytest.mark.parametrize(("cores", "threads"), [(1, "1"), (2, "1"), (8, "2"), (64, "16")])
def test_haproxy_has_a_thread_for_every_four_cores(cores, threads):
    assert environment(cores)["RAY_SERVE_HAPROXY_NBTHREAD"] == threads


def test_every_port_of_serve_is_the_one_that_was_chosen_for_it():
    result = environment()
    assert result["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"] == "2"
    assert result["RAY_SERVE_HAPROXY_METRICS_PORT"] == "3"
    assert result["RAY_SERVE_HAPROXY_STATS_PORT"] == "4"


def test_a_session_may_outlive_changes_of_other_models_for_an_hour_and_a_minute():
    assert environment()["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"] == "3660"


def test_a_client_of_a_cluster_without_a_token_has_no_mode(tmp_path: Path):
    assert cluster_environment({}, tmp_path) == {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_SERVE_LOG_TO_STDERR": "0",
    }
