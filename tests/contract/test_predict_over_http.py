"""What clients of `POST .../predict` get from a replica: the same on the lane and on the ASGI path."""

import json
import re

import pytest

from tests.contract.client import chunked, request
from tests.contract.conftest import Make
from tests.contract.replica import ONE, PREDICT, TWO

CSV = b"x\n1.5\n-2\n"


def test_rows_of_json_are_answered_with_their_predictions(replica: Make) -> None:
    one = replica()
    answer = one.ask(request(PREDICT, TWO, content_type="application/json"))
    assert (answer.version, answer.status) == ("HTTP/1.1", 200)
    assert answer.json == {"model_name": "doubler", "model_version": "3", "predictions": [[4.0], [-8.0]]}
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(answer.body))
    assert one.by_lane == (one.way == "lane")
