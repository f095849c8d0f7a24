"""Changed files are detected, whatever happens to their folders."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.config.diagnostic import SpecError
from modelyard.control import file_watcher
from modelyard.control.desired import ConfigReader, DesiredState
from modelyard.control.file_watcher import (
    CHECK_EVERY_S,
    MAX_CHANGE_S,
    MAX_CPU_SHARE,
    QUIET_S,
    REPOSITORY_EVERY_S,
    RETRY_S,
    FileChecker,
    FileWatcher,
)


class Project:
    """A configuration with one model, and a FileChecker that the test calls."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "serve_config"
        self.repository = root / "model_repository"
        self.clock = 0.0
        (self.config / "models").mkdir(parents=True)
        self.write("server.yaml", "repository: {settle_s: 0}")
        self.write("models/churn.yaml", "name: churn")
        self.publish(1)
        self.start()

    def start(self) -> None:
        state = ConfigReader(self.config, {})
        self.checker = FileChecker(state, state.read(), lambda: self.clock)
        self.settle()

    def write(self, name: str, text: str) -> None:
        (self.config / name).write_text(text)

    def publish(self, version: int, root: Path | None = None) -> None:
        folder = (root or self.repository) / "churn" / str(version)
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"weights of %d" % version)

    def settle(self) -> object:
        """The result of the next checks."""
        seen = None
        for _ in range(3):
            self.clock += REPOSITORY_EVERY_S
            seen = self.checker.check() or seen
        return seen

    def versions(self) -> list[int]:
        """The readings of the next checks."""
        seen = self.settle()
        assert isinstance(seen, DesiredState), seen
        return [version.number for version in seen.models[0].versions]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_first_check_reads_because_files_may_have_changed_since_the_start(tmp_path: Path):
    project = Project(tmp_path)
    state = ConfigReader(project.config, {})
    checker = FileChecker(state, state.read(), lambda: 0.0)
    assert checker.check() is None
    assert checker.is_changing
    assert isinstance(checker.check(), DesiredState)
    assert not checker.is_changing


def test_what_has_not_changed_is_not_read_again(project: Project):
    assert project.settle() is None


def test_a_file_is_read_when_it_is_at_rest(project: Project):
    project.write("models/churn.yaml", "name: churn\ndescription: hal")
    assert project.checker.check() is None
    project.write("models/churn.yaml", "name: churn\ndescription: half")
    assert project.checker.check() is None
    seen = project.checker.check()
    assert isinstance(seen, DesiredState)
    assert seen.config.models[0].description == "half"


def test_a_file_that_changes_all_the_time_is_read_all_the_same(project: Project):
    for step in range(3):
        project.write("models/churn.yaml", f"name: churn\ndescription: {'x' * step}.")
        assert project.checker.check() is None
    project.clock += MAX_CHANGE_S
    project.write("models/churn.yaml", "name: churn\ndescription: at last")
    assert isinstance(project.checker.check(), DesiredState)


def test_a_pool_is_read_when_its_file_is_added_and_when_it_changes(project: Project):
    (project.config / "pools").mkdir()
    for budget in (1, 2):
        project.write("pools/small.yaml", f"name: small\nmemory: {budget}GiB\n")
        seen = project.settle()
        assert isinstance(seen, DesiredState), seen
        assert [pool.memory for pool in seen.config.pools] == [budget * 2**30]


def _replaced_config(project: Project) -> None:
    new = project.root / "new"
    shutil.copytree(project.config, new)
    (new / "models" / "churn.yaml").write_text("name: churn\nversions: [2]")
    project.publish(2)
    project.config.rename(project.root / "old")
    new.rename(project.config)


def _replaced_repository(project: Project) -> None:
    project.publish(2, project.root / "new")
    project.repository.rename(project.root / "old")
    (project.root / "new").rename(project.repository)


def _linked_repository(project: Project) -> None:
    project.publish(2, project.root / "new")
    project.repository.rename(project.root / "old")
    project.repository.symlink_to("new")


def _moved_repository(project: Project) -> None:
    project.publish(2, project.root / "elsewhere")
    project.write("server.yaml", "repository: {settle_s: 0, path: elsewhere}")


def _another_file_of_the_same_age_and_size(project: Project) -> None:
    path = project.config / "models" / "churn.yaml"
    project.publish(2)
    project.write("models/churn.yaml", "name: churn\nversions: [1]")
    project.settle()
    before = path.stat()
    project.write("new.yaml", "name: churn\nversions: [2]")
    os.utime(project.config / "new.yaml", ns=(before.st_atime_ns, before.st_mtime_ns))
    (project.config / "new.yaml").replace(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda project: project.publish(2),
        _replaced_config,
        _replaced_repository,
        _linked_repository,
        _moved_repository,
        _another_file_of_the_same_age_and_size,
    ],
    ids=["version", "config", "repository", "linked", "moved", "same age"],
)
def test_a_change_is_seen(project: Project, change: Callable[[Project], None]):
    change(project)
    assert project.versions() == [2]
    project.settle()  # if the configuration names other folders, they are read once more
    assert project.settle() is None


def test_a_link_that_leads_to_another_folder_now_is_seen(project: Project):
    """In the way in which Kubernetes changes a mounted ConfigMap."""
    for name, versions in (("first", 1), ("second", 2)):
        (project.root / name).mkdir()
        (project.root / name / "churn.yaml").write_text(f"name: churn\nversions: [{versions}]")
    project.publish(2)
    shutil.rmtree(project.config / "models")
    (project.config / "models").symlink_to("../first")
    assert project.versions() == [1]
    (project.root / "link").symlink_to("second")
    (project.config / "link").symlink_to("../second")
    (project.config / "link").replace(project.config / "models")
    assert project.versions() == [2]


