"""Changed files are noticed, whatever happens to the folders that hold them."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.config.diagnostic import SpecError
from modelyard.control.desired import ConfigReader, DesiredState
from modelyard.control.file_watcher import MAX_CHANGE_S, RETRY_S, FileChecker, FileWatcher


class Yard:
    """A configuration with one model, and checks of its files as often as the test says."""

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
            seen = self.checker.check() or seen
        return seen

    def versions(self) -> list[int]:
        """The readings of the next checks."""
        seen = self.settle()
        assert isinstance(seen, DesiredState), seen
        return [version.number for version in seen.models[0].versions]


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_the_first_check_reads_because_files_may_have_changed_since_the_start(tmp_path: Path):
    yard = Yard(tmp_path)
    state = ConfigReader(yard.config, {})
    look = FileChecker(state, state.read(), lambda: 0.0)
    assert look.check() is None
    assert look.is_changing
    assert isinstance(look.check(), DesiredState)
    assert not look.is_changing


def test_what_has_not_changed_is_not_read_again(yard: Yard):
    assert yard.settle() is None


def test_a_file_is_read_when_it_is_at_rest(yard: Yard):
    yard.write("models/churn.yaml", "name: churn\ndescription: hal")
    assert yard.checker.check() is None
    yard.write("models/churn.yaml", "name: churn\ndescription: half")
    assert yard.checker.check() is None
    seen = yard.checker.check()
    assert isinstance(seen, DesiredState)
    assert seen.config.models[0].description == "half"


def test_a_file_that_changes_all_the_time_is_read_all_the_same(yard: Yard):
    for step in range(3):
        yard.write("models/churn.yaml", f"name: churn\ndescription: {'x' * step}.")
        assert yard.checker.check() is None
    yard.clock = MAX_CHANGE_S
    yard.write("models/churn.yaml", "name: churn\ndescription: at last")
    assert isinstance(yard.checker.check(), DesiredState)


def _replaced_config(yard: Yard) -> None:
    new = yard.root / "new"
    shutil.copytree(yard.config, new)
    (new / "models" / "churn.yaml").write_text("name: churn\nversions: [2]")
    yard.publish(2)
    yard.config.rename(yard.root / "old")
    new.rename(yard.config)


def _replaced_repository(yard: Yard) -> None:
    yard.publish(2, yard.root / "new")
    yard.repository.rename(yard.root / "old")
    (yard.root / "new").rename(yard.repository)


def _linked_repository(yard: Yard) -> None:
    yard.publish(2, yard.root / "new")
    yard.repository.rename(yard.root / "old")
    yard.repository.symlink_to("new")


def _moved_repository(yard: Yard) -> None:
    yard.publish(2, yard.root / "elsewhere")
    yard.write("server.yaml", "repository: {settle_s: 0, path: elsewhere}")


def _another_file_of_the_same_age_and_size(yard: Yard) -> None:
    path = yard.config / "models" / "churn.yaml"
    yard.publish(2)
    yard.write("models/churn.yaml", "name: churn\nversions: [1]")
    yard.settle()
    before = path.stat()
    yard.write("new.yaml", "name: churn\nversions: [2]")
    os.utime(yard.config / "new.yaml", ns=(before.st_atime_ns, before.st_mtime_ns))
    (yard.config / "new.yaml").replace(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda yard: yard.publish(2),
        _replaced_config,
        _replaced_repository,
        _linked_repository,
        _moved_repository,
        _another_file_of_the_same_age_and_size,
    ],
    ids=["version", "config", "repository", "linked", "moved", "same age"],
)
def test_a_change_is_seen(yard: Yard, change: Callable[[Yard], None]):
    change(yard)
    assert yard.versions() == [2]
    yard.settle()  # where a new configuration names other folders, these are read once more
    assert yard.settle() is None


def test_a_link_that_leads_to_another_folder_now_is_seen(yard: Yard):
    """As Kubernetes changes a mounted ConfigMap."""
    for name, versions in (("first", 1), ("second", 2)):
        (yard.root / name).mkdir()
        (yard.root / name / "churn.yaml").write_text(f"name: churn\nversions: [{versions}]")
    yard.publish(2)
    shutil.rmtree(yard.config / "models")
    (yard.config / "models").symlink_to("../first")
    assert yard.versions() == [1]
    (yard.root / "link").symlink_to("second")
    (yard.config / "link").symlink_to("../second")
    (yard.config / "link").replace(yard.config / "models")
    assert yard.versions() == [2]


def test_a_repository_that_comes_after_the_start_is_seen(yard: Yard):
    yard.repository.rename(yard.root / "away")
    yard.start()
    assert yard.settle() is None
    (yard.root / "away").rename(yard.repository)
    assert yard.versions() == [1]


@pytest.mark.parametrize("above", [".venv", ".git", "node_modules", "__pycache__", "site-packages"])
def test_it_does_not_matter_below_which_folder_the_project_is(tmp_path: Path, above: str):
    yard = Yard(tmp_path / above)
    yard.publish(2)
    assert yard.versions() == [2]


def test_a_mistake_is_read_once(yard: Yard):
    yard.write("models/churn.yaml", "nam: churn")
    assert isinstance(yard.settle(), SpecError)
    assert yard.settle() is None


@pytest.mark.parametrize("gone", ["serve_config", "serve_config/models", "model_repository", "model_repository/churn"])
def test_a_folder_that_goes_and_comes_back_is_seen_both_times(yard: Yard, gone: str):
    (yard.root / gone).rename(yard.root / "away")
    assert yard.settle() is not None
    (yard.root / "away").rename(yard.root / gone)
    assert yard.versions() == [1]


def test_what_is_copied_beside_the_versions_is_no_change(yard: Yard):
    (yard.repository / "churn" / ".2.partial").mkdir()
    (yard.repository / "other").mkdir()
    (yard.config / "notes.txt").write_text("notes")
    assert yard.checker.check() is None
    assert not yard.checker.is_changing


def test_a_version_is_read_again_when_it_settles(yard: Yard):
    yard.write("server.yaml", "repository: {settle_s: 3600}")
    yard.publish(2)
    seen = yard.settle()
    assert isinstance(seen, DesiredState)
    assert seen.settles_in_s is not None
    assert yard.settle() is None
    yard.clock = 3601.0
    assert yard.checker.check() is not None


def test_links_in_a_circle_end(yard: Yard):
    (yard.repository / "churn" / "1" / "loop").symlink_to("..")
    assert yard.settle() is not None


class Checks:
    """A FileChecker whose results the test sets."""

    is_changing = True

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
    """Fails to read until the test says otherwise."""

    has_any = False

    def read(self) -> DesiredState:
        if not self.has_any:
            raise OSError(24, "Too many open files")
        return super().read()


def test_files_that_could_not_be_read_are_tried_again_though_none_of_them_changes(yard: Yard):
    state = OutOfDescriptors(yard.config, {})
    yard.checker = FileChecker(state, ConfigReader(yard.config, {}).read(), lambda: yard.clock)
    assert isinstance(yard.settle(), OSError)
    assert yard.settle() is None
    state.has_any = True
    yard.clock += RETRY_S
    assert isinstance(yard.settle(), DesiredState)
    yard.clock += RETRY_S
    assert yard.settle() is None
