"""The table, the chart and the texts of `modelyard bench`."""

import io
from xml.etree import ElementTree

import pytest
from rich.console import Console

from modelyard.cli.bench.bar_chart import ChartRow, chart, number
from modelyard.cli.bench.choice import Check
from modelyard.cli.bench.levels import Level, LevelResult, Skipped, levels_of
from modelyard.cli.bench.progress import SweepProgress, result_line, shown_progress, status_line
from modelyard.cli.bench.report import conclusion, remarks, sweep_chart, sweep_svg, table
from modelyard.cli.bench.sweep import INTERRUPTED, Sweep
from modelyard.cli.bench.windows import Timing, Window
from tests.unit.cli.test_bench_levels import result

LEVELS = levels_of([1, 4, 16], [1, 8])
TIMING = Timing()


def sweep(*results: LevelResult, p99_ms: float | None = 20.0, **more: object) -> Sweep:
    return Sweep(LEVELS, p99_ms, [*results], **more)  # type: ignore[arg-type]


def lines(shown: Sweep, width: int | None = None) -> list[str]:
    return table(shown, width).plain.splitlines()


def test_the_table_has_a_line_for_each_level_in_the_order_of_the_plan():
    skipped = [Skipped(Level(4, 1), "errors at 1 in flight")]
    heading, *rows = lines(sweep(result(1, 1), result(1, 8, count=1234), skipped=skipped))
    assert " ".join(heading.split()) == "ROWS IN FLIGHT REQ/S ROWS/S P50 MS P90 MS P99 MS MAX MS BATCH CLIENT NOTE"
    assert [row.split()[:2] for row in rows] == [["1", "1"], ["1", "4"], ["8", "1"]]
    assert rows[1].endswith("skipped: errors at 1 in flight")
    assert rows[2].split()[2:4] == ["1,234", "9,872"]


def test_a_table_without_notes_has_no_column_for_them():
    assert "NOTE" not in lines(sweep(result(1, 1)))[0]


def test_the_table_fits_80_columns():
    wide = [result(16, 8, count=99_999, latency_s=12.3, errors={"503": 4, "429": 7, "no response": 12}), result(4, 1)]
    for width in (80, 60):
        assert max(map(len, lines(sweep(*wide), width))) <= width
    assert {"P99 MS", "REQ/S", "NOTE"} <= {part.strip() for part in lines(sweep(*wide), 80)[0].split("  ")}


def test_errors_and_the_best_level_are_noted():
    best = result(4, 1)
    shown = sweep(result(1, 1, errors={"503": 2}), best, best=best)
    assert [line.rsplit("  ", 1)[-1] for line in lines(shown)[1:]] == ["2 x 503", "best"]


