"""The benchmark of the request path, with an example model and few requests."""

from pathlib import Path

import uvloop

from benchmarks.request_path import measure
from examples.train import publish, train


def test_the_report_has_each_protocol_and_the_parts_of_predict(tmp_path: Path) -> None:
    publish(tmp_path / "digits", train("digits"))
    report = uvloop.run(measure(tmp_path, ["digits"], requests_per_turn=64, turns=1))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in report.splitlines()[2:]]
    assert [row[:2] for row in rows] == [
        ["digits", "predict"],
        ["digits", "infer, JSON"],
        ["digits", "infer, binary"],
    ]
    assert all(float(cell) > 0 for cell in (*rows[0][2:], *rows[1][2:4], *rows[2][2:4]))
    assert rows[1][4:] == ["", "", ""]
