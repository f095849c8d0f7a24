"""`POST /v2/models/<name>/infer` for one served version: a request's bytes to tensors, and tensors to the answer's bytes. Pure.

Sources: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and, for everything beyond it,
https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.document import InputTensorHeader, RequestedOutput, read_document
from modelyard.protocols.oip.inputs import ModelInputs
from modelyard.protocols.oip.json_tensors import JsonValues
from modelyard.protocols.oip.parameters import of_base64
from modelyard.protocols.oip.raw_body import read_raw_body
from modelyard.protocols.oip.raw_offsets import MOST_DESCRIPTION_BYTES, RawOffset, raw_offset_of, read_at_offsets
from modelyard.protocols.oip.response import EncodedInferResponse, InferResponseEncoder
from modelyard.protocols.oip.slots import Slot, as_declared
from modelyard.protocols.oip.tensors import from_raw
from modelyard.protocols.predict.rows import MAX_ROWS
from modelyard.protocols.values.bad_values import refuse
from modelyard.protocols.values.bounded_cache import BoundedCache
from modelyard.protocols.values.row_layout import row_shape
from modelyard.tensors import Array, InferRequest, Signature, Tensors, datatype_of
from modelyard.text.quoting import shortened

HEADER_LENGTH = "Inference-Header-Content-Length"
"""The header that says where in a body the JSON ends; 0 where there is none."""


@dataclass(slots=True)
class InferCall:
    """A decoded request, and what its answer is to look like."""

    request: InferRequest
    id: str
    wishes: Sequence[RequestedOutput]
    timeout_s: float | None = None
    """The client's own; the model's still holds where it is shorter."""

    def with_inputs(self, inputs: Tensors) -> "InferCall":
        """The same with other values of the same shapes."""
        return InferCall(self.request.with_inputs(inputs), self.id, self.wishes, self.timeout_s)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about a JSON, all of whose inputs stand behind it."""

    places: tuple[RawOffset, ...]
    body_bytes: int
    call: InferCall


