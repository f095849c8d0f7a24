"""When a file of lines rotates, and where its next line begins."""

from contextlib import suppress
from pathlib import Path

import pytest

from modelyard.control.append_file import AppendFile


def test_a_file_that_reaches_its_size_replaces_the_one_before(tmp_path: Path):
    lines = AppendFile(tmp_path / "a.jsonl", max_bytes=10)
    for line in (b"12345678", b"123", b"12345", b"more"):
        lines.add(line)
        lines.write()
        if line == b"12345678":
            assert lines.path.exists(), "it has nine bytes"
    assert (tmp_path / "a.jsonl.1").read_bytes() == b"12345\nmore\n"
    assert not lines.path.exists()


def test_a_file_of_exactly_its_size_rotates(tmp_path: Path):
    lines = AppendFile(tmp_path / "a.jsonl", max_bytes=10)
    lines.add(b"123456789")
    lines.write()
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl.1"]


@pytest.mark.parametrize(
    ("left", "whole"),
    [(b"", b"next\n"), (b"\n", b"\nnext\n"), (b"x", b"x\nnext\n"), (b"a\nx", b"a\nx\nnext\n"), (b"a\n", b"a\nnext\n")],
)
def test_a_line_begins_at_the_start_of_a_line(tmp_path: Path, left: bytes, whole: bytes):
    lines = AppendFile(tmp_path / "a.jsonl", max_bytes=1000)
    lines.path.write_bytes(left)
    lines.add(b"next")
    lines.write()
    assert lines.path.read_bytes() == whole


def open_files() -> set[str]:
    """What this process has open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # another thread has closed it
            found.add(str(link.readlink()))
    return found


def test_the_file_is_closed_after_each_line(tmp_path: Path):
    lines = AppendFile(tmp_path / "a.jsonl", max_bytes=1000)
    for _ in range(10):
        lines.add(b"line")
    lines.write()
    assert lines.path.read_bytes() == b"line\n" * 10
    assert str(lines.path) not in open_files()


def test_the_last_thousand_lines_wait(tmp_path: Path):
    lines = AppendFile(tmp_path / "a.jsonl", max_bytes=10**6)
    for number in range(1001):
        lines.add(b"%d" % number)
    lines.write()
    assert lines.path.read_bytes().splitlines() == [b"%d" % number for number in range(1, 1001)]
