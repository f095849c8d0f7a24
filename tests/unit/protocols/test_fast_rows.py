"""Valid rows are parsed at once in every format: to read them value by value is many times slower."""

from typing import Any

import numpy as np
import pytest

from modelyard.protocols.predict import row_formats
from modelyard.tensors import FREE, Signature, Tensors, TensorSpec
from tests.unit.protocols.samples import FEATURES, IMAGE, IRIS, MIXED, VALUE, decoded, one, same, texts

FITTED = Signature(
    (TensorSpec("a", "FP64", (FREE,)), TensorSpec("b", "BYTES", (FREE,))), (VALUE,), fitted=("b", "c", "a")
)
ALONE = Signature((TensorSpec("b", "FP64", (FREE,)),), (VALUE,), fitted=("a", "b"))
MISSING = Signature((TensorSpec("a", "FP64", (FREE,)), TensorSpec("b", "BYTES", (FREE,), missing=True)), (VALUE,))
ROW = dict(zip(FEATURES, (1, 2, 3, 4), strict=True))
FLOWER = {"X": np.array([[1, 2, 3, 4]], np.float32)}
PERSON = {
    "numbers": np.array([[3.0, 1.0]]),
    "city": texts("Oslo").reshape(1, 1),
    "member": np.array([True]),
    "visits": np.array([7], np.int8),
}
READ = {"a": np.array([1.5]), "b": texts("u")}


@pytest.mark.parametrize(
    ("signature", "document", "expected"),
    [
        (IRIS, {"instances": [[1, 2, 3, 4]]}, FLOWER),
        (IRIS, {"instances": [ROW]}, FLOWER),
        (IRIS, {"dataframe_split": {"columns": FEATURES, "data": [[1, 2, 3, 4]]}}, FLOWER),
        (IRIS, {"dataframe_split": {"columns": FEATURES[::-1], "data": [[4, 3, 2, 1]]}}, FLOWER),
        (MIXED, {"instances": [[3, 1, "Oslo", True, 7]]}, PERSON),
        (
            MIXED,
            {"instances": [{"age": 3, "income": 1, "city": "Oslo", "member": True, "visits": 7}]},
            PERSON,
        ),
        (one("FP32"), {"instances": [1.5, 2]}, {"x": np.array([1.5, 2], np.float32)}),
        (one("FP32"), {"instances": [{"x": 1.5}]}, {"x": np.array([1.5], np.float32)}),
        (one("FP32", (FREE, 1)), {"instances": [1.5, 2]}, {"x": np.array([[1.5], [2]], np.float32)}),
        (one("FP32", (FREE, 1)), {"instances": [[1.5], [2]]}, {"x": np.array([[1.5], [2]], np.float32)}),
        (IMAGE, {"instances": [[[[1], [2]], [[3], [4]]]]}, {"image": np.array([[[[1], [2]], [[3], [4]]]], np.float32)}),
        (FITTED, {"instances": [["u", None, 1.5]]}, READ),
        (FITTED, {"instances": [[1.5, "u"]]}, READ),
        (FITTED, {"instances": [{"c": [], "b": "u", "a": 1.5}]}, READ),
        (
            FITTED,
            {"instances": [{"b": "u", "a": 1.5}, {"b": "v", "a": 2, "c": 0}]},
            {"a": np.array([1.5, 2]), "b": texts("u", "v")},
        ),
        (ALONE, {"instances": [["x", 1.5]]}, {"b": np.array([1.5])}),
        (MISSING, {"instances": [{"a": 1.5}]}, {"a": np.array([1.5]), "b": texts(None)}),
        (MISSING, {"instances": [{"a": 1.5, "b": "u"}]}, READ),
    ],
)
def test_valid_rows_are_not_read_value_by_value(
    monkeypatch: pytest.MonkeyPatch, signature: Signature, document: Any, expected: Tensors
) -> None:
    def fail(rows: object) -> Tensors:
        raise AssertionError("read value by value")

    monkeypatch.setattr(row_formats, "read_checked", fail)
    assert same(decoded(signature, document), expected)
