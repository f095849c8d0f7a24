"""Errors of JSON requests: each bad value has a pointer, what was expected and what was found."""

from typing import Any

import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.tensors import FREE, Signature, TensorSpec
from tests.unit.protocols.samples import FIXED, IMAGE, IRIS, MIXED, TEXT, WHOLE, decoded, one

A, B, C, D = "sepal_length", "sepal_width", "petal_length", "petal_width"
GOOD = [[1, 2, 3, 4]]


def errors_of(signature: Signature, document: Any) -> list[str]:
    """The errors of a request: "pointer: message" for each bad value."""
    with pytest.raises(InvalidRequest) as raised:
        decoded(signature, document)
    return [f"{bad.pointer}: {bad.message}" for bad in raised.value.bad_values]


FORMS = '"instances", "inputs", "dataframe_split", "dataframe_records"'


@pytest.mark.parametrize(
    ("signature", "document", "expected"),
    [
        (IRIS, {"instances": [[1, 2, "abc", 4]]}, ['/instances/0/2: expected a number, got the string "abc"']),
        (IRIS, {"instances": [["1", 2, 3, 4]]}, ['/instances/0/0: expected a number, got the string "1"']),
        (IRIS, {"instances": [["true", 1.5, 3, 4]]}, ['/instances/0/0: expected a number, got the string "true"']),
        (IRIS, {"instances": [[1, 2, 3]]}, ["/instances/0: expected 4 values, got 3"]),
        (IRIS, {"instances": [[1, 2, 3, 4, 5]]}, ["/instances/0: expected 4 values, got 5"]),
        (IRIS, {"instances": [[1, 2, 3, [4]]]}, ["/instances/0/3: expected a number, got a list of 1"]),
        (IRIS, {"instances": [*GOOD, 5]}, ["/instances/1: expected a list of 4 values, got the number 5"]),
        (IRIS, {"instances": []}, ["/instances: expected at least one row, got none"]),
        (IRIS, {"instances": {}}, ["/instances: expected a list of rows, got an object"]),
        (IRIS, {"instances": None}, ["/instances: expected a list of rows, got null"]),
        (IMAGE, {"instances": [[[[1], [2]], [[3]]]]}, ["/instances/0/1: expected 2 values, got 1"]),
        (
            IMAGE,
            {"instances": [[[[1], 2], [[3], [4]]]]},
            ["/instances/0/0/1: expected a list of 1 value, got the number 2"],
        ),
        (
            one("FP32", (FREE, FREE)),
            {"instances": [[1, 2], [3]]},
            ["/instances/1: expected 2 values as in the lists before, got 1"],
        ),
        (
            WHOLE,
            {"instances": [[1, 2]]},
            ['/instances: this model does not support rows; send whole tensors in "inputs"'],
        ),
        (FIXED, {"instances": [[1, 2, 3]]}, ["/instances: this model expects exactly 2 rows, got 1"]),
    ],
)
def test_bad_rows_are_reported(signature: Signature, document: Any, expected: list[str]) -> None:
    assert errors_of(signature, document) == expected


@pytest.mark.parametrize(
    ("signature", "document", "expected"),
    [
        (IRIS, {"instances": [*GOOD, {A: 1}]}, ["/instances/1: expected a list of 4 values, got an object"]),
        (
            IRIS,
            {"instances": [{A: 1, B: 2, C: 3, D: 4}, GOOD[0]]},
            ["/instances/1: expected an object, got a list of 4"],
        ),
        (IRIS, {"instances": [{A: 1, B: 2, C: 3}]}, ['/instances/0: missing "petal_width"']),
        (
            IRIS,
            {"instances": [{A: 1, B: 2, C: 3, "petal_wdth": 4}]},
            [
                '/instances/0/petal_wdth: unknown name "petal_wdth"; did you mean "petal_width"?',
                '/instances/0: missing "petal_width"',
            ],
        ),
        (IRIS, {"instances": [{A: 1, B: 2, C: 3, D: 4, "a/b~c": 5}]}, ['/instances/0/a~1b~0c: unknown name "a/b~c"']),
        (
            IRIS,
            {"instances": [{A: 1, B: "x", C: 3, D: 4}]},
            ['/instances/0/sepal_width: expected a number, got the string "x"'],
        ),
        (
            MIXED,
            {
                "instances": [
                    {"age": 1, "income": 1, "city": "a", "member": True},
                    {"age": 1, "income": 1, "city": "a", "member": True, "visits": 1},
                ]
            },
            ['/instances/1/visits: "visits" must be in every row or in none'],
        ),
    ],
)
def test_bad_objects_are_reported(signature: Signature, document: Any, expected: list[str]) -> None:
    assert errors_of(signature, document) == expected


