"""`modelyard requests`: what it finds in the request log."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.time_range import parse_since
from modelyard.replica_files.request_records import RequestRecord, append_lines, encode_record, request_log_path
from tests.unit.cli.project_folder import ProjectFolder

AT = 1_796_000_000.0


class RequestLogs:
    """The request logs of a configuration."""

    def __init__(self, project: ProjectFolder) -> None:
        self.project = project
        self.folder = project.root / ".modelyard" / "requests"

    def write(
        self, model: str, *ids: str, at: float = AT, total_s: float = 0.01, code: str = "ok", **more: Any
    ) -> None:
        lines = [
            RequestRecord(at + n, name, "1", "predict", code, 1, 0, 0, total_s, 1, 9, **more)
            for n, name in enumerate(ids)
        ]
        append_lines(
            request_log_path(self.folder, model), b"".join(encode_record(model, line, "x4k2") for line in lines)
        )

    def found(self, *arguments: str) -> list[str]:
        return [each["request_id"] for each in self.project.json("requests", *arguments)]


@pytest.fixture
def logs(project: ProjectFolder) -> RequestLogs:
    return RequestLogs(project)


def test_a_request_is_found_by_its_id_and_by_nothing_like_it(logs: RequestLogs):
    logs.write("iris", "a-1", "a-11", "b")
    logs.write("churn", "a-1", at=AT + 50, client="10.0.0.7")
    assert logs.found("--id", "a-1") == ["a-1", "a-1"]
    shown = logs.project.run("requests", "--id", "a-1", "--model", "churn").stdout
    assert "10.0.0.7" in shown
    assert "x4k2" in shown
    assert logs.project.run("requests", "--id", "a-").exit_code == 1


def test_the_last_requests_of_all_models_come_oldest_first(logs: RequestLogs):
    logs.write("iris", "i0", "i1", "i2")
    logs.write("churn", "c0", "c1", at=AT + 0.5)
    assert logs.found() == ["i0", "c0", "i1", "c1", "i2"]
    assert logs.found("-n", "2") == ["c1", "i2"]
    assert logs.found("--model", "churn") == ["c0", "c1"]
    assert [line.split()[-1] for line in logs.project.run("requests", "-n", "2").stdout.splitlines()] == [
        "ID",
        "c1",
        "i2",
    ]


def test_slow_requests_are_those_over_the_threshold_of_the_configuration(logs: RequestLogs):
    logs.write("iris", "quick", total_s=0.4)
    logs.write("iris", "slow", total_s=0.6)
    assert logs.project.run("requests", "--slow").exit_code == 1
    logs.project.write("server.yaml", "request_log: {slow_s: 0.5}")
    assert logs.found("--slow") == ["slow"]


def test_failed_requests_are_all_that_did_not_succeed(logs: RequestLogs):
    for code in ("ok", "invalid", "error", "timeout"):
        logs.write("iris", code, code=code)
    assert logs.found("--failed") == ["invalid", "error", "timeout"]


def test_since_leaves_out_what_is_older(logs: RequestLogs):
    now = time.time()
    logs.write("iris", "old", at=now - 900)
    logs.write("iris", "new", at=now - 300)
    assert logs.found("--since", "10m") == ["new"]
    assert logs.found("--since", "1h") == ["old", "new"]
    wrong = logs.project.run("requests", "--since", "ten minutes")
    assert wrong.exit_code == 2
    assert "neither a duration" in " ".join(wrong.output.replace("│", " ").split())


@pytest.mark.parametrize(("text", "ago"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1.5h", 5400)])
def test_a_duration_counts_back_from_now(text: str, ago: float):
    assert parse_since(text, 1e6) == 1e6 - ago


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "10 minutes", "yesterday", "5w"])
def test_what_is_neither_a_duration_nor_a_time_is_rejected(text: str):
    with pytest.raises(ValueError, match="neither a duration"):
        parse_since(text, 1e6)


def test_files_that_were_put_aside_and_lines_that_were_cut_short_do_no_harm(logs: RequestLogs):
    logs.write("iris", "older")
    path = request_log_path(logs.folder, "iris")
    path.rename(path.with_suffix(".jsonl.1"))
    logs.write("iris", "newer", at=AT + 9)
    with path.open("ab") as file:
        file.write(b'{"time": "2026-1')
    assert logs.found() == ["older", "newer"]
    assert logs.found("--id", "older") == ["older"]


def test_a_log_of_many_blocks_is_read_to_its_beginning(logs: RequestLogs, tmp_path: Path):
    logs.write("iris", *(f"r{n}" for n in range(9_000)))
    found = logs.found("-n", "10000")
    assert found == [f"r{n}" for n in range(9_000)]


def test_no_log_is_no_fault_of_the_command(logs: RequestLogs):
    done = logs.project.run("requests")
    assert done.exit_code == 1
    assert "no matching requests" in done.stderr
    assert json.loads(logs.project.run("requests", "-o", "json").stdout) == []
