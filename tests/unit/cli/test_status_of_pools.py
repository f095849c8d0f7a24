"""`modelyard status` stays readable with a thousand models: grouped by pool, and reduced to a selection."""

from typing import Any

import pytest
from rich.cells import cell_len

from modelyard.cli.fleet_state import FleetState
from modelyard.cli.status_view import MAX_READY, Selection, first_notes, grouped_table
from modelyard.control.pool_status import PoolStatus
from modelyard.control.status import ModelStatus
from modelyard.text.sizes import size_text

MIB = 2**20


def model(name: str, pool: str = "", state: str = "READY", reason: str = "", residency: str = "") -> dict[str, Any]:
    where = residency or ("RESIDENT" if pool else "")
    url = f"http://127.0.0.1:8000/models/{name}/predict"
    size = 3 * MIB if where == "RESIDENT" else 0
    row = ModelStatus(name, state, ("1",), "ab", "onnx", 1, 1, url, reason, changing=False)  # type: ignore[arg-type]
    more = {"batching": None, "notes": [], "traffic": None, "deaths": []}
    return {**row.as_json(), "pool": pool, "residency": where, "resident_bytes": size, **more}


def pool(name: str = "small", models: int = 3, ready: int = 3, resident: int = 3, cold: int = 0) -> dict[str, Any]:
    return PoolStatus(
        name,
        "READY",
        1,
        1,
        models,
        ready,
        resident,
        cold,
        loading=0,
        failed=models - ready,
        used_bytes=1536 * MIB,
        budget_bytes=2048 * MIB,
    ).as_json()


def fleet(*models: dict[str, Any], pools: tuple[dict[str, Any], ...] = ()) -> FleetState:
    return FleetState(models, frozenset(), {}, pools)


def lines(state: FleetState, width: int | None = None, *, complete: bool = True) -> list[str]:
    return grouped_table(state, width, complete=complete).plain.splitlines()


def first_words(shown: list[str]) -> list[str]:
    return [line.split()[0] for line in shown]


def test_without_pools_models_are_in_their_order_and_have_no_columns_for_pools():
    heading, *rows = lines(fleet(model("a"), model("b", state="LOADING")))
    assert {"POOL", "MEMORY"} & {*heading.split()} == set()
    assert first_words(rows) == ["a", "b"]


def test_models_of_a_pool_are_below_a_line_about_it_and_those_that_are_not_ready_come_first():
    state = fleet(
        model("alone"),
        model("a", "small"),
        model("b", "small", residency="COLD"),
        model("c", "small", "UNAVAILABLE", "no such file", "FAILED"),
        pools=(pool(models=3, ready=2, resident=1, cold=1),),
    )
    heading, *rows = lines(state)
    assert {"POOL", "MEMORY"} <= {*heading.split()}
    assert first_words(rows) == ["alone", "pool", "c", "a", "b"]
    assert rows[1] == (
        "pool small: 1/1 replicas, 3 models (1 not READY, 1 resident, 1 cold, 1 failed), memory 1.50 GiB of 2.00 GiB"
    )
    assert " 3.00 MiB " in rows[3]
    assert " COLD " in rows[4]


def test_a_terminal_shows_some_models_that_are_ready_and_counts_the_others():
    models = [model(f"m{number:04}", "small") for number in range(1000)]
    models[700] = model("m0700", "small", "UNAVAILABLE", "no such file")
    models[800] = model("m0800", "small", reason="the change was rolled back")
    state = fleet(*models, pools=(pool(models=1000, ready=999),))
    shown = lines(state, 100, complete=False)
    assert first_words(shown[1:5]) == ["pool", "m0700", "m0800", "m0000"]
    assert len(shown) == 1 + 1 + 2 + MAX_READY + 1
    assert shown[-1] == f"+{998 - MAX_READY} more, all READY: modelyard status --pool small -o wide"
    assert max(map(cell_len, shown[:-1])) <= 100
    assert len(lines(state)) == 1002


def test_many_models_without_a_pool_are_counted_too():
    shown = lines(fleet(*(model(f"m{number:02}") for number in range(30))), 80, complete=False)
    assert shown[-1] == "+10 more, all READY: modelyard status -o wide"


def test_a_pool_without_models_has_its_line():
    assert lines(fleet(pools=(pool(models=0),)))[1].startswith("pool small: 1/1 replicas, 0 models")


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(pool="small"), ["a", "b"]),
        (Selection(state="UNAVAILABLE"), ["c"]),
        (Selection(state="COLD"), ["b"]),
        (Selection(search="FILE"), ["c"]),
        (Selection(search="alo"), ["alone"]),
        (Selection(pool="small", state="READY", search="a"), ["a"]),
        (Selection(), ["alone", "a", "b", "c"]),
    ],
)
def test_a_selection_has_the_models_that_match_all_its_fields(selection: Selection, names: list[str]):
    models = (model("alone"), model("a", "small"), model("b", "small", residency="COLD"))
    state = fleet(*models, model("c", "big", "UNAVAILABLE", "no such file", "FAILED"), pools=(pool(), pool("big")))
    assert [each["name"] for each in selection.applied_to(state).models] == names
    assert bool(selection) == (selection != Selection())


def test_an_unknown_pool_is_an_error_that_suggests_another():
    with pytest.raises(LookupError, match=r"there is no pool 'smal'; did you mean 'small'\?"):
        Selection(pool="smal").applied_to(fleet(pools=(pool(),)))


def test_notes_beyond_the_first_are_counted_on_a_terminal():
    notes = [f"m{number}: a note" for number in range(25)]
    assert [*first_notes(notes, complete=False)] == [*notes[:20], "+5 more notes: modelyard status -o wide"]
    assert [*first_notes(notes, complete=True)] == notes


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (3 * MIB, "3.00 MiB"),
        (int(12.34 * MIB), "12.3 MiB"),
        (int(999.4 * MIB), "999 MiB"),
        (int(999.6 * MIB), "0.98 GiB"),
        (int(9.999 * MIB), "10.0 MiB"),
        (2 * 2**30, "2.00 GiB"),
    ],
)
def test_a_size_has_three_digits_and_a_unit(size: int, text: str):
    assert size_text(size) == text
