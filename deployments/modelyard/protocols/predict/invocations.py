"""`POST .../invocations`: what MLflow's scoring server takes and gives, and SageMaker's containers. Pure.

Source: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/; the forms of input are those of predict.
"""

from modelyard.protocols.predict.codec import PredictCall, PredictCodec
from modelyard.tensors import Signature, Tensors

PASSED_OVER = ("params",)
"""Members of MLflow's own: what a model is called with beside its input, of which these models know nothing."""


class InvocationsCodec:
    """Decodes and encodes for one version of one model; built once."""

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._predict = PredictCodec(model_name, version, signature, passed_over=PASSED_OVER)

    def decode(self, body: bytes, content_type: bytes) -> PredictCall:
        """dataframe_split, dataframe_records, instances, inputs, or CSV. Raises InvalidRequest or UnsupportedMediaType."""
        return self._predict.decode(body, content_type)

    def encode(self, call: PredictCall, outputs: Tensors) -> bytes:
        """{"predictions": [...]}: labels or numbers, one a row."""
        return self._predict.encode_bare(call, outputs)
