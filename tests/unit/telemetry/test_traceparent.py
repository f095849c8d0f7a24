"""Parsing of the traceparent header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.telemetry.traceparent import TraceParent, from_headers, parse

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"


def header(version: bytes = b"00", trace: bytes = TRACE, span: bytes = SPAN, flags: bytes = b"01") -> bytes:
    return b"-".join((version, trace, span, flags))


@pytest.mark.parametrize(
    ("flags", "sampled"), [(b"01", True), (b"00", False), (b"03", True), (b"02", False), (b"ff", True)]
)
def test_trace_span_and_the_sampled_flag_are_read(flags: bytes, sampled: bool) -> None:
    assert parse(header(flags=flags)) == TraceParent(int(TRACE, 16), int(SPAN, 16), sampled)


@pytest.mark.parametrize("value", [header(b"01"), header(b"cc") + b"-what-comes", header(b"fe") + b"-"])
def test_the_known_fields_of_a_later_version_are_read(value: bytes) -> None:
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
def test_an_invalid_header_counts_as_none(value: bytes) -> None:
    assert parse(value) is None


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_no_error(value: bytes) -> None:
    parse(value)


def test_the_header_is_found_among_others_and_two_of_them_count_as_none() -> None:
    others = [(b"host", b"here"), (b"tracestate", b"a=b")]
    ours, other = (b"traceparent", header()), (b"traceparent", header(flags=b"00"))
    assert from_headers([*others, ours]) == parse(header())
    assert from_headers(others) is None
    assert from_headers([ours, *others, other]) is None
