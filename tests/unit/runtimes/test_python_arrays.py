"""Checks of an operator's signature and outputs."""

from typing import Any

import numpy as np
import pytest

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.python.arrays import checked_output
from modelyard.runtimes.python.signature import declared_signature
from modelyard.tensors import DTYPES, Signature, TensorSpec

TENSOR = {"name": "x", "datatype": "FP64", "shape": [-1, 2]}
SCORES = {"name": "p", "datatype": "FP32", "shape": [-1, 2]}
LABEL = {"name": "y", "datatype": "BYTES", "shape": [-1]}


@pytest.mark.parametrize(
    ("datatype", "shape", "value", "expected"),
    [
        ("FP64", (-1,), [1, 2], [1.0, 2.0]),
        ("FP32", (-1,), np.array([1.5]), [1.5]),
        ("FP32", (-1,), np.array([1e300]), [float("inf")]),
        ("INT8", (-1,), np.array([-128, 127]), [-128, 127]),
        ("INT64", (2,), [True, False], [1, 0]),
        ("FP64", (), 3, 3.0),
        ("FP64", (-1,), np.array([1.0], ">f8"), [1.0]),
        ("BYTES", (-1,), ["a", "é"], ["a", "é"]),
        ("BYTES", (-1,), np.array([b"\xff", "a"], object), [b"\xff", "a"]),
        ("BYTES", (), "a", "a"),
        ("BYTES", (-1, 1), np.array([[b"a"]]), [[b"a"]]),
        ("BYTES", (-1,), np.array([], object), []),
        ("BOOL", (-1,), [True], [True]),
    ],
)
def test_outputs_become_arrays_of_the_declared_datatype(
    datatype: str, shape: tuple[int, ...], value: Any, expected: Any
) -> None:
    array = checked_output(TensorSpec("y", datatype, shape), {"y": value})
    assert array.dtype == DTYPES[datatype]
    assert array.dtype.isnative
    assert array.tolist() == expected


@pytest.mark.parametrize(
    ("datatype", "shape", "value", "message"),
    [
        ("FP64", (-1,), [[1.0]], r"its shape is \[1, 1\], not \[-1\]"),
        ("FP64", (-1, 2), [[1.0]], r"its shape is \[1, 1\], not \[-1, 2\]"),
        ("INT64", (-1,), [1.5], "it is float64, not INT64"),
        ("INT8", (-1,), [1, 128], "a value is outside the range of INT8"),
        ("UINT64", (-1,), [-1], "it is int64, not UINT64"),
        ("BOOL", (-1,), [1], "it is int64, not BOOL"),
        ("FP64", (-1,), ["1"], "it is <U1, not FP64"),
        ("FP64", (-1,), np.array([1.0, None]), "it is object, not FP64"),
        ("BYTES", (-1,), [1], r"it contains int64, not str or bytes \(BYTES\)"),
        ("BYTES", (-1,), np.array(["a", None]), "it contains NoneType, not str or bytes"),
        ("FP64", (-1,), [[1], [1, 2]], "inhomogeneous"),
    ],
)
def test_outputs_that_would_change_are_rejected(
    datatype: str, shape: tuple[int, ...], value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=f"output 'y' does not match its signature: .*{message}"):
        checked_output(TensorSpec("y", datatype, shape), {"y": value})


def test_a_whole_signature_is_read() -> None:
    declared = {
        "inputs": [{**TENSOR, "columns": ["a", "b"]}, {**TENSOR, "name": "z", "optional": True}],
        "outputs": [LABEL, SCORES],
        "task": "classification",
        "classes": ["no", "yes"],
        "label": "y",
        "scores": "p",
    }
    assert declared_signature(declared) == Signature(
        (TensorSpec("x", "FP64", (-1, 2), ("a", "b")), TensorSpec("z", "FP64", (-1, 2), optional=True)),
        (TensorSpec("y", "BYTES", (-1,)), TensorSpec("p", "FP32", (-1, 2))),
        "classification",
        ("no", "yes"),
        "y",
        "p",
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": []}, r"signature\['inputs'\] must be a list of at least one tensor, not \[\]"),
        ({"outputs": "y"}, r"signature\['outputs'\] must be a list of at least one tensor, not 'y'"),
        ({"inputs": [3]}, r"signature\['inputs'\]\[0\] must be a dict, not int"),
        ({"inputs": [TENSOR, TENSOR]}, r"signature\['inputs'\] has two tensors of the same name"),
        ({"inputs": [{**TENSOR, "name": ""}]}, r"\['name'\] must be a non-empty string, not ''"),
        ({"inputs": [{**TENSOR, "datatype": "float"}]}, r"\['datatype'\] must be one of BOOL, .*, not 'float'"),
        (
            {"inputs": [{**TENSOR, "shape": 3}]},
            r"\['shape'\] must be a list of integers, with -1 for any length, not 3",
        ),
        ({"inputs": [{**TENSOR, "shape": [-2]}]}, r"\['shape'\] must be a list of integers"),
        ({"inputs": [{**TENSOR, "shape": [True]}]}, r"\['shape'\] must be a list of integers"),
        ({"inputs": [{**TENSOR, "columns": ["a"]}]}, r"has 1 columns, but its last axis is \[2\]"),
        ({"inputs": [{**TENSOR, "columns": ["a", "a"]}]}, r"\['columns'\] contains a name twice"),
        ({"inputs": [{**TENSOR, "columns": "ab"}]}, r"\['columns'\] must be a list of strings, not 'ab'"),
        (
            {"inputs": [{**TENSOR, "type": "FP64"}]},
            "unknown key 'type'; known: columns, datatype, name, optional, shape",
        ),
        ({"input": []}, "signature has an unknown key 'input'"),
        ({"task": "guessing"}, r"signature\['task'\] is 'guessing', and must be one of classification, "),
        ({"label": "z"}, r"signature\['label'\] is 'z', which is not an output"),
        ({"label": ["y"]}, r"signature\['label'\] is \['y'\], which is not an output"),
        ({"scores": "y"}, r"signature\['scores'\] is 'y', which is not one number per row and class"),
        ({"scores": "p", "classes": ["a"]}, "there are 1 classes, but 'p' has 2 scores per row"),
        ({"classes": "ab"}, r"signature\['classes'\] must be a list of strings or numbers, not 'ab'"),
        ({"classes": [None]}, r"signature\['classes'\] must be a list of strings or numbers"),
    ],
)
def test_an_error_in_a_signature_is_reported_with_its_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        declared_signature({"inputs": [TENSOR], "outputs": [LABEL, SCORES], **changes})
