"""`ModelInfer` for one served version: a message to tensors, and tensors to a message.

Sources: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md and, for
parameters, https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.errors import InvalidRequest
from modelyard.protocols.grpc.contents import from_contents
from modelyard.protocols.grpc.messages import ID, RAW_OUTPUT, ModelInferResponse, field_head
from modelyard.protocols.oip.classification import classify
from modelyard.protocols.oip.inputs import MAX_INPUTS, ModelInputs
from modelyard.protocols.oip.parameters import BASE64, CONTENT_TYPE, check_no_sequence, decode_base64
from modelyard.protocols.oip.slots import Slot, TensorHeader
from modelyard.protocols.oip.tensors import from_raw, to_raw
from modelyard.protocols.predict.rows import MAX_ROWS
from modelyard.protocols.values.bounded_cache import BoundedCache
from modelyard.tensors import Array, InferRequest, Signature, Tensors, datatype_of
from modelyard.text.quoting import shortened

EMPTY_FINAL_RESPONSE = "triton_enable_empty_final_response"
FINAL_RESPONSE = "triton_final_response"
"""With the first parameter, a client requests the second on the last response to each request of a stream."""


@dataclass(slots=True)
class GrpcRequest:
    """A decoded request, and the form of its response."""

    request: InferRequest
    id: str
    classes: dict[str, int]
    """How many of its largest values to return in an output's place, by the output's name."""
    timeout_s: float | None
    """The client's timeout. The model's applies if it is shorter."""
    final_response: bool
    slots: Sequence[Slot] = ()
    """The slot of each tensor of the message."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The client's name of an output, by the model's name, if they differ."""

    def with_inputs(self, inputs: Tensors) -> "GrpcRequest":
        """The same request with other values of the same shapes."""
        request = self.request.with_inputs(inputs)
        return GrpcRequest(request, self.id, self.classes, self.timeout_s, self.final_response, self.slots, self.names)


