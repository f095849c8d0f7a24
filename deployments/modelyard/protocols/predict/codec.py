"""`POST .../predict` and `.../invocations` for one served version: request bytes to tensors, and tensors to response bytes.

docs/predict.md shows every format. The modules beside this one read and write them.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from modelyard.errors import InvalidRequest, NotAcceptable
from modelyard.http.accept import ARROW, JSON, NPY, MediaType, preferred_media_type
from modelyard.http.media_types import body_format, csv_header
from modelyard.protocols.predict.arrow.codec import ArrowCodec
from modelyard.protocols.predict.body import NO_OPTIONS, PredictOptions, parse_body
from modelyard.protocols.predict.csv import read_csv
from modelyard.protocols.predict.npy import NpyReader, write_npy
from modelyard.protocols.predict.responses import ResponseWriter, jsonable
from modelyard.protocols.predict.rows import MAX_ROWS, RowReader
from modelyard.protocols.predict.tabular_responses import TableWriter
from modelyard.protocols.predict.tensors_by_name import TensorReader
from modelyard.protocols.values.bad_values import BadValues
from modelyard.tensors import InferRequest, Signature, Tensors

IGNORED = ("params",)
"""Members of MLflow requests that are ignored: call parameters, which models here do not have."""


@dataclass(slots=True)
class PredictRequest:
    """A decoded request, and the form of its response."""

    request: InferRequest
    probabilities: bool
    """Whether the response includes the scores of all classes."""
    requested_outputs: tuple[str, ...]
    """Empty if the client requested none, and gets all."""
    by_row: bool
    """Whether the response has one prediction per row, or whole outputs."""
    media: MediaType = JSON
    """The media type of the response."""
    timeout_s: ClassVar[float | None] = None


class PredictCodec:
    """Decodes and encodes for one version of one model. Created once."""

    def __init__(
        self,
        model_name: str,
        version: int,
        signature: Signature,
        *,
        max_rows: int = MAX_ROWS,
        ignored: Collection[str] = (),
    ) -> None:
        """`ignored` are members of a body that are accepted without effect."""
        self._signature = signature
        self._ignored = ignored
        self._rowwise = signature.rowwise
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._rows = RowReader(signature, max_rows=max_rows)
        self._responses = ResponseWriter(model_name, version, signature)
        self._tables = TableWriter(self._responses, signature)
        self._npy = NpyReader(signature, max_rows=max_rows)
        self._arrow = ArrowCodec(self._rows)
        self._readers: Mapping[str, Callable[[Any], Tensors]] = {
            "instances": self._rows.instances,
            "inputs": TensorReader(signature, max_rows=max_rows).read,
            "dataframe_split": self._rows.split,
            "dataframe_records": self._rows.records,
        }
        lengths = {spec.shape[:1] for spec in (*signature.inputs, *signature.outputs)}
        self._fixed_rows = len(lengths) == 1 and lengths != {()}
        """Whether all inputs and outputs share a first axis. Then each row of the input has a row of the output."""

    def decode(
        self, body: bytes, content_type: bytes, *, accept: bytes = b"", probabilities: bool = False
    ) -> PredictRequest:
        """Decode a request. `probabilities` requests the scores of all classes, as the member of that name does.

        Raises InvalidRequest, with every bad value, UnsupportedMediaType, or NotAcceptable.
        """
        decoded = self._decode_body(body, content_type, probabilities)
        if accept and accept not in (b"*/*", b"application/json"):
            decoded.media = preferred_media_type(accept)
            if decoded.media == ARROW:
                self._arrow.check_writable()
        return decoded

    def encode(self, decoded: PredictRequest, outputs: Tensors) -> bytes:
        """The response in its media type, from the outputs in `decoded.request`.

        Raises NotAcceptable if the media type cannot represent them.
        """
        requested, by_row, probabilities = decoded.requested_outputs, decoded.by_row, decoded.probabilities
        if decoded.media == JSON:
            return self._responses.write(outputs, requested, by_row=by_row, probabilities=probabilities)
        if decoded.media == NPY:
            return write_npy(self._tables.array(outputs, requested, by_row=by_row, probabilities=probabilities))
        if not by_row:
            raise NotAcceptable("whole outputs cannot be sent as a table; request JSON")
        columns = self._tables.columns(outputs, requested, probabilities=probabilities)
        return self._arrow.write(columns) if decoded.media == ARROW else self._tables.csv(columns)

    def encode_predictions(self, decoded: PredictRequest, outputs: Tensors) -> bytes:
        """The predictions alone, as MLflow clients expect them; outputs by name if the response is not by row."""
        if decoded.by_row:
            predictions = self._responses.predictions(outputs, decoded.requested_outputs)
        else:
            predictions = {name: jsonable(array) for name, array in outputs.items()}
        return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)

    def _decode_body(self, body: bytes, content_type: bytes, probabilities: bool) -> PredictRequest:
        form: str = body_format(content_type, body)
        options = NO_OPTIONS
        if form == "json":
            form, value, options = parse_body(body, self._ignored)
            tensors = self._readers[form](value)
        elif form == "csv":
            tensors = read_csv(body, self._rows, csv_header(content_type))
        elif form == "arrow":
            tensors = self._arrow.read(body)
        else:
            tensors = self._npy.read(body).inputs
        rows = len(next(iter(tensors.values()))) if self._rowwise else 1
        by_row = self._rowwise or (self._fixed_rows and form != "inputs")
        request = InferRequest(tensors, rows, self._outputs)
        if options is NO_OPTIONS and not probabilities:  # the usual case
            return PredictRequest(request, False, (), by_row)
        return self._with_options(request, by_row, options, options.probabilities or probabilities)

    def _with_options(
        self, request: InferRequest, by_row: bool, options: PredictOptions, probabilities: bool
    ) -> PredictRequest:
        bad = BadValues()
        for index, name in enumerate(options.outputs):
            if name not in self._outputs:
                bad.add_unknown(f"/outputs/{index}", "output", name, self._outputs)
        bad.raise_if_any()
        scores = self._signature.scores
        if probabilities and not (scores and by_row):
            raise InvalidRequest("no probabilities available: this model has no score for each class and row")
        request.outputs = options.outputs or self._outputs
        if probabilities and scores not in request.outputs:
            request.outputs = (*request.outputs, scores)
        return PredictRequest(request, probabilities, options.outputs, by_row)


class InvocationsCodec:
    """The API of MLflow's scoring server and of SageMaker containers. The input formats are those of predict.

    Source: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
    """

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._predict = PredictCodec(model_name, version, signature, ignored=IGNORED)

    def decode(self, body: bytes, content_type: bytes) -> PredictRequest:
        """Decode a request. Raises InvalidRequest or UnsupportedMediaType."""
        return self._predict.decode(body, content_type)

    def encode(self, decoded: PredictRequest, outputs: Tensors) -> bytes:
        """{"predictions": [...]}: labels or numbers, one per row."""
        return self._predict.encode_predictions(decoded, outputs)
