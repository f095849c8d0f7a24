"""Ray Serve as its documentation shows it: a deployment whose `__call__` takes the request, behind the default proxy.

Source of the shape: https://docs.ray.io/en/latest/serve/getting_started.html and, for the builder,
https://docs.ray.io/en/latest/serve/advanced-guides/app-builder-guide.html
"""

from typing import Any

import numpy as np
import onnxruntime
from ray import serve
from ray.serve import Application
from starlette.requests import Request


# Not a default, though the documentation explains it: with 5, the default, the proxy backs off so much under 64
# connections that a tenth of the answers is left, and a race against that would flatter us.
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
    """What `serve run` builds; `model` is the model's path."""
    application: Application = Iris.bind(args["model"])  # type: ignore[attr-defined]  # the decorator is typed as the class
    return application
