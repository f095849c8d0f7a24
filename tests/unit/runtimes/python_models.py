"""Classes for the python runtime, loaded as a replica does."""

import textwrap
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.python import model as python
from modelyard.runtimes.python.model import PythonModel

HEAD = """
import numpy as np


class Model:
    signature = {
        "inputs": [{"name": "x", "datatype": "%s", "shape": [-1]}],
        "outputs": [{"name": "y", "datatype": "%s", "shape": [-1]}],
    }
"""


def source(body: str, takes: str = "FP64", gives: str = "FP64") -> str:
    """A module with a class that has these methods, one input `x` and one output `y`, with one value per row."""
    return HEAD % (takes, gives) + textwrap.indent(textwrap.dedent(body), "    ")


def loaded(text: str, **keys: Any) -> PythonModel:
    """The class of a module."""
    spec = ModelSpec(name="m", runtime="python:model:Model", **{"trusted": True, **keys})
    return python.load({"model.py": text.encode()}, spec, cpus=1)
