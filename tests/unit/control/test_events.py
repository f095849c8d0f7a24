"""The file of events: one JSON object per line, with time and zone, and a size limit."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.control.events import EventFile
from modelyard.control.plan import Action
from modelyard.control.status import ModelStatus
from modelyard.control.writes import Writes

AT = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=UTC)
STATUS = ModelStatus("a", "UNAVAILABLE", ("2", "1"), "sha256:ab", "onnx", 0, 1, "", "no\nmemory", changing=False)


def lines(folder: Path, name: str = "events.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_every_line_has_a_time_with_its_zone_and_what_is_known(tmp_path: Path):
    file = EventFile(tmp_path, Writes(), now=lambda: AT)
    file.starting("starting Ray")
    file.applied([Action("add", "a", "version 1 (ab)")])
    file.awaits([Action("remove", "a", "not configured")], "")
    file.changed(STATUS)
    file.mistakes(
        SpecError((Diagnostic("models/a.yaml", 4, 1, "unknown key"), Diagnostic("models", 0, 0, "not a folder")))
    )
    file.trouble("the disk is full")
    file.started([STATUS], "curl", "")
    result = lines(tmp_path)
    assert {line.pop("time") for line in result} == {"2026-03-29T01:59:59.123+00:00"}
    state = {
        "model": "a",
        "state": "UNAVAILABLE",
        "version": "2, 1",
        "replicas": 0,
        "replicas_wanted": 1,
        "reason": "no\nmemory",
    }
    assert result == [
        {"event": "step", "what": "starting Ray"},
        {"event": "add", "model": "a", "reason": "version 1 (ab)"},
        {"event": "waits", "action": "remove", "model": "a", "reason": "not configured"},
        {"event": "state", **state},
        {"event": "mistake", "file": "models/a.yaml", "line": 4, "column": 1, "reason": "unknown key"},
        {"event": "mistake", "file": "models", "reason": "not a folder"},
        {"event": "trouble", "reason": "the disk is full"},
        {"event": "started"},
        {"event": "state", **state},
    ]


def test_only_its_owner_may_read_it_and_a_run_appends_to_the_file_of_the_last_run(tmp_path: Path):
    EventFile(tmp_path, Writes()).trouble("one")
    EventFile(tmp_path, Writes()).trouble("two")
    assert [line["reason"] for line in lines(tmp_path)] == ["one", "two"]
    assert stat.S_IMODE((tmp_path / "events.jsonl").stat().st_mode) == 0o600


def test_it_rotates_at_its_size_and_one_earlier_file_stays(tmp_path: Path):
    file = EventFile(tmp_path, Writes(), max_bytes=1000)
    for number in range(100):
        file.trouble(f"{number}")
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2200
    kept = [line["reason"] for name in ("events.jsonl.1", "events.jsonl") for line in lines(tmp_path, name)]
    assert kept == [f"{number}" for number in range(100)][-len(kept) :]
    assert len(kept) > 10


def test_a_full_disk_loses_events_and_nothing_else(tmp_path: Path):
    EventFile(tmp_path / "gone", Writes()).trouble("one")


def test_a_file_of_four_mebibytes_is_put_aside(tmp_path: Path):
    EventFile(tmp_path, Writes(), now=lambda: AT).trouble("one")
    written = (tmp_path / "events.jsonl").stat().st_size
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.truncate(4 * 1024 * 1024 - written - 1)
        file.seek(0, 2)
        file.write(b"\n")
    EventFile(tmp_path, Writes(), now=lambda: AT).trouble("one")
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl.1"]
    EventFile(tmp_path, Writes(), now=lambda: AT).trouble("one")
    assert (tmp_path / "events.jsonl").stat().st_size == written


def test_what_is_not_known_is_left_out(tmp_path: Path):
    status = ModelStatus("a", "LOADING", (), "", "", 0, 1, "", "", changing=True)
    EventFile(tmp_path, Writes(), now=lambda: AT).changed(status)
    [line] = lines(tmp_path)
    assert line.keys() == {"time", "event", "model", "state", "replicas", "replicas_wanted"}
