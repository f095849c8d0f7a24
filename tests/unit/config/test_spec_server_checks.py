"""Values that are valid alone, but not together or on this machine."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from modelyard.config.model_spec import ModelDefaults
from modelyard.config.server_checks import IGNORED_ON_CLUSTER
from modelyard.config.server_spec import ServerSpec

CLUSTER = "ray: {address: 'head:6379'}\n"
WITH_EFFECT_ON_A_CLUSTER = {
    ("http", "host"),
    ("http", "port"),
    ("metrics", "host"),
    ("metrics", "port"),
    ("request_log", "requests"),
    ("request_log", "sample"),
    ("request_log", "slow_s"),
    ("tracing", "endpoint"),
    ("tracing", "sample"),
    ("repository", "path"),
    ("repository", "settle_s"),
    ("ray", "address"),
    ("state",),
    ("watch",),
    ("body",),
    ("drain_s",),
    ("defaults",),
}


def keys(spec: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of the file, down to plain values; `defaults` are a model's keys."""
    for name, field in spec.model_fields.items():
        options = [field.annotation, *getattr(field.annotation, "__args__", ())]
        inner = next((each for each in options if isinstance(each, type) and issubclass(each, BaseModel)), None)
        if inner is None or inner is ModelDefaults:
            yield (*above, name)
        else:
            yield from keys(inner, (*above, name))


def test_every_key_is_either_used_or_rejected_on_a_cluster():
    without = {key for key in keys(ServerSpec) if any(key[: len(loc)] == loc for loc in IGNORED_ON_CLUSTER)}
    assert without | WITH_EFFECT_ON_A_CLUSTER == {*keys(ServerSpec)}
    assert not without & WITH_EFFECT_ON_A_CLUSTER


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        (
            "tls: {certificate: a.pem, key: a.key}",
            "2:1: tls has no effect {}: connections are neither encrypted nor",
        ),
        ("tls: {certificate: a, key: b, client_ca: c}", "2:1: tls has no effect {}"),
        ("http: {cors: ['https://app.example']}", "2:8: http.cors has no effect {}"),
        ("grpc: {port: 9}", "2:1: grpc has no effect {}"),
        ("connections: 9", "2:1: connections has no effect {}"),
        ("metrics: {edge_port: 9}", "2:11: metrics.edge_port has no effect {}"),
        ("metrics: {ray_port: 9}", "2:11: metrics.ray_port has no effect {}"),
        ("default_model: m", "2:1: default_model has no effect {}"),
    ],
)
def test_a_key_without_effect_on_a_cluster_is_an_error_at_its_place(folder, line, reported):
    wrong = reported.format("on a cluster (ray.address is head:6379)")
    (found,) = folder.write({"models/m.yaml": "name: m", "server.yaml": f"{CLUSTER}{line}"}).reported()
    assert found.startswith(f"server.yaml:{wrong}")
    assert found.endswith("; remove it")


def test_the_cores_of_a_cluster_are_no_key_here(folder):
    (found,) = folder.write({"server.yaml": "ray: {address: 'head:6379', cpus: 4}"}).reported()
    assert found.startswith("server.yaml:1:29: ray.cpus has no effect on a cluster")


def test_a_key_that_a_cluster_ignores_without_consequences_has_a_plain_message(folder):
    assert folder.write({"server.yaml": f"{CLUSTER}connections: 9"}).reported() == [
        "server.yaml:2:1: connections has no effect on a cluster (ray.address is head:6379); remove it"
    ]


def test_what_has_an_effect_on_a_cluster_is_no_error(folder):
    text = f"{CLUSTER}http: {{host: 0.0.0.0, port: 80}}\nmetrics: {{port: 81}}\nbody: 1MiB\ndrain_s: 3\n"
    assert folder.write({"server.yaml": text}).load().server.http.port == 80


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("http: {port: 8001}", ["1:14: port 8001 is also used by grpc.port by default"]),
        (
            "http: {port: 9}\ngrpc: {port: 9}",
            ["1:14: port 9 is also used by grpc.port", "2:14: port 9 is also used by http.port"],
        ),
        (
            "metrics: {port: 9, edge_port: 9}",
            ["1:17: port 9 is also used by metrics.edge_port", "1:31: port 9 is also used by metrics.port"],
        ),
        ("metrics: {ray_port: 8002}", ["1:21: port 8002 is also used by metrics.port by default"]),
        (
            "http: {host: 0.0.0.0, port: 9}\nmetrics: {port: 9}",
            ["1:29: port 9 is also used by metrics.port", "2:17: port 9 is also used by http.port"],
        ),
    ],
)
def test_a_port_that_is_configured_twice_is_an_error_at_its_place(folder, line, reported):
    found = folder.write({"server.yaml": line}).reported()
    assert found == [f"server.yaml:{each}; use a different port for each" for each in reported]


