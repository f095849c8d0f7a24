"""Measures HAProxy's CPU time per request with one configured model and with many, without Ray.

HAProxy runs with our frontends and a file like that of Ray Serve, with a backend with health checks for each model. All backends
lead to one small server, another HAProxy, so that the edge is the bottleneck.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import wrk
from benchmarks.load import Request
from benchmarks.load_rounds import WARM_UP_S
from benchmarks.processes import read
from benchmarks.subject_process import SubjectError, launch, responds_as_expected, wait_until
from benchmarks.subjects import Subject, Target
from modelyard.config.server_spec import ServerSpec
from modelyard.control.ports import free_ports, haproxy_binary
from modelyard.edge.files import LAUNCHER, EdgeFiles

MANY_MODELS = 200
CONNECTIONS = 64

REPLICA = """\
defaults
    mode http
    timeout client 1m
frontend replica
    bind 127.0.0.1:{port}
    http-request wait-for-body time 5s if METH_POST
    http-request return status 200 content-type application/json string '{{"predictions": ["setosa"]}}'
"""
"""Responds to every request like the iris model."""

SERVE = """\
global
    maxconn 4096
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    option abortonclose
    option splice-request
    option splice-response
    option http-no-delay
    option idle-close-on-response
    balance leastconn
"""
BACKEND = """\
backend http-{name}
    http-reuse always
    option httpchk GET /-/healthz
    http-check expect status 200
    default-server fastinter 250ms downinter 250ms fall 2 rise 2 inter 5s check
    server SERVE_REPLICA_{name}-model-r0 127.0.0.1:{port} check observe layer4 error-limit 3 on-error mark-down
"""


@dataclass(frozen=True, slots=True)
class EdgeCost:
    """CPU microseconds of HAProxy per request in each round, with one model and with MANY_MODELS."""

    one_us: list[float]
    many_us: list[float]

    @property
    def ratio(self) -> float:
        """CPU time with many models relative to one model: the median over the rounds."""
        return median(many / one for one, many in zip(self.one_us, self.many_us, strict=True))


def measure(folder: Path, request: Request, *, rounds: int, seconds: float) -> EdgeCost:
    """Load both edges alternately. The requests are for the model that is configured last."""
    (replica_port,) = free_ports(1)
    replica = folder / "replica.cfg"
    replica.write_text(REPLICA.format(port=replica_port))
    target = Target("replica", f"http://127.0.0.1:{replica_port}/", request)
    cost = EdgeCost([], [])
    print(f"the edge with 1 and with {MANY_MODELS} models", file=sys.stderr, flush=True)
    with ExitStack() as running:
        running.enter_context(started(Subject((str(haproxy_binary()), "-db", "-f", str(replica)), (target,)), folder))
        one, many = (edge_subject(folder / str(models), models, replica_port, request) for models in (1, MANY_MODELS))
        pids = [running.enter_context(started(each, folder / each.targets[0].name)) for each in (one, many)]
        for _ in range(rounds):
            for subject, pid, spent_us in zip((one, many), pids, (cost.one_us, cost.many_us), strict=True):
                spent_us.append(cpu_per_request(subject.targets[0], pid, seconds))
    return cost


def edge_subject(folder: Path, models: int, replica_port: int, request: Request) -> Subject:
    """HAProxy as Serve starts it, with this number of models."""
    http, grpc, metrics = free_ports(3)
    files = EdgeFiles(folder / "edge")
    folder.mkdir()
    files.write(
        ServerSpec.model_validate({"http": {"port": http}, "grpc": {"port": grpc}, "metrics": {"edge_port": metrics}}),
        {},
    )
    serve = folder / "serve.cfg"
    serve.write_text(serve_file([f"model-{number}" for number in range(models)], replica_port))
    url = f"http://127.0.0.1:{http}/models/model-{models - 1}/predict"
    return Subject(
        command=(str(LAUNCHER), "-db", "-f", str(serve)),
        targets=(Target(str(models), url, request),),
        environment={"MODELYARD_HAPROXY": str(haproxy_binary()), "MODELYARD_EDGE": str(files.folder)},
    )


def serve_file(models: Sequence[str], replica_port: int) -> str:
    """The parts of Ray Serve's file that our frontends use."""
    return SERVE + "".join(BACKEND.format(name=name, port=replica_port) for name in (*models, "gateway"))


@contextmanager
def started(subject: Subject, folder: Path) -> Iterator[int]:
    """Run HAProxy and yield its pid when it responds. SIGTERM ends HAProxy at once."""
    process = launch(subject, folder / "log")
    try:
        wait_until(process, folder / "log", lambda: all(map(responds_as_expected, subject.targets)))
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_per_request(target: Target, pid: int, seconds: float) -> float:
    """CPU microseconds of the process per request, measured after a warm-up."""
    wrk.run(target.url, target.request, connections=CONNECTIONS, seconds=WARM_UP_S)
    before = read(pid)
    load = wrk.run(target.url, target.request, connections=CONNECTIONS, seconds=seconds)
    after = read(pid)
    if before is None or after is None:
        raise SubjectError("HAProxy stopped under load")
    spent_us = (after.cpu_us - before.cpu_us) / load.requests
    print(f"  {target.name}: {spent_us:.1f} us", file=sys.stderr, flush=True)
    return spent_us
