"""The edge's files, written so that HAProxy may start at any moment."""

from pathlib import Path

import pytest

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.files import EdgeFiles
from modelyard.edge.model_maps import EdgeModel
from modelyard.edge.tls import TlsBundle


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def test_unchanged_files_are_not_written(tmp_path: Path):
    files = EdgeFiles(tmp_path / "lb")
    files.write(ServerSpec(), {"churn": EdgeModel("/who")})
    before = stamps(files.folder)
    assert set(before) == {
        "routes.map",
        "names.map",
        "replicas.map",
        "state.map",
        "timeouts.map",
        "no-retry.map",
        "pools.map",
        "pool-routes.map",
        "spread.map",
        "unavailable.http",
        "edge.cfg",
        "edge-starting.cfg",
    }
    files.write(ServerSpec(), {"churn": EdgeModel("/who")})
    assert stamps(files.folder) == before


def test_changed_files_are_replaced_atomically_and_no_partial_file_remains(tmp_path: Path):
    files = EdgeFiles(tmp_path / "lb")
    files.write(ServerSpec(), {"churn": EdgeModel("/who")})
    before = stamps(files.folder)
    files.write(ServerSpec(), {"leavers": EdgeModel("/who")})
    after = stamps(files.folder)
    assert {name for name in before if before[name] != after[name]} == {"routes.map", "names.map", "timeouts.map"}
    assert set(after) == set(before)
    assert (files.folder / "routes.map").read_text() == "/who/ leavers\n"
    assert (files.folder / "names.map").read_text() == "leavers /who\n"


def test_only_the_owner_can_read_the_folder(tmp_path: Path):
    files = EdgeFiles(tmp_path / "run" / "lb")
    files.write(ServerSpec(), {})
    assert files.folder.stat().st_mode & 0o777 == 0o700


def test_what_the_launcher_reported_is_the_error(tmp_path: Path):
    files = EdgeFiles(tmp_path)
    assert files.haproxy_error() == ""
    (tmp_path / "error").write_text("[NOTICE] haproxy version is 2.8\n[ALERT] no such keyword\n[ALERT] fatal\n")
    assert files.haproxy_error() == "[ALERT] no such keyword\n[ALERT] fatal"


def test_the_default_backend_of_the_first_start_answers_that_the_server_is_starting(tmp_path: Path):
    files = EdgeFiles(tmp_path)
    files.write(ServerSpec(connections=50), {})
    edge, starting = ((tmp_path / name).read_text() for name in ("edge.cfg", "edge-starting.cfg"))
    assert "default_backend http-gateway\n" in edge
    assert "default_backend edge_starting\n" in starting
    assert " maxconn 50\n" in edge
    assert " maxconn 50\n" in starting


def test_the_launcher_reads_which_models_are_updating_and_whether_the_server_stops(tmp_path: Path):
    files = EdgeFiles(tmp_path)
    files.write_updating(["wine", "churn"])
    assert (tmp_path / "updating").read_text() == "churn\nwine\n"
    files.write_stopping()
    assert (tmp_path / "state.map").read_text() == "stopping 1\n"


@pytest.mark.parametrize("client_ca", [b"authorities", None])
def test_only_the_owner_can_read_the_certificates(tmp_path: Path, client_ca: bytes | None):
    files = EdgeFiles(tmp_path / "a" / "edge")
    for _ in range(2):
        files.write_tls_bundle(TlsBundle(b"certificate and key", client_ca))
    written = {path.name: path.read_bytes() for path in files.folder.iterdir()}
    assert written == {"tls.pem": b"certificate and key"} | ({"client-ca.pem": client_ca} if client_ca else {})
    assert {path.stat().st_mode & 0o777 for path in files.folder.iterdir()} == {0o600}
    assert files.folder.stat().st_mode & 0o777 == 0o700


def test_the_state_of_haproxy_is_read_from_the_folder(tmp_path: Path):
    files = EdgeFiles(tmp_path)
    files.write(ServerSpec(), {"churn": EdgeModel("/who", timeout_s=1)})
    assert files.live_maps() == {
        "timeouts.map": "churn 4000\n",
        "no-retry.map": "",
        "pools.map": "",
        "pool-routes.map": "",
        "spread.map": "",
    }
    assert files.admin_sockets() == []
    assert files.haproxy_pid() is None
    (tmp_path / "haproxy.pid").write_text("")
    assert files.haproxy_pid() is None, "the launcher is writing it"
    (tmp_path / "haproxy.pid").write_text("17\n")
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "admin.sock").touch()
    assert files.haproxy_pid() == 17
    assert files.admin_sockets() == [tmp_path / "node" / "admin.sock"]
    assert files.sockets_path == tmp_path / "sockets.sock"


@pytest.mark.parametrize(("gateway", "frontends"), [(True, "edge.cfg"), (False, "edge-starting.cfg")])
def test_a_standby_serves_like_the_last_haproxy_without_an_admin_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateway: bool, frontends: str
):
    monkeypatch.setenv("MODELYARD_HAPROXY", "/bin/haproxy")
    kept = "global\n    maxconn 10\n" + ("backend http-gateway\n" if gateway else "backend http-churn\n")
    (tmp_path / "served.cfg").write_text(f"{kept}    stats socket /s/admin.sock mode 666\n    stats timeout 30s\n")
    files = EdgeFiles(tmp_path)
    read = ["-f", str(tmp_path / "standby.cfg"), "-f", str(tmp_path / frontends)]
    assert files.standby_command() == ["/bin/haproxy", "-db", "-dR", *read, "-x", str(tmp_path / "sockets.sock")]
    assert (tmp_path / "standby.cfg").read_text() == f"{kept}    stats timeout 30s\n"