@pytest.mark.parametrize(
    "line", ["http: {host: 10.0.0.1, port: 9}\nmetrics: {host: 10.0.0.2, port: 9}", "http: {port: 9000}", ""]
)
def test_ports_on_two_addresses_or_of_different_numbers_are_no_error(folder, line):
    assert folder.write({"server.yaml": line, "models/m.yaml": "name: m"}).load()


def test_tls_files_must_be_there(folder):
    (folder.path.parent / "there.pem").write_text("")
    line = "tls: {certificate: there.pem, key: gone.key, client_ca: .}"
    root, hint = folder.path.parent, "relative paths start at the parent of the configuration folder"
    assert folder.write({"server.yaml": line}).reported() == [
        f"server.yaml:1:36: {root}/gone.key does not exist; {hint}",
        f"server.yaml:1:57: {root} is not a file; {hint}",
    ]


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("resources: {memory: 512}", "2:21: 512 bytes are too little memory for a model; did you mean 512MiB?"),
        (
            "resources: {memory: 2MiB}",
            "2:21: 2097152 bytes are too little memory for a model; add a unit, such as 512MiB",
        ),
        (
            "resources: {memory: 1048575}",
            "2:21: 1048575 bytes are too little memory for a model; did you mean 1048575MiB?",
        ),
        (
            "resources: {memory: 1048576}",
            "2:21: 1048576 bytes are too little memory for a model; add a unit, such as 512MiB",
        ),
        (
            "limits: {body: 999B}",
            "2:16: 999 bytes are too small a limit for request bodies; did you mean 999MiB?",
        ),
        ("limits: {body: 64}", "2:16: 64 bytes are too small a limit for request bodies; did you mean 64MiB?"),
        ("replicas: 5000", "2:11: one machine runs at most 1000 replicas of a model"),
        ("replicas: {min: 0, max: 5000}", "2:25: one machine runs at most 1000 replicas of a model"),
    ],
)
def test_a_number_that_cannot_be_meant_is_an_error(folder, line, reported):
    assert folder.write({"server.yaml": "ray: {cpus: 10000}"}).of_model(f"name: m\n{line}\n") == [reported]


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("resources: {cpus: 64}", "2:19: a replica needs 64 cores, but ray.cpus is 2"),
        ("replicas: 30", "2:11: 30 replicas of 0.1 cores need 3, but ray.cpus is 2"),
        ("replicas: {min: 3, max: 9}\nresources: {cpus: 1}", "2:17: 3 replicas of 1 cores need 3, but ray.cpus is 2"),
    ],
)
def test_what_finds_no_room_in_the_cores_of_server_yaml_is_an_error(folder, line, reported):
    assert folder.write({"server.yaml": "ray: {cpus: 2}"}).of_model(f"name: m\n{line}\n") == [reported]


def test_a_value_in_the_defaults_that_exceeds_the_machine_is_reported_there(folder):
    files: dict[str, Any] = {
        "server.yaml": "ray: {cpus: 2}\ndefaults: {resources: {cpus: 4}}",
        "models/m.yaml": "name: m",
    }
    assert folder.write(files).reported() == ["server.yaml:2:30: a replica needs 4 cores, but ray.cpus is 2"]


@pytest.mark.parametrize(
    "line", ["resources: {cpus: 9999}", "resources: {memory: 900TiB}", "replicas: 900\nresources: {cpus: 99}"]
)
def test_what_finds_no_room_on_this_machine_is_a_warning_for_the_server_may_be_another(folder, line):
    (warning,) = folder.write({"models/m.yaml": f"name: m\n{line}\n"}).load().warnings
    assert (warning.severity, warning.line > 1) == ("warning", True)
    assert "this machine" in warning.message


def test_the_resources_of_a_cluster_are_not_checked(folder):
    files = {"server.yaml": CLUSTER, "models/m.yaml": "name: m\nreplicas: 5000\nresources: {cpus: 64}"}
    assert folder.write(files).load().warnings == ()


def test_an_absolute_path_that_does_not_exist_has_no_hint(folder):
    text = "tls: {certificate: /nowhere/a.pem, key: /nowhere/a.key}"
    assert folder.write({"server.yaml": text}).reported() == [
        "server.yaml:1:20: /nowhere/a.pem does not exist",
        "server.yaml:1:41: /nowhere/a.key does not exist",
    ]
