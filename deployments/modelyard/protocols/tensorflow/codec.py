"""`/v1/models/<name>:predict`, `:classify` and `:regress` for one served version. Pure.

Sources: https://www.tensorflow.org/tfx/serving/api_rest, and KServe's V1 protocol, which has the same path of predict:
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.body import parse
from modelyard.protocols.predict.responses import jsonable, score_columns_known, text
from modelyard.protocols.predict.rows import MAX_ROWS, RowReader
from modelyard.protocols.predict.tensors_by_name import TensorReader
from modelyard.protocols.values.bad_values import refuse
from modelyard.protocols.values.datatypes import BASE64_KEY
from modelyard.protocols.values.row_layout import row_count
from modelyard.tensors import DTYPES, FREE, InferRequest, Signature, Tensors
from modelyard.text.quoting import described, shortened

SIGNATURE_NAME = "serving_default"
"""TensorFlow models may have several signatures; these have one, and this is its usual name."""
METHOD_NAME = "tensorflow/serving/{}"
"""TensorFlow's own name of the method that a verb calls; signatures that were exported for it alone have the same name."""
EXAMPLE = '{"instances": [...]}'
NUMBERS = ("regression", "tensors")
"""Tasks whose only output is a number in its own right. The graph of a regression in ONNX does not say what it is for."""

Write = Callable[[Tensors], Any]
"""Outputs to what the answer's JSON holds."""


@dataclass(frozen=True, slots=True)
class TensorflowCall:
    """A decoded request, and how its answer is written."""

    request: InferRequest
    write: Write
    timeout_s: ClassVar[float | None] = None


