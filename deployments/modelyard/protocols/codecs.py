"""All codecs of one served version, created when it loads."""

from dataclasses import dataclass

from modelyard.protocols.grpc.codec import GrpcInferCodec
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.oip.generate import GenerateCodec
from modelyard.protocols.predict.codec import InvocationsCodec, PredictCodec
from modelyard.protocols.tensorflow.codec import TensorflowCodec
from modelyard.tensors import Signature


@dataclass(frozen=True, slots=True)
class Codecs:
    """By protocol."""

    predict: PredictCodec
    invocations: InvocationsCodec
    infer: InferCodec
    generate: GenerateCodec
    grpc: GrpcInferCodec
    tensorflow: TensorflowCodec


def codecs_of(model_name: str, version: int, signature: Signature) -> Codecs:
    """The codecs of a version with this signature."""
    return Codecs(
        PredictCodec(model_name, version, signature),
        InvocationsCodec(model_name, version, signature),
        InferCodec(model_name, version, signature),
        GenerateCodec(model_name, version, signature),
        GrpcInferCodec(model_name, version, signature),
        TensorflowCodec(signature),
    )
