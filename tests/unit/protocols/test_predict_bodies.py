"""Errors for bodies that are not JSON objects have a position; errors for content types list the supported ones."""

import pytest

from modelyard.errors import InvalidRequest, UnsupportedMediaType
from modelyard.protocols.predict.codec import PredictCodec
from tests.unit.protocols.samples import IRIS, decoded, one


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", 'the body is empty; expected JSON such as {"instances": [...]}'),
        (b"[]", 'expected an object such as {"instances": [...]}, got a list of 0'),
        (b"3", 'expected an object such as {"instances": [...]}, got the number 3'),
        (b'{"instances": [[1, 2', "the body is not valid JSON: unexpected end of data (line 1, column 21)"),
        (b'{\n"instances": [1,]}', "the body is not valid JSON: trailing comma is not allowed (line 2, column 16)"),
        (
            b'{"instances": [\nNaN]}',
            "the body is not valid JSON: NaN and Infinity are not JSON, send null (line 2, column 1)",
        ),
        (
            b'{"instances": [-Infinity]}',
            "the body is not valid JSON: NaN and Infinity are not JSON, send null (line 1, column 17)",
        ),
        (
            b'{"instances": [1e999]}',
            "the body is not valid JSON: number is infinity when parsed as double (line 1, column 16)",
        ),
        (
            b'{"instances": ["\\ud800"]}',
            "the body is not valid JSON: no low surrogate in string (line 1, column 17)",
        ),
        (
            b'{"instances":\n["\xff"]}',
            "the body is not UTF-8 (line 2)",
        ),
        (
            b'{"instances": ' + b"[" * 2000 + b"]" * 2000 + b"}",
            "the body is not valid JSON: depth limit exceeded (line 1, column 1039)",
        ),
    ],
)
def test_a_body_that_is_not_a_json_object_is_rejected_with_its_position(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        decoded(IRIS, body)
    assert raised.value.message == message


def test_deep_nesting_is_only_a_bad_value() -> None:
    with pytest.raises(InvalidRequest, match="expected a number, got a list of 1"):
        decoded(one("FP32"), b'{"instances": [2, ' + b"[" * 1000 + b"1" + b"]" * 1000 + b"]}")


JSON = b'{"instances": [[1, 2, 3, 4]]}'
CSV = b"sepal_length,sepal_width,petal_length,petal_width\n1,2,3,4\n"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"", JSON),
        (b"application/json", JSON),
        (b"application/json; charset=utf-8", JSON),
        (b'Application/JSON;charset="UTF-8"', JSON),
        (b"application/vnd.api+json", JSON),
        (b"application/x-www-form-urlencoded", b" \n" + JSON),
        (b"text/plain;charset=UTF-8", JSON),
        (b"text/plain", b"\xef\xbb\xbf " + JSON),
        (b"text/csv", CSV),
        (b"text/csv; header=present; charset=UTF-8", CSV),
    ],
)
def test_json_and_csv_are_distinguished_by_their_content_type(content_type: bytes, body: bytes) -> None:
    call = PredictCodec("m", 1, IRIS).decode(body, content_type)
    assert call.request.inputs["X"].tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        (b"text/html", "content type 'text/html' is not supported, only application/json and text/csv, in UTF-8"),
        (b"text/plain", "text/plain is supported only for a JSON object; otherwise send application/json and text/csv"),
        (
            b"application/json; charset=latin-1",
            "charset 'latin-1' is not supported, only application/json and text/csv",
        ),
        (b"image/png+json", "content type 'image/png.json' is not supported"),
        (b"\xff/\xfe", "content type 'ÿ/þ' is not supported"),
        (
            b"application/x-www-form-urlencoded",
            "content type application/x-www-form-urlencoded is not supported, only application/json and text/csv, in UTF-8, "
            "application/x-npy, and application/vnd.apache.arrow.stream; curl",
        ),
        (b"text/" + b"x" * 1000, "content type 'text/x{55}…' is not supported"),
    ],
)
def test_another_content_type_is_rejected_with_the_supported_ones(content_type: bytes, message: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=message):
        PredictCodec("m", 1, IRIS).decode(b"a=1", content_type)
