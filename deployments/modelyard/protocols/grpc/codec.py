"""`ModelInfer` for one served version: a message to tensors, and tensors to a message. Pure.

Sources: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md and, for
parameters, https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.errors import InvalidRequest
from modelyard.protocols.grpc.contents import from_contents
from modelyard.protocols.grpc.messages import ID, RAW_OUTPUT, ModelInferResponse, field_head
from modelyard.protocols.oip.classification import classified
from modelyard.protocols.oip.inputs import MOST_INPUTS, ModelInputs
from modelyard.protocols.oip.parameters import BASE64, PARAMETER, check_no_sequence, of_base64
from modelyard.protocols.oip.slots import Head, Slot
from modelyard.protocols.oip.tensors import from_raw, to_raw
from modelyard.protocols.predict.rows import MAX_ROWS
from modelyard.protocols.values.bounded_cache import BoundedCache
from modelyard.tensors import Array, InferRequest, Signature, Tensors, datatype_of
from modelyard.text.quoting import shortened

FINAL_WANTED = "triton_enable_empty_final_response"
FINAL = "triton_final_response"
"""With the first, a client asks to be told by the second which response of a stream is a request's last."""


@dataclass(slots=True)
class InferCall:
    """A decoded request, and what its answer is to look like."""

    request: InferRequest
    id: str
    classes: dict[str, int]
    """How many of its largest values are wanted in an output's place, by the output's name."""
    timeout_s: float | None
    """The client's own; the model's still holds where it is shorter."""
    tell_final: bool
    slots: Sequence[Slot] = ()
    """Where each tensor of the message goes."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What the client calls an output, by its own name, where that is another."""

    def with_inputs(self, inputs: Tensors) -> "InferCall":
        """The same with other values of the same shapes."""
        request = self.request.with_inputs(inputs)
        return InferCall(request, self.id, self.classes, self.timeout_s, self.tell_final, self.slots, self.names)


