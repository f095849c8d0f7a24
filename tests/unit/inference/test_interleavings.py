"""Random sequences of events: each request completes once, with its own result, and nothing stays open."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.config.model_spec import Batching, Limits
from modelyard.errors import ModelyardError, Overloaded
from modelyard.inference.pending_request import InferResponse, PendingRequest
from modelyard.inference.scheduler import Scheduler
from modelyard.inference.warmup import Warmup
from modelyard.tensors import InferRequest, Tensors
from tests.fakes import FakeClock, FakeLoop, FakeModel
from tests.unit.inference.rig import CHEAP, EXPENSIVE, Records

POISON = 666.0
TIMEOUT_S = 5.0

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(1, 5), st.integers(1, 2), st.sampled_from(["fine", "fine", "poison"])),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("turn")),
        st.tuples(st.just("thread")),
        st.tuples(st.just("advance"), st.sampled_from([0.001, 1.0, 6.0])),
    ),
    max_size=60,
)


def doubled(inputs: Tensors) -> Tensors:
    if (inputs["x"] == POISON).any():
        raise ValueError("poison")
    return {"y": inputs["x"] * 2}


class Client:
    """A request: what it sent, and all results."""

    def __init__(self, number: int, rows: int, width: int, poison: bool) -> None:
        values = np.arange(rows * width, dtype=np.float32).reshape(rows, width) + number * 100
        if poison:
            values[-1, -1] = POISON
        self.request = InferRequest({"x": values}, rows, ("y",))
        self.poison = poison
        self.submitted = 0.0
        self.answered = 0.0
        self.pending: PendingRequest | None = None
        self.cancelled = False
        self.completed_after_cancel = False
        self.rejected = False
        self.results: list[InferResponse | ModelyardError] = []

    def check(self) -> None:
        """Raise AssertionError unless this is a valid end of a request."""
        assert not self.completed_after_cancel
        if self.rejected or (self.cancelled and not self.results):
            assert self.results == []
            return
        assert len(self.results) == 1
        result = self.results[0]
        if isinstance(result, InferResponse):
            assert not self.poison
            assert np.array_equal(result.outputs["y"], self.request.inputs["x"] * 2)
        elif type(result).__name__ == "DeadlineExceeded":
            assert self.answered - self.submitted >= TIMEOUT_S
        else:
            assert type(result).__name__ == "InferenceFailed"
            assert self.poison


@pytest.mark.parametrize("measured", [CHEAP, EXPENSIVE], ids=["on the loop", "in the worker"])
@pytest.mark.parametrize("max_delay_ms", [0, 2])
@settings(max_examples=80)
@given(steps=STEPS)
def test_each_request_completes_once_with_its_own_result(
    measured: Warmup, max_delay_ms: float, steps: list[tuple]
) -> None:
    clock = FakeClock()
    loop = FakeLoop(clock)
    model = FakeModel(doubled)
    records = Records()
    scheduler = Scheduler(
        model,
        measured,
        limits=Limits(queue=4, timeout_s=TIMEOUT_S),
        batching=Batching(max_size=6, max_delay_ms=max_delay_ms),
        loop=loop,
        clock=clock,
        recorder=records,
    )
    clients: list[Client] = []

    def submit(rows: int, width: int, kind: str) -> None:
        client = Client(len(clients), rows, width, kind == "poison")
        clients.append(client)
        client.submitted = clock()

        def done(result: InferResponse | ModelyardError) -> None:
            client.results.append(result)
            client.completed_after_cancel |= client.cancelled
            client.answered = clock()

        try:
            client.pending = scheduler.submit(client.request, scheduler.open_requests.context(records), done)
        except Overloaded:
            client.rejected = True

    def cancel(number: int) -> None:
        if number < len(clients) and (pending := clients[number].pending) is not None:
            clients[number].cancelled = True
            pending.cancel()

    def thread() -> None:
        if scheduler._running is not None:
            loop.turn_with_thread()

    act: dict[str, Callable[..., None]] = {
        "submit": submit,
        "cancel": cancel,
        "turn": loop.turn,
        "thread": thread,
        "advance": loop.advance,
    }
    for name, *details in steps:
        act[name](*details)
        assert scheduler.in_flight == sum(
            not client.results and not client.rejected and not client.cancelled for client in clients
        )
    while scheduler.in_flight:
        loop.advance(0.002)
        if scheduler._running is not None:
            loop.turn_with_thread()
    for client in clients:
        client.check()
    assert len(records.requests) == len(clients)
    scheduler.close()