class GrpcInferCodec:
    """Decodes and encodes for one version of one model. Created once."""

    def __init__(self, model_name: str, version: int, signature: Signature, *, max_rows: int = MAX_ROWS) -> None:
        self._name = model_name
        self._version = str(version)
        self._signature = signature
        self._inputs = ModelInputs(signature, max_rows=max_rows)
        self._heads: BoundedCache[Any, bytes] = BoundedCache()
        """The encoded response up to its values, by the names, dtypes and shapes of the outputs."""

    def decode(self, message: Any) -> GrpcRequest:
        """Decode a ModelInferRequest. Raises InvalidRequest."""
        raw = message.raw_input_contents
        inputs = message.inputs
        if raw and len(raw) != len(inputs):
            raise InvalidRequest(f"expected as many raw_input_contents as inputs, {len(inputs)}, got {len(raw)}")
        if len(inputs) > MAX_INPUTS:
            raise InvalidRequest(f"expected at most {MAX_INPUTS} inputs, got {len(inputs)}")
        # Tuples: reading a field of a message repeatedly is slow.
        heads = [(head.name, head.datatype, tuple(head.shape)) for head in inputs]
        slots = self._inputs.slots(heads)
        arrays = self._raw(inputs, heads, slots, raw) if raw else self._values(inputs, heads, slots)
        if not message.outputs and not message.parameters:  # the usual case
            return GrpcRequest(self._inputs.request(arrays), message.id, {}, None, False, slots)
        check_no_sequence((name, _parameter_value(value)) for name, value in message.parameters.items())
        names = [self._inputs.output(output.name) for output in message.outputs]
        classes = {name: _classes(output) for name, output in zip(names, message.outputs, strict=True)}
        request = self._inputs.request(arrays, names)
        timeout_us = _integer(message.parameters, "timeout")
        return GrpcRequest(
            request,
            message.id,
            {name: count for name, count in classes.items() if count},
            timeout_us / 1e6 if timeout_us else None,
            EMPTY_FINAL_RESPONSE in message.parameters and message.parameters[EMPTY_FINAL_RESPONSE].bool_param,
            slots,
            {name: output.name for name, output in zip(names, message.outputs, strict=True) if name != output.name},
        )

    def encode(self, decoded: GrpcRequest, outputs: Tensors, *, last: bool = True) -> Any:
        """The ModelInferResponse, from the outputs in `decoded.request`. Raises InvalidRequest if one cannot be classified.

        A part of a response is not its `last`; `end` returns that.
        """
        heads, raw = [], []
        for name in decoded.request.outputs:
            array = outputs[name]
            if name in decoded.classes:
                array = classify(name, array, decoded.classes[name], self._signature)
            heads.append(_head(decoded.names.get(name, name), array))
            raw.append(to_raw(array))
        response = ModelInferResponse(
            model_name=self._name,
            model_version=self._version,
            id=decoded.id,
            outputs=heads,
            raw_output_contents=raw,
        )
        if last and decoded.final_response:
            response.parameters[FINAL_RESPONSE].bool_param = True
        return response

    def encode_bytes(self, decoded: GrpcRequest, outputs: Tensors) -> bytes:
        """The same as `encode`, as bytes."""
        if decoded.classes or decoded.final_response or decoded.names:
            whole: bytes = self.encode(decoded, outputs).SerializeToString()
            return whole
        names = decoded.request.outputs
        arrays = [outputs[name] for name in names]
        key = (names, *[(array.dtype, array.shape) for array in arrays])
        head = self._heads.get(key)
        if head is None:
            head = self._encode_head(key, names, arrays)
        pieces = [head]
        if decoded.id:
            request_id = decoded.id.encode()
            pieces += field_head(ID, len(request_id)), request_id
        for array in arrays:
            raw = to_raw(array)
            pieces += field_head(RAW_OUTPUT, len(raw)), raw
        return b"".join(pieces)

    def end(self, decoded: GrpcRequest) -> Any:
        """The empty response after the last part."""
        response = ModelInferResponse(model_name=self._name, model_version=self._version, id=decoded.id)
        response.parameters[FINAL_RESPONSE].bool_param = True
        return response

    def _encode_head(self, key: Any, names: Sequence[str], arrays: Sequence[Array]) -> bytes:
        heads = [_head(name, array) for name, array in zip(names, arrays, strict=True)]
        response = ModelInferResponse(model_name=self._name, model_version=self._version, outputs=heads)
        head: bytes = response.SerializeToString()
        self._heads.put(key, head)
        return head

    def _raw(
        self, inputs: Any, heads: Sequence[TensorHeader], slots: Sequence[Slot], raw: Any
    ) -> Iterator[tuple[Slot, Array]]:
        """Every tensor that the model reads, with its slot, from `raw_input_contents`."""
        for tensor, (_, datatype, shape), slot, contents in zip(inputs, heads, slots, raw, strict=True):
            if tensor.HasField("contents"):
                raise InvalidRequest(f"input {slot.name!r} has both contents and raw_input_contents")
            _no_shared_memory(tensor)
            if not slot.ignored:
                array = from_raw(slot.name, datatype, shape, contents)
                yield slot, slot.fit(decode_base64(slot.name, array) if _is_base64(tensor) else array)

    def _values(
        self, inputs: Any, heads: Sequence[TensorHeader], slots: Sequence[Slot]
    ) -> Iterator[tuple[Slot, Array]]:
        """The same from the contents of each tensor."""
        for tensor, (_, datatype, shape), slot in zip(inputs, heads, slots, strict=True):
            _no_shared_memory(tensor)
            if not slot.ignored:
                self._inputs.check_rows(shape[0] if shape else 1)
                array = from_contents(slot.name, datatype, shape, tensor.contents)
                yield slot, slot.fit(decode_base64(slot.name, array) if _is_base64(tensor) else array)


def _head(name: str, array: Array) -> dict[str, Any]:
    """The InferOutputTensor of an output, without its values."""
    return {"name": name, "datatype": datatype_of(array.dtype), "shape": array.shape}


def _is_base64(tensor: Any) -> bool:
    if not tensor.parameters or tensor.datatype != "BYTES" or CONTENT_TYPE not in tensor.parameters:
        return False
    return bool(tensor.parameters[CONTENT_TYPE].string_param == BASE64)


def _no_shared_memory(tensor: Any) -> None:
    if tensor.parameters and "shared_memory_region" in tensor.parameters:
        raise InvalidRequest(f"{shortened(tensor.name)!r}: shared memory is not supported; send the values")


def _parameter_value(parameter: Any) -> Any:
    choice = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, choice) if choice else None


def _classes(output: Any) -> int:
    _no_shared_memory(output)
    return _integer(output.parameters, "classification")


def _integer(parameters: Any, name: str) -> int:
    """A parameter that is a non-negative integer; 0 if it is absent."""
    if name not in parameters:
        return 0
    value = parameters[name]
    choice = value.WhichOneof("parameter_choice")
    number: int = getattr(value, choice) if choice in ("int64_param", "uint64_param") else -1
    if number < 0:
        raise InvalidRequest(f"parameter {name!r}: expected int64_param of 0 or more")
    return number
