"""The iris model behind gRPC's asyncio server: ModelInfer in one process, without batching and checks.

`python -m benchmarks.rivals.grpc_aio PORT`; IRIS_ONNX is the path of the model.
"""

import asyncio
import os
import sys
from typing import Any

import grpc
import numpy as np
import onnxruntime

from modelyard.protocols.grpc.messages import INFERENCE, methods

METHOD = methods(INFERENCE)["ModelInfer"]


class Iris:
    """The servicer of ModelInfer."""

    def __init__(self, model: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one row is too little work for several threads
        self.session = onnxruntime.InferenceSession(model, options)
        self.input = self.session.get_inputs()[0].name

    async def infer(self, request: Any, context: Any) -> Any:
        return self.predict(request)

    def predict(self, request: Any) -> Any:
        """The ModelInferResponse for a ModelInferRequest. Both have raw tensor contents."""
        rows = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(request.inputs[0].shape)
        labels, scores = self.session.run(None, {self.input: rows})
        response = METHOD.response(model_name="iris", id=request.id)
        response.outputs.add(name="output_label", datatype="BYTES", shape=labels.shape)
        response.outputs.add(name="output_probability", datatype="FP32", shape=scores.shape)
        texts = [label.encode() for label in labels]
        response.raw_output_contents.append(b"".join(len(text).to_bytes(4, "little") + text for text in texts))
        response.raw_output_contents.append(scores.tobytes())
        return response


async def serve(port: int, model: str) -> None:
    server = grpc.aio.server()
    infer = grpc.unary_unary_rpc_method_handler(
        Iris(model).infer, METHOD.request.FromString, METHOD.response.SerializeToString
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(INFERENCE, {"ModelInfer": infer})])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), os.environ["IRIS_ONNX"]))