def test_a_repository_that_appears_after_the_start_is_seen(project: Project):
    project.repository.rename(project.root / "away")
    project.start()
    assert project.settle() is None
    (project.root / "away").rename(project.repository)
    assert project.versions() == [1]


@pytest.mark.parametrize("above", [".venv", ".git", "node_modules", "__pycache__", "site-packages"])
def test_it_does_not_matter_below_which_folder_the_project_is(tmp_path: Path, above: str):
    project = Project(tmp_path / above)
    project.publish(2)
    assert project.versions() == [2]


def test_the_configuration_is_checked_more_often_than_the_repository(project: Project):
    assert CHECK_EVERY_S < REPOSITORY_EVERY_S <= 1, "a change is seen within a second"
    assert project.checker.wait_s == CHECK_EVERY_S
    project.publish(2)
    project.clock += CHECK_EVERY_S
    project.checker.check()
    assert not project.checker.is_changing
    project.clock += CHECK_EVERY_S
    project.checker.check()
    assert project.checker.is_changing
    assert project.checker.wait_s == QUIET_S
    assert project.versions() == [2]
    project.write("models/churn.yaml", "name: churn\nversions: [1]")
    project.checker.check()
    assert project.checker.is_changing, "whether or not the repository is due"


def test_a_file_system_that_is_slow_is_checked_less_often(project: Project, monkeypatch: pytest.MonkeyPatch):
    def slow(stamp: Callable[..., object], seconds: float) -> Callable[..., object]:
        def slowly(*args: object) -> object:
            project.clock += seconds
            return stamp(*args)

        return slowly

    monkeypatch.setattr(file_watcher, "config_stamp", slow(file_watcher.config_stamp, 0.06))
    monkeypatch.setattr(file_watcher, "repository_stamp", slow(file_watcher.repository_stamp, 0.3))
    project.clock += REPOSITORY_EVERY_S
    project.checker.check()
    assert project.checker.wait_s == pytest.approx(0.06 / MAX_CPU_SHARE), (
        "the repository does not delay the configuration"
    )
    project.publish(2)
    for after_s, is_seen in ((0.3 / MAX_CPU_SHARE - 1, False), (1, True)):
        project.clock += after_s
        project.checker.check()
        assert project.checker.is_changing is is_seen


def test_a_mistake_is_read_once(project: Project):
    project.write("models/churn.yaml", "nam: churn")
    assert isinstance(project.settle(), SpecError)
    assert project.settle() is None


@pytest.mark.parametrize("gone", ["serve_config", "serve_config/models", "model_repository", "model_repository/churn"])
def test_a_folder_that_disappears_and_returns_is_seen_both_times(project: Project, gone: str):
    (project.root / gone).rename(project.root / "away")
    assert project.settle() is not None
    (project.root / "away").rename(project.root / gone)
    assert project.versions() == [1]


def test_what_is_copied_beside_the_versions_is_no_change(project: Project):
    (project.repository / "churn" / ".2.partial").mkdir()
    (project.repository / "other").mkdir()
    (project.config / "notes.txt").write_text("notes")
    assert project.checker.check() is None
    assert not project.checker.is_changing


def test_a_version_is_read_again_when_it_settles(project: Project):
    project.write("server.yaml", "repository: {settle_s: 3600}")
    project.publish(2)
    seen = project.settle()
    assert isinstance(seen, DesiredState)
    assert seen.settles_in_s is not None
    assert project.settle() is None
    project.clock += 3601.0
    assert project.checker.check() is not None


def test_links_in_a_circle_end(project: Project):
    (project.repository / "churn" / "1" / "loop").symlink_to("..")
    assert project.settle() is not None


class Checks:
    """A FileChecker whose results the test sets."""

    wait_s = 0.0

    def __init__(self, *readings: object) -> None:
        self.readings = list(readings)

    def check(self) -> object:
        reading = self.readings.pop(0) if self.readings else None
        if isinstance(reading, BaseException) and not isinstance(reading, OSError):
            raise reading
        return reading


def test_the_thread_outlives_any_error_of_a_check():
    stop = threading.Event()
    thread = FileWatcher(Checks(OSError("stale"), RuntimeError("broken"), "fine"), stop)
    thread.start()
    assert [str(thread.next(30)) for _ in range(3)] == ["stale", "broken", "fine"]
    stop.set()
    assert thread.next(30) is None
    assert not thread.is_silent()


def test_a_wait_for_the_next_reading_can_be_ended_from_another_thread():
    thread = FileWatcher(Checks(), threading.Event())
    threading.Thread(target=thread.wake, daemon=True).start()
    assert thread.next(timeout_s=60) is None


class OutOfDescriptors(ConfigReader):
    """Fails to read until the test changes that."""

    has_any = False

    def read(self) -> DesiredState:
        if not self.has_any:
            raise OSError(24, "Too many open files")
        return super().read()


def test_files_that_could_not_be_read_are_tried_again_though_none_of_them_changes(project: Project):
    state = OutOfDescriptors(project.config, {})
    project.checker = FileChecker(state, ConfigReader(project.config, {}).read(), lambda: project.clock)
    assert isinstance(project.settle(), OSError)
    assert project.settle() is None
    state.has_any = True
    project.clock += RETRY_S
    assert isinstance(project.settle(), DesiredState)
    project.clock += RETRY_S
    assert project.settle() is None
