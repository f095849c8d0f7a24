"""Inputs and outputs of operator code are copied: no later call changes an output, and no call changes a client's input."""

import numpy as np
import pytest

from modelyard.runtimes.python.model import GeneratingPythonModel
from modelyard.tensors import DTYPES, Array
from tests.unit.runtimes.python_models import loaded, source

NUMBERS = [name for name in DTYPES if name not in ("BYTES", "BOOL")]
REUSED = """
    out = np.zeros(8, {dtype})

    def predict(self, inputs):
        n = len(inputs["x"])
        self.out[:n] = inputs["x"]
        return {{"y": self.out[:n]}}
"""


def of(datatype: str, values: list[int]) -> Array:
    array = np.array(values, DTYPES[datatype])
    return np.array([str(value) for value in values], object) if datatype == "BYTES" else array


@pytest.mark.parametrize("datatype", DTYPES)
def test_a_buffer_that_the_model_reuses_is_copied(datatype: str) -> None:
    dtype = "object" if datatype == "BYTES" else f"np.{DTYPES[datatype].name}"
    model = loaded(source(REUSED.format(dtype=dtype), takes=datatype, gives=datatype))
    first, second = of(datatype, [0, 1, 0]), of(datatype, [1, 0, 1])
    response = model.predict({"x": first.copy()}, ["y"])["y"]
    model.predict({"x": second}, ["y"])
    assert response.tolist() == first.tolist()
    assert response.dtype == DTYPES[datatype]


GIVEN = {
    "an attribute": "self.kept",
    "a view of it": "self.kept[1:4]",
    "every other value of it": "self.kept[::2]",
    "it reversed": "self.kept[::-1]",
    "it reshaped": "self.kept.reshape(-1)",
    "a view of its other type": "self.kept.view(np.int64).view(np.float64)",
    "a subclass": "np.ma.MaskedArray(self.kept, copy=False)",
    "a memoryview": "memoryview(self.kept)",
    "what offers __array__": "Offered(self.kept)",
    "a read-only view": "np.broadcast_to(self.kept, self.kept.shape)",
    "a memory map": "self.mapped",
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_arrays_that_share_memory_with_the_model_are_copied(given: str) -> None:
    text = source(f"""
        def load(self, directory, options, cpus):
            self.mapped = np.memmap(directory / "values", np.float64, "w+", shape=(5,))
            self.mapped[:] = range(5)
            self.kept = np.arange(5.0)

        def predict(self, inputs):
            return {{"y": {given}}}

        def generate(self, inputs):
            yield {{"y": {given}}}
            self.kept[:] = self.mapped[:] = -1
            yield {{"y": {given}}}
    """)
    text = text.replace(
        "class Model:",
        "class Offered:\n    def __init__(self, kept): self.kept = kept\n"
        "    def __array__(self, dtype=None, copy=None): return self.kept\n\n\nclass Model:",
    )
    model = loaded(text)
    assert isinstance(model, GeneratingPythonModel)
    whole = model.predict({"x": np.zeros(1)}, ["y"])["y"]
    expected = whole.tolist()
    steps = iter(model.generate({"x": np.zeros(1)}, ["y"]))
    part = next(steps)["y"]
    assert set(next(steps)["y"].tolist()) == {-1}
    assert whole.tolist() == part.tolist() == expected
    assert -1 not in expected
    assert type(whole) is np.ndarray
    assert whole.flags.writeable
    assert whole.flags.c_contiguous


def test_an_output_that_is_an_input_is_copied() -> None:
    text = source("""
        def predict(self, inputs):
            return {"y": inputs["x"]}
    """)
    model = loaded(text)
    x = np.arange(3.0)
    response = model.predict({"x": x}, ["y"])["y"]
    assert not np.shares_memory(response, x)


CHANGES = {
    "values": "inputs['x'] *= 0",
    "a view": "inputs['x'].reshape(-1)[:] = 0",
    "the dict": "inputs.clear()",
    "another array": "inputs['x'] = np.zeros(3)",
    "what it kept of the call before": "self.kept = inputs['x']",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_that_the_model_makes_to_its_inputs_have_no_other_effect(change: str) -> None:
    model = loaded(
        source(f"""
        kept = np.zeros(3)

        def predict(self, inputs):
            x = inputs["x"] + 1
            self.kept[:] = -5
            {change}
            return {{"y": x}}

        def generate(self, inputs):
            yield self.predict(dict(inputs))
            {change}
    """)
    )
    assert isinstance(model, GeneratingPythonModel)
    inputs = {"x": np.arange(3.0)}
    inputs["x"].flags.writeable = False
    for _ in range(2):
        assert model.predict(inputs, ["y"])["y"].tolist() == [1, 2, 3]
        assert [part["y"].tolist() for part in model.generate(inputs, ["y"])] == [[1, 2, 3]]
    assert inputs["x"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("values", [["a", "b"], [b"\xff", b"b"]], ids=["texts", "bytes"])
def test_texts_too(values: list[object]) -> None:
    model = loaded(
        source(
            """
        def predict(self, inputs):
            given = inputs["x"].copy()
            inputs["x"][:] = "z"
            return {"y": given}
    """,
            takes="BYTES",
            gives="BYTES",
        )
    )
    x = np.array(values, object)
    assert model.predict({"x": x}, ["y"])["y"].tolist() == values
    assert x.tolist() == values


def test_an_example_is_not_changed_by_its_trial() -> None:
    model = loaded(
        source("""
        example = {"x": [1, 2]}

        def predict(self, inputs):
            inputs["x"] += 1
            return {"y": inputs["x"]}
    """)
    )
    assert model.example["x"].tolist() == [1, 2]
