"""Measures where the CPU time of a request goes inside a replica: `python -m benchmarks.request_path`.

One process, without sockets, with the example models. Each request holds the first instance of the model's example. The parts are
measured one by one; what the whole path takes beyond them is HTTP, scheduling and metrics.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import uvloop

from benchmarks import machine
from benchmarks.in_process import Connections, http1
from benchmarks.markdown import table
from examples.train import publish, train
from modelyard.config.model_spec import ModelSpec
from modelyard.inference.batch_parity import run
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.ray_serve.application import ModelArgs, RequestLogArgs
from modelyard.replica.model_server import ModelServer, load_versions
from modelyard.replica.process_memory import tune_gc
from modelyard.repository.resolve import Resolved, resolve
from modelyard.repository.scan import DigestCache, scan
from modelyard.tensors import DTYPES

MODELS = ("digits", "wine-alcohol", "iris", "breast-cancer", "ticket-topic")
IN_FLIGHT = (64, 1)
REQUESTS = 2560
"""Of a turn."""
TURNS = 15
JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Parts:
    """CPU microseconds of one request."""

    decode: float
    model: float
    """A call of the model with one row."""
    encode: float


def requests(loaded: LoadedVersion, name: str, instance: Any) -> Iterator[tuple[str, bytes]]:
    """One request for each protocol, by what the report calls it."""
    yield "predict", http1(f"/models/{name}/predict", json.dumps({"instances": [instance]}).encode())
    decoded = loaded.codecs.predict.decode(json.dumps({"instances": [instance]}).encode(), JSON)
    inputs, path = decoded.request.inputs, f"/v2/models/{name}/infer"
    heads = [
        {"name": spec.name, "datatype": spec.datatype, "shape": list(inputs[spec.name].shape)}
        for spec in loaded.model.signature.inputs
    ]
    as_json = [{**head, "data": inputs[head["name"]].ravel().tolist()} for head in heads]
    yield "infer, JSON", http1(path, json.dumps({"inputs": as_json}).encode())
    if all(DTYPES[head["datatype"]].kind == "f" for head in heads):
        raw = [np.ascontiguousarray(inputs[head["name"]]).tobytes() for head in heads]
        sized = [{**head, "parameters": {"binary_data_size": len(each)}} for head, each in zip(heads, raw, strict=True)]
        document = json.dumps({"inputs": sized, "parameters": {"binary_data_output": True}}).encode()
        length = f"inference-header-content-length: {len(document)}\r\n"
        yield "infer, binary", http1(path, b"".join((document, *raw)), "application/octet-stream", length)


def parts(loaded: LoadedVersion, instance: Any) -> Parts:
    """Those of a predict request."""
    body, codec, model = json.dumps({"instances": [instance]}).encode(), loaded.codecs.predict, loaded.model
    decoded = codec.decode(body, JSON)
    outputs = run(model, decoded.request)
    return Parts(
        cost_us(lambda: codec.decode(body, JSON)),
        cost_us(lambda: model.predict(decoded.request.inputs, decoded.request.outputs)),
        cost_us(lambda: codec.encode(decoded, outputs)),
    )


def cost_us(call: Callable[[], Any], calls: int = 500, turns: int = TURNS) -> float:
    """CPU microseconds of a call: the median over turns."""
    found = []
    for _ in range(turns):
        started = time.process_time_ns()
        for _ in range(calls):
            call()
        found.append((time.process_time_ns() - started) / calls / 1000)
    return median(found)


async def rows_of(folder: Path, name: str, requests_per_turn: int, turns: int) -> list[list[str]]:
    """The rows of the report on one model of a repository."""
    spec = ModelSpec(name=name)
    found = resolve(spec, scan(folder, {name}, settle_s=0, now=time.time, cache=DigestCache()).folders[name])
    if not isinstance(found, Resolved):
        raise RuntimeError(found.reason)
    log = RequestLogArgs(folder=folder, share=0.0, slow_s=60.0, behind_edge=False)
    args = ModelArgs(
        spec=spec,
        runtime=found.runtime,
        versions=found.versions,
        repository=folder,
        replicas=folder,
        request_log=log,
        tracing=None,
    )
    [loaded] = await load_versions(args)
    server = ModelServer(args, [loaded], "replica")
    instance = json.loads((folder / name / "1" / "example.json").read_bytes())["instances"][0]
    tune_gc()  # as a replica does
    costs, rows = parts(loaded, instance), []
    for protocol, request in requests(loaded, name, instance):
        cells = [f"{await whole_us(server, request, each, requests_per_turn, turns):.1f}" for each in IN_FLIGHT]
        own = (
            [f"{each:.1f}" for each in (costs.decode, costs.model, costs.encode)] if protocol == "predict" else [""] * 3
        )
        rows.append([name, protocol, *cells, *own])
    server.close()
    return rows


async def whole_us(server: ModelServer, request: bytes, in_flight: int, requests_per_turn: int, turns: int) -> float:
    """CPU microseconds of a request: the median over turns."""
    connections = Connections(server.dispatch.fast_paths, lambda: server.in_flight, in_flight)
    waves = max(1, requests_per_turn // in_flight)
    try:
        await connections.turn(request, waves)
        connections.check()
        return median([await connections.turn(request, waves) for _ in range(turns)])
    finally:
        connections.close()


async def measure(folder: Path, names: Sequence[str], requests_per_turn: int = REQUESTS, turns: int = TURNS) -> str:
    """The report, as Markdown."""
    rows = []
    for name in names:
        print(name, file=sys.stderr, flush=True)
        rows += await rows_of(folder, name, requests_per_turn, turns)
    head = ["model", "protocol", *(f"{each} in flight" for each in IN_FLIGHT), "decode", "model, one row", "encode"]
    return table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.request_path", description=__doc__)
    parser.add_argument("models", nargs="*", default=MODELS, help="examples; default: all but those that are slow")
    names = parser.parse_args().models
    with tempfile.TemporaryDirectory() as name:
        for example in names:
            publish(Path(name) / example, train(example))
        text = uvloop.run(measure(Path(name), names))
    print(f"{machine.section('python -m benchmarks.request_path')}\n\nCPU microseconds of a request.\n\n{text}")


if __name__ == "__main__":
    main()
