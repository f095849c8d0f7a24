"""The requests of docs/predict.md, unchanged, to the models that `make serve` serves."""

import json
import re
import subprocess

import pytest

from tests.serve.project import Server
from tests.serve.test_readme import about
from tests.unit.protocols.test_predict_page import EXCHANGES, PAGE

SERVED = [exchange for exchange in EXCHANGES if exchange["served"]]


@pytest.mark.parametrize("exchange", SERVED, ids=lambda each: each["body"][:40])
def test_a_request_of_the_page_returns_what_it_shows(server: Server, exchange: dict[str, str]) -> None:
    response = server.http.post(
        server.url + exchange["path"],
        exchange["body"].encode(),
        headers={"content-type": exchange["content_type"]},
        timeout=60,
    )
    reply_received = response.json()
    if not exchange["answer"]:
        assert response.status_code == 200, reply_received
        return
    shown = json.loads(exchange["answer"])
    assert {**reply_received, "request_id": ""} == about({**shown, "request_id": ""})


def test_the_curl_command_of_the_page_prints_the_first_response(server: Server) -> None:
    (command,) = re.findall(r"^```bash\n(curl .*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    command = command.replace(":8000", f":{server.project.port}")
    done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout) == about(json.loads(SERVED[0]["answer"]))
