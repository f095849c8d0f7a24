"""FastAPI as its documentation shows it: types for the request and the response, and a function that blocks.

Sources: https://fastapi.tiangolo.com/tutorial/body/ and https://fastapi.tiangolo.com/deployment/server-workers/
"""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.rivals.inference import load

model = load()
app = FastAPI()


class Rows(BaseModel):
    """Rows of numbers, or texts."""

    instances: list[list[float]] | list[str]


class Predictions(BaseModel):
    """A label or a list of numbers for each row, and the score of each label."""

    predictions: list[str | int | list[float]]
    confidences: list[float] | None = None


@app.post("/predict")
def predict(rows: Rows) -> Predictions:
    found: dict[str, Any] = model.predict(rows.instances)
    return Predictions(**found)
