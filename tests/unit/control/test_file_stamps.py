"""Which changes of files change the stamp."""

from pathlib import Path

import pytest

from modelyard.control.file_stamps import Stamp, config_stamp, repository_stamp


class Files:
    """A configuration, and a repository with the folder of one model."""

    def __init__(self, root: Path) -> None:
        self.config, self.repository = root / "serve_config", root / "model_repository"
        for folder in ("models", "pools"):
            (self.config / folder).mkdir(parents=True)
        (self.repository / "churn" / "1").mkdir(parents=True)

    @property
    def stamp(self) -> Stamp:
        return config_stamp(self.config), repository_stamp(self.repository, ["churn"])


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
    assert len(repository_stamp(files.repository, ["churn"])) < 300


def test_a_missing_folder_has_another_stamp_than_an_empty_one(tmp_path: Path):
    config, repository = tmp_path / "c", tmp_path / "r"
    missing = repository_stamp(repository, ["churn"])
    (repository / "churn").mkdir(parents=True)
    assert repository_stamp(repository, ["churn"]) != missing
    seen = {config_stamp(config)}
    for folder in ("models", "pools"):
        (config / folder).mkdir(parents=True)
        seen.add(config_stamp(config))
    assert len(seen) == 3
