"""Every protocol that a model speaks: one row each."""

from dataclasses import dataclass

from modelyard.protocols.grpc.routes import GrpcRoutes
from modelyard.protocols.oip.routes import OipRoutes
from modelyard.protocols.predict.routes import PredictRoutes
from modelyard.protocols.served_model import Routes
from modelyard.protocols.tensorflow.routes import TensorflowRoutes


@dataclass(frozen=True, slots=True)
class ProtocolRow:
    """A protocol, the paths that are its own, and what answers there."""

    name: str
    prefix: str
    """Of its paths; the forms of errors follow it too (`http/error_response.py`). "" for the model's own route."""
    routes: type[Routes]


TABLE = (
    ProtocolRow("Open Inference Protocol over HTTP", "/v2/", OipRoutes),
    ProtocolRow("TensorFlow Serving", "/v1/", TensorflowRoutes),
    ProtocolRow("Open Inference Protocol over gRPC", "/inference.", GrpcRoutes),
    ProtocolRow("predict", "", PredictRoutes),
)
"""The first row whose prefix a path has answers it. Their labels in the metrics are in `telemetry.metrics.declarations`."""
