"""The model behind gRPC's asyncio server: ModelInfer without batching and checks.

`python -m benchmarks.rivals.grpc_aio PORT [PROCESSES]`; MODEL is the path of the model. Several processes share the port, as in
https://github.com/grpc/grpc/tree/master/examples/python/multiprocessing
"""

import asyncio
import signal
import subprocess
import sys
from typing import Any

import grpc
import numpy as np

from benchmarks.rivals.inference import Model, load
from benchmarks.rivals.raw_tensors import to_bytes
from modelyard.protocols.grpc.messages import INFERENCE, methods

METHOD = methods(INFERENCE)["ModelInfer"]


class Servicer:
    """The servicer of ModelInfer."""

    def __init__(self, model: Model) -> None:
        self.model = model

    async def infer(self, request: Any, context: Any) -> Any:
        return self.predict(request)

    def predict(self, request: Any) -> Any:
        """The ModelInferResponse for a ModelInferRequest. Both have raw tensor contents."""
        rows = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(request.inputs[0].shape)
        response = METHOD.response(model_name=request.model_name, id=request.id)
        for name, output in zip(self.model.names, self.model.run(rows), strict=True):
            datatype, content = to_bytes(output)
            response.outputs.add(name=name, datatype=datatype, shape=output.shape)
            response.raw_output_contents.append(content)
        return response


async def serve(port: int, model: Model) -> None:
    """Serve until SIGTERM."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
    infer = grpc.unary_unary_rpc_method_handler(
        Servicer(model).infer, METHOD.request.FromString, METHOD.response.SerializeToString
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(INFERENCE, {"ModelInfer": infer})])
    server.add_insecure_port(f"127.0.0.1:{port}")
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await server.start()
    await stopped.wait()
    await server.stop(None)


if __name__ == "__main__":
    others = [
        subprocess.Popen([sys.executable, "-m", "benchmarks.rivals.grpc_aio", sys.argv[1]])
        for _ in range(1, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    ]
    try:
        asyncio.run(serve(int(sys.argv[1]), load()))
    finally:
        for other in others:
            other.terminate()
            other.wait()
