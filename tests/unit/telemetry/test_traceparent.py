"""The header by which a request says which trace it is part of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.telemetry.traceparent import TraceParent, of_headers, parse

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"


def header(version: bytes = b"00", trace: bytes = TRACE, span: bytes = SPAN, flags: bytes = b"01") -> bytes:
    return b"-".join((version, trace, span, flags))


@pytest.mark.parametrize(
    ("flags", "sampled"), [(b"01", True), (b"00", False), (b"03", True), (b"02", False), (b"ff", True)]
)
def test_trace_span_and_the_sampled_flag_are_read(flags: bytes, sampled: bool) -> None:
    assert parse(header(flags=flags)) == TraceParent(int(TRACE, 16), int(SPAN, 16), sampled)


@pytest.mark.parametrize("value", [header(b"01"), header(b"cc") + b"-what-comes", header(b"fe") + b"-"])
def test_a_later_version_is_read_as_far_as_it_is_known(value: bytes) -> None:
    assert parse(value) == TraceParent(int(TRACE, 16), int(SPAN, 16), True)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00",
        header(b"ff"),
        header() + b"-",
        header() + b"-more",
        header(b"01") + b"more",
        header() + b"\n",
        b" " + header(),
        header(trace=b"0" * 32),
        header(span=b"0" * 16),
        header(trace=TRACE.upper()),
        header(trace=TRACE[:-1]),
        header(trace=TRACE + b"0"),
        header(span=SPAN[:-1] + b"g"),
        header(flags=b"1"),
        header(flags=b"0x"),
        header().replace(b"-", b"_"),
        TRACE,
        "\u0660".encode() * 32,
    ],
)
def test_what_is_garbled_counts_as_none(value: bytes) -> None:
    assert parse(value) is None


@given(st.binary(max_size=80))
def test_no_bytes_are_too_much_for_it(value: bytes) -> None:
    parse(value)


def test_it_is_found_among_the_headers_and_two_of_them_are_none() -> None:
    others = [(b"host", b"here"), (b"tracestate", b"a=b")]
    ours, other = (b"traceparent", header()), (b"traceparent", header(flags=b"00"))
    assert of_headers([*others, ours]) == parse(header())
    assert of_headers(others) is None
    assert of_headers([ours, *others, other]) is None