@pytest.mark.parametrize(
    ("value", "text"), [(0.123, "0.12"), (9.99, "9.99"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")]
)
def test_numbers_have_three_digits_or_more(value: float, text: str):
    assert number(value) == text


ROWS = [ChartRow("1 x 1", 100.0, 5.0), ChartRow("1 x 16", 200.0, 19.7), ChartRow("1 x 64", 210.0, 90.0)]


def drawn(width: int, p99_ms: float | None = 20.0, rows: list[ChartRow] = ROWS) -> list[str]:
    return chart(rows, width=width, throughput_unit="ROWS/S", label="ROWS x IN FLIGHT", p99_ms=p99_ms)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_chart_is_not_wider_than_the_terminal_and_is_ascii(width: int):
    assert all(len(line) <= width and line.isascii() for line in drawn(width))


def test_bars_are_as_long_as_their_values():
    first, second, third = (line.split("  ")[-2:] for line in drawn(100, None)[1:])
    bars = [line[18:].split(" ")[0] for line in drawn(100, None)[1:]]
    assert [len(bar) for bar in bars] == [round(len(bars[2]) * share) for share in (100 / 210, 200 / 210, 1)]
    assert (first[1].strip(), second[1].strip(), third[1].strip()) != ("", "", "")


def test_the_limit_is_marked_and_larger_values_end_in_an_arrow():
    heading, within, near, beyond = drawn(100)
    assert heading.endswith("P99 MS, limit 20 at |")
    places = {line.rindex("|") for line in (within, near, beyond)}
    assert len(places) == 1
    assert near[places.pop() - 1] == "#"
    assert ">" in beyond
    assert ">" not in within + near


def test_a_chart_without_levels_is_empty():
    assert drawn(80, rows=[]) == []


def test_a_level_without_responses_has_no_bars():
    assert drawn(80, rows=[ChartRow("1 x 1", 0.0, None)])[1].split() == ["1", "x", "1", "0.00", "|", "-"]


def test_a_sweep_with_unknown_rows_is_drawn_in_requests():
    assert "REQ/S" in sweep_chart(sweep(result(1, None)), 80)[0]
    assert "ROWS/S" in sweep_chart(sweep(result(1, 8)), 80)[0]


def test_the_svg_has_a_point_for_each_level_and_a_line_for_each_number_of_rows():
    shown = sweep(result(1, 1), result(4, 1, latency_s=0.04), result(1, 8), result(4, 8, count=0, errors={"503": 9}))
    root = ElementTree.fromstring(sweep_svg(shown, "a<b"))
    found = {name: [*root.iter(f"{{http://www.w3.org/2000/svg}}{name}")] for name in ("circle", "polyline", "text")}
    assert (len(found["circle"]), len(found["polyline"])) == (3, 2)
    texts = [each.text for each in found["text"]]
    assert {
        "a<b: p99 by throughput (numbers: requests in flight)",
        "1 row",
        "8 rows",
        "limit 20 ms",
        "rows per second",
        "40",
        "2,000",
    } <= {*texts}
    for each in found["circle"]:
        assert 0 < float(each.attrib["cx"]) < 760
        assert 0 < float(each.attrib["cy"]) < 460


def test_the_svg_of_a_fast_model_has_ticks_below_a_millisecond():
    texts = [
        each.text
        for each in ElementTree.fromstring(sweep_svg(sweep(result(latency_s=0.0004), p99_ms=None), "x")).iter()
    ]
    assert "0.1" in texts
    assert ElementTree.fromstring(sweep_svg(sweep(), "x")) is not None


def said(shown: Sweep) -> str:
    return "\n".join(conclusion(shown))


def test_without_a_limit_the_option_is_named():
    assert "--p99-ms" in said(sweep(result(), p99_ms=None))


def test_a_level_that_meets_the_limit_is_named_with_its_check():
    best = result(16, 8)
    checked = Check(0.8, result(16, 8, latency_s=0.015))
    text = said(sweep(best, best=best, checks=[checked]))
    assert (
        "Best level with a p99 of at most 20 ms: 8 rows, 16 in flight: 200 requests/s (1,600 rows/s), p99 10.0 ms."
        in text
    )
    assert "random arrivals at 80 % of its throughput: 200 requests/s, p99 15.0 ms" in text
    assert "--rows 1 measures single rows" in text


def test_a_check_that_fails_is_said():
    best = result(16, 1)
    text = said(sweep(best, best=best, checks=[Check(0.8, result(16, 1, latency_s=0.05))]))
    assert "No rate of random arrivals meets a p99 of 20 ms" in text


def test_if_no_level_meets_the_limit_the_nearest_is_named():
    text = said(sweep(result(1, 1, latency_s=0.03), result(4, 1, latency_s=0.05)))
    assert text.startswith("No level meets a p99 of 20 ms. Nearest: 1 row, 1 in flight: 200 requests/s")
    assert "--max-s" not in text
    assert "every level had errors" in said(sweep(result(errors={"503": 200}, count=0)))


def test_levels_that_are_not_reliable_lead_to_a_longer_measurement():
    assert said(sweep(result(count=50))).startswith(
        "No level meets a p99 of 20 ms reliably: measure longer with --max-s."
    )


def test_the_lowest_throughput_of_an_unstable_level_is_said():
    best = result(16, 1, stable=False, worst_window_p99_ms=15.0, lowest_requests_per_s=150.0)
    assert "Its throughput was unstable: at least 150 requests/s in each window, within the limit." in said(
        sweep(best, best=best)
    )
    assert lines(sweep(best, best=best))[1].endswith("best, unstable")


def test_a_window_above_the_limit_is_said():
    best = result(16, 1, worst_window_p99_ms=25.0)
    assert "One of its windows had a p99 of 25.0 ms" in said(sweep(best, best=best))


def test_a_sweep_that_ended_early_draws_no_conclusion():
    assert said(sweep(result(), stopped=INTERRUPTED)) == ""


def test_a_client_that_uses_a_whole_core_is_a_warning():
    busy = LevelResult(Level(4, 1), Window(1.0, [0.01] * 200, client_core=0.97, client_cores=0.97), stable=True)
    [text] = remarks(sweep(busy, result(1, 1)), 8)
    assert text.startswith("warning: a client process used 0.97 of a core: at 1 of 2 loads")
    assert [*remarks(sweep(result()), 8)] == []


def test_a_machine_without_a_free_core_is_a_note():
    full = LevelResult(Level(4, 1), Window(1.0, [0.01] * 200, client_cores=0.4), stable=True, machine_cores=1.97)
    [text] = remarks(sweep(full), 2)
    assert text.startswith("note: all 2 cores of this machine were busy. The clients used up to 0.40 of them")


@pytest.mark.parametrize(("late_s", "notes"), [(0.0041, 0), (0.0049, 0), (0.03, 1)])
def test_a_client_that_was_held_up_during_random_arrivals_is_a_note(late_s: float, notes: int):
    held_up = LevelResult(Level(4, 1), Window(1.0, [0.01] * 200, client_late_s=late_s), stable=True)
    assert len([*remarks(sweep(result(), checks=[Check(0.8, held_up)]), 8)]) == notes


def test_the_status_line_has_the_level_its_last_window_and_the_time_left():
    text = status_line(sweep(), LEVELS[4], [Window(1.0, [0.01] * 50, {"429": 2})], TIMING)
    assert text == ("5 of 6, at most 0:24 left: 8 rows, 4 in flight, window 1: 50.0/s, p99 10.0 ms, 2 errors")
    assert status_line(sweep(), 123.4, [], TIMING) == "random arrivals, 123/s, warm-up"


def test_a_file_gets_one_line_for_each_result():
    to = Console(file=io.StringIO(), width=200)
    with shown_progress(to, TIMING) as progress:
        progress.measuring(sweep(), LEVELS[0], [])
        progress.measured(sweep(), result(1, 1))
    assert to.file.getvalue() == "1 row, 1 in flight: 200 requests/s (200 rows/s), p99 10.0 ms\n"  # type: ignore[attr-defined]
    assert result_line(Skipped(Level(4, None), "why")) == "4 in flight: skipped: why"
    assert "random arrivals" in result_line(Check(0.8, result()))


def test_a_terminal_gets_a_table_that_is_refreshed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    to = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    with shown_progress(to, TIMING) as progress:
        assert isinstance(progress, SweepProgress)
        progress.measuring(sweep(result(1, 1)), LEVELS[1], [Window(1.0, [0.01] * 50)])
    text = to.file.getvalue()  # type: ignore[attr-defined]
    assert "IN FLIGHT" in text
    assert "2 of 6, at most" in text
