"""Where a server keeps its files, and that no other user has access."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.config.load import Config
from modelyard.config.server_spec import ServerSpec
from modelyard.control.paths import ServerPaths, create_folders, paths_of, state_folder_lock, write_private


@pytest.fixture
def paths(tmp_path: Path) -> ServerPaths:
    return ServerPaths(state=tmp_path / "yard" / "state", run=tmp_path / "run")


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def config(root: Path, state: str = ".modelyard") -> Config:
    return Config(ServerSpec(state=state), (), {}, root)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_two_configurations_never_share_a_folder_and_one_always_has_the_same(tmp_path: Path):
    first, again, other = (paths_of(config(tmp_path / name)) for name in ("a", "a", "b"))
    assert first == again
    assert first.state != other.state
    assert first.run != other.run


def test_a_state_folder_has_the_same_place_by_every_path(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    assert paths_of(config(tmp_path / "link")) == paths_of(config(tmp_path / "a"))
    assert paths_of(config(tmp_path, "a/.modelyard")) == paths_of(config(tmp_path / "a"))


def test_the_folders_are_their_owners_alone(paths: ServerPaths, open_umask: None):
    create_folders(paths)
    assert (mode(paths.state), mode(paths.run)) == (0o700, 0o700)


def test_the_token_is_its_owners_alone_whatever_the_umask(paths: ServerPaths, open_umask: None):
    create_folders(paths)
    assert mode(paths.token) == 0o600
    assert len(paths.token.read_text()) == 64
    assert [path.name for path in paths.state.iterdir()] == ["token"]


def test_the_token_is_made_once(paths: ServerPaths):
    create_folders(paths)
    token = paths.token.read_text()
    create_folders(paths)
    assert paths.token.read_text() == token


def test_a_token_that_was_lost_in_a_power_failure_is_created_again(paths: ServerPaths):
    create_folders(paths)
    paths.token.write_text("")
    create_folders(paths)
    assert len(paths.token.read_text()) == 64
    assert mode(paths.token) == 0o600


def test_two_servers_have_two_tokens(paths: ServerPaths, tmp_path: Path):
    other = ServerPaths(state=tmp_path / "other", run=tmp_path / "other-run")
    create_folders(paths)
    create_folders(other)
    assert paths.token.read_text() != other.token.read_text()


@pytest.mark.parametrize("loose", [0o755, 0o770, 0o701])
def test_a_run_folder_that_others_can_enter_is_rejected(paths: ServerPaths, loose: int):
    paths.run.mkdir()
    paths.run.chmod(loose)
    with pytest.raises(PermissionError, match="must be a folder of this user, with mode 0700"):
        create_folders(paths)


def test_a_run_folder_that_is_a_link_is_rejected_whatever_its_target(paths: ServerPaths, tmp_path: Path):
    (tmp_path / "mine").mkdir(mode=0o700)
    paths.run.symlink_to(tmp_path / "mine")
    with pytest.raises(PermissionError):
        create_folders(paths)
    assert not list((tmp_path / "mine").iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_run_folder_of_another_user_is_rejected(paths: ServerPaths):
    paths.run.mkdir(mode=0o700)
    os.chown(paths.run, 12345, 12345)
    with pytest.raises(PermissionError):
        create_folders(paths)


def test_a_second_server_with_the_same_state_is_rejected_until_the_first_has_ended(paths: ServerPaths):
    refused = pytest.raises(BlockingIOError, match=f"state folder {paths.state} runs already")
    with state_folder_lock(paths), refused, state_folder_lock(paths):
        pass
    with state_folder_lock(paths):
        pass


def test_what_outlives_a_run_is_in_the_state_folder(paths: ServerPaths):
    state = {"token": paths.token, "running.json": paths.running, "last-good.json": paths.last_good}
    assert {name: path.relative_to(paths.state) for name, path in state.items()} == {name: Path(name) for name in state}
    run = {"ray": paths.ray, "tmp": paths.scratch, "metrics.json": paths.metrics, "lb": paths.edge}
    assert {name: path.relative_to(paths.run) for name, path in run.items()} == {name: Path(name) for name in run}
    assert len(str(paths_of(config(paths.run)).run)) == len("/tmp/modelyard-01234567")


def test_temporary_files_are_their_owners_alone(paths: ServerPaths, open_umask: None):
    create_folders(paths)
    assert mode(paths.scratch) == 0o700
    (paths.scratch / "left over").touch()
    create_folders(paths)
    assert [path.name for path in paths.scratch.iterdir()] == ["left over"]


def test_folders_are_created_with_those_above_them(tmp_path: Path, open_umask: None):
    paths = ServerPaths(state=tmp_path / "a" / "b" / "state", run=tmp_path / "c" / "d" / "run")
    with state_folder_lock(paths):
        assert mode(paths.state) == 0o700
        create_folders(paths)
    assert mode(paths.run) == 0o700


def test_a_part_of_a_file_that_a_killed_server_left_is_replaced(tmp_path: Path):
    (tmp_path / "token.partial").write_text("half")
    (tmp_path / "token.partial").chmod(0o666)
    write_private(tmp_path / "token", "whole")
    assert (tmp_path / "token").read_text() == "whole"
    assert mode(tmp_path / "token") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize("before", [None, ""])
def test_a_token_has_32_random_bytes(paths: ServerPaths, before: str | None):
    if before is not None:
        paths.state.mkdir(parents=True)
        paths.token.write_text(before)
    create_folders(paths)
    assert len(bytes.fromhex(paths.token.read_text())) == 32
