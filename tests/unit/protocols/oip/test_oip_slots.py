"""Which input a tensor belongs to, and the outputs that a request may name."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.inputs import ModelInputs, OutputNames
from modelyard.protocols.oip.slots import Slot, Slots, declared_slot
from modelyard.tensors import FREE, Signature, TensorSpec
from tests.unit.protocols.samples import IRIS, VALUE

X = TensorSpec("x", "FP32", (FREE, 2), ("a", "b"))
K = TensorSpec("k", "INT64", (FREE,), optional=True)
SLOT = Slot("x", "FP32", "x", "FP32", missing=False)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"datatype": "BF16"}, True),
        ({"datatype": "FP64"}, False),
        ({"column": "a"}, False),
        ({"columns": (1,)}, False),
        ({"ignored": True}, False),
    ],
)
def test_a_whole_tensor_that_loses_nothing_is_converted_whatever_its_values_are(changed: Any, expected: bool) -> None:
    assert replace(SLOT, **changed).value_independent is expected


def test_a_declared_tensor_needs_no_conversion() -> None:
    [slot] = Slots(Signature((X,), (VALUE,))).find([("x", "FP32", (1, 2))])
    assert slot == declared_slot(X)
    assert slot.as_declared
    array = np.zeros((1, 2), np.float32)
    assert slot.fit(array) is array


def test_a_single_tensor_of_any_name_is_the_only_required_input() -> None:
    slots = Slots(Signature((X, K), (VALUE,)))
    assert [slot.input for slot in slots.find([("other", "FP32", (1, 2))])] == ["x"]
    assert [slot.input for slot in slots.find([("k", "INT8", (1,))])] == ["k"], "unless it is the name of another"


def message(signature: Signature, *headers: Any) -> str:
    with pytest.raises(InvalidRequest) as error:
        Slots(signature).find(headers)
    return error.value.message


@pytest.mark.parametrize("shape", [(2, 0), (2, 7), (0, 3), (1, 2, 3)])
@pytest.mark.parametrize("fitted", [(), ("a", "b", "c", "d", "e")])
def test_a_shape_that_is_neither_that_of_the_input_nor_of_all_fitted_columns_is_rejected(
    shape: tuple[int, ...], fitted: tuple[str, ...]
) -> None:
    text = message(Signature((X,), (VALUE,), fitted=fitted), ("x", "FP32", shape))
    assert text == f"input 'x': expected shape [-1, 2], got {list(shape)}"
    assert "must not be negative" in message(Signature((X,), (VALUE,)), ("x", "FP32", (-1, 2)))


def test_an_error_shows_32_axes_of_a_shape() -> None:
    assert message(IRIS, ("X", "FP32", (7,) * 32)).endswith(f"got [{', '.join(['7'] * 32)}]")
    assert message(IRIS, ("X", "FP32", (7,) * 33)).endswith(f"got [{', '.join(['7'] * 32)}, ...]")


def test_only_columns_of_a_table_may_be_sent_one_by_one() -> None:
    untidy = TensorSpec("u", "FP32", (FREE, 3), ("c", "b"))
    signature = Signature((X, untidy), (VALUE,))
    columns = [("a", "FP32", (1,)), ("b", "FP32", (1,)), ("u", "FP32", (1, 3))]
    assert [slot.column for slot in Slots(signature).find(columns)] == ["a", "b", None]
    assert "unknown input 'c'" in message(signature, ("c", "FP32", (1,)), ("x", "FP32", (1, 2)))


def test_an_input_and_its_column_of_the_same_name_are_listed_once() -> None:
    signature = Signature((replace(X, columns=("x", "b")), replace(K, optional=False)), (VALUE,))
    assert message(signature, ("zzzzzzzz", "FP32", (1, 2))).endswith("the model has 'x', 'k', 'b'")


@pytest.mark.parametrize(
    ("label", "scores", "outputs", "found"),
    [
        ("", "", ("y",), {"predict": "y", "output-0": "y"}),
        ("y", "s", ("s", "y"), {"predict": "y", "predictions": "y", "predict_proba": "s"}),
        ("", "s", ("s", "y"), {"predict": None, "predict_proba": "s"}),
        ("", "", ("s", "y"), {"predict": None, "predict_proba": None}),
    ],
)
def test_an_output_has_the_names_of_other_servers_where_they_are_clear(
    label: str, scores: str, outputs: tuple[str, ...], found: dict[str, str | None]
) -> None:
    specs = tuple(TensorSpec(name, "FP32", (FREE,)) for name in outputs)
    names = OutputNames(Signature((X,), specs, label=label, scores=scores))
    for name, expected in found.items():
        if expected:
            assert names.find(name) == expected
        else:
            with pytest.raises(InvalidRequest, match=f"unknown output '{name}'"):
                names.find(name)


def test_a_request_has_1_to_the_maximum_of_rows_in_all_inputs() -> None:
    inputs = ModelInputs(Signature((X, K), (VALUE,)), max_rows=2)

    def rows_of(x: int, k: int | None = None) -> int:
        arrays = [(declared_slot(X), np.zeros((x, 2), np.float32))]
        if k is not None:
            arrays.append((declared_slot(K), np.zeros(k, np.int64)))
        return inputs.request(arrays).rows

    assert (rows_of(1), rows_of(2), rows_of(2, 2)) == (1, 2, 2)
    with pytest.raises(InvalidRequest, match="expected at most 2 rows, got 3"):
        rows_of(3)
    with pytest.raises(InvalidRequest, match="inputs differ in their first axis, the rows: 'x' has 2, 'k' has 1"):
        rows_of(2, 1)
    with pytest.raises(InvalidRequest, match="expected at least one row, got none"):
        ModelInputs(Signature((K,), (VALUE,))).request([])
