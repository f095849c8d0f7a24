"""The edge's files, written so that HAProxy may start at any moment."""

from pathlib import Path

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.files import EdgeFiles
from modelyard.edge.model_maps import EdgeModel


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
    files = EdgeFiles(tmp_path / "lb")
    files.write(ServerSpec(), {})
    assert files.folder.stat().st_mode & 0o777 == 0o700


def test_what_the_launcher_reported_is_the_error(tmp_path: Path):
    files = EdgeFiles(tmp_path)
    assert files.haproxy_error() == ""
    (tmp_path / "error").write_text("[NOTICE] haproxy version is 2.8\n[ALERT] no such keyword\n[ALERT] fatal\n")
    assert files.haproxy_error() == "[ALERT] no such keyword\n[ALERT] fatal"
