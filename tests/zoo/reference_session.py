"""The reference outputs of a generated graph: those of an onnxruntime session."""

from typing import Any

import numpy as np
import onnxruntime

from modelyard.tensors import DTYPES, Tensors
from tests.zoo.case import ModelRaised
from tests.zoo.graph_builder import GeneratedGraph
from tests.zoo.tables import Rows


class ReferenceSession:
    """Runs an onnxruntime session."""

    def __init__(self, made: GeneratedGraph) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(made.model, options, providers=["CPUExecutionProvider"])
        self._made = made

    def rows(self, rows: Rows) -> Tensors:
        """For the rows of one request, in one call. Raises ModelRaised."""
        columns = zip(*rows, strict=True)
        return self._run(
            {
                each.name: np.array(values, DTYPES[each.datatype]).reshape(len(rows), *np.shape(values[0]) or each.lone)
                for each, values in zip(self._made.inputs, columns, strict=True)
            }
        )

    def whole(self, rows: Rows) -> Tensors:
        """For whole tensors. Raises ModelRaised."""
        [row] = rows
        return self._run({each.name: value for each, value in zip(self._made.inputs, row, strict=True)})

    def _run(self, inputs: Tensors) -> Tensors:
        names = [output.name for output in self._session.get_outputs()]
        try:
            found = self._session.run(names, inputs)
        except Exception as error:
            raise ModelRaised(str(error)) from error
        return {name: self._array(value) for name, value in zip(names, found, strict=True)}

    def _array(self, value: Any) -> Any:
        if isinstance(value, list):  # of a ZipMap
            return np.array([[row[name] for name in self._made.classes or row] for row in value], np.float32)
        return np.asarray(value)