class TensorflowCodec:
    """Decodes and encodes for one version of one model; built once."""

    def __init__(self, signature: Signature, *, max_rows: int = MAX_ROWS) -> None:
        self._signature = signature
        self._rows = RowReader(signature, max_rows=max_rows)
        self._tensors = TensorReader(signature, max_rows=max_rows)
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._row_count = row_count(signature)

    def predict(self, body: bytes) -> TensorflowCall:
        """Rows in `instances`, answered with rows, or whole tensors in `inputs`, answered with tensors. Raises InvalidRequest.

        In KServe's V1 `inputs` is another name of `instances`, and is answered with `predictions`. An object is TensorFlow
        Serving's alone, and a list of objects is KServe's. A list of anything else is either's: it has the same values as rows
        and as a tensor, and is answered with both members.
        """
        document = _document(body, "predict")
        forms = [name for name in ("instances", "inputs") if name in document]
        if len(forms) != 1:
            raise InvalidRequest(
                f'expected exactly one of "instances" and "inputs", got {" and ".join(forms) or "none"}'
            )
        if forms == ["instances"]:
            return TensorflowCall(self._request(self._rows.instances(document["instances"])), self._by_row)
        inputs = document["inputs"]
        if type(inputs) is list and inputs and type(inputs[0]) is dict and BASE64_KEY not in inputs[0]:
            return TensorflowCall(self._request(self._objects(inputs)), self._by_row)
        either = type(inputs) is list and self._signature.rowwise
        return TensorflowCall(self._request(self._tensors.read(inputs)), self._both if either else self._by_output)

    def classify(self, body: bytes) -> TensorflowCall:
        """`examples`, each answered with a label and a score for every class. Raises InvalidRequest."""
        if not self._signature.scores:
            raise InvalidRequest("the model gives no score for each class; ask it with :predict")
        if not score_columns_known(self._signature):
            raise InvalidRequest("the model does not say which class each score is of; ask it with :predict")
        scores = self._signature.scores
        return TensorflowCall(self._request(self._examples(body, "classify"), (scores,)), self._classes)

    def regress(self, body: bytes) -> TensorflowCall:
        """`examples`, each answered with a number. Raises InvalidRequest."""
        if not _gives_one_number(self._signature):
            raise InvalidRequest("the model does not give one number a row; ask it with :predict")
        return TensorflowCall(self._request(self._examples(body, "regress")), _one_number_a_row)

    def encode(self, call: TensorflowCall, outputs: Tensors) -> bytes:
        """The answer's JSON."""
        return orjson.dumps(call.write(outputs), option=orjson.OPT_SERIALIZE_NUMPY)

    def _request(self, tensors: Tensors, outputs: tuple[str, ...] = ()) -> InferRequest:
        rows = len(next(iter(tensors.values()))) if self._signature.rowwise else 1
        return InferRequest(tensors, rows, outputs or self._outputs)

    def _objects(self, inputs: list[Any]) -> Tensors:
        """Rows, or one data frame whose columns are lists."""
        frame = len(inputs) == 1 and self._rows.layout.plain and all(type(each) is list for each in inputs[0].values())
        return self._tensors.read(inputs[0]) if frame else self._rows.instances(inputs, "/inputs")

    def _examples(self, body: bytes, verb: str) -> Tensors:
        """Rows by the names of their features; what `context` names is every row's."""
        document = _document(body, verb)
        context = document.get("context", {})
        examples = document.get("examples")
        if type(context) is not dict:
            raise refuse("/context", f"expected an object, got {described(context)}")
        if type(examples) is not list:
            raise refuse("/examples", f"expected a list of objects, got {described(examples)}")
        for index, example in enumerate(examples):
            if type(example) is not dict:
                raise refuse(f"/examples/{index}", f"expected an object, got {described(example)}")
        return self._rows.instances([{**context, **example} for example in examples])

    def _by_row(self, outputs: Tensors) -> Any:
        for name, array in outputs.items():
            if array.ndim == 0 or self._row_count not in (FREE, len(array)):
                raise InvalidRequest(f'output {name!r} has no row for each instance; send whole tensors in "inputs"')
        columns = [jsonable(outputs[name]) for name in self._outputs]
        if len(columns) == 1:
            return {"predictions": columns[0]}
        rows = zip(*columns, strict=True)
        return {"predictions": [dict(zip(self._outputs, row, strict=True)) for row in rows]}

    def _by_output(self, outputs: Tensors) -> Any:
        told = {name: jsonable(outputs[name]) for name in self._outputs}
        return {"outputs": told[self._outputs[0]] if len(told) == 1 else told}

    def _both(self, outputs: Tensors) -> Any:
        return self._by_output(outputs) | self._by_row(outputs)

    def _classes(self, outputs: Tensors) -> Any:
        scores = outputs[self._signature.scores]
        names = [str(text(name)) for name in self._signature.classes or range(scores.shape[1])]
        return {"result": [[[name, score] for name, score in zip(names, row, strict=True)] for row in jsonable(scores)]}


def _gives_one_number(signature: Signature) -> bool:
    """Whether each row is answered with a number that is no class."""
    if len(signature.outputs) != 1 or not signature.rowwise or signature.label or signature.scores:
        return False
    [output] = signature.outputs
    return output.shape[1:] in ((), (1,)) and DTYPES[output.datatype].kind in "iuf" and signature.task in NUMBERS


def _one_number_a_row(outputs: Tensors) -> Any:
    [array] = outputs.values()
    return {"result": jsonable(array.reshape(len(array), -1)[:, 0])}


def _document(body: bytes, verb: str) -> Mapping[str, Any]:
    document = parse(body, EXAMPLE)
    if type(document) is not dict:
        raise InvalidRequest(f"expected an object such as {EXAMPLE}, got {described(document)}")
    name = document.get("signature_name", "")
    if name not in ("", SIGNATURE_NAME, METHOD_NAME.format(verb)):
        shown = shortened(name) if type(name) is str else described(name)
        raise refuse("/signature_name", f"the model has the signature {SIGNATURE_NAME!r} alone, got {shown!r}")
    return document
