"""Pages in real Chromium: the snippets of docs/streaming.md as they stand, and what a page of another origin may do."""

import re
from pathlib import Path

import pytest

from tests.serve.browser import told_by_page
from tests.serve.project import Server

PAGE = (Path(__file__).parents[2] / "docs" / "streaming.md").read_text()
CLIENTS = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
SOCKET, EVENTS = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
WRITTEN = " better than ugly."
LISTED, UNLISTED = "127.0.0.1", "localhost"
"""Hosts of one page server; server.yaml of the tests lists the origin of the first."""


def told(server: Server, script: str, last: str, host: str = LISTED) -> str:
    script = script.replace(":8000", f":{server.project.port}")
    return told_by_page(server.project.page_port, script, last, host)


def test_a_page_writes_what_a_socket_tells(server: Server) -> None:
    last = "socket.onclose = ({code}) => tell(`${code} ${document.body.innerText.trim()}`);"
    assert told(server, SOCKET, last) == f"1005 {WRITTEN.strip()}", "the page closes it without a code"


def test_a_page_writes_what_events_tell(server: Server) -> None:
    last = "written.then(() => tell(document.body.innerText.trim()));"
    assert told(server, EVENTS, last) == WRITTEN.strip()


ASK = """
const answer = fetch("http://127.0.0.1:8000%s", {method: "POST", body: '%s'%s});
"""
SAY = "answer.then((got) => got.text()).then(tell).catch((error) => tell(error.message));"
ROW = '{"instances": [[5.1, 3.5, 1.4, 0.2]]}'


@pytest.mark.parametrize(
    ("path", "body", "heard"),
    [
        ("/models/iris/predict", ROW, '"predictions":["setosa"]'),
        ("/models/iris/invocations", ROW, '{"predictions":["setosa"]}'),
        ("/v1/models/echo:predict", '{"instances": [1.5]}', '{"predictions":[3.0]}'),
        (
            "/v2/models/echo/infer",
            '{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.5]}]}',
            '"data":[3.0]',
        ),
    ],
)
def test_a_page_sends_a_string_without_a_content_type(server: Server, path: str, body: str, heard: str) -> None:
    assert heard in told(server, ASK % (path, body, ""), SAY)


def test_the_clients_pages_snippet_asks(server: Server) -> None:
    [snippet] = re.findall(r"```js\n(.*?)```", CLIENTS, re.DOTALL)
    assert (
        told(server, f"const asked = (async () => {{ {snippet} return predictions; }})();", "asked.then(tell);")
        == "setosa"
    )


def test_a_page_may_set_headers_that_the_browser_asks_about_first(server: Server) -> None:
    headers = ', headers: {"content-type": "application/json", "authorization": "Bearer x", "x-request-id": "mine"}'
    assert '"predictions":["setosa"]' in told(server, ASK % ("/models/iris/predict", ROW, headers), SAY)


@pytest.mark.parametrize("headers", ["", ', headers: {"content-type": "application/json"}'], ids=["string", "json"])
def test_a_page_of_an_unlisted_origin_gets_no_answer_to_a_post(server: Server, headers: str) -> None:
    assert told(server, ASK % ("/models/iris/predict", ROW, headers), SAY, UNLISTED) == "Failed to fetch"


@pytest.mark.parametrize(
    ("script", "last", "heard"),
    [
        (SOCKET, "socket.onclose = ({code}) => tell(String(code));", "1006"),
        (
            EVENTS.replace("const written", "const read"),
            "read.catch((error) => tell(error.message));",
            "Failed to fetch",
        ),
    ],
    ids=["socket", "events"],
)
def test_a_page_of_an_unlisted_origin_is_told_nothing(server: Server, script: str, last: str, heard: str) -> None:
    assert told(server, script, last, UNLISTED) == heard
