"""The files of pools, and the errors of invalid ones."""

import re

import pytest

from modelyard.config.model_spec import NAME, Replicas
from modelyard.config.pool_spec import PoolResources, PoolSpec

GIB = 2**30


def of_pool(folder, text: str) -> list[str]:
    """The errors of one pool's file."""
    reported = folder.write({"pools/p.yaml": text}).reported()
    assert all(line.startswith("pools/p.yaml:") for line in reported)
    return [line.removeprefix("pools/p.yaml:") for line in reported]


def test_a_name_and_a_budget_are_all_that_a_pool_needs(folder):
    config = folder.write({"pools/small.yaml": "name: small\nmemory: 2GiB\n"}).load()
    assert config.pools == (PoolSpec(name="small", memory=2 * GIB),)
    assert config.pool_sources == {"small": folder.path / "pools/small.yaml"}
    assert config.pool_nodes["small"].keys.keys() == {"name", "memory"}
    (pool,) = config.pools
    assert (pool.replicas, pool.resources, pool.load) == (Replicas(), PoolResources(cpus=1.0), "eager")


def test_every_key_of_a_pool_is_read(folder):
    text = "name: small\nreplicas: {min: 2, max: 4, target_in_flight: 3}\nresources: {cpus: 2}\nmemory: 512MiB\nload: lazy\n"
    (pool,) = folder.write({"server.yaml": "ray: {cpus: 9}", "pools/x.yml": text}).load().pools
    assert pool == PoolSpec(
        name="small",
        replicas=Replicas(min=2, max=4, target_in_flight=3),
        resources=PoolResources(cpus=2),
        memory=512 * 2**20,
        load="lazy",
    )


@pytest.mark.parametrize(("value", "low", "high"), [("1", 1, 1), ("2", 2, 2), ("{max: 3}", 1, 3), ("{min: 2}", 2, 2)])
def test_the_replicas_of_a_pool_have_the_forms_of_a_models(folder, value, low, high):
    files = {"server.yaml": "ray: {cpus: 9}", "pools/p.yaml": f"name: p\nmemory: 1GiB\nreplicas: {value}\n"}
    replicas = folder.write(files).load().pools[0].replicas
    assert (replicas.min, replicas.max) == (low, high)


def test_pools_come_by_name_and_only_from_files_that_an_editor_means(folder):
    read = {"pools/z.yaml": "name: a\nmemory: 1GiB", "pools/a.yml": "name: b\nmemory: 1GiB"}
    left = dict.fromkeys(["pools/.z.yaml", "pools/z.yaml~", "pools/#z.yaml#", "pools/README.md"], "]")
    assert [pool.name for pool in folder.write(read | left).load().pools] == ["a", "b"]


def test_a_configuration_without_pools_has_none(folder):
    config = folder.write({"models/m.yaml": "name: m\n"}).load()
    assert config.pools == ()
    assert config.pool_of(config.models[0]) is None
    assert "pools" not in config.missing


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("replicas: 0", "3:11: a pool keeps at least one replica"),
        ("replicas: -2", "3:11: a pool keeps at least one replica"),
        ("replicas: {min: 0, max: 2}", "3:17: a pool keeps at least one replica"),
        ("replicas: {min: -1}", "3:17: expected at least 0, got the whole number -1"),
        ("replicas: {min: 3, max: 2}", "3:17: replicas.min (3) is greater than replicas.max (2)"),
        ("replicas: 1-3", "3:11: expected a mapping, got the string '1-3'; did you mean {min: 1, max: 3}?"),
        ("replicas: 010", "3:11: 010 is 10 in YAML 1.2, but octal elsewhere; write 10, or 0o10 for octal"),
        ("replicas: {mni: 1}", "3:12: unknown key 'mni'; did you mean 'min'?"),
        (
            "resources: {memory: 1GiB}",
            "3:13: unknown key 'memory'; 'memory' belongs at the top level, not under 'resources'",
        ),
        ("resources: {cpu: 1}", "3:13: unknown key 'cpu'; did you mean 'cpus'?"),
        ("resources: {cpus: 500m}", "3:19: expected a number, got the string '500m'; did you mean 0.5?"),
        ("cpus: 1", "3:1: unknown key 'cpus'; did you mean 'resources.cpus'?"),
        ("load: lasy", "3:7: expected eager or lazy, got the string 'lasy'; did you mean lazy?"),
        ("load: null", "3:7: expected eager or lazy, got null"),
        ("limits: {queue: 3}", "3:1: unknown key 'limits'; it belongs in a model's file"),
        ("lod: lazy", "3:1: unknown key 'lod'; did you mean 'load'?"),
        ("name: q", "3:1: duplicate key 'name'; it is already on line 1"),
    ],
)
def test_an_invalid_value_is_reported_at_its_place(folder, line, reported):
    assert of_pool(folder, f"name: p\nmemory: 1GiB\n{line}\n") == [reported]


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("name: p\n", ["1:1: missing key 'memory'; add 'memory: 2GiB'"]),
        ("memory: 1GiB\n", ["1:1: missing key 'name'; add 'name: p'"]),
        (
            "name: P 1\nmemory: 1Gib\n",
            [
                "1:7: expected 1 to 63 characters of a-z, 0-9, '.', '_' and '-', starting with a letter or digit, "
                "got the string 'P 1'; did you mean 'p-1'?",
                "2:9: expected a size such as 512MiB, 1.5GB or a number of bytes, got the string '1Gib'; did you mean 1GiB?",
            ],
        ),
        ("name: p\nmemory: 512\n", ["2:9: 512 bytes are too little memory for a model; did you mean 512MiB?"]),
        ("name: p\nmemory: null\n", ["2:9: expected a whole number, got null"]),
        ("", ["1:1: the file is empty; write 'name: p'"]),
        ("- a\n", ["1:1: expected a mapping of keys, got a list"]),
        ("name: p\n\tmemory: 1GiB\n", ["2:1: a tab in the indentation; indent with spaces"]),
        (
            "name: ${NOPE}\nmemory: 1GiB\n",
            ["1:7: the environment variable NOPE is not set; set it, or add a default: ${NOPE:-...}"],
        ),
    ],
)
def test_an_invalid_file_is_reported(folder, text, reported):
    assert of_pool(folder, text) == reported


