"""The table of models has one line for each model at any terminal width."""

import pytest
from rich.cells import cell_len

from modelyard.cli.fleet_state import FleetState
from modelyard.cli.model_table import status_table
from modelyard.cli.terminal_columns import middle_cut
from modelyard.cli.top import render_screen, worst_first
from modelyard.control.status import ModelStatus
from modelyard.ray_serve.application_status import State
from modelyard.telemetry.metrics.traffic import Traffic

LONG = "a-model-with-a-name-as-long-as-a-name-may-be-in-this-server-v2"
WHY = "LoadError: the artefact model.onnx was made with\nopset 99, and this\tserver reads up to opset 23"


def row(name: str, state: State = "READY", reason: str = "", *, replicas: int = 1, wanted: int = 1) -> ModelStatus:
    url = f"http://[::1]:8000/models/{name}/predict"
    return ModelStatus(name, state, ("2", "1"), "sha256:ab", "onnx", replicas, wanted, url, reason, changing=False)


def busy(failed: int = 0, p99_s: float | None = None, queued: int = 0, per_s: float = 1.0) -> Traffic:
    return Traffic(requests_per_s=per_s, p99_s=p99_s, codes={"ok": 60, "error": failed}, queued=queued)


def seen(*rows: ModelStatus, traffic: dict[str, Traffic] | None = None, **server: object) -> FleetState:
    known = traffic or {}
    more = [
        {"batching": None, "notes": None, "traffic": known[r.name].as_json() if r.name in known else None} for r in rows
    ]
    models = tuple({**r.as_json(), **each} for r, each in zip(rows, more, strict=True))
    result = {"phase": "serving", "seen_s_ago": 0.1, "notices": [], "waiting": [], "turn": 1, **server}
    return FleetState(models, frozenset(r.name for r in rows), result)


def test_uncut_it_has_every_column_and_a_line_a_model():
    rows = [row("churn", replicas=1, wanted=3), row("quiet"), row("b", "UNAVAILABLE", WHY)]
    table = status_table(rows, {"churn": busy(failed=4, p99_s=0.00251, queued=7, per_s=12.34)}).plain.splitlines()
    assert table[0].split() == [
        *("MODEL", "STATE", "VERSION", "RUNTIME", "REPLICAS", "REQ/S", "P99", "FAILED", "QUEUED", "URL", "REASON")
    ]
    assert table[1].split() == [
        *("churn", "READY", "2,", "1", "onnx", "1/3", "12.3", "2.51", "ms", "4", "7"),
        "http://[::1]:8000/models/churn/predict",
    ]
    assert table[2].split()[-5:-1] == ["-"] * 4
    assert table[3].endswith("with opset 99, and this server reads up to opset 23")
    assert len(table) == 4


def test_without_reasons_and_traffic_it_is_what_a_start_shows():
    assert status_table([row("a")]).plain.splitlines()[0].split() == [
        *("MODEL", "STATE", "VERSION", "RUNTIME", "REPLICAS", "URL")
    ]


def test_an_empty_cell_shows_a_dash():
    nothing = ModelStatus("a", "UNAVAILABLE", (), "", "", 0, 0, "", "", changing=False)
    assert status_table([nothing]).plain.splitlines()[1].split() == ["a", "UNAVAILABLE", "-", "-", "0/0", "-"]


def test_a_reason_is_no_markup():
    assert "see [1] and [red]x[/red]" in status_table([row("a", "UNAVAILABLE", "see [1] and [red]x[/red]")]).plain


@pytest.mark.parametrize("width", [200, 132, 100, 80, 60, 40])
def test_no_line_is_wider_than_the_terminal(width: int):
    rows = [row(LONG, "UNAVAILABLE", WHY), row("iris"), row("漢字" * 20, "LOADING", "模型" * 50)]
    table = status_table(rows, {LONG: busy(failed=123456, p99_s=1234.5, per_s=123456.7)}, width).plain.splitlines()
    assert len(table) == 4
    assert max(map(cell_len, table)) <= width


def test_at_80_columns_the_state_the_failures_and_the_reason_are_there():
    rows = [row("breast-cancer"), row("iris", "UNAVAILABLE", WHY)]
    heading, healthy, broken = status_table(rows, {"iris": busy(failed=3)}, 80).plain.splitlines()
    assert {"MODEL", "STATE", "VERSION", "FAILED", "REASON"} <= {*heading.split()}
    assert healthy.startswith("breast-cancer  READY")
    assert broken.split()[:2] == ["iris", "UNAVAILABLE"]
    assert broken.split("…")[0].rstrip() + "…" in broken
    assert broken.endswith("23"), "the end of a reason matters as much as its beginning"


