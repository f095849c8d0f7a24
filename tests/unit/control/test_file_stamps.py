"""Which changes of files change the stamp."""

import errno
import os
from pathlib import Path

import pytest

from modelyard.control.file_stamps import SETTLED_S, Listings, Stamp, config_stamp, repository_stamp
from tests.fakes import FakeClock


class Files:
    """A configuration, and a repository with the folder of one model."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock()
        self.listings = Listings(self.clock)
        self.config, self.repository = root / "serve_config", root / "model_repository"
        for folder in ("models", "pools"):
            (self.config / folder).mkdir(parents=True)
        (self.repository / "churn" / "1").mkdir(parents=True)

    @property
    def stamp(self) -> Stamp:
        return config_stamp(self.config, self.listings), repository_stamp(self.repository, ["churn"], self.listings)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_files_that_do_not_change_have_one_stamp(files: Files):
    assert files.stamp == files.stamp


@pytest.mark.parametrize("name", ["server.yaml", "server.yml", "models/churn.yaml", "pools/small.yaml"])
def test_the_configurations_files_change_the_stamp(files: Files, name: str):
    before = files.stamp
    (files.config / name).write_text("a: 1")
    created = files.stamp
    (files.config / name).write_text("a: 10")
    assert len({before, created, files.stamp}) == 3


@pytest.mark.parametrize("kind", ["models", "pools"])
def test_files_below_the_folders_of_models_and_pools_do_not_change_the_stamp(files: Files, kind: str):
    folder = files.config / kind / "drafts"
    folder.mkdir()
    before = files.stamp
    (folder / "churn.yaml").touch()
    assert files.stamp == before


def test_only_versions_of_a_model_change_the_stamp(files: Files):
    before = files.stamp
    (files.repository / "churn" / "copy").mkdir()
    assert files.stamp == before
    (files.repository / "churn" / "2").mkdir()
    assert files.stamp != before


def test_a_folder_that_is_replaced_by_an_equal_one_changes_the_stamp(files: Files):
    folder = files.repository / "churn"
    (folder / "1").rmdir()
    before = files.stamp
    folder.rename(folder.with_name("old"))
    folder.mkdir()
    assert files.stamp != before


@pytest.mark.parametrize(("depth", "seen"), [(1, True), (32, True), (33, False)])
def test_files_are_seen_down_to_the_deepest_folder_of_a_version(files: Files, depth: int, seen: bool):
    folder = files.repository / "churn" / "1"
    for _ in range(depth - 1):
        folder = folder / "d"
    folder.mkdir(parents=True, exist_ok=True)
    before = files.stamp
    (folder / "model.onnx").touch()
    assert (files.stamp != before) is seen


def test_a_link_that_leads_back_up_ends(files: Files):
    (files.repository / "churn" / "1" / "up").symlink_to(".")
    assert len(repository_stamp(files.repository, ["churn"], files.listings)) < 300


def test_a_missing_folder_has_another_stamp_than_an_empty_one(tmp_path: Path):
    config, repository, listings = tmp_path / "c", tmp_path / "r", Listings()
    missing = repository_stamp(repository, ["churn"], listings)
    (repository / "churn").mkdir(parents=True)
    assert repository_stamp(repository, ["churn"], listings) != missing
    seen = {config_stamp(config, listings)}
    for folder in ("models", "pools"):
        (config / folder).mkdir(parents=True)
        seen.add(config_stamp(config, listings))
    assert len(seen) == 3


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the folders that are listed from now on."""
    found: list[str] = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: found.append(Path(path).name) or listdir(path))
    return found


def test_a_folder_is_listed_until_its_times_have_been_the_same_for_some_seconds(files: Files, listed: list[str]):
    for pause_s in (0, SETTLED_S - 1, 1, 1, 100):
        files.clock.advance(pause_s)
        listed.clear()
        stamp = files.stamp
    assert listed == []
    (files.repository / "churn" / "2").mkdir()
    assert files.stamp != stamp
    assert listed == ["churn", "2"]


def test_names_that_come_in_the_same_tick_of_a_coarse_clock_are_seen(files: Files, listed: list[str]):
    before = files.stamp
    folder = files.repository / "churn"
    time = folder.stat().st_mtime_ns
    (folder / "2").mkdir()
    os.utime(folder, ns=(time, time))
    assert files.stamp != before


def test_a_name_that_comes_under_an_old_time_is_seen(files: Files):
    """As with `rsync --archive`, which sets the folder's time afterwards."""
    folder = files.repository / "churn"
    time = folder.stat().st_mtime_ns
    for pause_s in (0, SETTLED_S, 1):
        files.clock.advance(pause_s)
        before = files.stamp
    (folder / "2").mkdir()
    os.utime(folder, ns=(time, time))
    assert files.stamp != before


def test_a_folder_that_cannot_be_listed_has_another_stamp(files: Files, monkeypatch: pytest.MonkeyPatch):
    before = files.stamp

    def fail(_: object) -> list[str]:
        raise PermissionError(errno.EACCES, "no")

    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", fail)
        assert files.stamp != before
    assert files.stamp == before
