"""A version directory that is still being written is not picked up."""

import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.repository.resolve import Rejected, Resolved, ServedVersion, resolve
from modelyard.repository.scan import DigestCache, scan

PATIENCE_S = 10
CHURN = ModelSpec(name="churn")


class SlowCopy:
    """A thread that writes a version step by step, when the test starts a step."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._go: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._steps = iter(steps)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "SlowCopy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._go.put(None)
        self._thread.join(PATIENCE_S)

    def step(self) -> bool:
        """Start the next step and wait for its end. False if there is none."""
        if (step := next(self._steps, None)) is None:
            return False
        self._go.put(step)
        self._done.get(timeout=PATIENCE_S)
        return True

    def _run(self) -> None:
        while (step := self._go.get()) is not None:
            step()
            self._done.put(None)


def test_a_slow_copy_is_served_only_when_it_is_complete(repository):
    folder = repository.root / "churn" / "2"
    model = folder / "model.onnx"

    def append() -> None:
        with model.open("ab") as stream:
            stream.write(b"chunk")

    repository.put({"churn/1/model.onnx": b"old"})
    repository.later_s = 120
    assert resolve(CHURN, repository.folder()).versions[0].number == 1
    misses = list(repository.cache.misses)
    repository.later_s = 0
    # The copy sets the times of the source, years ago, as `cp -a` and `rsync -t` do.
    steps = (folder.mkdir, append, append, append, lambda: os.utime(model, (1, 1)), lambda: os.utime(folder, (1, 1)))
    with SlowCopy(*steps) as copy:
        while copy.step():
            snapshot = repository.scan("churn")
            newest = snapshot.folders["churn"].versions[-1]
            assert (newest.number, newest.settled, newest.digest) == (2, False, "")
            assert 59 < snapshot.settles_in_s <= 60
    assert repository.cache.misses == misses, "a version that is still being written must not be hashed"

    repository.later_s = 60.5
    snapshot = repository.scan("churn")
    resolved = resolve(CHURN, snapshot.folders["churn"])
    assert resolved.versions == (ServedVersion(2, snapshot.folders["churn"].versions[-1].digest),)
    assert snapshot.settles_in_s is None


def test_a_version_settles_by_the_real_clock(repository):
    repository.put({"churn/1/model.onnx": b"model"})
    repository.later_s = 0
    first = repository.scan("churn", settle_s=0.05)
    time.sleep(first.settles_in_s or 0)  # the test is about the result of the scan
    assert repository.scan("churn", settle_s=0.05).folders["churn"].versions[0].settled


@pytest.mark.parametrize("deep", ["model.onnx", "weights/a/0.bin", "weights"])
def test_a_change_anywhere_in_a_version_starts_the_wait_again(repository, deep):
    repository.put({"churn/1/model.onnx": b"model", "churn/1/weights/a/0.bin": b"w"})
    path = repository.root / "churn" / "1" / deep
    past = path.stat().st_ctime_ns
    path.chmod(0o755)
    while path.stat().st_ctime_ns == past:  # the clock of the file system moves in ticks
        path.chmod(0o755)
    changed = path.stat().st_ctime

    def settled(seconds_after: float) -> bool:
        now = changed + seconds_after
        snapshot = scan(repository.root, ["churn"], settle_s=60, now=lambda: now, cache=DigestCache())
        return snapshot.folders["churn"].versions[0].settled

    assert not settled(59.999)
    assert settled(60.001)


def test_a_version_is_not_served_while_it_has_the_marker(repository):
    repository.put({"churn/1/model.onnx": b"model", "churn/1/.incomplete": b""})
    snapshot = repository.scan("churn")
    (version,) = snapshot.folders["churn"].versions
    assert (version.settled, version.problem) == (False, "it contains .incomplete")
    assert snapshot.settles_in_s is None, "time alone does not complete it"
    (repository.root / "churn/1/.incomplete").unlink()
    version = repository.version()
    assert version.settled
    assert [file.path for file in version.files] == ["model.onnx"]


def test_a_marker_counts_only_at_the_top_of_a_version(repository):
    repository.put({"churn/1/model.onnx": b"model", "churn/1/data/.incomplete": b""})
    assert repository.version().settled


def test_a_directory_that_is_renamed_into_place_waits_for_its_turn_and_is_whole(repository):
    repository.put({"churn/.1.partial/model.onnx": b"model"})
    assert repository.numbers() == []
    (repository.root / "churn/.1.partial").rename(repository.root / "churn/1")
    repository.later_s = 0
    assert not repository.version().settled
    assert repository.scan("churn", settle_s=0).folders["churn"].versions[0].settled


def test_the_snapshot_has_the_time_when_the_last_of_several_versions_settles(repository):
    repository.put({"churn/1/model.onnx": b"model", "iris/1/model.onnx": b"model"})
    newest = max(path.stat().st_ctime for path in repository.root.rglob("*"))
    snapshot = scan(repository.root, ["churn", "iris"], settle_s=60, now=lambda: newest + 20, cache=DigestCache())
    assert snapshot.settles_in_s == pytest.approx(40, abs=0.001)


def test_a_clock_that_is_ahead_is_reported_and_checked_again(repository):
    repository.put({"churn/1/model.onnx": b"model"})
    repository.later_s = -3600
    snapshot = repository.scan("churn")
    (version,) = snapshot.folders["churn"].versions
    assert not version.settled
    assert "s in the future" in version.problem
    assert snapshot.settles_in_s <= 60


def test_a_touched_version_does_not_bring_the_older_one_back(repository):
    repository.put({"churn/1/model.onnx": b"old", "churn/2/model.onnx": b"new"})
    served = resolve(CHURN, repository.folder())
    assert [version.number for version in served.versions] == [2]

    (repository.root / "churn/2/model.onnx").touch()
    repository.later_s = 0
    for _ in range(2):
        rejected = resolve(CHURN, repository.folder())
        assert isinstance(rejected, Rejected)
        assert rejected.reason == "version 2 is being changed in place: waiting for it to complete"

    repository.later_s = 1000
    assert resolve(CHURN, repository.folder()) == served


def test_a_version_that_is_removed_is_gone_at_once(repository):
    repository.put({"churn/1/model.onnx": b"old", "churn/2/model.onnx": b"new"})
    repository.scan("churn")
    (repository.root / "churn/2").rename(repository.root / "aside")
    resolved = resolve(CHURN, repository.folder())
    assert isinstance(resolved, Resolved)
    assert [version.number for version in resolved.versions] == [1]


class VanishingCache(DigestCache):
    """Runs a function just before the first file is hashed: between the check and the read."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then: Callable[[], object] | None = then

    def content(self, path, identity):
        if self._then is not None:
            then, self._then = self._then, None
            then()
        return super().content(path, identity)


def test_a_version_that_vanishes_in_mid_scan_is_absent(repository):
    repository.put({"churn/1/model.onnx": b"old", "churn/2/model.onnx": b"new"})
    repository.cache = VanishingCache(lambda: (repository.root / "churn/1").rename(repository.root / "aside"))
    assert repository.numbers() == [2]


@pytest.mark.parametrize("change", ["unlink", "write"])
def test_a_version_that_changes_during_a_scan_is_not_settled(repository, change):
    repository.put({"churn/1/model.onnx": b"old", "churn/2/model.onnx": b"new"})
    path = repository.root / "churn/1/model.onnx"
    repository.cache = VanishingCache(path.unlink if change == "unlink" else lambda: path.write_bytes(b"other"))
    snapshot = repository.scan("churn")
    assert [version.settled for version in snapshot.folders["churn"].versions] == [False, True]
    assert snapshot.settles_in_s == pytest.approx(60, abs=1)
