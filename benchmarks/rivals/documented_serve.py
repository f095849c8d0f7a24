"""Ray Serve as in its documentation: a deployment whose `__call__` handles the request, behind the default proxy.

Sources: https://docs.ray.io/en/latest/serve/getting_started.html and, for the builder,
https://docs.ray.io/en/latest/serve/advanced-guides/app-builder-guide.html
"""

from typing import Any

from ray import serve
from ray.serve import Application
from starlette.requests import Request

from benchmarks.rivals.inference import load


# Not the default, but documented. With the default of 5 the proxy backs off so much at 64 connections that the throughput
# drops to a tenth, and the comparison would be unfair.
@serve.deployment(max_ongoing_requests=100)
class Predictor:
    """One model."""

    def __init__(self, model: str) -> None:
        self.model = load(model)

    async def __call__(self, request: Request) -> dict[str, Any]:
        return self.model.predict((await request.json())["instances"])


def app(args: dict[str, str]) -> Application:
    """The application builder for `serve run`. `model` is the path of the model, `replicas` their number (default: 1)."""
    deployment = Predictor.options(num_replicas=int(args.get("replicas", 1)))  # type: ignore[attr-defined]  # typed as the class
    application: Application = deployment.bind(args["model"])
    return application
