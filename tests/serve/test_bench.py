"""`modelyard bench` on a real server: its counts are those of the server, and it leaves no failed request behind."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.serve.metric_values import request_count
from tests.serve.models import SLOW
from tests.serve.project import COMMAND, Server
from tests.serve.test_changes import TRUSTED

QUICK = ("--window-s", "0.3", "--max-s", "1", "--yes")


def counted(server: Server, model: str) -> dict[str, float]:
    return {code: request_count(server, model, code=code) for code in ("ok", "timeout", "error", "overloaded")}


def wait_counted(server: Server, model: str, before: dict[str, float], sent: int) -> None:
    """All requests were answered, and no other is counted."""
    expected = {**before, "ok": before["ok"] + sent}
    server.wait_for(lambda: counted(server, model) == expected, 30, f"{sent} more requests than {before}")


def bench(server: Server, model: str, *options: str) -> Any:
    return json.loads(server.command("bench", model, *QUICK, "-o", "json", *options).stdout)


def test_requests_sent_are_requests_counted_and_the_settings_are_valid(server: Server, tmp_path: Path) -> None:
    before = counted(server, "iris")
    result = bench(server, "iris", "--in-flight", "4", "--rows", "2", "--p99-ms", "3000")
    [level] = result["levels"]
    assert (level["errors"], level["rows"]) == ({}, 2)
    assert level["rows_per_s"] > level["requests_per_s"] > 0
    assert level["batch_rows"] >= 2
    assert yaml.safe_load(result["yaml"]) == result["settings"]
    assert "replicas" not in result["settings"], "iris is in a pool"
    wait_counted(server, "iris", before, result["requests_sent"])


def test_a_model_with_text_inputs_is_measured_with_its_example(server: Server) -> None:
    [level] = bench(server, "ticket-topic", "--in-flight", "1", "--rows", "1")["levels"]
    assert (level["errors"], level["latency_ms"]["p50"] > 0) == ({}, True)


def test_an_overload_is_counted_and_never_recommended(fresh: Server) -> None:
    fresh.project.add_python("measured", SLOW)
    fresh.project.configure("measured", f"{TRUSTED}batching: off\nlimits: {{queue: 2}}\n")
    fresh.wait_for(lambda: fresh.responds("measured", {"instances": [0]}), what="the model at the edge")
    fresh.wait_for(lambda: fresh.status()["measured"]["state"] == "READY", what="its status")
    file = fresh.project.root / "slow.json"
    file.write_text('{"instances": [0.05]}')
    options = ("--in-flight", "16,32", "--input", str(file), "--p99-ms", "5000", "-o", "json")
    done = fresh.command("bench", "measured", *QUICK, *options, check=False)
    assert (done.returncode, done.stdout[:1]) == (1, "{"), done.stderr
    result = json.loads(done.stdout)
    assert set(result["levels"][0]["errors"]) == {"429"}
    assert (len(result["levels"]), len(result["skipped"])) == (1, 1)
    assert result["yaml"] is None


def test_ctrl_c_ends_it_without_a_failed_request_and_shows_the_levels_so_far(server: Server) -> None:
    before = counted(server, "diabetes")
    load = ("--in-flight", "1,2,4,8", "--rows", "1", "--window-s", "0.3", "--yes", "-o", "json")
    process = subprocess.Popen(
        [COMMAND, "bench", "diabetes", *load],
        cwd=server.project.root,
        env=server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "1 row, 1 in flight: " not in (line := process.stderr.readline()):
        assert line, "it ended"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    result = json.loads(out)
    assert (len(result["levels"]), result["stopped"]) == (1, "interrupted")
    assert "error: interrupted; 1 of 4 levels measured" in err
    wait_counted(server, "diabetes", before, result["requests_sent"])
