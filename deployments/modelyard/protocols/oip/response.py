"""The answer to an infer request: JSON, and behind it the raw contents of the outputs that are wanted so. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from modelyard.protocols.oip.classification import classified
from modelyard.protocols.oip.document import RequestedOutput
from modelyard.protocols.oip.tensors import to_raw
from modelyard.protocols.predict.responses import jsonable
from modelyard.tensors import Array, Signature, Tensors, datatype_of


@dataclass(frozen=True, slots=True)
class EncodedInferResponse:
    """A body, and the length of its JSON where more stands behind that."""

    body: bytes
    json_length: int | None = None


class InferResponseEncoder:
    """Writes the answers of one version."""

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._head = {"model_name": model_name, "model_version": str(version)}
        self._signature = signature

    def write(
        self, request_id: str, wishes: Sequence[RequestedOutput], names: Sequence[str], outputs: Tensors
    ) -> EncodedInferResponse:
        """The answer with these outputs, in this order; the id only where the request had one. `names` are their own."""
        raw: list[bytes] = []
        told = [self._output(wish, name, outputs[name], raw) for wish, name in zip(wishes, names, strict=True)]
        answer: dict[str, Any] = {**self._head, "outputs": told}
        if request_id:
            answer["id"] = request_id
        json = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        if not any(wish.binary for wish in wishes):
            return EncodedInferResponse(json)
        return EncodedInferResponse(b"".join((json, *raw)), len(json))

    def _output(self, wish: RequestedOutput, name: str, array: Array, raw: list[bytes]) -> dict[str, Any]:
        """One element of `outputs`; what it has of raw contents is added to `raw`."""
        if wish.classes:
            array = classified(name, array, wish.classes, self._signature)
        told: dict[str, Any] = {"name": wish.name, "datatype": datatype_of(array.dtype), "shape": array.shape}
        if wish.binary:
            raw.append(to_raw(array))
            told["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            told["data"] = jsonable(array.reshape(-1))
        return told
