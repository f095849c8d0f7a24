"""Whole responses in the format of HTTP/1.1."""

import pytest

from modelyard.http.http1 import WholeResponse
from modelyard.http.problem import HttpResponse


@pytest.mark.parametrize(
    ("status", "line"),
    [(200, b"HTTP/1.1 200 OK"), (429, b"HTTP/1.1 429 Too Many Requests"), (504, b"HTTP/1.1 504 Gateway Timeout")],
)
def test_a_response_is_written_with_its_length_and_request_id(status: int, line: bytes) -> None:
    response = HttpResponse(status, ((b"content-type", b"text/csv"), (b"retry-after", b"1")), b"a,b\n")
    assert WholeResponse(response).to_http1("r-1", b"connection: close\r\n") == (
        line + b"\r\ncontent-type: text/csv\r\nretry-after: 1\r\n"
        b"content-length: 4\r\nx-request-id: r-1\r\nconnection: close\r\n\r\na,b\n"
    )


def test_the_response_itself_is_available_to_the_slow_path() -> None:
    response = HttpResponse(200, (), b"")
    assert WholeResponse(response).to_http_response() is response
