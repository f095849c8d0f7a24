"""Pages in real Chromium: the snippets of docs/streaming.md as they stand, and what a page of another origin may do."""

import re
from pathlib import Path

import pytest

from tests.serve.browser import told_by_page
from tests.serve.project import Server

PAGE = (Path(__file__).parents[2] / "docs" / "streaming.md").read_text()
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
