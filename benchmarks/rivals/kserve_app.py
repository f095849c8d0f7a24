"""A custom model of KServe's SDK: `python -m benchmarks.rivals.kserve_app --model_name NAME --workers 2`.

MODEL is the path of the model. Source: https://kserve.github.io/website/docs/reference/python-runtime-sdk/python-runtime-sdk-api
"""

from typing import Any

import kserve
from kserve import InferOutput, InferRequest, InferResponse
from kserve.model_server import args

from benchmarks.rivals.inference import load
from benchmarks.rivals.raw_tensors import to_bytes


class Predictor(kserve.Model):
    """One model, for the protocols V1 and V2."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.model = load()
        self.ready = True

    def predict(self, payload: Any, headers: dict[str, str] | None = None) -> Any:
        if not isinstance(payload, InferRequest):
            return self.model.predict(payload["instances"])
        outputs = []
        for name, array in zip(self.model.names, self.model.run(payload.inputs[0].as_numpy()), strict=True):
            output = InferOutput(name, list(array.shape), to_bytes(array)[0])
            output.set_data_from_numpy(array, binary_data=True)
            outputs.append(output)
        return InferResponse(payload.id, self.name, outputs)


if __name__ == "__main__":
    kserve.ModelServer().start([Predictor(args.model_name)])
