"""`/v1/models/<name>:predict`, `:classify` and `:regress` for one served version.

Sources: https://www.tensorflow.org/tfx/serving/api_rest, and KServe's V1 protocol, which has the same path for predict:
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.body import parse_json
from modelyard.protocols.predict.responses import json_text, jsonable, row_objects, score_columns_known
from modelyard.protocols.predict.rows import MAX_ROWS, RowReader
from modelyard.protocols.predict.tensors_by_name import TensorReader
from modelyard.protocols.values.bad_values import invalid_value
from modelyard.protocols.values.datatypes import BASE64_KEY
from modelyard.protocols.values.row_layout import row_count
from modelyard.tensors import DTYPES, FREE, InferRequest, Signature, Tensors
from modelyard.text.quoting import described, shortened

SIGNATURE_NAME = "serving_default"
"""The usual name of a signature. TensorFlow models may have several; models here have one."""
METHOD_NAME = "tensorflow/serving/{}"
"""TensorFlow's name for the method of a verb, which is also accepted as a signature name."""
EXAMPLE = '{"instances": [...]}'
NUMBERS = ("regression", "tensors")
"""Tasks whose only output may be a regression. The ONNX graph of a regression does not declare its task."""

Write = Callable[[Tensors], Any]
"""From outputs to the response's JSON document."""


@dataclass(frozen=True, slots=True)
class TensorflowRequest:
    """A decoded request, and the function that writes its response."""

    request: InferRequest
    write: Write
    timeout_s: ClassVar[float | None] = None


class TensorflowCodec:
    """Decodes and encodes for one version of one model. Created once."""

    def __init__(self, signature: Signature, *, max_rows: int = MAX_ROWS) -> None:
        self._signature = signature
        self._rows = RowReader(signature, max_rows=max_rows)
        self._tensors = TensorReader(signature, max_rows=max_rows)
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._row_count = row_count(signature)

    def predict(self, body: bytes) -> TensorflowRequest:
        """Decode rows in `instances`, or whole tensors in `inputs`. The response has the same form. Raises InvalidRequest.

        In KServe's V1 `inputs` is another name for `instances`, and its response has `predictions`. An object in `inputs` is valid
        only in TensorFlow Serving, and a list of objects only in KServe. Any other list is valid in both, with the same values
        as rows and as a tensor, so its response has the members of both.
        """
        document = _document(body, "predict")
        members = [name for name in ("instances", "inputs") if name in document]
        if len(members) != 1:
            raise InvalidRequest(
                f'expected exactly one of "instances" and "inputs", got {" and ".join(members) or "none"}'
            )
        if members == ["instances"]:
            return TensorflowRequest(self._request(self._rows.instances(document["instances"])), self._by_row)
        inputs = document["inputs"]
        if type(inputs) is list and inputs and type(inputs[0]) is dict and BASE64_KEY not in inputs[0]:
            return TensorflowRequest(self._request(self._objects(inputs)), self._by_row)
        ambiguous = type(inputs) is list and self._signature.rowwise
        return TensorflowRequest(
            self._request(self._tensors.read(inputs)), self._both if ambiguous else self._by_output
        )

    def classify(self, body: bytes) -> TensorflowRequest:
        """Decode `examples`; the result of each is a label and a score for every class. Raises InvalidRequest."""
        if not self._signature.scores:
            raise InvalidRequest("the model has no score for each class; use :predict")
        if not score_columns_known(self._signature):
            raise InvalidRequest("the model does not declare which class each score is of; use :predict")
        scores = self._signature.scores
        return TensorflowRequest(self._request(self._examples(body, "classify"), (scores,)), self._classes)

    def regress(self, body: bytes) -> TensorflowRequest:
        """Decode `examples`; the result of each is a number. Raises InvalidRequest."""
        if not _is_regression(self._signature):
            raise InvalidRequest("the model does not return one number per row; use :predict")
        return TensorflowRequest(self._request(self._examples(body, "regress")), _numbers)

    def encode(self, decoded: TensorflowRequest, outputs: Tensors) -> bytes:
        """The JSON of the response."""
        return orjson.dumps(decoded.write(outputs), option=orjson.OPT_SERIALIZE_NUMPY)

    def _request(self, tensors: Tensors, outputs: tuple[str, ...] = ()) -> InferRequest:
        rows = len(next(iter(tensors.values()))) if self._signature.rowwise else 1
        return InferRequest(tensors, rows, outputs or self._outputs)

    def _objects(self, inputs: list[Any]) -> Tensors:
        """Read rows, or one data frame whose columns are lists."""
        frame = (
            len(inputs) == 1 and self._rows.layout.all_scalar and all(type(each) is list for each in inputs[0].values())
        )
        return self._tensors.read(inputs[0]) if frame else self._rows.instances(inputs, "/inputs")

    def _examples(self, body: bytes, verb: str) -> Tensors:
        """Read rows by feature name. The features in `context` belong to every row."""
        document = _document(body, verb)
        context = document.get("context", {})
        examples = document.get("examples")
        if type(context) is not dict:
            raise invalid_value("/context", f"expected an object, got {described(context)}")
        if type(examples) is not list:
            raise invalid_value("/examples", f"expected a list of objects, got {described(examples)}")
        for index, example in enumerate(examples):
            if type(example) is not dict:
                raise invalid_value(f"/examples/{index}", f"expected an object, got {described(example)}")
        return self._rows.instances([{**context, **example} for example in examples])

    def _by_row(self, outputs: Tensors) -> Any:
        for name, array in outputs.items():
            if array.ndim == 0 or self._row_count not in (FREE, len(array)):
                raise InvalidRequest(f'output {name!r} has no row for each instance; send whole tensors in "inputs"')
        columns = [jsonable(outputs[name]) for name in self._outputs]
        return {"predictions": columns[0] if len(columns) == 1 else row_objects(self._outputs, columns)}

    def _by_output(self, outputs: Tensors) -> Any:
        tensors = {name: jsonable(outputs[name]) for name in self._outputs}
        return {"outputs": tensors[self._outputs[0]] if len(tensors) == 1 else tensors}

    def _both(self, outputs: Tensors) -> Any:
        return self._by_output(outputs) | self._by_row(outputs)

    def _classes(self, outputs: Tensors) -> Any:
        scores = outputs[self._signature.scores]
        names = [str(json_text(name)) for name in self._signature.classes or range(scores.shape[1])]
        return {"result": [[[name, score] for name, score in zip(names, row, strict=True)] for row in jsonable(scores)]}


def _is_regression(signature: Signature) -> bool:
    """Whether the output is one number per row that is not a class."""
    if len(signature.outputs) != 1 or not signature.rowwise or signature.label or signature.scores:
        return False
    [output] = signature.outputs
    return output.shape[1:] in ((), (1,)) and DTYPES[output.datatype].kind in "iuf" and signature.task in NUMBERS


def _numbers(outputs: Tensors) -> Any:
    [array] = outputs.values()
    return {"result": jsonable(array.reshape(len(array), -1)[:, 0])}


def _document(body: bytes, verb: str) -> Mapping[str, Any]:
    document = parse_json(body, EXAMPLE)
    if type(document) is not dict:
        raise InvalidRequest(f"expected an object such as {EXAMPLE}, got {described(document)}")
    name = document.get("signature_name", "")
    if name not in ("", SIGNATURE_NAME, METHOD_NAME.format(verb)):
        shown = shortened(name) if type(name) is str else described(name)
        raise invalid_value("/signature_name", f"the model has only the signature {SIGNATURE_NAME!r}, got {shown!r}")
    return document
