"""What both paths read from a request: flags, headers, methods and ids."""

import pytest

from modelyard.errors import MethodNotAllowed
from modelyard.http.request import HttpRequest, RequestIds, body_too_large, check_method, last_header, server_timing


def request(method: str = "GET", query: bytes = b"") -> HttpRequest:
    return HttpRequest(method, "/models/m", query, {}, b"", "r-1")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"stream=true", True),
        (b"a=b&stream=1", True),
        (b"stream=false&stream=true", True),
        (b"stream=true&stream=false", False),
        (b"stream=false&stream=true&stream=false", False),
        (b"stream=yes", False),
        (b"stream", False),
        (b"other=true", False),
        (b"", False),
    ],
)
def test_a_flag_is_set_by_its_last_value_in_the_query(query: bytes, expected: bool) -> None:
    assert request(query=query).flag("stream") is expected


def test_the_last_of_repeated_headers_counts() -> None:
    headers = [(b"accept", b"a"), (b"accept", b"b"), (b"host", b"c")]
    assert last_header(headers, b"accept") == b"b"
    assert last_header(headers, b"x-other") == b""


@pytest.mark.parametrize(("method", "allowed"), [("GET", ("GET",)), ("HEAD", ("GET",)), ("POST", ("GET", "POST"))])
def test_an_allowed_method_passes(method: str, allowed: tuple[str, ...]) -> None:
    check_method(request(method), *allowed)


@pytest.mark.parametrize(
    ("method", "supported", "allow"),
    [("POST", ("GET",), ("GET", "HEAD")), ("HEAD", ("POST",), ("POST",)), ("GET", ("POST", "PUT"), ("POST", "PUT"))],
)
def test_another_method_is_rejected_with_those_that_are_allowed(
    method: str, supported: tuple[str, ...], allow: tuple[str, ...]
) -> None:
    with pytest.raises(MethodNotAllowed, match=f"/models/m supports {' and '.join(supported)}, not {method}") as error:
        check_method(request(method), *supported)
    assert error.value.allow == allow


def test_a_clients_id_may_have_128_characters() -> None:
    ids = RequestIds()
    assert ids.choose(b"x" * 128) == "x" * 128
    assert ids.choose(b"x" * 129) != "x" * 129


def test_ids_are_counted_behind_a_random_prefix_of_the_process() -> None:
    ids = RequestIds()
    prefix, _, first = ids.choose(b"").partition("-")
    assert (len(prefix), first) == (12, "1")
    assert [ids.choose(b"") for _ in range(2)] == [f"{prefix}-2", f"{prefix}-3"]
    assert not RequestIds().choose(b"").startswith(prefix)


def test_the_timing_header_is_in_milliseconds() -> None:
    assert server_timing(0.0015, 8, 0.25) == b'queue;dur=1.500, batch;desc="8", compute;dur=250.000'


def test_a_body_that_is_too_large_is_rejected_with_the_limit() -> None:
    assert body_too_large(10).message == "the body is larger than the limit of 10 bytes"
