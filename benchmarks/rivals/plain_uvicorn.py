"""A minimal Python server: raw ASGI, orjson and onnxruntime in one process, without batching and checks.

uvicorn runs `app` on uvloop and httptools; IRIS_ONNX is the path of the model.
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
    """The ASGI application."""

    def __init__(self, model: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one row is too little work for several threads
        self.session = onnxruntime.InferenceSession(model, options)
        self.input = self.session.get_inputs()[0].name

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        response = orjson.dumps(self.predict(orjson.loads(body)["instances"]))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(response))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": response})

    def predict(self, instances: list[list[float]]) -> dict[str, Any]:
        labels, scores = self.session.run(None, {self.input: np.array(instances, dtype=np.float32)})
        return {"model_name": "iris", "predictions": labels.tolist(), "confidences": scores.max(axis=1).tolist()}


app = Iris(os.environ["IRIS_ONNX"])
