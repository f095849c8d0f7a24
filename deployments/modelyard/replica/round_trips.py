"""The formats of requests and responses that a version supports, each with a request made from the example."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from modelyard.http import accept, media_types
from modelyard.protocols.codecs import Codecs
from modelyard.protocols.grpc.contents import FIELDS
from modelyard.protocols.grpc.messages import ModelInferRequest
from modelyard.protocols.oip.tensors import to_raw
from modelyard.protocols.predict.example import example_body
from modelyard.protocols.predict.npy import write_npy
from modelyard.protocols.predict.responses import jsonable
from modelyard.tensors import Signature, Tensors

JSON = b"application/json"
CSV = b"text/csv"


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One request format with one response format."""

    name: str
    """For error messages, as in "predict, JSON to CSV"."""
    decode: Callable[[], Any]
    """Decodes the request; the result has an InferRequest in `request`. Raises the codec's errors."""
    encode: Callable[[Any, Tensors], object]
    """Encodes the response, from the decoded request and the outputs that it requests."""


class RoundTrips:
    """All round trips of one version, for an example of one row or more, or of whole tensors."""

    def __init__(self, codecs: Codecs, signature: Signature, inputs: Tensors, *, arrow: bool) -> None:
        """`arrow` says that pyarrow may be imported."""
        self._codecs = codecs
        self._signature = signature
        self._inputs = inputs
        self._arrow = arrow
        self._body = example_body(signature, inputs)
        self._rows: list[Any] | None = orjson.loads(self._body).get("instances")

    def __iter__(self) -> Iterator[RoundTrip]:
        yield from self._predict()
        yield from self._infer()
        yield from self._grpc()
        yield from self._tensorflow()
        codecs = self._codecs
        yield RoundTrip("invocations", partial(codecs.invocations.decode, self._body, JSON), codecs.invocations.encode)
        yield RoundTrip("generate", lambda: codecs.generate.decode(self._by_input()), codecs.generate.encode)

    def _predict(self) -> Iterator[RoundTrip]:
        codec = self._codecs.predict
        accepts = {"JSON": b"", "CSV": CSV, "npy": accept.NPY.encode()}
        bodies = {"CSV": (self._csv, CSV), "npy": (self._npy, media_types.NPY.encode())}
        if self._arrow:
            accepts["Arrow"] = accept.ARROW.encode()
            bodies["Arrow"] = (self._arrow_table, media_types.ARROW.encode())
        for name, media_type in accepts.items():
            for scores in (False, True):
                decode = partial(codec.decode, self._body, JSON, accept=media_type, probabilities=scores)
                yield RoundTrip(
                    f"predict, JSON to {name}{' with probabilities' if scores else ''}", decode, codec.encode
                )
            for output in self._signature.outputs:
                body = orjson.dumps({**orjson.loads(self._body), "outputs": [output.name]})
                chosen = partial(codec.decode, body, JSON, accept=media_type)
                yield RoundTrip(f"predict, JSON to {name} with output {output.name!r} alone", chosen, codec.encode)
        for name, (make, content_type) in bodies.items():
            yield RoundTrip(
                f"predict, {name} to JSON", partial(_decode, codec.decode, make, content_type), codec.encode
            )

    def _infer(self) -> Iterator[RoundTrip]:
        codec = self._codecs.infer
        yield RoundTrip("infer, JSON", lambda: codec.decode(self._oip()), codec.encode)
        if self._has_raw():
            yield RoundTrip("infer, binary", lambda: codec.decode(*self._oip_binary()), codec.encode)
        for output in self._signature.outputs:
            requested = {"name": output.name, "parameters": {"classification": 1}}
            classes = partial(_decode, codec.decode, partial(self._oip, outputs=[requested]))
            yield RoundTrip(f"infer, classes of {output.name!r}", classes, codec.encode)

    def _grpc(self) -> Iterator[RoundTrip]:
        codec = self._codecs.grpc
        if self._has_raw():
            yield RoundTrip("ModelInfer, raw", lambda: codec.decode(self._message(raw=True)), codec.encode_bytes)
            yield RoundTrip("ModelStreamInfer, raw", lambda: codec.decode(self._message(raw=True)), codec.encode)
        if self._has_raw() and all(spec.datatype in FIELDS for spec in self._signature.inputs):
            yield RoundTrip("ModelInfer, typed", lambda: codec.decode(self._message(raw=False)), codec.encode_bytes)

    def _tensorflow(self) -> Iterator[RoundTrip]:
        codec = self._codecs.tensorflow
        yield RoundTrip(
            "TensorFlow Serving's predict by column", lambda: codec.predict(self._by_column()), codec.encode
        )
        if self._rows is None:
            return
        yield RoundTrip("TensorFlow Serving's predict by row", partial(codec.predict, self._body), codec.encode)
        examples = orjson.dumps({"examples": self._rows})
        yield RoundTrip("TensorFlow Serving's classify", partial(codec.classify, examples), codec.encode)
        yield RoundTrip("TensorFlow Serving's regress", partial(codec.regress, examples), codec.encode)

    # Bodies

    def _csv(self) -> bytes:
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        rows = self._rows or []
        if rows and isinstance(rows[0], dict):
            writer.writerow(rows[0])
        for row in rows:
            writer.writerow(row.values() if isinstance(row, dict) else row if isinstance(row, list) else [row])
        return file.getvalue().encode()

    def _npy(self) -> bytes:
        return write_npy(next(iter(self._inputs.values())))

    def _arrow_table(self) -> bytes:
        from modelyard.protocols.predict.arrow.writer import write_table  # noqa: PLC0415 - imports pyarrow

        rows = self._rows or []
        if rows and isinstance(rows[0], dict):
            return write_table({name: [row[name] for row in rows] for name in rows[0]})
        return write_table({next(iter(self._inputs)): rows})

    def _by_input(self) -> bytes:
        """The values of one row, or of whole tensors."""
        rows = self._inputs if self._rows is None else {name: array[:1] for name, array in self._inputs.items()}
        return _json({name: jsonable(array.reshape(-1)) for name, array in rows.items()})

    def _by_column(self) -> bytes:
        return _json({"inputs": {name: jsonable(array) for name, array in self._inputs.items()}})

    def _oip(self, **members: Any) -> bytes:
        inputs = [
            {**header, "data": jsonable(self._inputs[header["name"]].reshape(-1))} for header in self._input_headers()
        ]
        return _json({"inputs": inputs, **members})

    def _oip_binary(self) -> tuple[bytes, bytes]:
        """The body, and the length of its JSON."""
        raw = [to_raw(self._inputs[header["name"]]) for header in self._input_headers()]
        sizes = [{"parameters": {"binary_data_size": len(each)}} for each in raw]
        inputs = [{**header, **size} for header, size in zip(self._input_headers(), sizes, strict=True)]
        json = _json({"inputs": inputs, "parameters": {"binary_data_output": True}})
        return b"".join((json, *raw)), b"%d" % len(json)

    def _message(self, *, raw: bool) -> Any:
        arrays = [self._inputs[header["name"]] for header in self._input_headers()]
        if raw:
            return ModelInferRequest(
                inputs=self._input_headers(), raw_input_contents=[to_raw(array) for array in arrays]
            )
        contents = [
            {"contents": {FIELDS[header["datatype"]]: [_bytes(value) for value in array.ravel().tolist()]}}
            for header, array in zip(self._input_headers(), arrays, strict=True)
        ]
        return ModelInferRequest(
            inputs=[{**header, **each} for header, each in zip(self._input_headers(), contents, strict=True)]
        )

    def _input_headers(self) -> list[dict[str, Any]]:
        return [
            {"name": spec.name, "datatype": spec.datatype, "shape": list(self._inputs[spec.name].shape)}
            for spec in self._signature.inputs
            if spec.name in self._inputs
        ]

    def _has_raw(self) -> bool:
        """Whether raw contents can hold the example: they have no missing values."""
        return not any(None in array.ravel().tolist() for array in self._inputs.values() if array.dtype == object)


def _decode(decode: Callable[..., Any], make: Callable[[], bytes], *arguments: bytes) -> Any:
    return decode(make(), *arguments)


def _json(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def _bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
