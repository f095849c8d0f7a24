"""Whole tensors and columns in `inputs`: the fast way, the checked way, and errors."""

from typing import Any

import numpy as np
import pytest

from modelyard.protocols.predict.tensors_by_name import TensorReader
from modelyard.protocols.values.arrays import CheckedParser
from modelyard.tensors import FREE, Signature, TensorSpec
from tests.unit.protocols.samples import IRIS, MIXED, VALUE, decoded, one, texts
from tests.unit.protocols.test_predict_rejections import errors_of

COLUMNS = Signature((TensorSpec("x", "INT64", (FREE, 2), ("a", "b")),), (VALUE,))
FITTED = Signature((TensorSpec("x", "INT64", (FREE, 2), ("a", "b")),), (VALUE,), fitted=("a", "c", "b"))
PAIR = Signature((TensorSpec("x", "FP64", (FREE,)), TensorSpec("k", "FP64", (FREE,))), (VALUE,))


@pytest.mark.parametrize(
    ("signature", "inputs", "expected"),
    [
        (COLUMNS, {"x": [[1, 2], [3, 4]]}, [[1, 2], [3, 4]]),
        (one("INT8", (FREE, 1)), {"x": [[1], [2]]}, [[1], [2]]),
        (one("INT8", (FREE, 1)), {"x": [1, 2]}, [[1], [2]]),
        (one("INT8"), {"x": [1, 2]}, [1, 2]),
        (one("INT8"), {"x": [[1], [2]]}, [1, 2]),
    ],
)
def test_a_valid_tensor_is_parsed_at_once(
    monkeypatch: pytest.MonkeyPatch, signature: Signature, inputs: Any, expected: Any
) -> None:
    monkeypatch.delattr(TensorReader, "_parse_checked")
    assert decoded(signature, {"inputs": inputs})["x"].tolist() == expected


def test_valid_columns_are_parsed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(CheckedParser, "add")
    assert decoded(COLUMNS, {"inputs": {"a": [1, 3], "b": [2, 4]}})["x"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("a", [[1, 3], [1.0, 3]])
def test_whole_floats_are_read_value_by_value(a: Any) -> None:
    array = decoded(COLUMNS, {"inputs": {"a": a, "b": [2.0, 4]}})["x"]
    assert (array.dtype, array.tolist(), array.flags.c_contiguous) == (np.int64, [[1, 2], [3, 4]], True)
    assert decoded(one("INT8", (FREE, 1)), {"inputs": {"x": [1.0, 2]}})["x"].tolist() == [[1], [2]]
    assert decoded(FITTED, {"inputs": {"x": [[1, "any", 2.0]]}})["x"].tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("signature", "inputs", "expected"),
    [
        (COLUMNS, {"a": [1, 2], "b": [1]}, ["/inputs/b: expected 2 values as in the lists before, got 1"]),
        (IRIS, {"X": [[]]}, ["/inputs/X/0: expected 4 values, got 0"]),
        (FITTED, {"x": 5}, ["/inputs/x: expected a list, got the number 5"]),
        (FITTED, {"x": []}, ["/inputs: expected at least one row, got none"]),
        (FITTED, {"x": [5]}, ["/inputs/x/0: expected a list of 2 values, got the number 5"]),
        (FITTED, {"x": "abc"}, ['/inputs/x: expected a list, got the string "abc"']),
        (FITTED, {"x": ["abc"]}, ['/inputs/x/0: expected a list of 2 values, got the string "abc"']),
        (FITTED, {"x": [[1, 2, 3, 4]]}, ["/inputs/x/0: expected 2 values, got 4"]),
        (one("INT8", (FREE, 1)), {"x": 5}, ["/inputs/x: expected a list, got the number 5"]),
        (PAIR, {"x": [1, 2], "k": [1]}, ['/inputs/k: expected as many rows as in "x", 2, got 1']),
    ],
)
def test_an_invalid_tensor_is_reported(signature: Signature, inputs: Any, expected: list[str]) -> None:
    assert errors_of(signature, {"inputs": inputs}) == expected


@pytest.mark.parametrize(
    ("signature", "document", "expected"),
    [
        (IRIS, {"dataframe_records": 5}, "/dataframe_records: expected a list of rows, got the number 5"),
        (
            IRIS,
            {"dataframe_split": {"columns": [], "data": []}},
            "/dataframe_split/data: expected at least one row, got none",
        ),
        (IRIS, {"instances": [[]]}, "/instances/0: expected 4 values, got 0"),
        (MIXED, {"instances": [5]}, "/instances/0: expected a list of 5 values, got the number 5"),
        (FITTED, {"instances": ["abc"]}, '/instances/0: expected a list of 2 values, got the string "abc"'),
        (MIXED, {"instances": [{"b64": "aGk="}]}, '/instances/0/b64: unknown name "b64"'),
    ],
)
def test_an_invalid_list_of_rows_is_reported(signature: Signature, document: Any, expected: str) -> None:
    assert errors_of(signature, document)[0] == expected


def test_a_feature_may_have_the_name_of_base64() -> None:
    signature = Signature((TensorSpec("b64", "BYTES", (FREE,)),), (VALUE,))
    assert decoded(signature, {"instances": [{"b64": "aGk="}]})["b64"].tolist() == texts("aGk=").tolist()


def test_a_request_may_have_100000_rows() -> None:
    assert len(decoded(one("FP32"), {"instances": [1] * 100_000})["x"]) == 100_000
    assert errors_of(one("FP32"), {"instances": [1] * 100_001})[0].startswith(
        "/instances: expected at most 100000 rows, got 100001"
    )
