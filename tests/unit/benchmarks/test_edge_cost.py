from pathlib import Path

from benchmarks import request_bodies
from benchmarks.edge_cost import REPLICA, edge_subject, serve_file, started
from benchmarks.processes import read
from benchmarks.subjects import Subject, Target
from modelyard.control.ports import free_ports, haproxy_binary


def test_every_model_and_the_gateway_have_a_backend() -> None:
    text = serve_file(["a", "b"], 9)
    assert [line for line in text.splitlines() if line.startswith("backend")] == [
        "backend http-a",
        "backend http-b",
        "backend http-gateway",
    ]
    assert text.count(" 127.0.0.1:9 check") == 3


def test_the_edge_routes_a_request_for_its_last_model_to_the_replica(tmp_path: Path) -> None:
    request = request_bodies.write(tmp_path).row
    (port,) = free_ports(1)
    config = tmp_path / "replica.cfg"
    config.write_text(REPLICA.format(port=port))
    target = Target("replica", f"http://127.0.0.1:{port}/", request)
    subject = edge_subject(tmp_path / "edge", 3, port, request)
    assert subject.targets[0].url.endswith("/models/model-2/predict")
    with (
        started(Subject((str(haproxy_binary()), "-db", "-f", str(config)), (target,)), tmp_path),
        started(subject, tmp_path / "edge") as pid,  # yields after a correct response
    ):
        process = read(pid)
        assert process is not None
        assert process.title == "haproxy"
        assert process.argv[-1].endswith("edge.cfg")
