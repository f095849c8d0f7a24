"""Compressed bodies, both ways."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest, ModelyardError, PayloadTooLarge, UnsupportedMediaType
from modelyard.http.compression import Coding, deflated, inflated, wanted

TEXT = b"tensor " * 100
FEW = settings(max_examples=50)


@FEW
@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_any_body_comes_back(body: bytes, coding: Coding) -> None:
    assert inflated(deflated(body, coding), coding.encode(), 200) == body


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(TEXT), b"gzip"),
        (gzip.compress(TEXT), b" GZip "),
        (gzip.compress(TEXT), b"x-gzip"),
        (zlib.compress(TEXT, 9), b"deflate"),
        (zlib.compress(TEXT, 9)[2:-4], b"deflate"),
        (TEXT, b"identity"),
        (TEXT, b""),
    ],
    ids=["gzip", "any case", "old name", "deflate", "deflate without a header", "identity", "none"],
)
def test_what_other_programs_compress_is_read(body: bytes, encoding: bytes) -> None:
    assert inflated(body, encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_would_become_too_long_is_refused_before_it_does(coding: Coding) -> None:
    bomb = deflated(bytes(50_000_000), coding)
    with pytest.raises(PayloadTooLarge, match="more than 1000 bytes"):
        inflated(bomb, coding.encode(), 1000)


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (b"", b"gzip", "ends too early"),
        (b"no gzip", b"gzip", "the body is no gzip: "),
        (gzip.compress(TEXT)[:-1], b"gzip", "ends too early"),
        (gzip.compress(TEXT) + gzip.compress(b""), b"gzip", "20 bytes stand behind it"),
        (gzip.compress(TEXT)[:-8] + bytes(8), b"gzip", "incorrect data check"),
        (zlib.compress(TEXT)[:-1], b"deflate", "ends too early"),
        (zlib.compress(TEXT) + b"x", b"deflate", "1 bytes stand behind it"),
        (b"\xff\xff", b"deflate", "the body is no deflate"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(body: bytes, encoding: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        inflated(body, encoding, 10_000)


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip", b"\xff"])
def test_another_coding_is_not_taken(encoding: bytes) -> None:
    with pytest.raises(UnsupportedMediaType, match="only gzip and deflate"):
        inflated(TEXT, encoding, 10_000)


@FEW
@given(st.binary(max_size=50), st.sampled_from([b"gzip", b"deflate"]), st.integers(0, 60))
def test_no_bytes_do_anything_but_inflate_or_be_refused(body: bytes, encoding: bytes, limit: int) -> None:
    try:
        assert len(inflated(body, encoding, limit)) <= limit
    except ModelyardError as refused:
        assert refused.message


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (b"gzip", "gzip"),
        (b"deflate", "deflate"),
        (b"GZIP;q=0.5, identity", "gzip"),
        (b"gzip;q=0", None),
        (b"gzip; q=0.00", None),
        (b"gzip, deflate, br", None),
        (b"br", None),
        (b"*", None),
        (b"identity", None),
        (b"", None),
        (b", ,", None),
        (b"\xff", None),
    ],
)
def test_only_who_names_one_coding_asks_for_it(accept: bytes, coding: Coding | None) -> None:
    assert wanted(accept) == coding
