"""One line of JSON per request, in a file that replicas share."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.inference.recorder import RequestContext
from modelyard.replica_files import request_records
from modelyard.replica_files.request_records import RequestRecord
from modelyard.telemetry import request_log
from modelyard.telemetry.metrics.counters import VersionCounters
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.telemetry.request_recorder import RequestRecorder


def line(request_id: str = "abc-1", code: str = "ok", **more: object) -> RequestRecord:
    values = {"at": 1.5, "version": "3", "protocol": "predict", "rows": 2, "queue_s": 0.001, "compute_s": 0.0025}
    rest = {"total_s": 0.004, "batch_rows": 8, "body_bytes": 77}
    return RequestRecord(request_id=request_id, code=code, **{**values, **rest, **more})  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> RequestLogConfig:
    return RequestLogConfig(tmp_path / "requests", share=1.0, replica="x4k2")


def written(place: RequestLogConfig) -> list[dict[str, object]]:
    """The lines in churn's file."""
    path = place.folder / "churn.jsonl"
    return [json.loads(text) for text in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []


def test_a_line_has_the_outcome_of_a_request_and_its_times(place: RequestLogConfig):
    log = RequestLog("churn", place)
    log.add(line())
    log.flush()
    assert written(place) == [
        {
            "time": "1970-01-01T00:00:01.500+00:00",
            "request_id": "abc-1",
            "model": "churn",
            "version": "3",
            "protocol": "predict",
            "code": "ok",
            "outcome": "OK",
            "rows": 2,
            "queue_ms": 1.0,
            "compute_ms": 2.5,
            "total_ms": 4.0,
            "batch_rows": 8,
            "bytes": 77,
            "client": "",
            "replica": "x4k2",
        }
    ]


@pytest.mark.parametrize("forged", ['x\n{"code": "ok"}', "x\r\ny", "\x00\x1b[31m", 'a"},{"b', "\u2028\x85"])
def test_no_value_can_forge_a_line(place: RequestLogConfig, forged: str):
    log = RequestLog("churn", place)
    log.add(line(request_id=forged))
    log.flush()
    assert [result["request_id"] for result in written(place)] == [forged]
    raw = (place.folder / "churn.jsonl").read_bytes()
    assert raw.count(b"\n") == 1
    assert not any(byte < 0x20 for byte in raw[:-1])


def test_replicas_append_to_one_file_that_only_its_owner_reads(place: RequestLogConfig):
    logs = [RequestLog("churn", place) for _ in range(2)]
    for number in range(6):
        logs[number % 2].add(line(request_id=str(number)))
        logs[number % 2].flush()
    assert [result["request_id"] for result in written(place)] == list("012345")
    assert (place.folder / "churn.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("share", "drawn", "code", "total_s", "wanted"),
    [
        (0.0, 0.0, "ok", 0.1, False),
        (0.0, 0.0, "invalid", 0.1, False),
        (0.0, 0.9, "error", 0.1, True),
        (0.0, 0.9, "timeout", 0.1, True),
        (0.1, 0.05, "ok", 0.1, True),
        (0.1, 0.5, "ok", 0.1, False),
        (0.1, 0.5, "error", 0.1, True),
        (1.0, 0.999, "overloaded", 0.1, True),
        (0.0, 0.9, "ok", 1.0, True),
        (0.0, 0.9, "invalid", 3.0, True),
    ],
)
def test_what_failed_or_was_slow_is_always_written_and_the_rest_by_its_share(
    tmp_path: Path, share: float, drawn: float, code: str, total_s: float, wanted: bool
):
    log = RequestLog("churn", RequestLogConfig(tmp_path, share, slow_s=1.0), random_value=lambda: drawn)
    assert log.should_record(code, total_s) is wanted


def test_what_cannot_be_written_waits_and_is_complained_of_once(
    place: RequestLogConfig, caplog: pytest.LogCaptureFixture
):
    place.folder.write_text("a file where the folder should be")
    log = RequestLog("churn", place)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            log.add(line())
            log.flush()
    assert len(caplog.records) == 1
    place.folder.unlink()
    log.flush()
    assert len(written(place)) == 3


def test_a_file_that_has_grown_large_is_put_aside(place: RequestLogConfig):
    log = RequestLog("churn", place)
    place.folder.mkdir()
    with (place.folder / "churn.jsonl").open("wb") as file:
        file.truncate(request_records.MAX_FILE_BYTES)
    log.add(line())
    log.flush()
    log.add(line(request_id="next"))
    log.flush()
    assert [result["request_id"] for result in written(place)] == ["next"]
    assert (place.folder / "churn.jsonl.1").exists()


def test_a_recorder_logs_each_request_that_ended_or_was_rejected(place: RequestLogConfig):
    log = RequestLog("churn", place, now=lambda: 1.5)
    recorder = RequestRecorder(VersionCounters("churn", "3", ("grpc",), load_s=0.1), "grpc", log)
    recorder.request_ended(RequestContext(recorder, 0.0, "one", 10, rows=2), "OK", 0.5, 0.25, None)
    recorder.request_rejected(RequestContext(recorder, 0.0, "two", 20), "InvalidRequest", 0.125)
    log.flush()
    result = [
        (each["request_id"], each["code"], each["rows"], each["total_ms"], each["bytes"]) for each in written(place)
    ]
    assert result == [("one", "ok", 2, 500.0, 10), ("two", "invalid", 0, 125.0, 20)]


def test_a_slow_request_is_written_although_it_went_well_and_none_is_sampled(tmp_path: Path):
    place = RequestLogConfig(tmp_path / "requests", share=0.0, slow_s=1.0)
    log = RequestLog("churn", place)
    recorder = RequestRecorder(VersionCounters("churn", "3", ("grpc",), load_s=0.1), "grpc", log)
    for request_id, total_s in (("quick", 0.99), ("slow", 1.5)):
        recorder.request_ended(RequestContext(recorder, 0.0, request_id, 10), "OK", total_s, 0.25, None)
    log.flush()
    assert [(each["request_id"], each["outcome"]) for each in written(place)] == [("slow", "OK")]


@pytest.mark.parametrize(
    ("behind_edge", "header", "client"),
    [
        (True, b"10.0.0.7", "10.0.0.7"),
        (True, b"2001:db8::1", "2001:db8::1"),
        (True, b"10.0.0.7, 10.0.0.8", ""),
        (True, b'"} forged', ""),
        (True, b"\xff", ""),
        (False, b"10.0.0.7", ""),
    ],
)
def test_a_clients_address_is_the_one_from_the_edge_and_empty_without_an_edge(
    tmp_path: Path, behind_edge: bool, header: bytes, client: str
):
    place = RequestLogConfig(tmp_path / "requests", share=1.0, behind_edge=behind_edge)
    log = RequestLog("churn", place)
    recorder = RequestRecorder(VersionCounters("churn", "3", ("grpc",), load_s=0.1), "grpc", log)
    headers = ((b"host", b"x"), (b"x-forwarded-for", header))
    recorder.request_ended(RequestContext(recorder, 0.0, "one", 10, headers=headers), "OK", 0.5, 0.25, None)
    log.flush()
    assert [each["client"] for each in written(place)] == [client]


def test_a_disk_that_is_too_slow_costs_records(place: RequestLogConfig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(request_log, "MAX_PENDING_RECORDS", 3)
    log = RequestLog("churn", place)
    for number in range(5):
        log.add(line(request_id=str(number)))
    log.flush()
    assert [each["request_id"] for each in written(place)] == ["0", "1", "2"]


def test_each_failure_after_a_success_is_reported(place: RequestLogConfig, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    log = RequestLog("churn", place)
    place.folder.mkdir()
    for _ in range(2):
        (place.folder / "churn.jsonl").mkdir()
        log.add(line())
        log.flush()
        (place.folder / "churn.jsonl").rmdir()
        log.flush()
        (place.folder / "churn.jsonl").unlink()
    assert len(caplog.records) == 2


def test_without_edge_and_slow_requests_only_the_share_decides(tmp_path: Path):
    log = RequestLog("churn", RequestLogConfig(tmp_path, 0.5), random_value=lambda: 0.5)
    assert not log.should_record("ok", 1e9)
    assert not log.behind_edge
    assert RequestLog("churn", RequestLogConfig(tmp_path, 0.6), random_value=lambda: 0.5).should_record("ok", 0.0)


def test_a_request_that_failed_or_was_rejected_is_recorded_without_times_that_it_does_not_have(place: RequestLogConfig):
    log = RequestLog("churn", replace(place, share=0.0))
    recorder = RequestRecorder(VersionCounters("churn", "3", ("grpc",), load_s=0.1), "grpc", log)
    recorder.request_ended(RequestContext(recorder, 0.0, "failed", 10, rows=2), "InferenceFailed", 0.5, 0.25, None)
    recorder.request_rejected(RequestContext(recorder, 0.0, "rejected", 20), "NotReady", 0.125)
    log.flush()
    times = [
        (each["request_id"], each["outcome"], each["queue_ms"], each["compute_ms"], each["batch_rows"])
        for each in written(place)
    ]
    assert times == [("failed", "InferenceFailed", 250.0, 0.0, 0), ("rejected", "NotReady", 0.0, 0.0, 0)]


def test_a_request_that_takes_as_long_as_the_limit_is_slow(place: RequestLogConfig):
    log = RequestLog("churn", replace(place, share=0.0, slow_s=1.0))
    recorder = RequestRecorder(VersionCounters("churn", "3", ("grpc",), load_s=0.1), "grpc", log)
    recorder.request_ended(RequestContext(recorder, 0.0, "slow", 10), "OK", 1.0, 0.25, None)
    log.flush()
    assert [each["request_id"] for each in written(place)] == ["slow"]
