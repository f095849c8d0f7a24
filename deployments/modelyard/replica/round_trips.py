"""Every form in which a version can be asked and can respond, each with a request made from the example. Pure."""

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
    """One way to ask and to be answered."""

    name: str
    """For the operator, as in "predict, JSON to CSV"."""
    read: Callable[[], Any]
    """What its codec makes of the request's bytes; has an InferRequest in `request`. Raises as the codec does."""
    write: Callable[[Any, Tensors], object]
    """The bytes of the response, from that call and the outputs that it wants."""


class RoundTrips:
    """All forms of one version, for an example of one row or more, or for whole tensors."""

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
        answers = {"JSON": b"", "CSV": CSV, "npy": accept.NPY.encode()}
        bodies = {"CSV": (self._csv, CSV), "npy": (self._npy, media_types.NPY.encode())}
        if self._arrow:
            answers["Arrow"] = accept.ARROW.encode()
            bodies["Arrow"] = (self._arrow_table, media_types.ARROW.encode())
        for name, wanted in answers.items():
            for scores in (False, True):
                read = partial(codec.decode, self._body, JSON, accept=wanted, probabilities=scores)
                yield RoundTrip(f"predict, JSON to {name}{' with probabilities' if scores else ''}", read, codec.encode)
            for output in self._signature.outputs:
                body = orjson.dumps({**orjson.loads(self._body), "outputs": [output.name]})
                chosen = partial(codec.decode, body, JSON, accept=wanted)
                yield RoundTrip(f"predict, JSON to {name} with output {output.name!r} alone", chosen, codec.encode)
        for name, (make, content_type) in bodies.items():
            yield RoundTrip(f"predict, {name} to JSON", partial(_made, codec.decode, make, content_type), codec.encode)

    def _infer(self) -> Iterator[RoundTrip]:
        codec = self._codecs.infer
        yield RoundTrip("infer, JSON", lambda: codec.decode(self._oip()), codec.encode)
        if self._has_raw():
            yield RoundTrip("infer, binary", lambda: codec.decode(*self._oip_binary()), codec.encode)
        for output in self._signature.outputs:
            wish = {"name": output.name, "parameters": {"classification": 1}}
            classes = partial(_made, codec.decode, partial(self._oip, outputs=[wish]))
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
        yield RoundTrip("TensorFlow Serving's predict by column", lambda: codec.predict(self._by_column()), codec.encode)
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

    def _oip(self, **more: Any) -> bytes:
        given = [{**head, "data": jsonable(self._inputs[head["name"]].reshape(-1))} for head in self._heads()]
        return _json({"inputs": given, **more})

    def _oip_binary(self) -> tuple[bytes, bytes]:
        """The body, and the length of its JSON."""
        raw = [to_raw(self._inputs[head["name"]]) for head in self._heads()]
        sizes = [{"parameters": {"binary_data_size": len(each)}} for each in raw]
        given = [{**head, **size} for head, size in zip(self._heads(), sizes, strict=True)]
        json = _json({"inputs": given, "parameters": {"binary_data_output": True}})
        return b"".join((json, *raw)), b"%d" % len(json)

    def _message(self, *, raw: bool) -> Any:
        arrays = [self._inputs[head["name"]] for head in self._heads()]
        if raw:
            return ModelInferRequest(inputs=self._heads(), raw_input_contents=[to_raw(array) for array in arrays])
        contents = [
            {"contents": {FIELDS[head["datatype"]]: [_bytes(value) for value in array.ravel().tolist()]}}
            for head, array in zip(self._heads(), arrays, strict=True)
        ]
        return ModelInferRequest(inputs=[{**head, **each} for head, each in zip(self._heads(), contents, strict=True)])

    def _heads(self) -> list[dict[str, Any]]:
        return [
            {"name": spec.name, "datatype": spec.datatype, "shape": list(self._inputs[spec.name].shape)}
            for spec in self._signature.inputs
            if spec.name in self._inputs
        ]

    def _has_raw(self) -> bool:
        """Whether the example fits into raw contents: those have no missing values."""
        return not any(None in array.ravel().tolist() for array in self._inputs.values() if array.dtype == object)


def _made(decode: Callable[..., Any], make: Callable[[], bytes], *more: bytes) -> Any:
    return decode(make(), *more)


def _json(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def _bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
