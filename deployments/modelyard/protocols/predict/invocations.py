"""`POST .../invocations`: the form of MLflow's scoring server and of SageMaker's containers.

Source: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/; the forms of input are those of predict.
"""

from modelyard.protocols.predict.codec import PredictCall, PredictCodec
from modelyard.tensors import Signature, Tensors

IGNORED = ("params",)
"""Members of MLflow's own: what a model is called with beside its input. Models here have no such parameters."""


class InvocationsCodec:
    """Decodes and encodes for one version of one model; created once."""

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._predict = PredictCodec(model_name, version, signature, passed_over=IGNORED)

    def decode(self, body: bytes, content_type: bytes) -> PredictCall:
        """dataframe_split, dataframe_records, instances, inputs, or CSV. Raises InvalidRequest or UnsupportedMediaType."""
        return self._predict.decode(body, content_type)

    def encode(self, call: PredictCall, outputs: Tensors) -> bytes:
        """{"predictions": [...]}: labels or numbers, one a row."""
        return self._predict.encode_bare(call, outputs)