class GrpcInferCodec:
    """Decodes and encodes for one version of one model; built once."""

    def __init__(self, model_name: str, version: int, signature: Signature, *, max_rows: int = MAX_ROWS) -> None:
        self._name = model_name
        self._version = str(version)
        self._signature = signature
        self._inputs = ModelInputs(signature, max_rows=max_rows)
        self._heads: BoundedCache[Any, bytes] = BoundedCache()
        """What stands before the values of an answer, by the names, dtypes and shapes of its outputs."""

    def decode(self, message: Any) -> InferCall:
        """What a ModelInferRequest asks for. Raises InvalidRequest."""
        raw = message.raw_input_contents
        inputs = message.inputs
        if raw and len(raw) != len(inputs):
            raise InvalidRequest(f"there are {len(inputs)} inputs and {len(raw)} raw_input_contents")
        if len(inputs) > MOST_INPUTS:
            raise InvalidRequest(f"expected at most {MOST_INPUTS} inputs, got {len(inputs)}")
        # Tuples, since a field of a message is slow to look at again and again.
        heads = [(head.name, head.datatype, tuple(head.shape)) for head in inputs]
        slots = self._inputs.slots(heads)
        given = self._raw(inputs, heads, slots, raw) if raw else self._values(inputs, heads, slots)
        if not message.outputs and not message.parameters:  # the usual one
            return InferCall(self._inputs.request(given), message.id, {}, None, False, slots)
        check_no_sequence((name, _chosen(value)) for name, value in message.parameters.items())
        own = [self._inputs.output(output.name) for output in message.outputs]
        classes = {name: _classes(output) for name, output in zip(own, message.outputs, strict=True)}
        request = self._inputs.request(given, own)
        timeout_us = _whole(message.parameters, "timeout")
        return InferCall(
            request,
            message.id,
            {name: most for name, most in classes.items() if most},
            timeout_us / 1e6 if timeout_us else None,
            FINAL_WANTED in message.parameters and message.parameters[FINAL_WANTED].bool_param,
            slots,
            {name: output.name for name, output in zip(own, message.outputs, strict=True) if name != output.name},
        )

    def encode(self, call: InferCall, outputs: Tensors, *, last: bool = True) -> Any:
        """The ModelInferResponse, from the outputs that `call.request` names. Raises InvalidRequest: not all can be classified.

        Responses with parts of an answer are not its `last`, which is what `end` gives.
        """
        heads, raw = [], []
        for name in call.request.outputs:
            array = outputs[name]
            if name in call.classes:
                array = classified(name, array, call.classes[name], self._signature)
            heads.append(_head(call.names.get(name, name), array))
            raw.append(to_raw(array))
        response = ModelInferResponse(
            model_name=self._name,
            model_version=self._version,
            id=call.id,
            outputs=heads,
            raw_output_contents=raw,
        )
        if last and call.tell_final:
            response.parameters[FINAL].bool_param = True
        return response

    def encode_bytes(self, call: InferCall, outputs: Tensors) -> bytes:
        """What `encode` gives, as bytes."""
        if call.classes or call.tell_final or call.names:
            whole: bytes = self.encode(call, outputs).SerializeToString()
            return whole
        names = call.request.outputs
        arrays = [outputs[name] for name in names]
        looks = (names, *[(array.dtype, array.shape) for array in arrays])
        head = self._heads.get(looks)
        if head is None:
            head = self._remember(looks, names, arrays)
        pieces = [head]
        if call.id:
            written = call.id.encode()
            pieces += field_head(ID, len(written)), written
        for array in arrays:
            raw = to_raw(array)
            pieces += field_head(RAW_OUTPUT, len(raw)), raw
        return b"".join(pieces)

    def end(self, call: InferCall) -> Any:
        """The empty response behind the last part."""
        response = ModelInferResponse(model_name=self._name, model_version=self._version, id=call.id)
        response.parameters[FINAL].bool_param = True
        return response

    def _remember(self, looks: Any, names: Sequence[str], arrays: Sequence[Array]) -> bytes:
        heads = [_head(name, array) for name, array in zip(names, arrays, strict=True)]
        response = ModelInferResponse(model_name=self._name, model_version=self._version, outputs=heads)
        written: bytes = response.SerializeToString()
        self._heads.keep(looks, written)
        return written

    def _raw(self, inputs: Any, heads: Sequence[Head], slots: Sequence[Slot], raw: Any) -> Iterator[tuple[Slot, Array]]:
        """Every tensor that is read, with its slot, where all stand in `raw_input_contents`."""
        for tensor, (_, datatype, shape), slot, contents in zip(inputs, heads, slots, raw, strict=True):
            if tensor.HasField("contents"):
                raise InvalidRequest(f"input {slot.name!r} has contents beside its raw_input_contents")
            _no_shared_memory(tensor)
            if not slot.unread:
                array = from_raw(slot.name, datatype, shape, contents)
                yield slot, slot.fitted(of_base64(slot.name, array) if _is_base64(tensor) else array)

    def _values(self, inputs: Any, heads: Sequence[Head], slots: Sequence[Slot]) -> Iterator[tuple[Slot, Array]]:
        """The same where each has its own contents."""
        for tensor, (_, datatype, shape), slot in zip(inputs, heads, slots, strict=True):
            _no_shared_memory(tensor)
            if not slot.unread:
                self._inputs.check_rows(shape[0] if shape else 1)
                array = from_contents(slot.name, datatype, shape, tensor.contents)
                yield slot, slot.fitted(of_base64(slot.name, array) if _is_base64(tensor) else array)


def _head(name: str, array: Array) -> dict[str, Any]:
    """The InferOutputTensor that tells of an output; its values stand elsewhere."""
    return {"name": name, "datatype": datatype_of(array.dtype), "shape": array.shape}


def _is_base64(tensor: Any) -> bool:
    if not tensor.parameters or tensor.datatype != "BYTES" or PARAMETER not in tensor.parameters:
        return False
    return bool(tensor.parameters[PARAMETER].string_param == BASE64)


def _no_shared_memory(tensor: Any) -> None:
    if tensor.parameters and "shared_memory_region" in tensor.parameters:
        raise InvalidRequest(f"{shortened(tensor.name)!r}: shared memory is not taken; send the values")


def _chosen(parameter: Any) -> Any:
    choice = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, choice) if choice else None


def _classes(output: Any) -> int:
    _no_shared_memory(output)
    return _whole(output.parameters, "classification")


def _whole(parameters: Any, name: str) -> int:
    """A parameter that is a number of something; 0 where it is not there."""
    if name not in parameters:
        return 0
    value = parameters[name]
    choice = value.WhichOneof("parameter_choice")
    number: int = getattr(value, choice) if choice in ("int64_param", "uint64_param") else -1
    if number < 0:
        raise InvalidRequest(f"parameter {name!r}: expected int64_param of 0 or more")
    return number
