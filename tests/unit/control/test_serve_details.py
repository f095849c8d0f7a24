"""Serve's details are read when something may have changed, and each time where they cost little."""

from typing import Any

import pytest

from modelyard.control.serve_details import CHEAP_S, MAX_SHARE, ServeDetails


class Serve:
    """Counts how often it is read."""

    def __init__(self, took_s: float) -> None:
        self.took_s = took_s
        self.clock = 100.0
        self.status = "RUNNING"
        self.reads = 0
        self.status_reads = 0
        self.error: Exception | None = None
        self.source = ServeDetails(self.details, self.statuses, lambda: self.clock)

    def details(self) -> dict[str, Any]:
        if self.error:
            raise self.error
        self.reads += 1
        self.clock += self.took_s
        return {"read": self.reads}

    def statuses(self) -> object:
        self.status_reads += 1
        return [self.status]

    def read_after(self, seconds: float) -> int:
        self.clock += seconds
        number: int = self.source.read()["read"]
        return number


def test_details_that_cost_little_are_read_each_time_and_the_statuses_are_not():
    serve = Serve(took_s=CHEAP_S / 2)
    assert [serve.read_after(1) for _ in range(3)] == [1, 2, 3]
    assert serve.status_reads == 1, "once, before it was known what the details cost"


def test_details_that_cost_much_are_read_again_after_a_while():
    serve = Serve(took_s=0.4)
    assert [serve.read_after(1) for _ in range(5)] == [1] * 5
    assert serve.read_after(0.4 / MAX_SHARE) == 2


def test_a_changed_status_is_seen_at_once():
    serve = Serve(took_s=0.4)
    serve.read_after(1)
    serve.status = "DEPLOYING"
    assert [serve.read_after(1) for _ in range(3)] == [2, 2, 2]


def test_after_a_deployment_the_details_are_read():
    serve = Serve(took_s=0.4)
    serve.read_after(1)
    serve.source.forget()
    assert [serve.read_after(0) for _ in range(3)] == [2, 2, 2]


def test_a_change_while_the_details_are_read_is_seen_the_next_time():
    serve = Serve(took_s=0.4)

    def change() -> dict[str, Any]:
        serve.status = "UNHEALTHY"
        return serve.details()

    serve.source = ServeDetails(change, serve.statuses, lambda: serve.clock)
    assert [serve.read_after(1) for _ in range(3)] == [1, 2, 2]


def test_an_error_is_raised_and_the_next_call_reads_again():
    serve = Serve(took_s=0.4)
    serve.error = RuntimeError("the controller has died")
    with pytest.raises(RuntimeError):
        serve.source.read()
    serve.error = None
    assert serve.read_after(0) == 1