@pytest.mark.parametrize(
    ("signature", "document", "expected"),
    [
        (IRIS, {"inputs": 5}, ["/inputs: expected a list, got the number 5"]),
        (IRIS, {"inputs": []}, ["/inputs: expected at least one row, got none"]),
        (IRIS, {"inputs": {"X": []}}, ["/inputs: expected at least one row, got none"]),
        (IRIS, {"inputs": {}}, ['/inputs: missing input "X"']),
        (IRIS, {"inputs": {"Y": GOOD}}, ['/inputs/Y: unknown input "Y"', '/inputs: missing input "X"']),
        (
            IRIS,
            {"inputs": {A: [1, 2], B: [1], C: [1, 2], D: [1, "x"]}},
            [
                "/inputs/sepal_width: expected 2 values as in the lists before, got 1",
                '/inputs/petal_width/1: expected a number, got the string "x"',
            ],
        ),
        (IRIS, {"inputs": {A: [1], B: [1], C: [1]}}, ['/inputs: missing column "petal_width"']),
        (IRIS, {"inputs": {"X": GOOD, A: [1]}}, ['/inputs/sepal_length: "X" already includes this column']),
        (
            MIXED,
            {"inputs": [1]},
            ['/inputs: expected an object with "numbers", "city", "member", "visits", got a list of 1'],
        ),
        (
            MIXED,
            {"inputs": {"numbers": [[1, 2]], "city": ["a", "b"], "member": [True]}},
            ['/inputs/city: expected as many rows as in "numbers", 1, got 2'],
        ),
        (
            WHOLE,
            {"inputs": {"matrix": [[1]], "scale": [1]}},
            ["/inputs/matrix/0: expected 2 values, got 1", "/inputs/scale: expected a number, got a list of 1"],
        ),
        (FIXED, {"inputs": [[1, 2, 3]]}, ["/inputs: expected 2 values, got 1"]),
    ],
)
def test_bad_columns_are_reported(signature: Signature, document: Any, expected: list[str]) -> None:
    assert errors_of(signature, document) == expected


@pytest.mark.parametrize(
    ("signature", "document", "expected"),
    [
        (
            IRIS,
            {"dataframe_split": [1]},
            ['/dataframe_split: expected an object with "columns" and "data", got a list of 1'],
        ),
        (
            IRIS,
            {"dataframe_split": {"data": GOOD, "colums": []}},
            [
                '/dataframe_split/colums: unknown member "colums"; did you mean "columns"?',
                "/dataframe_split/columns: expected a list, got nothing",
            ],
        ),
        (
            IRIS,
            {"dataframe_split": {"columns": [A, A, [3], "sepal_widht"], "data": GOOD}},
            [
                '/dataframe_split/columns/1: duplicate column "sepal_length"',
                "/dataframe_split/columns/2: expected a column's name, got a list of 1",
                '/dataframe_split/columns/3: unknown column "sepal_widht"; did you mean "sepal_width"?',
                '/dataframe_split/columns: missing column "sepal_width"',
                '/dataframe_split/columns: missing column "petal_length"',
                '/dataframe_split/columns: missing column "petal_width"',
            ],
        ),
        (
            IRIS,
            {"dataframe_split": {"columns": [D, C, B, A], "data": [[1, "x", 3], [1, 2, 3, 4]]}},
            [
                "/dataframe_split/data/0: expected 4 values, got 3",
                '/dataframe_split/data/0/1: expected a number, got the string "x"',
            ],
        ),
        (IRIS, {"dataframe_records": GOOD}, ["/dataframe_records/0: expected an object, got a list of 4"]),
    ],
)
def test_bad_data_frames_are_reported(signature: Signature, document: Any, expected: list[str]) -> None:
    assert errors_of(signature, document) == expected


@pytest.mark.parametrize(
    ("signature", "document", "expected"),
    [
        (
            IRIS,
            {"instances": [[1e39, 2, 3, 4]]},
            ["/instances/0/0: expected a number up to 3.40282e+38 (FP32), got the number 1e+39"],
        ),
        (
            TEXT,
            {"instances": ["a", 1, None, True, ["b", "c"]]},
            [
                "/instances/1: expected a string, got the number 1",
                "/instances/2: expected a string, got null",
                "/instances/3: expected a string, got true",
                "/instances/4: expected a string, got a list of 2",
            ],
        ),
        (TEXT, {"inputs": "ab"}, ['/inputs: expected a list, got the string "ab"']),
        (TEXT, {"instances": [{"b64": "?"}]}, ['/instances/0: expected base64 in "b64", got the string "?"']),
        (TEXT, {"instances": [{"b64": 5}]}, ['/instances/0: expected base64 in "b64", got the number 5']),
        (MIXED, {"instances": [[1, 2, "x", 1]]}, ["/instances/0/3: expected true or false, got the number 1"]),
        (
            MIXED,
            {"instances": [[1, 2, "x", True, 300]]},
            ["/instances/0/4: expected a whole number from -128 to 127 (INT8), got the number 300"],
        ),
        (
            one("INT8"),
            {"instances": [1.5, "1", None, [1, 2], 128]},
            [
                "/instances/0: expected a whole number, got the number 1.5",
                '/instances/1: expected a whole number, got the string "1"',
                "/instances/2: expected a whole number, got null",
                "/instances/3: expected a whole number, got a list of 2",
                "/instances/4: expected a whole number from -128 to 127 (INT8), got the number 128",
            ],
        ),
        (
            one("UINT8"),
            {"instances": [-1]},
            ["/instances/0: expected a whole number from 0 to 255 (UINT8), got the number -1"],
        ),
        (
            one("INT64"),
            b'{"instances": [-9223372036854775809]}',
            [
                "/instances/0: expected a whole number from -9223372036854775808 to 9223372036854775807 (INT64), "
                "written without an exponent or fraction, got the number -9.223372036854776e+18"
            ],
        ),
        (
            one("FP16"),
            {"instances": [65520]},
            ["/instances/0: expected a number up to 65504 (FP16), got the number 65520"],
        ),
        (
            one("FP32"),
            {"instances": [-3.4028236e38]},
            ["/instances/0: expected a number up to 3.40282e+38 (FP32), got the number -3.4028236e+38"],
        ),
    ],
)
def test_bad_values_of_a_datatype_are_reported(signature: Signature, document: Any, expected: list[str]) -> None:
    assert errors_of(signature, document) == expected


