"""Ray Serve as in its documentation: a deployment whose `__call__` handles the request, behind the default proxy.

Sources: https://docs.ray.io/en/latest/serve/getting_started.html and, for the builder,
https://docs.ray.io/en/latest/serve/advanced-guides/app-builder-guide.html
"""

from typing import Any

import numpy as np
import onnxruntime
from ray import serve
from ray.serve import Application
from starlette.requests import Request


# Not the default, but documented. With the default of 5 the proxy backs off so much at 64 connections that the throughput
# drops to a tenth, and the comparison would be unfair.
@serve.deployment(max_ongoing_requests=100)
class Iris:
    """The iris model, one replica."""

    def __init__(self, model: str) -> None:
        self.session = onnxruntime.InferenceSession(model)
        self.input = self.session.get_inputs()[0].name

    async def __call__(self, request: Request) -> dict[str, Any]:
        instances = (await request.json())["instances"]
        labels, scores = self.session.run(None, {self.input: np.array(instances, dtype=np.float32)})
        return {"model_name": "iris", "predictions": labels.tolist(), "confidences": scores.max(axis=1).tolist()}


def app(args: dict[str, str]) -> Application:
    """The application builder for `serve run`. `model` is the path of the model."""
    application: Application = Iris.bind(args["model"])  # type: ignore[attr-defined]  # the decorator is typed as the class
    return application
