"""The folders of a server, which other users and servers cannot use."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.cli.places import only_server, places_of, prepare
from modelyard.config.load import Config
from modelyard.config.server_spec import ServerSpec
from modelyard.control.environment import ServerPaths


@pytest.fixture
def places(tmp_path: Path) -> ServerPaths:
    return ServerPaths(state=tmp_path / "project" / "state", run=tmp_path / "run")


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
    first, again, other = (places_of(config(tmp_path / name)) for name in ("a", "a", "b"))
    assert first == again
    assert first.state != other.state
    assert first.run != other.run


def test_one_state_is_one_place_by_whatever_path(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    assert places_of(config(tmp_path / "link")) == places_of(config(tmp_path / "a"))
    assert places_of(config(tmp_path, "a/.modelyard")) == places_of(config(tmp_path / "a"))


def test_the_folders_are_their_owners_alone(places: ServerPaths, open_umask: None):
    prepare(places)
    assert (mode(places.state), mode(places.run)) == (0o700, 0o700)


def test_the_token_is_its_owners_alone_whatever_the_umask(places: ServerPaths, open_umask: None):
    prepare(places)
    assert mode(places.token) == 0o600
    assert len(places.token.read_text()) == 64
    assert [path.name for path in places.state.iterdir()] == ["token"]


def test_the_token_is_made_once(places: ServerPaths):
    prepare(places)
    token = places.token.read_text()
    prepare(places)
    assert places.token.read_text() == token


def test_a_token_that_was_lost_when_the_power_was_cut_is_made_anew(places: ServerPaths):
    prepare(places)
    places.token.write_text("")
    prepare(places)
    assert len(places.token.read_text()) == 64
    assert mode(places.token) == 0o600


def test_two_servers_have_two_tokens(places: ServerPaths, tmp_path: Path):
    other = ServerPaths(state=tmp_path / "other", run=tmp_path / "other-run")
    prepare(places)
    prepare(other)
    assert places.token.read_text() != other.token.read_text()


@pytest.mark.parametrize("loose", [0o755, 0o770, 0o701])
def test_a_run_folder_that_others_can_enter_is_rejected(places: ServerPaths, loose: int):
    places.run.mkdir()
    places.run.chmod(loose)
    with pytest.raises(PermissionError, match="must be a folder of this user, with mode 0700"):
        prepare(places)


def test_a_run_folder_that_is_a_link_is_rejected_wherever_it_leads(places: ServerPaths, tmp_path: Path):
    (tmp_path / "mine").mkdir(mode=0o700)
    places.run.symlink_to(tmp_path / "mine")
    with pytest.raises(PermissionError):
        prepare(places)
    assert not list((tmp_path / "mine").iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_run_folder_of_somebody_else_is_rejected(places: ServerPaths):
    places.run.mkdir(mode=0o700)
    os.chown(places.run, 12345, 12345)
    with pytest.raises(PermissionError):
        prepare(places)


def test_a_second_server_of_one_state_is_rejected_until_the_first_has_ended(places: ServerPaths):
    refused = pytest.raises(BlockingIOError, match=f"keeps its state in {places.state} runs already")
    with only_server(places), refused, only_server(places):
        pass
    with only_server(places):
        pass
