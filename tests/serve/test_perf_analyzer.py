"""Triton's perf_analyzer, as NVIDIA ships it, measures models of the real server without options for their shapes."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.project import Server

PLACE = Path(sys.executable).with_name("perf_analyzer").parents[1] / "perf_analyzer"
"""Where `make test` unpacks it and two libraries."""
SHORT = ("--measurement-mode", "count_windows", "--measurement-request-count", "50", "--stability-percentage", "999999")
"""Requests per measurement. Stable results are not needed here."""


def measured(server: Server, model: str, tmp_path: Path, *options: str, grpc: bool = False) -> dict[str, str]:
    """The columns of its report by name."""
    port = server.project.grpc_port if grpc else server.project.port
    report = tmp_path / "report.csv"
    done = subprocess.run(
        [
            str(PLACE / "perf_analyzer"),
            *("-m", model, "-i", "grpc" if grpc else "http", "-u", f"127.0.0.1:{port}", "-f", str(report)),
            *SHORT,
            *options,
        ],
        env={**os.environ, "LD_LIBRARY_PATH": str(PLACE / "lib")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [row] = csv.DictReader(report.read_text().splitlines())
    return row


@pytest.mark.parametrize("grpc", [False, True], ids=["http", "grpc"])
@pytest.mark.parametrize(("model", "rows"), [("iris", 4), ("echo", 4), ("wine-alcohol", 1), ("ticket-topic", 1)])
def test_it_measures_a_model_and_reads_its_statistics(
    server: Server, tmp_path: Path, model: str, rows: int, grpc: bool
) -> None:
    row = measured(server, model, tmp_path, "-b", str(rows), grpc=grpc)
    assert float(row["Inferences/Second"]) > 0
    assert float(row["Server Compute Infer"]) > 0
    assert (float(row["Server Compute Input"]), float(row["Server Compute Output"])) == (0, 0)


def test_it_measures_several_requests_at_once(server: Server, tmp_path: Path) -> None:
    row = measured(server, "echo", tmp_path, "--concurrency-range", "4", "--shape", "x:1", "-a", grpc=True)
    assert row["Concurrency"] == "4"
