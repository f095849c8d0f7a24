from pathlib import Path

from benchmarks import request_bodies
from benchmarks.edge_cost import REPLICA, edge, serve_file, started
from benchmarks.processes import read
from benchmarks.subjects import Subject, Target
from modelyard.control.ports import free_ports, haproxy_binary


def test_every_model_has_a_backend_and_so_has_the_gateway() -> None:
    text = serve_file(["a", "b"], 9)
    assert [line for line in text.splitlines() if line.startswith("backend")] == [
        "backend http-a",
        "backend http-b",
        "backend http-gateway",
    ]
    assert text.count(" 127.0.0.1:9 check") == 3


def test_the_edge_passes_a_request_for_the_last_of_its_models_to_the_replica(tmp_path: Path) -> None:
    request = request_bodies.write(tmp_path).row
    (port,) = free_ports(1)
    config = tmp_path / "replica.cfg"
    config.write_text(REPLICA.format(port=port))
    target = Target("replica", f"http://127.0.0.1:{port}/", request)
    subject = edge(tmp_path / "edge", 3, port, request)
    assert subject.targets[0].url.endswith("/models/model-2/predict")
    with (
        started(Subject((str(haproxy_binary()), "-db", "-f", str(config)), (target,)), tmp_path),
        started(subject, tmp_path / "edge") as pid,  # which has answered as expected
    ):
        process = read(pid)
        assert process is not None
        assert process.title == "haproxy"
        assert process.argv[-1].endswith("edge.cfg")