def test_long_cells_lose_their_middle():
    assert middle_cut("http://127.0.0.1:8000/models/iris/predict", 21) == "http://127…is/predict"
    assert [middle_cut("abcdef", width) for width in (6, 5, 4, 3, 2, 1, 0)] == [
        *("abcdef", "ab…ef", "a…ef", "a…f", "…", "…", "")
    ]


def test_models_with_problems_come_first():
    rows = [
        *(row("calm"), row("slow"), row("slower"), row("queues"), row("fails"), row("kept", reason="went back")),
        *(row("loads", "LOADING"), row("down", "UNAVAILABLE")),
    ]
    traffic = {
        "calm": busy(),
        "slow": busy(p99_s=0.5),
        "slower": busy(p99_s=1.5),
        "queues": busy(queued=9),
        "fails": busy(failed=1),
    }
    assert [each.name for each in worst_first(rows, traffic)] == [
        *("down", "loads", "kept", "fails", "queues", "slower", "slow", "calm")
    ]


def test_top_fits_the_screen_and_counts_the_rows_that_it_omits():
    rows = [*(row(f"m{number:03}") for number in range(999)), row("zz", "UNAVAILABLE", "the disk is full")]
    screen = render_screen(seen(*rows), 80, 24).plain.splitlines()
    assert len(screen) == 23
    assert screen[1].startswith("zz")
    assert screen[-1] == "+979 more, 979 of them READY"
    assert max(map(cell_len, screen)) <= 80


def test_top_shows_all_models_if_they_fit_or_in_a_file():
    rows = [row(f"m{number:03}") for number in range(1000)]
    assert len(render_screen(seen(*rows), None, None).plain.splitlines()) == 1001
    assert "more" not in render_screen(seen(*rows[:5]), 80, 24).plain


def test_top_shows_what_the_server_waits_for():
    notice = {"about": "withheld", "text": "nothing is changed: the folder models is missing\nsecond line"}
    screen = render_screen(
        seen(row("a"), phase="down", since="now", step="starting again in 4 s", notices=[notice]), 80, 24
    )
    assert screen.plain.splitlines()[:2] == [
        "the server has been down since now: starting again in 4 s",
        "nothing is changed: the folder models is missing",
    ]


def test_the_reason_is_shown_for_a_model_that_is_served_a_slower_way():
    batched = {"batched": True, "reason": ""}
    models = [
        {"name": "fine", "batching": batched, "notes": []},
        {"name": "before", "batching": {"batched": False, "reason": "it is turned off (max_size: 1)"}, "notes": None},
        {"name": "forest", "batching": batched, "notes": ["not read tree by tree: [it differs]", "not put together"]},
        {"name": "away", "batching": None, "notes": None},
    ]
    assert list(FleetState(tuple(models), frozenset()).notes()) == [
        "before: requests are not batched: it is turned off (max_size: 1)",
        "forest: not read tree by tree: [it differs]",
        "forest: not put together",
    ]


def test_replicas_that_died_are_shown_for_their_model():
    death = {
        "at": 0.0,
        "model": "churn",
        "replica": "abc",
        "reason": "out_of_memory",
        "detail": "out of memory",
        "requests": [],
    }
    models = [{"name": "churn", "deaths": [death]}, {"name": "iris", "deaths": []}]
    (line,) = FleetState(tuple(models), frozenset()).deaths()
    assert line.startswith("churn: 1 replica has died within a day, the last at 1970-01-01T00:00:00Z: out of memory")


def test_a_server_is_well_when_every_configured_model_is_ready_and_the_files_can_be_read():
    fine = seen(row("a"))
    assert fine.is_healthy
    assert not seen(row("a", "LOADING")).is_healthy
    assert not FleetState(fine.models, frozenset("ab"), fine.server).is_healthy
    assert not seen(row("a"), turn=0).is_healthy
    assert not seen(row("a"), notices=[{"about": "configuration", "text": "a mistake"}]).is_healthy
    assert FleetState(fine.models, fine.configured).is_healthy
