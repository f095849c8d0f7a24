"""All servers, with their routes, in the order of a round."""

from collections.abc import Mapping

from benchmarks.peers import servers
from benchmarks.peers.forms import GRPC_INFER, MLFLOW, OIP_BINARY, OIP_JSON, PREDICT
from benchmarks.peers.peer import Peer, Route
from benchmarks.peers.servers import BATCH

INFER = Route("/v2/models/{model}/infer", OIP_JSON)
BINARY_INFER = Route("/v2/models/{model}/infer", OIP_BINARY)
CALL = Route("/inference.GRPCInferenceService/ModelInfer", GRPC_INFER)

OURS = "modelyard"
OUR_ROUTES = {"json": Route("/models/{model}/predict", PREDICT), "binary": BINARY_INFER, "grpc": CALL}
PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            OURS,
            "**modelyard**",
            "default settings: one replica, which has one core",
            None,
            servers.ours,
            OUR_ROUTES,
        ),
        Peer(
            "modelyard-2",
            "modelyard, two replicas",
            "`replicas: 2`, a process for each core as the others have",
            None,
            servers.ours_twice,
            OUR_ROUTES,
        ),
        Peer(
            "uvicorn",
            "raw uvicorn",
            "2 workers, uvloop, httptools, orjson; no checks and no batching: a bound",
            "uvicorn",
            servers.plain_uvicorn,
            {"json": Route("/", PREDICT), "binary": Route("/", OIP_BINARY)},
        ),
        Peer(
            "fastapi",
            "FastAPI",
            "2 workers of uvicorn, types of the request and the response, a `def` endpoint",
            "fastapi",
            servers.fastapi,
            {"json": Route("/predict", PREDICT)},
        ),
        Peer(
            "ray-serve",
            "Ray Serve",
            "2 replicas, `max_ongoing_requests=100`",
            "ray-serve",
            servers.ray_serve,
            {"json": Route("/", PREDICT)},
        ),
        Peer(
            "mlserver",
            "MLServer",
            "`parallel_workers: 2`, `debug: false`; its scikit-learn runtime, and a custom one for ONNX",
            "mlserver",
            servers.mlserver,
            {"json": INFER, "grpc": CALL},
        ),
        Peer("bentoml", "BentoML", "`workers=2`", "bentoml", servers.bentoml, {"json": Route("/predict", PREDICT)}),
        Peer(
            "litserve",
            "LitServe",
            "`workers_per_device=2`, `fast_queue=True`",
            "litserve",
            servers.litserve,
            {"json": Route("/predict", PREDICT)},
        ),
        Peer("mosec", "mosec", "`num=2`, orjson", "mosec", servers.mosec, {"json": Route("/inference", PREDICT)}),
        Peer(
            "mosec-batching",
            "mosec, batching",
            f"`num=2`, `max_batch_size={BATCH}`, `max_wait_time=1`, orjson",
            "mosec",
            servers.mosec_batching,
            {"json": Route("/inference", PREDICT)},
        ),
        Peer(
            "kserve",
            "KServe's SDK",
            "`--workers 2`; JSON in protocol V1, binary tensors in V2",
            "kserve",
            servers.kserve,
            {"json": Route("/v1/models/{model}:predict", PREDICT), "binary": BINARY_INFER, "grpc": CALL},
        ),
        Peer(
            "mlflow",
            "`mlflow models serve`",
            "`--workers 2`",
            "mlflow",
            servers.mlflow,
            {"json": Route("/invocations", MLFLOW)},
        ),
        Peer("grpc-aio", "grpc.aio", "2 processes that share the port", "grpc-aio", servers.grpc_aio, {"grpc": CALL}),
    )
}
