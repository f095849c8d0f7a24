"""`POST /v2/models/<name>/infer` for one served version: request bytes to tensors, and tensors to response bytes.

Sources: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and, for extensions,
https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.document import InputTensorHeader, RequestedOutput, read_document
from modelyard.protocols.oip.inputs import ModelInputs
from modelyard.protocols.oip.json_tensors import JsonTensorReader
from modelyard.protocols.oip.parameters import decode_base64
from modelyard.protocols.oip.raw_body import read_raw_body
from modelyard.protocols.oip.raw_offsets import MAX_HEADER_BYTES, RawOffset, raw_offset_of, read_at_offsets
from modelyard.protocols.oip.response import EncodedInferResponse, InferResponseEncoder
from modelyard.protocols.oip.slots import Slot, declared_slot
from modelyard.protocols.oip.tensors import from_raw
from modelyard.protocols.predict.rows import MAX_ROWS
from modelyard.protocols.values.bad_values import invalid_value
from modelyard.protocols.values.bounded_cache import BoundedCache
from modelyard.protocols.values.row_layout import row_shape
from modelyard.tensors import Array, InferRequest, Signature, Tensors, datatype_of
from modelyard.text.quoting import shortened

_LEADING_ID = re.compile(rb'\{"id": ?"([\w.:-]{1,128})", ?')
"""As Triton's and KServe's clients write it. Other forms are decoded without the cache."""
HEADER_LENGTH = "Inference-Header-Content-Length"
"""The HTTP header with the length of the JSON in a body; 0 if the body has no JSON."""


@dataclass(slots=True)
class OipRequest:
    """A decoded request, and the form of its response."""

    request: InferRequest
    id: str
    requested_outputs: Sequence[RequestedOutput]
    timeout_s: float | None = None
    """The client's timeout. The model's applies if it is shorter."""

    def with_inputs(self, inputs: Tensors, request_id: str) -> "OipRequest":
        """The same request with other values of the same shapes, and another id."""
        return OipRequest(self.request.with_inputs(inputs), request_id, self.requested_outputs, self.timeout_s)


@dataclass(frozen=True, slots=True)
class _KnownHeader:
    """A JSON header that was decoded before, of a request whose inputs are all raw contents."""

    offsets: tuple[RawOffset, ...]
    """From the end of the JSON."""
    raw_bytes: int
    decoded: OipRequest


class InferCodec:
    """Decodes and encodes for one version of one model. Created once."""

    def __init__(self, model_name: str, version: int, signature: Signature, *, max_rows: int = MAX_ROWS) -> None:
        self._signature = signature
        self._inputs = ModelInputs(signature, max_rows=max_rows)
        self._declared = {
            spec.name: JsonTensorReader(declared_slot(spec), (*spec.shape[:1], *row_shape(spec))[1:])
            for spec in signature.inputs
        }
        self._readers: BoundedCache[tuple[str, str, str, tuple[int, ...]], JsonTensorReader] = BoundedCache()
        """For tensors that differ from what their input declares, by name, datatype, input and the lengths of inner axes."""
        self._encoder = InferResponseEncoder(model_name, version, signature)
        names = [spec.name for spec in signature.outputs]
        self._all = {binary: [RequestedOutput(name, binary) for name in names] for binary in (False, True)}
        self._known: BoundedCache[bytes, _KnownHeader] = BoundedCache()
        """By the bytes of the JSON without its id. Clients send the same JSON repeatedly, with other ids and raw contents."""

    def decode(self, body: bytes, header_length: bytes = b"") -> OipRequest:
        """Decode a request. `header_length` is the value of HEADER_LENGTH, b"" if it is absent. Raises InvalidRequest."""
        if header_length and not header_length.strip(b"0"):
            return self._decode_raw(body)
        json, rest = _split(body, header_length)
        request_id, without_id = "", json
        if rest is not None:
            request_id, without_id = _without_id(json)
            known = self._known.get(without_id)
            if known is not None and known.raw_bytes == len(rest):
                return known.decoded.with_inputs(read_at_offsets(body, known.offsets, len(json)), request_id)
        document = read_document(json)
        slots = self._inputs.slots([(header.name, header.datatype, header.shape) for header in document.inputs])
        arrays = list(self._arrays(document.inputs, slots, rest))
        requested_outputs = document.outputs or self._all[document.binary]
        request = self._inputs.request(arrays, [requested.name for requested in document.outputs])
        decoded = OipRequest(request, document.id, requested_outputs, document.timeout_s)
        if rest is not None and document.id == request_id:
            self._remember(without_id, document.inputs, slots, decoded)
        return decoded

    def decode_for_json(self, body: bytes, header_length: bytes = b"") -> OipRequest:
        """Decode a request whose response cannot hold raw contents."""
        decoded = self.decode(body, header_length)
        if any(requested.binary for requested in decoded.requested_outputs):
            raise InvalidRequest("events hold JSON: raw contents cannot be requested here")
        return decoded

    def encode_json(self, decoded: OipRequest, outputs: Tensors) -> bytes:
        """The response to such a request, or a part of the response, as JSON on one line."""
        return self.encode(decoded, outputs).body

    def encode(self, decoded: OipRequest, outputs: Tensors) -> EncodedInferResponse:
        """The response, from the outputs in `decoded.request`. Raises InvalidRequest if an output cannot be classified."""
        return self._encoder.write(decoded.id, decoded.requested_outputs, decoded.request.outputs, outputs)

    def _remember(
        self,
        json: bytes,
        headers: Sequence[InputTensorHeader],
        slots: Sequence[Slot],
        decoded: OipRequest,
    ) -> None:
        offsets: list[RawOffset] = []
        at = 0
        for header, slot in zip(headers, slots, strict=True):
            offset = raw_offset_of(slot, header.shape, at, header.binary_size)
            if offset is None:
                return
            offsets.append(offset)
            at += header.binary_size
        if len(json) <= MAX_HEADER_BYTES:
            self._known.put(json, _KnownHeader(tuple(offsets), at, decoded))

    def _decode_raw(self, body: bytes) -> OipRequest:
        name, array = read_raw_body(body, self._signature)
        [slot] = self._inputs.slots([(name, datatype_of(array.dtype), array.shape)])
        return OipRequest(self._inputs.request([(slot, array)]), "", self._all[True])

    def _arrays(
        self, headers: Sequence[InputTensorHeader], slots: Sequence[Slot], rest: memoryview | None
    ) -> Iterator[tuple[Slot, Array]]:
        """Every tensor that the model reads, with its slot. `rest` holds the bytes after the JSON."""
        at = 0
        for index, (header, slot) in enumerate(zip(headers, slots, strict=True)):
            contents = None if header.data is not None else _raw_contents(header, rest, at, f"/inputs/{index}")
            at += header.binary_size
            if slot.ignored:
                continue
            if contents is None:
                array = self._reader(slot, header.shape).read(header.data or [], header.shape, f"/inputs/{index}/data")
            else:
                array = from_raw(slot.name, slot.datatype, header.shape, contents)
            yield slot, slot.fit(decode_base64(slot.name, array) if header.base64 else array)
        if rest is not None and at != len(rest):
            raise InvalidRequest(f"unexpected {len(rest) - at} bytes at the end of the body, after the last input")

    def _reader(self, slot: Slot, shape: Sequence[int]) -> JsonTensorReader:
        if slot.as_declared:
            return self._declared[slot.input]
        inner = tuple(shape[1:])
        key = slot.name, slot.datatype, slot.input, inner
        reader = self._readers.get(key)
        if reader is None:
            reader = JsonTensorReader(slot, inner)
            self._readers.put(key, reader)
        return reader


def _without_id(json: bytes) -> tuple[str, bytes]:
    """The id that a JSON object begins with, and the object without it; "" and the same JSON without such an id.

    The rest must not name an id, also not with escapes: the last one would count.
    """
    found = _LEADING_ID.match(json)
    if found is None or b'"id"' in (rest := json[found.end() :]) or b"\\" in rest:
        return "", json
    return found[1].decode(), b"{" + rest


def raw_bytes(body: bytes, header_length: bytes) -> int:
    """The number of bytes after the JSON; 0 if the header is invalid, which `decode` reports."""
    if header_length.isdigit() and len(header_length) < 20:
        return max(0, len(body) - int(header_length))
    return 0


def _split(body: bytes, header_length: bytes) -> tuple[bytes, memoryview | None]:
    """The JSON and the bytes after it; None without the header that says where the JSON ends."""
    if not header_length:
        return body, None
    if not (header_length.isdigit() and len(header_length) < 20):
        shown = shortened(header_length.decode("latin-1"))
        raise InvalidRequest(f"expected a number of bytes in {HEADER_LENGTH}, got {shown!r}")
    end = int(header_length)
    if end > len(body):
        raise InvalidRequest(f"{HEADER_LENGTH} is {end}, but the body has only {len(body)} bytes")
    return body[:end], memoryview(body)[end:]


def _raw_contents(header: InputTensorHeader, rest: memoryview | None, at: int, pointer: str) -> memoryview:
    """The raw contents of an input."""
    if rest is None:
        raise invalid_value(
            f"{pointer}/parameters/binary_data_size",
            f"raw contents need the header {HEADER_LENGTH}",
        )
    if header.binary_size > len(rest) - at:
        raise invalid_value(
            f"{pointer}/parameters/binary_data_size",
            f"expected {header.binary_size} bytes, got {len(rest) - at}",
        )
    return rest[at : at + header.binary_size]
