"""Writes the response to an infer request: JSON, followed by the raw contents of outputs that are requested as binary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from modelyard.protocols.oip.classification import classify
from modelyard.protocols.oip.document import RequestedOutput
from modelyard.protocols.oip.tensors import to_raw
from modelyard.protocols.predict.responses import jsonable
from modelyard.tensors import Array, Signature, Tensors, datatype_of


@dataclass(frozen=True, slots=True)
class EncodedInferResponse:
    """A body, and the length of its JSON if raw contents follow."""

    body: bytes
    json_length: int | None = None


class InferResponseEncoder:
    """Writes the responses of one version."""

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._head = {"model_name": model_name, "model_version": str(version)}
        self._signature = signature

    def write(
        self, request_id: str, requested_outputs: Sequence[RequestedOutput], names: Sequence[str], outputs: Tensors
    ) -> EncodedInferResponse:
        """Write the requested outputs, in order. `names` are the model's names for them. The id is written unless it is empty."""
        raw: list[bytes] = []
        elements = [
            self._output(requested, name, outputs[name], raw)
            for requested, name in zip(requested_outputs, names, strict=True)
        ]
        document: dict[str, Any] = {**self._head, "outputs": elements}
        if request_id:
            document["id"] = request_id
        json = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        if not any(requested.binary for requested in requested_outputs):
            return EncodedInferResponse(json)
        return EncodedInferResponse(b"".join((json, *raw)), len(json))

    def _output(self, requested: RequestedOutput, name: str, array: Array, raw: list[bytes]) -> dict[str, Any]:
        """One element of `outputs`. Its raw contents are appended to `raw`."""
        if requested.classes:
            array = classify(name, array, requested.classes, self._signature)
        element: dict[str, Any] = {"name": requested.name, "datatype": datatype_of(array.dtype), "shape": array.shape}
        if requested.binary:
            raw.append(to_raw(array))
            element["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            element["data"] = jsonable(array.reshape(-1))
        return element
