"""Bodies in one piece, in chunks and byte by byte, and their size limit."""

import pytest

from tests.contract.client import chunked, request
from tests.contract.conftest import Make
from tests.contract.replica import ONE, PREDICT

ONE_ANSWER = [[3.0]]
LIMIT = 4096
TOO_LARGE = f"the body is larger than the limit of {LIMIT} bytes"


@pytest.mark.parametrize("size", [1, 2, 7, len(ONE)])
def test_a_chunked_body_is_accepted(replica: Make, size: int) -> None:
    rig = replica()
    chunks = [ONE[start : start + size] for start in range(0, len(ONE), size)]
    assert rig.fetch(chunked(PREDICT, *chunks)).json["predictions"] == ONE_ANSWER
    assert rig.by_fast_path == (rig.way == "fast path")


def test_a_chunked_body_may_have_extensions_and_trailers(replica: Make) -> None:
    raw = chunked(PREDICT, ONE).replace(b"\r\n" + ONE, b";a=b\r\n" + ONE)
    with replica().connect() as client:
        response = client.fetch(raw[:-2] + b"x-request-id: late\r\nexpect: 100-continue\r\n\r\n")
        assert response.json["predictions"] == ONE_ANSWER
        assert response.header("x-request-id") != "late"
        assert client.fetch(request(PREDICT, ONE)).status == 200


def test_a_request_that_arrives_byte_by_byte_succeeds(replica: Make) -> None:
    raw = request(PREDICT, ONE, content_type="application/json")
    with replica().connect() as client:
        response = client.fetch(*(raw[index : index + 1] for index in range(len(raw))))
        assert response.json["predictions"] == ONE_ANSWER


def test_a_body_in_65537_chunks_of_a_byte_is_accepted(replica: Make) -> None:
    body = ONE.rjust(65_537)
    chunks = (body[index : index + 1] for index in range(len(body)))
    assert replica().fetch(chunked(PREDICT, *chunks)).json["predictions"] == ONE_ANSWER


def test_a_body_of_exactly_the_limit_is_accepted(replica: Make) -> None:
    rig = replica(body=LIMIT)
    body = ONE.rjust(LIMIT)
    assert rig.fetch(request(PREDICT, body)).status == 200
    assert rig.fetch(chunked(PREDICT, body[:7], body[7:])).status == 200


def test_a_content_length_over_the_limit_is_413_before_the_body_comes(replica: Make) -> None:
    with replica(body=LIMIT).connect() as client:
        head, body = request(PREDICT, b" " * (LIMIT + 1))[: -LIMIT - 1], b" " * (LIMIT + 1)
        response = client.fetch(head)
        assert (response.status, response.json["detail"]) == (413, TOO_LARGE)
        client.send(body)
        assert client.fetch(request(PREDICT, ONE)).json["predictions"] == ONE_ANSWER


def test_chunks_over_the_limit_are_413_before_the_body_ends(replica: Make) -> None:
    with replica(body=LIMIT).connect() as client:
        raw = chunked(PREDICT, b" " * LIMIT, b" ", b" " * LIMIT)
        split = len(raw) - LIMIT
        response = client.fetch(raw[:split])
        assert (response.status, response.json["detail"]) == (413, TOO_LARGE)
        client.send(raw[split:])
        assert client.fetch(request(PREDICT, ONE)).json["predictions"] == ONE_ANSWER


def test_a_client_that_expects_100_continue_gets_it(replica: Make) -> None:
    with replica().connect() as client:
        raw = request(PREDICT, ONE, expect="100-continue")
        assert client.fetch(raw[: -len(ONE)]).status == 100
        assert client.fetch(ONE).json["predictions"] == ONE_ANSWER


def test_a_client_that_expects_100_continue_gets_413_before_it_sends_a_body_that_is_too_large(replica: Make) -> None:
    raw = request(PREDICT, b" " * (LIMIT + 1), expect="100-continue")
    with replica(body=LIMIT).connect() as client:
        assert client.fetch(raw[: -LIMIT - 1]).status == 413
        assert client.at_end()


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 5\r\ncontent-length: 22",
        b"content-length: 22\r\ntransfer-encoding: chunked",
        b"content-length: -1",
    ],
)
def test_a_body_whose_end_is_in_doubt_is_400_and_the_connection_closes(replica: Make, framing: bytes) -> None:
    with replica().connect() as client:
        response = client.fetch(request(PREDICT, ONE).replace(b"content-length: %d" % len(ONE), framing))
        assert (response.status, response.header("connection")) == (400, "close")
        assert client.at_end()


def test_a_chunk_that_cannot_be_parsed_is_400_and_the_connection_closes(replica: Make) -> None:
    rig = replica()
    with rig.connect() as client:
        response = client.fetch(chunked(PREDICT, ONE).replace(b"\r\n0\r\n\r\n", b"\r\nzz\r\n"))
        assert (response.status, response.header("connection")) == (400, "close")
        assert client.at_end()
    assert rig.model.calls == []
