"""Commands with a running server."""

import json
import shutil

from tests.serve.conftest import EXAMPLES
from tests.serve.project import Server


def test_status_shows_every_model_with_its_digest_and_replicas(server: Server) -> None:
    result = server.status()
    for name in EXAMPLES:
        assert result[name]["state"] == "READY"
        assert result[name]["digest"].startswith("sha256:")
        assert result[name]["replicas"] >= 1
        assert result[name]["url"].endswith(f"/models/{name}/predict")


def test_status_gives_the_reason_if_a_model_is_not_batched(server: Server) -> None:
    result = server.status()["slow"]
    assert result["batching"] == {"batched": False, "reason": "it is turned off (max_size: 1)"}
    assert result["notes"] == []


def test_a_plan_without_changes_is_empty_and_a_plan_with_a_change_gives_the_reason(server: Server) -> None:
    assert "no changes" in server.command("plan").stdout
    text = (server.project.models / "iris.yaml").read_text()
    other = server.project.root / "other"
    shutil.copytree(server.project.root / "serve_config", other)
    (other / "models" / "iris.yaml").write_text(f"{text}\nlimits: {{timeout_s: 7}}\n")
    planned = server.command("plan", "--config", "other", "--exit-code", "-o", "json", check=False)
    assert planned.returncode == 2
    (action,) = json.loads(planned.stdout)["actions"]
    assert (action["kind"], action["model"]) == ("update", "iris")
    assert "limits" in action["why"]
    assert "timeout_s" in action["why"]


def test_apply_without_changes_returns_at_once(server: Server) -> None:
    done = server.command("apply", "--wait")
    assert "no changes" in done.stdout
    assert "READY" in done.stdout


def test_deep_validation_loads_every_model_and_runs_its_example(server: Server) -> None:
    assert "loaded and run on an example" in server.command("validate", "--deep").stdout
