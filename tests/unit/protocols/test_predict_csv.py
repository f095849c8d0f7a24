"""CSV bodies: how they are read, and errors with their line."""

from typing import Any

import numpy as np
import pytest

from modelyard.errors import InvalidRequest, UnsupportedMediaType
from modelyard.tensors import DTYPES, FREE, Signature, Tensors, TensorSpec
from tests.unit.protocols.samples import (
    FIXED,
    IMAGE,
    IRIS,
    MIXED,
    NAMELESS,
    TEXT,
    VALUE,
    WHOLE,
    decoded,
    decoded_csv,
    one,
    same,
    texts,
)

HEADER = "sepal_length,sepal_width,petal_length,petal_width\n"
NUMBERED = Signature(inputs=(TensorSpec("x", "FP32", (FREE, 2), ("a", "b")),), outputs=(VALUE,))
FLOWERS: Tensors = {"X": np.array([[5, 3, 1.5, 0], [6, 3, 4, 1]], np.float32)}


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "5,3,1.5,0\n6,3,4,1\n",
        HEADER + "5,3,1.5,0\n6,3,4,1",
        (HEADER + "5,3,1.5,0\n6,3,4,1\n").replace("\n", "\r\n"),
        HEADER + '"5","3","1.5","0"\n\n+6,3.,4e0,10E-1\n\n',
        "petal_width,petal_length,sepal_width,sepal_length\n0,1.5,3,5\n1,4,3,6\n",
        b"\xef\xbb\xbf" + HEADER.encode() + b"5,3,1.5,0\n6,3,4,1\n",
    ],
)
def test_rows_are_read_by_their_header(text: str | bytes) -> None:
    assert same(decoded_csv(IRIS, text), FLOWERS)


@pytest.mark.parametrize("text", ["true\nfalse\n", "True\nFalse\n", "TRUE\nFALSE\n"])
@pytest.mark.parametrize("datatype", ["BOOL", "INT8", "INT64", "FP32", "FP64"])
def test_a_boolean_is_a_number_where_numbers_are_expected(text: str, datatype: str) -> None:
    found = decoded_csv(one(datatype), text)
    assert same(found, {"x": np.array([True, False]).astype(DTYPES[datatype])})


@pytest.mark.parametrize(("datatype", "text"), [("BOOL", "1"), ("BOOL", "0.0"), ("BOOL", "yes"), ("INT8", "yes")])
def test_numbers_are_not_booleans(datatype: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match="got the string"):
        decoded_csv(one(datatype), text + "\n")


@pytest.mark.parametrize("blank", ["", '""'])
def test_an_empty_cell_is_a_missing_number(blank: str) -> None:
    found = decoded_csv(IRIS, HEADER + f"5,{blank},1.5,0\n")
    assert same(found, {"X": np.array([[5, np.nan, 1.5, 0]], np.float32)})


def test_columns_of_several_types_go_to_their_inputs() -> None:
    found = decoded_csv(MIXED, 'city,age,member,income,visits\n"Oslo, ""N""\nNorge",3,true,1,3.0\nRom,4,False,,4\n')
    assert same(
        found,
        {
            "numbers": np.array([[3, 1], [4, np.nan]]),
            "city": np.array([['Oslo, "N"\nNorge'], ["Rom"]], object),
            "member": np.array([True, False]),
            "visits": np.array([3, 4], np.int8),
        },
    )


@pytest.mark.parametrize(
    ("signature", "text", "expected"),
    [
        (TEXT, "text\nhello\n1.5\n", {"text": texts("hello", "1.5")}),
        (TEXT, "hello\n", {"text": texts("hello")}),
        (NAMELESS, "1,2\n3,4\n", {"x": np.array([[1, 2], [3, 4]], np.float32)}),
        (FIXED, "1,2,3\n4,5,6\n", {"x": np.array([[1, 2, 3], [4, 5, 6]], np.float32)}),
        (one("INT64", (FREE, 1)), "-7\n9007199254740993\n", {"x": np.array([[-7], [9007199254740993]])}),
        (one("UINT64"), "x\n18446744073709551615\n", {"x": np.array([2**64 - 1], np.uint64)}),
    ],
)
def test_a_model_without_column_names_needs_no_header(signature: Signature, text: str, expected: Tensors) -> None:
    assert same(decoded_csv(signature, text), expected)


FITTED = Signature(
    (TensorSpec("age", "FP64", (FREE, 1)), TensorSpec("city", "BYTES", (FREE, 1))),
    (VALUE,),
    fitted=("id", "age", "city"),
)
PLACES = Signature((TensorSpec("x", "BYTES", (FREE, 2), ("city", "land")),), (VALUE,))


