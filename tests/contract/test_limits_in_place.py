"""Limits and batching that change while the server runs: the same on the fast path and on the ASGI path."""

import pytest

from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.grpc_call import call, framed
from tests.contract.oip import INFER, body
from tests.contract.replica import DEAR, ONE, PREDICT
from tests.contract.test_grpc_streams import ask, opened, values
from tests.fakes import FakeModel

PADDED = ONE + b" " * 2000


@pytest.mark.parametrize(("path", "content"), [(PREDICT, PADDED), (INFER, body(1) + b" " * 2000)])
def test_a_smaller_limit_for_bodies_holds_for_the_next_request(replica: Make, path: str, content: bytes) -> None:
    one = replica()
    with one.connect() as client:
        assert client.ask(request(path, content)).status == 200
        one.configure(limits={"body": 1000})
        assert client.ask(request(path, content)).status == 413
    one.configure(limits={"body": 4000})
    assert one.ask(request(path, content)).status == 200


@pytest.mark.parametrize("way", ["fast path"])
def test_a_smaller_limit_for_messages_holds_for_the_next_call(replica: Make) -> None:
    one = replica()
    message = framed("ModelMetadata", name="doubler", version=" " * 2000)
    one.configure(limits={"body": 1000})
    with one.connect() as client:
        assert "more than 1000 bytes" in call(client, "ModelMetadata", message).trailers["grpc-message"]


def test_a_shorter_time_out_holds_for_the_next_request(replica: Make) -> None:
    model = FakeModel()
    one = replica(model, DEAR)
    model.hold()
    one.configure(limits={"timeout_s": 0.05})
    assert one.ask(request(PREDICT, ONE)).status == 504


def test_what_a_model_says_of_its_batching_changes_with_it(replica: Make) -> None:
    one = replica()

    def described() -> tuple[object, object]:
        config = one.ask(request("/v2/models/doubler/config", method="GET")).json
        page = one.ask(request("/models/doubler", method="GET")).json
        return config["max_batch_size"], page["batching"]

    on, off = {"batched": True, "reason": ""}, {"batched": False, "reason": "it is turned off (max_size: 1)"}
    assert described() == (64, on)
    one.configure(batching={"max_size": 8})
    assert described() == (8, on)
    one.configure(batching="off")
    assert described() == (0, off)
    one.configure()
    assert described() == (64, on)


@pytest.mark.parametrize("way", ["fast path"])
def test_an_open_stream_goes_on(replica: Make) -> None:
    one = replica()
    with one.connect() as client:
        stream = opened(client)
        for value, limits in ((1.5, {"queue": 5}), (2.5, {"timeout_s": 3})):
            stream.send(ask(value))
            assert values(stream.read()) == [2 * value]
            one.configure(limits=limits)
        stream.end()
        assert stream.rest().trailers == {"grpc-status": "0"}
