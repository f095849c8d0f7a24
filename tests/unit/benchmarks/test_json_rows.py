"""The benchmark of JSON rows measures requests that are accepted and responses that hold values."""

import pytest

from benchmarks import json_rows


@pytest.mark.parametrize("name", sorted(json_rows.works()))
def test_every_request_and_response_is_valid(name: str) -> None:
    assert json_rows.works()[name]()


def test_a_round_measures_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "CALLS", 1)
    assert all(json_rows.microseconds(work) >= 0 for work in json_rows.works().values())
    assert json_rows.measured(json_rows.HERE).keys() == json_rows.works().keys()
