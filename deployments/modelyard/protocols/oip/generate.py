"""Triton's generate extension for one served version: an object of values by input's name, and one by output's. Pure.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_generate.md
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.inputs import ModelInputs
from modelyard.protocols.oip.json_tensors import JsonValues
from modelyard.protocols.oip.parameters import check_no_sequence
from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.predict.body import parse
from modelyard.protocols.predict.responses import jsonable
from modelyard.protocols.values.bad_values import BadValues, refuse
from modelyard.tensors import Array, InferRequest, Signature, Tensors, TensorSpec
from modelyard.text.quoting import described, escaped

SCALARS = (str, int, float, bool)
EXAMPLE = '{"text_input": "once upon", "parameters": {"length": 20}}'


@dataclass(frozen=True, slots=True)
class GenerateCall:
    """A decoded request."""

    request: InferRequest
    id: str
    timeout_s: ClassVar[float | None] = None


class GenerateCodec:
    """Decodes and encodes for one version of one model; built once."""

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._head = {"model_name": model_name, "model_version": str(version)}
        self._specs = {spec.name: spec for spec in signature.inputs}
        self._required = {spec.name for spec in signature.inputs if not spec.optional}
        self._inputs = ModelInputs(signature)
        self._unread = frozenset(signature.fitted)

    def decode(self, body: bytes) -> GenerateCall:
        """What the client asks for. Raises InvalidRequest.

        An input stands among the members or, as clients of language models have it, among `parameters`. Whatever else stands in
        either is a parameter, as in Triton, where models get those too. Models here have none, and so they are not looked at; a
        body that lacks an input is refused with the members that may have been meant for it.
        """
        document = parse(body, EXAMPLE)
        if type(document) is not dict:
            raise InvalidRequest(f"expected an object such as {EXAMPLE}, got {described(document)}")
        request_id, parameters = document.pop("id", ""), document.pop("parameters", {})
        if type(request_id) is not str:
            raise refuse("/id", f"expected a string, got {described(request_id)}")
        if type(parameters) is not dict:
            raise refuse("/parameters", f"expected an object, got {described(parameters)}")
        self._check_parameters(document, "")
        self._check_parameters(parameters, "/parameters")
        if not self._required <= document.keys() | parameters.keys():
            self._refuse_unknown(document)
        given = [*self._given(document, ""), *self._given(parameters, "/parameters")]
        return GenerateCall(self._inputs.request(given), request_id)

    def encode(self, call: GenerateCall, outputs: Tensors) -> bytes:
        """The answer, or a part of it, as JSON on one line: a value, or a list of them, by output's name."""
        head = {**self._head, "id": call.id} if call.id else self._head
        return orjson.dumps(
            {**head, **{name: _told(outputs[name]) for name in call.request.outputs}}, option=orjson.OPT_SERIALIZE_NUMPY
        )

    def _check_parameters(self, members: dict[str, Any], pointer: str) -> None:
        """Refuse parameters that Triton refuses, which has no others than single values, and sequences."""
        check_no_sequence(members.items())
        bad = BadValues()
        for name, value in members.items():
            if name not in self._specs and name not in self._unread and type(value) not in SCALARS:
                bad.add(f"{pointer}/{escaped(name)}", f"expected a string, number or boolean, got {described(value)}")
        bad.raise_if_any()

    def _refuse_unknown(self, members: dict[str, Any]) -> None:
        bad = BadValues()
        for name in members:
            if name not in self._specs and name not in self._unread:
                bad.unknown(f"/{escaped(name)}", "input", name, self._specs)
        bad.raise_if_any()

    def _given(self, members: dict[str, Any], pointer: str) -> Iterator[tuple[Slot, Array]]:
        for name, value in members.items():
            spec = self._specs.get(name)
            if spec is not None:
                data = value if type(value) is list else [value]
                shape = _shape(spec, len(data))
                [slot] = self._inputs.slots([(name, spec.datatype, shape)])
                array = JsonValues(slot, tuple(shape[1:])).read(data, shape, f"{pointer}/{name}")
                yield slot, slot.fitted(array)


def _shape(spec: TensorSpec, length: int) -> list[int]:
    """Of so many values in a row: the last axis has them, the others one element."""
    return [1] * (len(spec.shape) - 1) + [length] if spec.shape else []


def _told(array: Array) -> Any:
    flat = jsonable(array.reshape(-1))
    return flat[0] if len(flat) == 1 else flat
