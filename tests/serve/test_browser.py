"""Pages in real Chromium: the snippets of docs/streaming.md, unchanged, and what a page of another origin may do."""

import re
from pathlib import Path

import pytest

from tests.serve.browser import text_from_page_at
from tests.serve.project import Server

PAGE = (Path(__file__).parents[2] / "docs" / "streaming.md").read_text()
CLIENTS = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
SOCKET, EVENTS = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
WRITTEN = " better than ugly."
LISTED, UNLISTED = "127.0.0.1", "localhost"
"""Hosts of one page server; server.yaml of the tests lists the origin of the first."""


def text_from_page(server: Server, script: str, last: str, host: str = LISTED) -> str:
    script = script.replace(":8000", f":{server.project.port}")
    return text_from_page_at(server.project.page_port, script, last, host)


def test_a_page_writes_what_a_socket_sends(server: Server) -> None:
    last = "socket.onclose = ({code}) => report(`${code} ${document.body.innerText.trim()}`);"
    assert text_from_page(server, SOCKET, last) == f"1005 {WRITTEN.strip()}", "the page closes it without a code"


def test_a_page_writes_what_events_contain(server: Server) -> None:
    last = "written.then(() => report(document.body.innerText.trim()));"
    assert text_from_page(server, EVENTS, last) == WRITTEN.strip()


ASK = """
const response = fetch("http://127.0.0.1:8000%s", {method: "POST", body: '%s'%s});
"""
SAY = "response.then((got) => got.text()).then(report).catch((error) => report(error.message));"
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
    assert heard in text_from_page(server, ASK % (path, body, ""), SAY)


def test_the_snippet_of_the_clients_page_works(server: Server) -> None:
    [snippet] = re.findall(r"```js\n(.*?)```", CLIENTS, re.DOTALL)
    assert (
        text_from_page(
            server, f"const response = (async () => {{ {snippet} return predictions; }})();", "response.then(report);"
        )
        == "setosa"
    )


def test_a_page_may_set_headers_that_need_a_preflight_request(server: Server) -> None:
    headers = ', headers: {"content-type": "application/json", "authorization": "Bearer x", "x-request-id": "mine"}'
    assert '"predictions":["setosa"]' in text_from_page(server, ASK % ("/models/iris/predict", ROW, headers), SAY)


@pytest.mark.parametrize("headers", ["", ', headers: {"content-type": "application/json"}'], ids=["string", "json"])
def test_a_page_of_an_unlisted_origin_gets_no_response_to_a_post(server: Server, headers: str) -> None:
    assert text_from_page(server, ASK % ("/models/iris/predict", ROW, headers), SAY, UNLISTED) == "Failed to fetch"


@pytest.mark.parametrize(
    ("script", "last", "heard"),
    [
        (SOCKET, "socket.onclose = ({code}) => report(String(code));", "1006"),
        (
            EVENTS.replace("const written", "const read"),
            "read.catch((error) => report(error.message));",
            "Failed to fetch",
        ),
    ],
    ids=["socket", "events"],
)
def test_a_page_of_an_unlisted_origin_receives_nothing(server: Server, script: str, last: str, heard: str) -> None:
    assert text_from_page(server, script, last, UNLISTED) == heard
