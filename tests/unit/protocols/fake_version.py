"""A version whose service is a fake, for tests of endpoints."""

from types import SimpleNamespace
from typing import Any, cast

from modelyard.inference.open_requests import OpenRequests
from modelyard.inference.recorder import UNRECORDED, Recorder
from modelyard.protocols.endpoint import CodecEndpoint
from modelyard.protocols.predict.codec import PredictCodec, PredictRequest
from modelyard.protocols.predict.endpoint import PredictOperation, PredictResponse
from modelyard.protocols.running_version import RunningVersion
from tests.fakes import DOUBLER, FakeClock


def predict_endpoint(
    service: Any, recorder: Recorder = UNRECORDED, decoder: Any = None, *, probabilities: bool = False
) -> CodecEndpoint[PredictRequest, PredictResponse]:
    """Predict on version 1 of the model "doubler", behind this service."""
    scheduler = SimpleNamespace(open_requests=OpenRequests(FakeClock()), generations=None)
    version = SimpleNamespace(service=service, scheduler=scheduler, recorders={"predict": recorder}, decoder=decoder)
    operation = PredictOperation(PredictCodec("doubler", 1, DOUBLER), probabilities=probabilities)
    return CodecEndpoint(operation, cast(RunningVersion, version), "predict")
