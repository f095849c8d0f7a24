"""Compressed request and response bodies."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest, ModelyardError, PayloadTooLarge, UnsupportedMediaType
from modelyard.http.compression import Coding, compress, decompress, requested_coding

TEXT = b"tensor " * 100
FEW = settings(max_examples=50)


@FEW
@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_any_body_survives_compression_and_decompression(body: bytes, coding: Coding) -> None:
    assert decompress(compress(body, coding), coding.encode(), 200) == body


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
def test_the_output_of_other_programs_is_supported(body: bytes, encoding: bytes) -> None:
    assert decompress(body, encoding, len(TEXT)) == TEXT


def raw_deflate(body: bytes) -> bytes:
    """Deflate without zlib's header."""
    stream = zlib.compressobj(1, wbits=-15)
    return stream.compress(body) + stream.flush()


def test_a_raw_deflate_body_is_recognised_even_if_it_begins_like_half_a_zlib_header() -> None:
    # The checksum of zlib's header is right, its method is not.
    bodies = (b"%d" % number for number in range(1000))
    checksum = next(body for body in bodies if int.from_bytes(raw_deflate(body)[:2], "big") % 31 == 0)
    assert decompress(raw_deflate(checksum), b"deflate", 100) == checksum
    # A stored block whose padding has the bits of zlib's method. The checksum is wrong.
    stored = b"\x08\x01\x00\xfe\xffa" + raw_deflate(b"")
    assert int.from_bytes(stored[:2], "big") % 31
    assert decompress(stored, b"deflate", 100) == b"a"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_would_inflate_beyond_the_limit_is_rejected(coding: Coding) -> None:
    bomb = compress(bytes(50_000_000), coding)
    with pytest.raises(PayloadTooLarge, match="limit of 1000 bytes"):
        decompress(bomb, coding.encode(), 1000)


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (b"", b"gzip", "it is truncated"),
        (b"no gzip", b"gzip", "the body is not valid gzip: "),
        (gzip.compress(TEXT, mtime=0)[:-1], b"gzip", "it is truncated"),
        (gzip.compress(TEXT, mtime=0) + gzip.compress(b"", mtime=0), b"gzip", "20 bytes follow its end"),
        (gzip.compress(TEXT, mtime=0)[:-8] + bytes(8), b"gzip", "incorrect data check"),
        (zlib.compress(TEXT), b"gzip", "the body is not valid gzip: "),
        (zlib.compress(TEXT), b"x-gzip", "the body is not valid x-gzip: "),
        (zlib.compress(TEXT)[:-1], b"deflate", "it is truncated"),
        (zlib.compress(TEXT) + b"x", b"deflate", "1 bytes follow its end"),
        (b"\xff\xff", b"deflate", "the body is not valid deflate"),
    ],
)
def test_a_body_that_does_not_match_its_coding_is_rejected(body: bytes, encoding: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        decompress(body, encoding, 10_000)


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip", b"\xff"])
def test_another_coding_is_not_supported(encoding: bytes) -> None:
    with pytest.raises(UnsupportedMediaType, match="only gzip and deflate are"):
        decompress(TEXT, encoding, 10_000)


@FEW
@given(st.binary(max_size=50), st.sampled_from([b"gzip", b"deflate"]), st.integers(0, 60))
def test_any_bytes_are_inflated_or_rejected(body: bytes, encoding: bytes, limit: int) -> None:
    try:
        assert len(decompress(body, encoding, limit)) <= limit
    except ModelyardError as error:
        assert error.message


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
def test_only_a_header_with_one_coding_requests_compression(accept: bytes, coding: Coding | None) -> None:
    assert requested_coding(accept) == coding
