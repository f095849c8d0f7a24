"""Writes that fail: what an operator reads of them, and that nothing ends for them."""

import errno
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from modelyard.control.append_file import MAX_WAITING, AppendFile
from modelyard.control.last_good import LastGood, LastGoodFile
from modelyard.control.paths import write_private
from modelyard.control.reports import Reports
from modelyard.control.restart_policy import ReadyFlag
from modelyard.control.writes import NotWritten, Writes, reason_of
from tests.unit.control.reconciler_loop import Operator
from tests.unit.control.test_last_good import CONFIG, GOOD

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "partial")


class Disk:
    """Writes to it fail for as long as it has a trouble."""

    def __init__(self) -> None:
        self.trouble: Exception | None = FULL
        self.written: list[str] = []

    def write(self, what: str = "") -> None:
        if self.trouble:
            raise self.trouble
        self.written.append(what)


PLACE = Path("/state/last-good.json")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EMFILE, errno.EIO])
def test_a_write_that_fails_ends_nothing_and_is_reported_and_tried_again_until_it_works(code: int):
    writes, disk = Writes(), Disk()
    disk.trouble = OSError(code, os.strerror(code), "/state/last-good.json.partial")
    writes.attempt(PLACE, disk.write)
    writes.retry()
    assert writes.failing == {PLACE: f"cannot write /state/last-good.json: {os.strerror(code)}"}
    writes.attempt(Path("/other/disk"), lambda: None)
    assert list(writes.failing) == [PLACE]
    disk.trouble = None
    writes.retry()
    assert writes.failing == {}
    assert disk.written == [""]
    writes.retry()
    assert disk.written == [""]


def test_of_several_writes_to_one_place_the_last_one_is_tried_again():
    writes, disk = Writes(), Disk()
    for what in ("old", "new"):
        writes.attempt(PLACE, lambda what=what: disk.write(what))
    disk.trouble = None
    writes.retry()
    assert disk.written == ["new"]


def test_a_step_that_needs_its_file_raises_and_tries_again_itself():
    writes, disk = Writes(), Disk()
    with pytest.raises(NotWritten, match="nothing is changed until /state/last"):
        writes.require(PLACE, disk.write)
    disk.trouble = None
    writes.retry()
    assert list(writes.failing) == [PLACE]
    writes.require(PLACE, disk.write)
    assert writes.failing == {}


def test_what_is_no_trouble_of_a_disk_is_raised():
    writes, disk = Writes(), Disk()
    disk.trouble = ValueError("a mistake")
    with pytest.raises(ValueError, match="a mistake"):
        writes.attempt(PLACE, disk.write)
    assert writes.failing == {}


def test_a_copy_of_many_files_that_fails_is_reported_in_a_few_words():
    copied = shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'"), ("c", "d", "the same")])
    assert reason_of(copied) == "[Errno 28] No space left on device: 'b'"
    assert reason_of(OSError("a word")) == "a word"


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes, as on a disk that has no more of them."""
    before, sent = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, sent)


def test_a_file_that_could_not_be_replaced_stays_and_leaves_no_part_of_the_new_one(tmp_path: Path):
    path = tmp_path / "token"
    write_private(path, "old")
    with no_file_beyond(1000), pytest.raises(OSError, match="File too large"):
        write_private(path, "new" * 1000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_must_not_be_forgotten_is_written_as_soon_as_it_can_be(tmp_path: Path):
    writes, path = Writes(), tmp_path / "state" / "last-good.json"
    memory = LastGoodFile(path)
    writes.attempt(path, lambda: memory.update(CONFIG, GOOD))
    assert writes.failing == {path: f"cannot write {path}: No such file or directory"}
    path.parent.mkdir()
    writes.retry()
    assert writes.failing == {}
    assert LastGood.read(path).config == CONFIG


def test_a_line_that_was_cut_short_is_written_again_and_costs_no_other_line(tmp_path: Path):
    lines = AppendFile(tmp_path / "events.jsonl", 10_000)
    for line in (b"first", b"second"):
        lines.add(line)
        with no_file_beyond(10) if line == b"second" else nullcontext():
            try:
                lines.write()
            except OSError:
                assert line == b"second"
    lines.add(b"last")
    lines.write()
    assert lines.path.read_bytes().splitlines() == [b"first", b"seco", b"second", b"last"]


def test_lines_wait_for_a_disk_that_takes_none_but_not_without_end(tmp_path: Path):
    lines = AppendFile(tmp_path / "file" / "events.jsonl", 10**6)
    (tmp_path / "file").touch()
    for number in range(MAX_WAITING + 1):
        lines.add(b"%d" % number)
        with pytest.raises(NotADirectoryError):
            lines.write()
    (tmp_path / "file").unlink()
    lines.write()
    assert lines.path.read_bytes().splitlines() == [b"%d" % number for number in range(1, MAX_WAITING + 1)]


@pytest.mark.parametrize(("left", "kept"), [(b"", []), (b"whole\n", [b"whole"]), (b"whole\nhal", [b"whole", b"hal"])])
def test_lines_continue_after_a_power_failure(tmp_path: Path, left: bytes, kept: list[bytes]):
    lines = AppendFile(tmp_path / "events.jsonl", 10_000)
    lines.path.write_bytes(left)
    lines.add(b"next")
    lines.write()
    assert lines.path.read_bytes().splitlines() == [*kept, b"next"]


class FullDisk(Operator):
    """Standard output in a file on a full disk."""

    def trouble(self, what: str) -> None:
        raise FULL


def test_a_terminal_that_fails_does_not_affect_other_reports():
    reader = Operator()
    Reports(FullDisk(), reader).trouble("the raylet died")
    assert reader.read == ["the raylet died"]


def test_the_mark_of_a_server_that_is_up_needs_no_disk():
    mark = ReadyFlag()
    assert not mark.is_set()
    ReadyFlag(os.dup(mark.descriptor)).set()
    assert mark.is_set()
    mark.close()