@pytest.mark.parametrize(
    ("signature", "document", "expected"),
    [
        (IRIS, {}, [f": expected exactly one of {FORMS}, got none"]),
        (
            IRIS,
            {"instances": GOOD, "inputs": GOOD},
            [f': expected exactly one of {FORMS}, got "instances" and "inputs"'],
        ),
        (
            IRIS,
            {"instance": GOOD},
            [
                '/instance: unknown member "instance"; did you mean "instances"?',
                f": expected exactly one of {FORMS}, got none",
            ],
        ),
        (IRIS, {"instances": GOOD, "probabilities": 1}, ["/probabilities: expected true or false, got the number 1"]),
        (IRIS, {"instances": GOOD, "outputs": []}, ["/outputs: expected a list of output names, got a list of 0"]),
        (
            IRIS,
            {"instances": GOOD, "outputs": [1, "label", "label"]},
            ["/outputs/0: expected an output's name, got the number 1", '/outputs/2: duplicate output "label"'],
        ),
        (
            IRIS,
            {"instances": GOOD, "outputs": ["lable"]},
            ['/outputs/0: unknown output "lable"; did you mean "label"?'],
        ),
    ],
)
def test_bad_members_are_reported(signature: Signature, document: Any, expected: list[str]) -> None:
    assert errors_of(signature, document) == expected


def test_more_rows_than_allowed_are_rejected() -> None:
    with pytest.raises(InvalidRequest, match="expected at most 2 rows, got 3"):
        decoded(IRIS, {"instances": GOOD * 3}, max_rows=2)
    with pytest.raises(InvalidRequest, match="expected at most 2 rows, got 3"):
        decoded(IRIS, {"inputs": {"X": GOOD * 3}}, max_rows=2)


def test_a_hundred_bad_values_are_listed_and_the_rest_counted() -> None:
    with pytest.raises(InvalidRequest) as raised:
        decoded(IRIS, {"instances": [["x", 2, 3, 4]] * 250})
    assert len(raised.value.bad_values) == 100
    assert raised.value.message.endswith("at /instances/0/0 (and 249 more, of which 99 are listed)")


def test_after_ten_thousand_bad_values_nothing_more_is_read() -> None:
    with pytest.raises(InvalidRequest, match="and at least 9999 more, of which 99 are listed"):
        decoded(IRIS, {"instances": [["x"] * 4] * 2501})


def test_a_long_string_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidRequest) as raised:
        decoded(IRIS, {"instances": [["x" * 10_000, 2, 3, 4], {"y" * 10_000: 1}]})
    assert len(raised.value.message) < 200


def test_one_long_string_among_many_numbers_costs_no_memory() -> None:
    # In an array of fixed-length strings, each value would need the memory of the longest: a hundred gigabytes.
    with pytest.raises(InvalidRequest, match="expected a number"):
        decoded(one("FP32"), {"instances": ["x" * 1_000_000] + [1.0] * 25_000})


def test_probabilities_are_rejected_if_there_are_none() -> None:
    with pytest.raises(InvalidRequest, match="no probabilities available"):
        decoded(one("FP32"), {"instances": [1], "probabilities": True})
    with pytest.raises(InvalidRequest, match="no probabilities available"):
        PredictCodec("m", 1, one("FP32")).decode(b'{"instances": [1]}', b"", probabilities=True)


def test_a_request_needs_an_input_even_if_all_are_optional() -> None:
    spec = TensorSpec("x", "FP32", (FREE,), optional=True)
    only = Signature(inputs=(spec,), outputs=(TensorSpec("y", "FP32", (FREE,)),))
    with pytest.raises(InvalidRequest, match="expected at least one row, got none"):
        decoded(only, {"inputs": {}})
