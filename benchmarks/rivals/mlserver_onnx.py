"""A custom runtime of MLServer for ONNX, which has none of its own.

Source: https://docs.seldon.ai/mlserver/user-guide/custom
"""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri

from benchmarks.rivals.inference import load


class OnnxModel(MLModel):
    """One model."""

    async def load(self) -> bool:
        self.model = load(await get_model_uri(self.settings))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = self.decode(payload.inputs[0], default_codec=NumpyCodec)
        outputs = [
            NumpyCodec.encode_output(name, array)
            if array.dtype.kind == "f"
            else StringCodec.encode_output(name, array.tolist())
            for name, array in zip(self.model.names, self.model.run(rows), strict=True)
        ]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
