"""A custom model of KServe's SDK: `python -m benchmarks.rivals.kserve_app --model_name NAME --workers 2`.

MODEL is the path of the model. Source: https://kserve.github.io/website/docs/reference/python-runtime-sdk/python-runtime-sdk-api
"""

from typing import Any

import kserve
from kserve import InferOutput, InferRequest, InferResponse
from kserve.model_server import args
from kserve.utils.utils import generate_uuid

from benchmarks.rivals.inference import load
from benchmarks.rivals.raw_tensors import to_bytes


class Predictor(kserve.Model):
    """One model, for the protocols V1 and V2."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.model = load()
        self.ready = True

    def __reduce__(self) -> Any:
        """Each worker process loads the model: a session of ONNX Runtime cannot be pickled."""
        return Predictor, (self.name,)

    def predict(self, payload: Any, headers: dict[str, str] | None = None) -> Any:
        if not isinstance(payload, InferRequest):
            return self.model.predict(payload["instances"])
        arrays = self.model.run(payload.inputs[0].as_numpy())
        outputs = [
            InferOutput(name, list(array.shape), to_bytes(array)[0], array)
            for name, array in zip(self.model.names, arrays, strict=True)
        ]
        number = payload.id or generate_uuid()  # REST responses without id are rejected
        return InferResponse(number, self.name, outputs, use_binary_outputs=payload.use_binary_outputs)


if __name__ == "__main__":
    kserve.ModelServer().start([Predictor(args.model_name)])