class InferCodec:
    """Decodes and encodes for one version of one model; built once."""

    def __init__(self, model_name: str, version: int, signature: Signature, *, max_rows: int = MAX_ROWS) -> None:
        self._signature = signature
        self._inputs = ModelInputs(signature, max_rows=max_rows)
        self._declared = {
            spec.name: JsonValues(as_declared(spec), (*spec.shape[:1], *row_shape(spec))[1:])
            for spec in signature.inputs
        }
        self._values: BoundedCache[tuple[str, str, str, tuple[int, ...]], JsonValues] = BoundedCache()
        """Of tensors that are not what their inputs declare, by name, datatype, input and the lengths of inner axes."""
        self._answers = InferResponseEncoder(model_name, version, signature)
        names = [spec.name for spec in signature.outputs]
        self._all = {binary: [RequestedOutput(name, binary) for name in names] for binary in (False, True)}
        self._known: BoundedCache[bytes, _Known] = BoundedCache()
        """By the JSON, which a client sends again and again, with other values behind it."""

    def decode(self, body: bytes, header_length: bytes = b"") -> InferCall:
        """What the client asks for; `header_length` is the value of that header, b"" where there is none.

        Raises InvalidRequest.
        """
        if header_length and not header_length.strip(b"0"):
            return self._decode_raw(body)
        json, rest = _divided(body, header_length)
        if rest is not None:
            known = self._known.get(json)
            if known is not None and known.body_bytes == len(body):
                return known.call.with_inputs(read_at_offsets(body, known.places))
        document = read_document(json)
        slots = self._inputs.slots([(head.name, head.datatype, head.shape) for head in document.inputs])
        given = list(self._given(document.inputs, slots, rest))
        wishes = document.outputs or self._all[document.binary]
        request = self._inputs.request(given, [wish.name for wish in document.outputs])
        call = InferCall(request, document.id, wishes, document.timeout_s)
        if rest is not None and not document.id:  # which would be another in each request
            self._remember(json, document.inputs, slots, call, len(body))
        return call

    def decode_for_json(self, body: bytes, header_length: bytes = b"") -> InferCall:
        """The same for a response that cannot hold raw contents."""
        call = self.decode(body, header_length)
        if any(wish.binary for wish in call.wishes):
            raise InvalidRequest("events hold JSON: raw contents cannot be requested here")
        return call

    def encode_json(self, call: InferCall, outputs: Tensors) -> bytes:
        """The response to such a request, or a part of it, as JSON on one line."""
        return self.encode(call, outputs).body

    def encode(self, call: InferCall, outputs: Tensors) -> EncodedInferResponse:
        """The answer, from the outputs that `call.request` names. Raises InvalidRequest where they cannot be classified."""
        return self._answers.write(call.id, call.wishes, call.request.outputs, outputs)

    def _remember(
        self, json: bytes, heads: Sequence[InputTensorHeader], slots: Sequence[Slot], call: InferCall, body_bytes: int
    ) -> None:
        places: list[RawOffset] = []
        at = len(json)
        for head, slot in zip(heads, slots, strict=True):
            place = raw_offset_of(slot, head.shape, at, head.binary_size)
            if place is None:
                return
            places.append(place)
            at += head.binary_size
        if len(json) <= MOST_DESCRIPTION_BYTES:
            self._known.keep(json, _Known(tuple(places), body_bytes, call))

    def _decode_raw(self, body: bytes) -> InferCall:
        name, array = read_raw_body(body, self._signature)
        [slot] = self._inputs.slots([(name, datatype_of(array.dtype), array.shape)])
        return InferCall(self._inputs.request([(slot, array)]), "", self._all[True])

    def _given(
        self, heads: Sequence[InputTensorHeader], slots: Sequence[Slot], rest: memoryview | None
    ) -> Iterator[tuple[Slot, Array]]:
        """Every tensor that is read, with its slot; `rest` is what stands behind the JSON."""
        at = 0
        for index, (head, slot) in enumerate(zip(heads, slots, strict=True)):
            contents = None if head.data is not None else _next(head, rest, at, f"/inputs/{index}")
            at += head.binary_size
            if slot.unread:
                continue
            if contents is None:
                array = self._reader(slot, head.shape).read(head.data or [], head.shape, f"/inputs/{index}/data")
            else:
                array = from_raw(slot.name, slot.datatype, head.shape, contents)
            yield slot, slot.fitted(of_base64(slot.name, array) if head.base64 else array)
        if rest is not None and at != len(rest):
            raise InvalidRequest(f"{len(rest) - at} bytes at the end of the body belong to no input")

    def _reader(self, slot: Slot, shape: Sequence[int]) -> JsonValues:
        if slot.as_is:
            return self._declared[slot.input]
        inner = tuple(shape[1:])
        kind = slot.name, slot.datatype, slot.input, inner
        reader = self._values.get(kind)
        if reader is None:
            reader = JsonValues(slot, inner)
            self._values.keep(kind, reader)
        return reader


def raw_bytes(body: bytes, header_length: bytes) -> int:
    """How much of a body is no JSON; `decode` finds whether the header is right."""
    if header_length.isdigit() and len(header_length) < 20:
        return max(0, len(body) - int(header_length))
    return 0


def _divided(body: bytes, header_length: bytes) -> tuple[bytes, memoryview | None]:
    """The JSON, and what is behind it; None where the request does not say where the JSON ends."""
    if not header_length:
        return body, None
    if not (header_length.isdigit() and len(header_length) < 20):
        said = shortened(header_length.decode("latin-1"))
        raise InvalidRequest(f"expected a number of bytes in {HEADER_LENGTH}, got {said!r}")
    end = int(header_length)
    if end > len(body):
        raise InvalidRequest(f"{HEADER_LENGTH} is {end}, and the body has {len(body)} bytes")
    return body[:end], memoryview(body)[end:]


def _next(head: InputTensorHeader, rest: memoryview | None, at: int, pointer: str) -> memoryview:
    """The raw contents of an input."""
    if rest is None:
        raise refuse(f"{pointer}/parameters/binary_data_size", f"say in {HEADER_LENGTH} where the JSON ends")
    if head.binary_size > len(rest) - at:
        raise refuse(
            f"{pointer}/parameters/binary_data_size",
            f"expected {head.binary_size} bytes, of which {len(rest) - at} came",
        )
    return rest[at : at + head.binary_size]
