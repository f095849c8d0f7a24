"""What the operator's terminal shows."""

import io

import pytest
from rich.console import Console

from deployments.cli.report import TerminalReport, action_line, console, remarks, status_table
from deployments.control.plan import Action
from deployments.control.status import ModelStatus
from deployments.serving.state import WAITS, State
from deployments.spec.diagnostic import Diagnostic, SpecError
from monitoring.recent import Traffic


def row(name: str, state: State = "READY", reason: str = "", *, replicas: int = 1, wanted: int = 1) -> ModelStatus:
    url = f"http://[::1]:8000/models/{name}/predict"
    return ModelStatus(name, state, ("2", "1"), "sha256:ab", "onnx", replicas, wanted, url, reason, changing=False)


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def report(printed: io.StringIO) -> TerminalReport:
    return TerminalReport(console(printed))  # type: ignore[arg-type]


def lines(printed: io.StringIO) -> list[str]:
    """What was printed, without the seconds in front."""
    return [line.partition("s  ")[2] for line in printed.getvalue().splitlines()]


def test_a_model_that_is_served_a_slower_way_says_why():
    batched = {"batched": True, "reason": ""}
    about = {
        "fine": {"batching": batched, "notes": []},
        "before": {"batching": {"batched": False, "reason": "it is turned off (max_size: 1)"}},  # no notes yet
        "forest": {"batching": batched, "notes": ["not read tree by tree: [it differs]", "not put together"]},
    }
    assert list(remarks(about)) == [
        "before: requests are not batched: it is turned off (max_size: 1)",
        "forest: not read tree by tree: [it differs]",
        "forest: not put together",
    ]


def test_progress_is_told_when_it_changes(report: TerminalReport, printed: io.StringIO):
    starting = [row("a", "LOADING"), row("b", "LOADING"), row("c")]
    report.progress(starting)
    report.progress(starting)
    report.progress([row("a"), row("b", "LOADING"), row("c")])
    assert lines(printed) == ["1 of 3 models ready; loading a, b", "2 of 3 models ready; loading b"]


def test_progress_tells_why_a_model_does_not_come_up(report: TerminalReport, printed: io.StringIO):
    report.progress([row("a"), row("b", "LOADING", "no room for a replica"), row("c", "UNAVAILABLE", "bad file")])
    assert lines(printed) == ["1 of 3 models ready; b LOADING: no room for a replica; c UNAVAILABLE: bad file"]


def test_models_that_wait_for_others_are_a_number(report: TerminalReport, printed: io.StringIO):
    report.progress([row("a", "LOADING"), *(row(name, "LOADING", WAITS) for name in "bcd")])
    assert lines(printed) == ["0 of 4 models ready; loading a; 3 more to load"]


def test_a_models_change_is_one_line(report: TerminalReport, printed: io.StringIO):
    report.changed(row("a", replicas=1, wanted=2))
    report.changed(row("b", "UNAVAILABLE", "it [died]", wanted=0))
    assert lines(printed) == [
        "a READY version 2, 1, 1 of 2 replicas",
        "b UNAVAILABLE version 2, 1: it [died]",
    ]


def test_a_mistake_is_shown_as_it_is_and_that_nothing_has_changed(report: TerminalReport, printed: io.StringIO):
    report.mistakes(SpecError((Diagnostic("models/a.yaml", 0, 0, "unknown key '[b]x'"),)))
    assert printed.getvalue().splitlines()[0] == "models/a.yaml: error: unknown key '[b]x'"
    assert "nothing has changed" in printed.getvalue()


def test_the_start_ends_with_the_table_and_a_line_to_paste(report: TerminalReport, printed: io.StringIO):
    curl = "curl -s http://127.0.0.1:8000/models/a/predict -d '{\"instances\": [[1, 2]]}'" + " " * 200 + "#end"
    report.started([row("a")], curl, "http://127.0.0.1:8002/metrics")
    assert f"  {curl}\n" in printed.getvalue(), "in one line, and not as markup"


def test_the_table_has_a_row_a_model_and_its_reason_below():
    out = io.StringIO()
    wide = Console(file=out, width=200)
    wide.print(status_table([row("a", replicas=1, wanted=3), row("b", "UNAVAILABLE", "see [1] and [red]x[/red]")]))
    table = [line.split() for line in out.getvalue().splitlines()]
    assert table[0] == ["MODEL", "STATE", "VERSION", "RUNTIME", "REPLICAS", "URL"]
    assert table[1] == ["a", "READY", "2,", "1", "onnx", "1/3", "http://[::1]:8000/models/a/predict"]
    assert table[3] == ["see", "[1]", "and", "[red]x[/red]"]


def test_an_empty_cell_shows_a_dash():
    out = io.StringIO()
    nothing = ModelStatus("a", "UNAVAILABLE", (), "", "", 0, 0, "", "", changing=False)
    Console(file=out, width=200).print(status_table([nothing]))
    assert out.getvalue().splitlines()[1].split() == ["a", "UNAVAILABLE", "-", "-", "0/0", "-"]


@pytest.mark.parametrize(
    ("kind", "line"), [("add", "+ add a: why"), ("remove", "- remove a: why"), ("refuse", "! refuse a: why")]
)
def test_an_action_is_one_line(kind, line):
    assert action_line(Action(kind, "a", "why")) == line


def test_the_traffic_of_the_last_minute_stands_beside_the_state():
    out = io.StringIO()
    churn = Traffic(requests_per_s=12.34, p99_s=0.00251, codes={"ok": 700, "invalid": 9, "timeout": 3, "error": 1})
    quiet = Traffic(requests_per_s=0.0, p99_s=None, codes={"ok": 0})
    Console(file=out, width=200).print(
        status_table([row("churn"), row("quiet"), row("new")], {"churn": churn, "quiet": quiet})
    )
    table = [line.split() for line in out.getvalue().splitlines()]
    assert table[0] == ["MODEL", "STATE", "VERSION", "RUNTIME", "REPLICAS", "REQ/S", "P99", "FAILED", "URL"]
    assert table[1][6:-1] == ["12.3", "2.51", "ms", "4"]
    assert table[2][6:-1] == ["0.0", "-", "0"]
    assert table[3][6:-1] == ["-", "-", "-"]


def test_the_start_says_where_metrics_are(report: TerminalReport, printed: io.StringIO):
    report.started([row("a")], "", "http://127.0.0.1:8002/metrics")
    assert "Metrics: http://127.0.0.1:8002/metrics\n" in printed.getvalue()
