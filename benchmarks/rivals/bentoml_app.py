"""BentoML with two workers: `bentoml serve benchmarks.rivals.bentoml_app:Predictor`; MODEL is the path of the model.

Source: https://docs.bentoml.com/en/latest/build-with-bentoml/parallelize-requests.html
"""

from typing import Any

import bentoml

from benchmarks.rivals.inference import load


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Predictor:
    """One model."""

    def __init__(self) -> None:
        self.model = load()

    @bentoml.api
    def predict(self, instances: list[Any]) -> dict[str, Any]:
        return self.model.predict(instances)
