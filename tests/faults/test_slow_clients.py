"""Clients that send half a request and stop: other clients are not affected."""

import socket
import time
from contextlib import ExitStack

import pytest

from tests.faults.conftest import LONG
from tests.faults.load import Load, shown
from tests.serve.project import Server

SLOW = 500
LASTS_S = 60 if LONG else 6
HALF_A_HEAD = b"POST /models/pair/predict HTTP/1.1\r\nhost: a\r\ncontent-le"
HALF_A_BODY = (
    b"POST /models/pair/predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
)
HALF_A_LARGE_BODY = HALF_A_BODY.replace(b": 99", b": 999999") + b" " * 70_000
"""HAProxy forwards it to a replica before it is complete."""


@pytest.mark.parametrize(
    "half", [b"", HALF_A_HEAD, HALF_A_BODY, HALF_A_LARGE_BODY], ids=["nothing", "head", "body", "large"]
)
def test_hundreds_of_clients_that_send_half_a_request_do_not_affect_the_others(faulty: Server, half: bytes) -> None:
    faulty.wait_for(lambda: faulty.responds("pair", {"instances": [4]}), what="the model")
    with ExitStack() as slow:
        for _ in range(SLOW):
            client = slow.enter_context(socket.create_connection(("127.0.0.1", faulty.project.port)))
            client.sendall(half)
        with Load(faulty.project.port, "pair") as load:
            time.sleep(LASTS_S)
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)
    faulty.wait_for(lambda: faulty.responds("pair", {"instances": [4]}), what="the model")
