"""Prometheus and Grafana in containers: the files agree with one another."""

import json
import subprocess
from pathlib import PurePosixPath

import pytest
import yaml

from monitoring.history.prometheus import program
from tests.prometheus import DASHBOARDS, MONITORING

SERVICES = yaml.safe_load((MONITORING / "compose.yaml").read_text())["services"]
PROVISIONING = MONITORING / "grafana" / "provisioning"


def mounts(service: str) -> dict[PurePosixPath, str]:
    """Mounted folders of the repository, by their path in the container."""
    parts = [volume.split(":") for volume in SERVICES[service]["volumes"]]
    return {PurePosixPath(inside): outside for outside, inside, *_ in parts if outside.startswith(".")}


@pytest.mark.parametrize("service", SERVICES)
def test_every_mounted_folder_exists(service):
    for folder in mounts(service).values():
        assert (MONITORING / folder).is_dir()


def test_prometheus_reads_our_configuration():
    (flag,) = [flag for flag in SERVICES["prometheus"]["command"] if flag.startswith("--config.file=")]
    inside = PurePosixPath(flag.partition("=")[2])
    assert (MONITORING / mounts("prometheus")[inside.parent] / inside.name).is_file()


def test_prometheus_supports_each_flag():
    output = subprocess.run(
        [program("prometheus"), "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for flag in SERVICES["prometheus"]["command"]:
        name, _, value = flag.partition("=")
        assert f"{name}=" in output
        if name == "--enable-feature":
            assert value in output


def test_prometheus_finds_its_files_in_the_container():
    """Rule files are relative to the configuration, in a mounted folder."""
    folder = MONITORING / mounts("prometheus")[PurePosixPath("/etc/prometheus")]
    rules = yaml.safe_load((folder / "prometheus.yml").read_text())["rule_files"]
    assert rules
    assert all(list(folder.glob(pattern)) for pattern in rules)


def test_data_has_a_volume_and_the_repository_is_mounted_read_only():
    declared = yaml.safe_load((MONITORING / "compose.yaml").read_text())["volumes"]
    for service in SERVICES.values():
        for volume in service["volumes"]:
            outside, _, *mode = volume.split(":")
            assert mode == ["ro"] if outside.startswith(".") else outside in declared


def test_both_listen_on_this_machine_only():
    """Both use the host's network."""
    assert SERVICES["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert all(service["network_mode"] == "host" for service in SERVICES.values())


def test_grafana_finds_the_dashboards_and_opens_with_the_fleet():
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "modelyard.yaml").read_text())["providers"]
    folder = PurePosixPath(provider["options"]["path"])
    assert MONITORING / mounts("grafana")[folder] == DASHBOARDS[0].parent
    home = PurePosixPath(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == folder
    assert home.name in [path.name for path in DASHBOARDS]


def test_grafana_uses_the_prometheus_of_the_same_file():
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (flag,) = [flag for flag in SERVICES["prometheus"]["command"] if flag.startswith("--web.listen-address=")]
    assert source["url"] == f"http://{flag.partition('=')[2]}"
    assert source["isDefault"]


def test_links_between_dashboards_lead_somewhere():
    text = "".join(path.read_text() for path in DASHBOARDS)
    uids = [json.loads(path.read_text())["uid"] for path in DASHBOARDS]
    assert len(set(uids)) == 4
    assert '"url": "/d/modelyard-model?var-model=' in text
    assert "modelyard-model" in uids