def test_two_pools_of_one_name_are_reported_at_both_places(folder):
    folder.write({"pools/a.yaml": "name: x\nmemory: 1GiB\n", "pools/b.yaml": "memory: 1GiB\nname: x\n"})
    assert folder.reported() == [
        f"pools/a.yaml:1:7: two pools are named 'x'; see {folder.path}/pools/b.yaml:2",
        f"pools/b.yaml:2:7: two pools are named 'x'; see {folder.path}/pools/a.yaml:1",
    ]


def test_a_pool_and_a_model_may_have_one_name(folder):
    files = {"pools/x.yaml": "name: x\nmemory: 1GiB\n", "models/x.yaml": "name: x\npool: x\n"}
    config = folder.write(files).load()
    assert config.pool_of(config.models[0]) == config.pools[0]


@pytest.mark.parametrize("name", ["gateway", "a", "9._-"])
def test_the_application_of_a_pool_has_a_name_that_no_model_can_have(name):
    application = PoolSpec(name=name, memory=GIB).application
    assert application.endswith(name)
    assert not re.match(NAME, application)
    # Serve replaces all other characters in the name of a HAProxy backend; then two could have the same name.
    assert re.fullmatch(r"[A-Za-z0-9._-]+", application)


@pytest.mark.parametrize("make", ["file", "link"])
def test_what_is_not_the_folder_of_pools_is_an_error(folder, make):
    path = folder.path / "pools"
    path.write_text("") if make == "file" else path.symlink_to("gone")
    wrong = "not a folder" if make == "file" else "a broken symbolic link"
    assert folder.reported() == [f"pools:0:0: {wrong}"]


def test_files_of_pools_that_are_not_read_are_warnings(folder):
    (folder.path / "pools" / "team").mkdir(parents=True)
    (folder.path / "Pool").mkdir()
    loaded = folder.write({"models/m.yaml": "name: m", "pools/small.YAML": ""}).load()
    assert [warning.render().partition(": ")[2] for warning in loaded.warnings] == [
        "warning: this folder is ignored; its name must be pools",
        "warning: this file is ignored; rename it to small.yaml",
        "warning: subfolders of pools are ignored; move its files into the folder pools",
    ]


@pytest.mark.parametrize(
    ("lines", "reported"),
    [
        ("resources: {cpus: 3}", "3:19: a replica needs 3 cores, but ray.cpus is 2"),
        ("replicas: {min: 3, max: 9}", "3:17: 3 replicas of 1 cores need 3, but ray.cpus is 2"),
        ("replicas: {max: 2000}", "3:17: one machine runs at most 1000 replicas of a pool"),
    ],
)
def test_a_pool_that_needs_more_than_ray_has_is_an_error(folder, lines, reported):
    folder.write({"server.yaml": "ray: {cpus: 2}", "pools/p.yaml": f"name: p\nmemory: 1GiB\n{lines}\n"})
    assert folder.reported() == [f"pools/p.yaml:{reported}"]


def test_a_budget_larger_than_this_machine_is_a_warning(folder):
    folder.write({"server.yaml": "ray: {cpus: 9}", "pools/p.yaml": "name: p\nmemory: 900TiB\n"})
    (warning,) = folder.load().warnings
    assert (warning.line, warning.column, warning.severity) == (2, 9, "warning")
    assert warning.message.startswith("a replica needs 9.22e+05 GiB, but this machine has ")


def test_pools_in_the_servers_file_are_an_error_that_says_where_they_go(folder):
    reported = folder.write({"server.yaml": "pools: {small: {}}\n"}).reported()
    assert reported == ["server.yaml:1:1: unknown key 'pools'; write a file for each pool in the folder pools"]


def test_a_pool_on_a_cluster_is_an_error_at_its_name(folder):
    files = {
        "server.yaml": "ray: {address: 'head:6379'}",
        "pools/small.yaml": "memory: 1GiB\nname: small\n",
        "models/m.yaml": "name: m\npool: small\n",
    }
    assert folder.write(files).reported() == [
        "pools/small.yaml:2:7: there are no pools on a cluster (ray.address is head:6379): requests would not reach their models; "
        "remove this file, and `pool` from the files of its models"
    ]
    assert folder.write({"server.yaml": "ray: {address: local}"}).load().models[0].pool == "small"
