"""The text of the edge's configuration, which HAProxy accepts."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from modelyard.config.server_spec import ServerSpec
from modelyard.control.ports import haproxy_binary
from modelyard.edge.error_responses import ERROR_FILE, render_error_file
from modelyard.edge.frontends import render
from modelyard.edge.model_maps import REPLICAS_FILE, STATE_FILE, EdgeModel, render_maps
from tests.unit.edge.proxy import all_models, serve_config


def rendered(custom_routes: Mapping[str, str] | None = None, starting: bool = False, **server: object) -> str:
    return render(
        ServerSpec.model_validate(server), all_models(custom_routes or {}), connections=4000, starting=starting
    )


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


@pytest.mark.parametrize(
    ("host", "bind"),
    [
        ("127.0.0.1", "127.0.0.1:9000"),
        ("0.0.0.0", "0.0.0.0:9000"),
        ("::1", "[::1]:9000"),
        ("a.example", "a.example:9000"),
    ],
)
def test_the_frontend_binds_the_configured_address(host, bind):
    assert f"bind {bind} maxconn 4000" in lines(rendered(http={"host": host, "port": 9000}))


def test_metrics_bind_the_configured_address_and_by_default_loopback():
    assert "bind 127.0.0.1:8003" in lines(rendered())
    assert "bind [::1]:9003" in lines(rendered(metrics={"host": "::1", "edge_port": 9003}))


def test_the_body_limit_is_the_configured_one():
    assert "acl too_large req.hdr_val(content-length) gt 1024" in lines(rendered(body="1KiB"))


def test_the_default_backend_exists_during_and_after_the_start():
    assert "default_backend http-gateway" in lines(rendered())
    assert "default_backend edge_starting" in lines(rendered(starting=True))


def test_the_maps_have_a_line_for_each_model_with_its_own_settings():
    maps = render_maps(
        {
            "a": EdgeModel("/z/deep", timeout_s=0.5),
            "iris": EdgeModel("/models/iris", timeout_s=10),
            "churn": EdgeModel("/who", timeout_s=10, retries=False),
            "tiny": EdgeModel("/models/tiny", timeout_s=10, pool="_pool.small"),
            "little": EdgeModel("/bit", timeout_s=10, pool="_pool.small", spread_above=3),
        }
    )
    assert maps == {
        "routes.map": "/who/ churn\n/z/deep/ a\n",
        "names.map": "a /z/deep\nchurn /who\n",
        "pool-routes.map": "/bit/ little\n",
        "pools.map": "little _pool.small\ntiny _pool.small\n",
        "timeouts.map": "a 3500\nchurn 13000\niris 13000\nlittle 13000\ntiny 13000\n",
        "no-retry.map": "churn 1\n",
        "spread.map": "little 3\n",
    }


def test_a_model_that_moves_out_of_its_pool_has_both_routes():
    """HAProxy starts when the model's own replica is up, before requests go there."""
    maps = render_maps({"churn": EdgeModel("/who", pool="_pool.small", moves_out_to="/leavers")})
    assert maps["routes.map"] == "/leavers/ churn\n"
    assert maps["names.map"] == "churn /leavers\n"
    assert maps["pool-routes.map"] == "/who/ churn\n"
    maps = render_maps({"churn": EdgeModel("/models/churn", pool="_pool.small", moves_out_to="/models/churn")})
    assert maps["routes.map"] + maps["names.map"] + maps["pool-routes.map"] == ""


@pytest.mark.parametrize("custom_routes", [{}, {"/who": "churn"}], ids=["no routes", "routes"])
@pytest.mark.parametrize("starting", [True, False], ids=["starting", "started"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_haproxy_accepts_the_text_without_a_warning(tmp_path: Path, custom_routes, starting, host):
    serve, ours = tmp_path / "haproxy.cfg", tmp_path / "edge.cfg"
    serve.write_text(serve_config(1, {} if starting else {"gateway": [2], "churn": [3]}))
    ours.write_text(rendered(custom_routes, starting, http={"host": host}))
    for name, content in render_maps(all_models(custom_routes)).items():
        (tmp_path / name).write_text(content)
    (tmp_path / REPLICAS_FILE).write_text("churn 1\n")
    (tmp_path / STATE_FILE).touch()
    (tmp_path / ERROR_FILE).write_text(render_error_file(), newline="")
    command = [haproxy_binary(), "-c", "-dW", "-f", serve, "-f", ours]  # -dW: a warning is an error
    environ = {"MODELYARD_EDGE": str(tmp_path)}
    checked = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_a_grpc_stream_may_wait_with_its_first_message_and_a_single_message_may_not():
    waits = [line for line in lines(rendered()) if line.startswith("http-request wait-for-body")]
    assert "http-request wait-for-body time 1h at-least 16 if stream" in waits
    assert "http-request wait-for-body time 20s at-least 24576 if of_model !stream" in waits
