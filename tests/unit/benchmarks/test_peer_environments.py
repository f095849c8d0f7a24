"""A peer is installed once for each content of its lock; every server has a lock with the versions that it names."""

import re
from pathlib import Path

import pytest

from benchmarks.peers.environments import PINS, InstallError, install, versions
from benchmarks.peers.registry import PEERS

ENVIRONMENTS = sorted({peer.environment for peer in PEERS.values() if peer.environment})


class Commands:
    """Records commands instead of running them; creates the environment."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.run: list[list[str]] = []

    def __call__(self, command: list[str]) -> None:
        self.run.append(command)
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True)
        elif self.fails:
            raise InstallError("no matching version")


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    folder = tmp_path / "pins"
    folder.mkdir()
    (folder / "mosec.in").write_text("mosec==1\nray[serve]\n")
    (folder / "mosec.lock").write_text("mosec==1 \\\n    --hash=sha256:00\nray[serve]==2 \\\nother==3\n")
    return folder


def test_an_environment_is_installed_from_its_lock_once(tmp_path: Path, pins: Path) -> None:
    commands = Commands()
    environment = install("mosec", tmp_path / "peers", pins, commands)
    assert environment == tmp_path / "peers" / "mosec"
    venv, pip = commands.run
    assert venv[1:3] == ["-m", "venv"]
    assert pip[-2:] == ["-r", str(pins / "mosec.lock")]
    assert "--require-hashes" in pip

    install("mosec", tmp_path / "peers", pins, commands)
    assert len(commands.run) == 2


def test_another_lock_replaces_the_environment(tmp_path: Path, pins: Path) -> None:
    leftover = install("mosec", tmp_path / "peers", pins, Commands()) / "leftover"
    leftover.touch()
    (pins / "mosec.lock").write_text("mosec==2\n")
    commands = Commands()
    install("mosec", tmp_path / "peers", pins, commands)
    assert len(commands.run) == 2
    assert not leftover.exists()


def test_a_failed_installation_is_tried_again(tmp_path: Path, pins: Path) -> None:
    with pytest.raises(InstallError, match="no matching version"):
        install("mosec", tmp_path / "peers", pins, Commands(fails=True))
    commands = Commands()
    install("mosec", tmp_path / "peers", pins, commands)
    assert len(commands.run) == 2


def test_versions_are_those_of_the_packages_that_the_peer_names(pins: Path) -> None:
    assert versions("mosec", pins) == {"mosec": "1", "ray": "2"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_lock_has_the_pinned_versions(name: str) -> None:
    pinned = dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(.+)$", (PINS / f"{name}.in").read_text(), re.M))
    assert versions(name) == pinned


def test_every_lock_is_of_a_server() -> None:
    assert sorted(path.stem for path in PINS.glob("*.lock")) == ENVIRONMENTS
