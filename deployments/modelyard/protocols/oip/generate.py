"""Triton's generate extension for one served version: an object of values by input name, and one by output name.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_generate.md
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.inputs import ModelInputs
from modelyard.protocols.oip.json_tensors import JsonTensorReader
from modelyard.protocols.oip.parameters import check_no_sequence
from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.predict.body import parse_json
from modelyard.protocols.predict.responses import jsonable
from modelyard.protocols.values.bad_values import BadValues, invalid_value
from modelyard.tensors import Array, InferRequest, Signature, Tensors, TensorSpec
from modelyard.text.quoting import described, escaped

SCALARS = (str, int, float, bool)
EXAMPLE = '{"text_input": "once upon", "parameters": {"length": 20}}'


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A decoded request."""

    request: InferRequest
    id: str
    timeout_s: ClassVar[float | None] = None


class GenerateCodec:
    """Decodes and encodes for one version of one model. Created once."""

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._head = {"model_name": model_name, "model_version": str(version)}
        self._specs = {spec.name: spec for spec in signature.inputs}
        self._required = {spec.name for spec in signature.inputs if not spec.optional}
        self._inputs = ModelInputs(signature)
        self._ignored = frozenset(signature.fitted)

    def decode(self, body: bytes) -> GenerateRequest:
        """Decode a request. Raises InvalidRequest.

        Inputs are members of the body or, as clients of language models send them, of `parameters`. All other members are
        parameters, as in Triton. Models here have no parameters, so these are ignored. If an input is missing, the error suggests
        members that may be misspelled inputs.
        """
        document = parse_json(body, EXAMPLE)
        if type(document) is not dict:
            raise InvalidRequest(f"expected an object such as {EXAMPLE}, got {described(document)}")
        request_id, parameters = document.pop("id", ""), document.pop("parameters", {})
        if type(request_id) is not str:
            raise invalid_value("/id", f"expected a string, got {described(request_id)}")
        if type(parameters) is not dict:
            raise invalid_value("/parameters", f"expected an object, got {described(parameters)}")
        self._check_parameters(document, "")
        self._check_parameters(parameters, "/parameters")
        if not self._required <= document.keys() | parameters.keys():
            self._reject_unknown(document)
        arrays = [*self._arrays(document, ""), *self._arrays(parameters, "/parameters")]
        return GenerateRequest(self._inputs.request(arrays), request_id)

    def encode(self, decoded: GenerateRequest, outputs: Tensors) -> bytes:
        """The response, or a part of it, as JSON on one line: a value or a list of values by output name."""
        head = {**self._head, "id": decoded.id} if decoded.id else self._head
        return orjson.dumps(
            {**head, **{name: _json_value(outputs[name]) for name in decoded.request.outputs}},
            option=orjson.OPT_SERIALIZE_NUMPY,
        )

    def _check_parameters(self, members: dict[str, Any], pointer: str) -> None:
        """Raise InvalidRequest for parameters that are not scalars, as Triton does, and for sequences."""
        check_no_sequence(members.items())
        bad = BadValues()
        for name, value in members.items():
            if name not in self._specs and name not in self._ignored and type(value) not in SCALARS:
                bad.add(f"{pointer}/{escaped(name)}", f"expected a string, number or boolean, got {described(value)}")
        bad.raise_if_any()

    def _reject_unknown(self, members: dict[str, Any]) -> None:
        bad = BadValues()
        for name in members:
            if name not in self._specs and name not in self._ignored:
                bad.add_unknown(f"/{escaped(name)}", "input", name, self._specs)
        bad.raise_if_any()

    def _arrays(self, members: dict[str, Any], pointer: str) -> Iterator[tuple[Slot, Array]]:
        for name, value in members.items():
            spec = self._specs.get(name)
            if spec is not None:
                data = value if type(value) is list else [value]
                shape = _shape(spec, len(data))
                [slot] = self._inputs.slots([(name, spec.datatype, shape)])
                array = JsonTensorReader(slot, tuple(shape[1:])).read(data, shape, f"{pointer}/{name}")
                yield slot, slot.fit(array)


def _shape(spec: TensorSpec, length: int) -> list[int]:
    """The shape of `length` values: the last axis holds them, the other axes have length 1."""
    return [1] * (len(spec.shape) - 1) + [length] if spec.shape else []


def _json_value(array: Array) -> Any:
    flat = jsonable(array.reshape(-1))
    return flat[0] if len(flat) == 1 else flat
