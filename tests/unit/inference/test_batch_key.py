"""Requests with the same key may share a batch. Every difference that a model can detect is in the key."""

import numpy as np
import pytest

from modelyard.inference.batch import batch_key
from modelyard.tensors import DTYPES, InferRequest

Shape = tuple[int, ...]


def request(*names: str, dtype: str = "FP32", shape: Shape = (1, 2), outputs: tuple[str, ...] = ("y",)) -> InferRequest:
    return InferRequest({name: np.zeros(shape, DTYPES[dtype]) for name in names}, shape[0], outputs)


NAMES = [("a",), ("a", "b")]


@pytest.mark.parametrize("names", NAMES, ids=["one input", "two inputs"])
def test_requests_that_differ_in_their_rows_alone_have_one_key(names):
    assert batch_key(request(*names, shape=(1, 2))) == batch_key(request(*names, shape=(7, 2)))


def test_the_order_of_the_inputs_does_not_matter():
    assert batch_key(request("a", "b")) == batch_key(request("b", "a"))


@pytest.mark.parametrize("names", NAMES, ids=["one input", "two inputs"])
def test_every_datatype_has_a_key_of_its_own(names):
    keys = {batch_key(request(*names, dtype=name)) for name in DTYPES}
    assert len(keys) == len(DTYPES)


@pytest.mark.parametrize("names", NAMES, ids=["one input", "two inputs"])
def test_every_shape_of_a_row_has_a_key_of_its_own(names):
    shapes: list[Shape] = [(1,), (1, 1), (1, 2), (1, 2, 1), (1, 1, 2), (1, 3), (1, 0)]
    assert len({batch_key(request(*names, shape=shape)) for shape in shapes}) == len(shapes)


@pytest.mark.parametrize("names", NAMES, ids=["one input", "two inputs"])
def test_every_choice_of_outputs_has_a_key_of_its_own(names):
    outputs = [("y",), ("z",), ("y", "z"), ("z", "y"), ()]
    assert len({batch_key(request(*names, outputs=each)) for each in outputs}) == len(outputs)


def test_every_set_of_names_has_a_key_of_its_own():
    names = [("a",), ("b",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c")]
    assert len({batch_key(request(*each)) for each in names}) == len(names)


def test_a_difference_in_the_second_input_is_in_the_key():
    def second(dtype: str, shape: Shape) -> InferRequest:
        return InferRequest({"a": np.zeros((1, 2)), "b": np.zeros(shape, DTYPES[dtype])}, 1, ("y",))

    keys = {
        batch_key(second(*each)) for each in [("FP32", (1, 2)), ("FP64", (1, 2)), ("FP32", (1, 3)), ("INT32", (1, 2))]
    }
    assert len(keys) == 4
