"""`POST .../predict` for one served version: a request's bytes to tensors, and tensors to the answer's bytes.

docs/predict.md shows every form. What is read, and how strictly, is in the modules beside this one; here they come together.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from modelyard.errors import InvalidRequest, NotAcceptable
from modelyard.http.accept import ARROW, JSON, NPY, MediaType, preferred_media_type
from modelyard.http.media_types import body_format, csv_header
from modelyard.protocols.predict.arrow.codec import ArrowCodec
from modelyard.protocols.predict.body import NO_OPTIONS, Options, read_body
from modelyard.protocols.predict.csv import read_csv
from modelyard.protocols.predict.npy import NpyReader, write_npy
from modelyard.protocols.predict.responses import ResponseWriter, jsonable
from modelyard.protocols.predict.rows import MAX_ROWS, RowReader
from modelyard.protocols.predict.tabular_responses import TableWriter
from modelyard.protocols.predict.tensors_by_name import TensorReader
from modelyard.protocols.values.bad_values import BadValues
from modelyard.tensors import InferRequest, Signature, Tensors


@dataclass(slots=True)
class PredictCall:
    """A decoded request, and what its answer is to look like."""

    request: InferRequest
    probabilities: bool
    """Whether each row's score of every class is wanted."""
    chosen: tuple[str, ...]
    """The outputs that the client named; empty where it named none and gets them all."""
    by_row: bool
    """Whether the answer has one prediction a row, or whole outputs."""
    media: MediaType = JSON
    """The response's form."""
    timeout_s: ClassVar[float | None] = None


class PredictCodec:
    """Decodes and encodes for one version of one model; built once."""

    def __init__(
        self,
        model_name: str,
        version: int,
        signature: Signature,
        *,
        max_rows: int = MAX_ROWS,
        passed_over: Collection[str] = (),
    ) -> None:
        """`passed_over` are members of a body that mean nothing here, and are no mistake."""
        self._signature = signature
        self._passed_over = passed_over
        self._rowwise = signature.rowwise
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._rows = RowReader(signature, max_rows=max_rows)
        self._answers = ResponseWriter(model_name, version, signature)
        self._tables = TableWriter(self._answers, signature)
        self._npy = NpyReader(signature, max_rows=max_rows)
        self._arrow = ArrowCodec(self._rows)
        self._forms: Mapping[str, Callable[[Any], Tensors]] = {
            "instances": self._rows.instances,
            "inputs": TensorReader(signature, max_rows=max_rows).read,
            "dataframe_split": self._rows.split,
            "dataframe_records": self._rows.records,
        }
        lengths = {spec.shape[:1] for spec in (*signature.inputs, *signature.outputs)}
        self._fixed_rows = len(lengths) == 1 and lengths != {()}
        """Whether all inputs and outputs share a first axis; then rows in are rows out, even where their number is fixed."""

    def decode(
        self, body: bytes, content_type: bytes, *, accept: bytes = b"", probabilities: bool = False
    ) -> PredictCall:
        """What the client asks for. `probabilities` may be asked for beside the body too, in the URL.

        Raises InvalidRequest, with every bad value, UnsupportedMediaType, or NotAcceptable.
        """
        call = self._decoded(body, content_type, probabilities)
        if accept and accept not in (b"*/*", b"application/json"):
            call.media = preferred_media_type(accept)
            if call.media == ARROW:
                self._arrow.check_answers()
        return call

    def _decoded(self, body: bytes, content_type: bytes, probabilities: bool) -> PredictCall:
        form: str = body_format(content_type, body)
        options = NO_OPTIONS
        if form == "json":
            form, value, options = read_body(body, self._passed_over)
            tensors = self._forms[form](value)
        elif form == "csv":
            tensors = read_csv(body, self._rows, csv_header(content_type))
        elif form == "arrow":
            tensors = self._arrow.read(body)
        else:
            tensors = self._npy.read(body).inputs
        rows = len(next(iter(tensors.values()))) if self._rowwise else 1
        by_row = self._rowwise or (self._fixed_rows and form != "inputs")
        request = InferRequest(tensors, rows, self._outputs)
        if options is NO_OPTIONS and not probabilities:  # the usual one
            return PredictCall(request, False, (), by_row)
        return self._with_options(request, by_row, options, options.probabilities or probabilities)

    def encode(self, call: PredictCall, outputs: Tensors) -> bytes:
        """The answer in its form, from the outputs that `call.request` names. Raises NotAcceptable where it does not fit."""
        if call.media != JSON:
            return self._other_media(call, outputs)
        return self._answers.write(outputs, call.chosen, by_row=call.by_row, probabilities=call.probabilities)

    def _other_media(self, call: PredictCall, outputs: Tensors) -> bytes:
        if call.media == NPY:
            return write_npy(
                self._tables.array(outputs, call.chosen, by_row=call.by_row, probabilities=call.probabilities)
            )
        if not call.by_row:
            raise NotAcceptable("whole outputs do not fit into a table; ask for JSON")
        columns = self._tables.columns(outputs, call.chosen, probabilities=call.probabilities)
        return self._arrow.write(columns) if call.media == ARROW else self._tables.csv(columns)

    def encode_bare(self, call: PredictCall, outputs: Tensors) -> bytes:
        """The predictions and nothing else, as MLflow's clients expect them; by output, where the answer is not by row."""
        if call.by_row:
            predictions = self._answers.predictions(outputs, call.chosen)
        else:
            predictions = {name: jsonable(array) for name, array in outputs.items()}
        return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)

    def _with_options(self, request: InferRequest, by_row: bool, options: Options, probabilities: bool) -> PredictCall:
        bad = BadValues()
        for index, name in enumerate(options.outputs):
            if name not in self._outputs:
                bad.unknown(f"/outputs/{index}", "output", name, self._outputs)
        bad.raise_if_any()
        scores = self._signature.scores
        if probabilities and not (scores and by_row):
            raise InvalidRequest("there are no probabilities: this model gives no score for each class and row")
        request.outputs = options.outputs or self._outputs
        if probabilities and scores not in request.outputs:
            request.outputs = (*request.outputs, scores)
        return PredictCall(request, probabilities, options.outputs, by_row)
