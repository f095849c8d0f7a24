"""The log file of a replica's process."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.inference.running_requests import working_for
from modelyard.replica import log_handler as under_test
from modelyard.replica.log_handler import MAX_LOGS, LoggedStream, ReplicaLogHandler, log_line, open_log
from modelyard.replica_files.log_records import LogRecord, parse_record
from modelyard.replica_files.paths import ReplicaFiles
from modelyard.runtimes.operator_code.folder import PrivateFolder, copies_of
from tests.unit.inference.test_running_requests import pending_request


@pytest.fixture
def files(tmp_path: Path) -> ReplicaFiles:
    return ReplicaFiles(tmp_path, "iris", "a")


@pytest.fixture
def opened(files: ReplicaFiles) -> Iterator[ReplicaFiles]:
    """Logs to the file, and restores the process at the end."""
    root, out, err = logging.getLogger(), sys.stdout, sys.stderr
    handlers, level = root.handlers[:], root.level
    open_log(files)
    yield files
    root.handlers[:], sys.stdout, sys.stderr = handlers, out, err
    root.setLevel(level)


def lines(files: ReplicaFiles) -> list[LogRecord]:
    return [line for line in map(parse_record, files.log.read_bytes().splitlines()) if line]


def test_info_records_of_a_model_have_the_ids_of_its_requests(opened: ReplicaFiles):
    log = logging.getLogger("_modelyard_model_7.model")
    log.info("loading")
    with working_for([pending_request("one"), pending_request("two")]):
        log.info("computing %d", 3)
        print("printed\nin two", file=LoggedStream("stdout", logging.INFO))
    logged = [(line.logger, line.message, line.requests) for line in lines(opened)]
    assert logged == [
        ("model", "loading", ()),
        ("model", "computing 3", ("one", "two")),
        ("stdout", "printed", ("one", "two")),
        ("stdout", "in two", ("one", "two")),
    ]


def test_a_record_with_request_ids_keeps_them(opened: ReplicaFiles):
    logging.getLogger("modelyard.x").error("failed", extra={"requests": ("mine",)})
    assert lines(opened)[0].requests == ("mine",)


def test_a_traceback_names_the_file_in_the_repository(opened: ReplicaFiles):
    code = "def predict():\n    raise ValueError('no')\n"
    with copies_of(Path("/repo/iris/3")):
        folder = PrivateFolder({"model.py": code.encode()})
    space: dict[str, object] = {}
    exec(compile(code, str(folder.path / "model.py"), "exec"), space)
    try:
        space["predict"]()  # type: ignore[operator]
    except ValueError:
        logging.getLogger("model").exception("failed in %s", folder.path)
    (line,) = lines(opened)
    assert 'File "/repo/iris/3/model.py", line 2, in predict' in line.traceback
    assert line.traceback.endswith("ValueError: no\n")
    assert line.message == "failed in /repo/iris/3"


def test_arguments_that_do_not_fit_the_format_are_logged_as_they_are():
    record = logging.LogRecord("model", logging.INFO, "", 0, "%d rows", ("three",), None)
    assert log_line(record).message == "%d rows ('three',)"


def test_a_large_log_is_rotated(files: ReplicaFiles):
    handler = ReplicaLogHandler(files.log)
    with files.log.open("r+b") as file:
        file.truncate(under_test.MAX_FILE_BYTES)
    handler = ReplicaLogHandler(files.log)
    for message in ("last of the old", "first of the new"):
        handler.emit(logging.LogRecord("model", logging.INFO, "", 0, message, (), None))
    assert [line.message for line in lines(files)] == ["first of the new"]
    assert files.log.with_suffix(".jsonl.1").exists()


def test_a_full_disk_does_not_fail_requests(files: ReplicaFiles):
    handler = ReplicaLogHandler(files.log)
    handler._descriptor = os.open("/dev/full", os.O_WRONLY)
    handler.emit(logging.LogRecord("model", logging.INFO, "", 0, "hello", (), None))


def test_printed_text_is_logged_at_its_line_end(opened: ReplicaFiles):
    printed = LoggedStream("stdout", logging.INFO)
    printed.write("half")
    assert lines(opened) == []
    printed.flush()
    assert [line.message for line in lines(opened)] == ["half"]


def test_the_oldest_logs_of_many_replicas_are_removed(files: ReplicaFiles, opened: ReplicaFiles):
    for number in range(MAX_LOGS + 5):
        for kind in ("jsonl", "exit"):
            path = files.log.with_name(f"old{number:02}.{kind}")
            path.write_text("{}")
            os.utime(path, (number, number))
    open_log(ReplicaFiles(files.folder, "iris", "b"))
    left = sorted(path.name for path in files.log.parent.glob("old*"))
    assert "old04.exit" not in left
    assert left[0] == "old07.exit"
    assert files.log.exists()