@pytest.mark.parametrize(
    ("signature", "text", "expected"),
    [
        (IRIS, "5,3,1.5,0\n6,3,4,1\n", FLOWERS),
        (IRIS, "5,,1.5,0\n", {"X": np.array([[5, np.nan, 1.5, 0]], np.float32)}),
        (FITTED, "3,Oslo\n", {"age": np.array([[3.0]]), "city": np.array([["Oslo"]], object)}),
        (FITTED, "17,3,Oslo\n", {"age": np.array([[3.0]]), "city": np.array([["Oslo"]], object)}),
        (
            MIXED,
            "3,1,Oslo,true\n",
            {"numbers": np.array([[3.0, 1]]), "city": np.array([["Oslo"]], object), "member": np.array([True])},
        ),
    ],
    ids=["numbers", "a missing number", "what is read", "what it was fitted with", "without what is optional"],
)
def test_a_table_without_a_header_has_the_models_order(signature: Signature, text: str, expected: Tensors) -> None:
    assert same(decoded_csv(signature, text), expected)
    assert same(decoded_csv(signature, text, "header=absent"), expected)


@pytest.mark.parametrize(
    ("signature", "text", "message"),
    [
        (IRIS, "a,b,c,d\n1,2,3,4\n", 'unknown column "a"'),
        (IRIS, "5,3,1,petal_width\n", 'unknown column "5"'),
        (IRIS, "5,3,1\n", 'unknown column "5"'),
        (IRIS, ",,,\n", 'unknown column ""'),
        (MIXED, "age,1,Oslo,true\n", 'unknown column "1"'),
        (MIXED, "2,1,city,true\n", 'unknown column "2"'),
        (PLACES, "City,Land\nOslo,Norge\n", 'unknown column "City"'),
        (PLACES, "Oslo,Norge\n", 'unknown column "Oslo"'),
        (IRIS, "0,1,2,3\n5,3,1.5,0\n", "the first line numbers its cells: send text/csv; header=present"),
        (IRIS, "1,2,3,4\n5,3,1.5,0\n", "the first line numbers its cells"),
        (NUMBERED, "1,2\n5,3\n", "the first line numbers its cells"),
    ],
)
def test_a_first_line_that_may_be_a_header_is_never_data(signature: Signature, text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        decoded_csv(signature, text)


def test_the_client_may_say_whether_there_is_a_header() -> None:
    assert same(decoded_csv(PLACES, "city,land\n", "header=absent"), {"x": np.array([["city", "land"]], object)})
    assert same(decoded_csv(TEXT, "text\n", "header=absent"), {"text": texts("text")})
    assert same(decoded_csv(TEXT, "text\nhello\n", 'Header="Present"'), {"text": texts("hello")})
    assert same(decoded_csv(IRIS, "1,2,3,4\n", "header=absent"), {"X": np.array([[1, 2, 3, 4]], np.float32)})
    assert same(decoded_csv(NAMELESS, "a,b\n1,2\n", "header=present"), {"x": np.array([[1, 2]], np.float32)})
    with pytest.raises(InvalidRequest, match='unknown column "5"'):
        decoded_csv(IRIS, "5,3,1.5,0\n", "header=present")
    with pytest.raises(UnsupportedMediaType, match="header=maybe is neither header=present nor header=absent"):
        decoded_csv(IRIS, HEADER, "header=maybe")


@pytest.mark.parametrize(
    ("signature", "text", "expected"),
    [
        (IRIS, HEADER + "5,3,abc,0\n", ['/lines/2/petal_length: expected a number, got the string "abc"']),
        (IRIS, HEADER + "\n5, 3,1,0\n", ['/lines/3/sepal_width: expected a number, got the string " 3"']),
        (IRIS, HEADER + "5,3,1\n", ["/lines/2: expected 4 values, got 3"]),
        (IRIS, HEADER + "5,3,1,2,9\n", ["/lines/2: expected 4 values, got 5"]),
        (
            IRIS,
            HEADER + "1e39,3,1,2\n",
            ["/lines/2/sepal_length: expected a number up to 3.40282e+38 (FP32), got the number 1e+39"],
        ),
        (IRIS, HEADER, [": expected at least one row, got none"]),
        (
            IRIS,
            "sepal_lenght,sepal_width,petal_length,petal_width\n1,2,3,4\n",
            [
                '/lines/1/0: unknown column "sepal_lenght"; did you mean "sepal_length"?',
                '/lines/1: missing column "sepal_length"',
            ],
        ),
        (
            NUMBERED,
            "5,y\n",
            [
                '/lines/1/0: unknown column "5"',
                '/lines/1/1: unknown column "y"',
                '/lines/1: missing column "a"',
                '/lines/1: missing column "b"',
            ],
        ),
        (IRIS, "5,3,1,0\n5,3,abc,0\n", ['/lines/2/petal_length: expected a number, got the string "abc"']),
        (IRIS, "5,3,1,0\n5,3\n", ["/lines/2: expected 4 values, got 2"]),
        (
            MIXED,
            'age,income,city,member\n1,1,"a\nb",true\n1,1,c,yes\n',
            ['/lines/4/member: expected true or false, got the string "yes"'],
        ),
        (
            MIXED,
            "age,income,city,member\n1,1,,\n",
            ["/lines/2/city: expected a string, got null", "/lines/2/member: expected true or false, got null"],
        ),
        (NAMELESS, "1,2\n3\n", ["/lines/2: expected 2 values, got 1"]),
        (TEXT, "a,b\n", ["/lines/1: expected 1 value, got 2"]),
        (one("INT8"), "1.5\n", ["/lines/1/x: expected a whole number, got the number 1.5"]),
        (FIXED, "1,2,3\n", [": this model expects exactly 2 rows, got 1"]),
        (WHOLE, "1,2\n", []),
    ],
)
def test_bad_cells_are_reported_with_their_line(signature: Signature, text: str, expected: list[str]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        decoded_csv(signature, text)
    assert [f"{bad.pointer}: {bad.message}" for bad in raised.value.bad_values] == expected


@pytest.mark.parametrize(
    "number",
    ["nan", "NaN", "inf", "-Infinity", "1_000", "\u0661", "0x10", "1e999", "1e", ".", "9" * 500, "1\u00a0"],
)
@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64"])
def test_a_number_that_only_python_parses_is_rejected(number: str, datatype: str) -> None:
    with pytest.raises(InvalidRequest, match="got the string"):
        decoded_csv(one(datatype), number + "\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the body is empty; expected CSV"),
        ("\n\n", "the body is empty; expected CSV"),
        (HEADER + '1,2,"3', "the body is not valid CSV: unexpected end of data (line 2)"),
        (HEADER + '1,2,"3"x,4\n', "the body is not valid CSV: ',' expected after '\"' (line 2)"),
        (HEADER.encode() + b"\n\xff\n", "the body is not UTF-8 (line 3)"),
    ],
)
def test_invalid_csv_is_rejected_with_its_line(text: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        decoded_csv(IRIS, text)
    assert raised.value.message == message


def test_values_that_are_lists_cannot_be_sent_as_csv() -> None:
    with pytest.raises(InvalidRequest, match='rows of "image" cannot be sent as CSV; send JSON'):
        decoded_csv(IMAGE, "1,2,3,4\n")


def test_the_error_names_the_feature_whose_values_are_lists() -> None:
    mixed = Signature((TensorSpec("age", "FP64", (FREE,)), TensorSpec("pixels", "FP64", (FREE, 2))), (VALUE,))
    with pytest.raises(InvalidRequest, match='rows of "pixels" cannot be sent as CSV; send JSON'):
        decoded_csv(mixed, "1,2\n")


def test_a_cell_of_400_characters_may_be_a_number() -> None:
    assert decoded_csv(one("INT8"), "7".zfill(400) + "\n")["x"].tolist() == [7]
    with pytest.raises(InvalidRequest, match="got the string"):
        decoded_csv(one("INT8"), "7".zfill(401) + "\n")


@pytest.mark.parametrize(
    ("datatype", "number"),
    [("INT64", -(2**63)), ("INT64", -(2**53) - 1), ("UINT64", 2**64 - 1), ("UINT64", 2**53 + 1)],
)
def test_a_whole_number_of_up_to_eight_bytes_is_exact(datatype: str, number: int) -> None:
    assert decoded_csv(one(datatype), f"{number}\n")["x"].tolist() == [number]


@pytest.mark.parametrize(("datatype", "number"), [("INT64", -(2**63) - 1), ("UINT64", 2**64)])
def test_a_longer_whole_number_is_a_float_as_in_json(datatype: str, number: int) -> None:
    messages = []
    for read in (decoded, decoded_csv):
        with pytest.raises(InvalidRequest, match="written without an exponent or fraction") as error:
            read(one(datatype), f'{{"instances": [{number}]}}'.encode() if read is decoded else f"{number}\n")
        messages.append(error.value.bad_values[0].message)
    assert messages[0] == messages[1]


def test_a_single_cell_that_could_number_itself_is_data() -> None:
    optional = Signature((TensorSpec("a", "FP64", (FREE,)), TensorSpec("b", "FP64", (FREE,), optional=True)), (VALUE,))
    assert decoded_csv(optional, "1\n2\n")["a"].tolist() == [1, 2]


def test_a_single_column_that_is_read_has_no_header_unless_it_is_its_name() -> None:
    read = Signature((TensorSpec("a", "BYTES", (FREE,)),), (VALUE,), fitted=("a", "b"))
    assert decoded_csv(read, "u\nv\n")["a"].tolist() == ["u", "v"]
    assert decoded_csv(read, "a\nv\n")["a"].tolist() == ["v"]
    assert decoded_csv(read, "b,a\nu,v\n")["a"].tolist() == ["v"]
