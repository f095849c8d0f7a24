"""The least that Python needs to answer: raw ASGI, orjson and onnxruntime in one process. No batching, no checks.

uvicorn runs `app` on uvloop and httptools; IRIS_ONNX is the model's path.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import onnxruntime
import orjson

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Iris:
    """An ASGI application that holds the model."""

    def __init__(self, model: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a row is too little work to share
        self.session = onnxruntime.InferenceSession(model, options)
        self.input = self.session.get_inputs()[0].name

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = orjson.dumps(self.predict(orjson.loads(body)["instances"]))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def predict(self, instances: list[list[float]]) -> dict[str, Any]:
        labels, scores = self.session.run(None, {self.input: np.array(instances, dtype=np.float32)})
        return {"model_name": "iris", "predictions": labels.tolist(), "confidences": scores.max(axis=1).tolist()}


app = Iris(os.environ["IRIS_ONNX"])
