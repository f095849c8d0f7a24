"""The values in the edge's rules: limits, statuses and times."""

import json
import re

import pytest

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.cors import render_cors
from modelyard.edge.error_responses import grpc_errors, http_errors, problem_response, render_error_file
from modelyard.edge.frontends import render
from modelyard.edge.model_maps import EdgeModel, render_maps
from modelyard.edge.request_rules import render_request_rules

MODELS = {"churn": EdgeModel("/who"), "iris": EdgeModel("/models/iris")}


def rendered(models: dict[str, EdgeModel] = MODELS, **server: object) -> list[str]:
    """The lines of the whole configuration."""
    text = render(ServerSpec.model_validate(server), models, connections=100, starting=False)
    return [line.strip() for line in text.splitlines()]


def section(name: str, **server: object) -> list[str]:
    """The lines of one section of the configuration."""
    lines = rendered(**server)
    start = next(index for index, line in enumerate(lines) if re.match(rf"(listen|frontend|backend) {name}( |$)", line))
    end = next((i for i in range(start + 1, len(lines)) if re.match(r"(listen|frontend|backend) ", lines[i])), None)
    return lines[start:end]


def test_a_request_that_breaks_a_rule_is_rejected_with_the_status_of_that_rule():
    rules = render_request_rules()
    assert re.findall(r"return status (\d+)", rules) == ["505", "400", "417", "431", "414", "404"]
    assert "acl long_headers var(txn.header_bytes) -m int gt 16384\n" in rules
    assert "acl long_url url,length gt 8192\n" in rules
    assert "longer than the limit of 8192 bytes" in rules
    assert "larger than the limit of 16384 bytes" in rules


def test_the_buffer_is_larger_than_the_largest_headers():
    lines = rendered()
    assert "tune.bufsize 32768" in lines
    assert "tune.http.maxhdr 500" in lines


def test_clients_connections_and_forwarded_ones_have_the_same_limit():
    for name in ("http", "grpc"):
        lines = section(f"edge_{name}")
        assert f'bind "unix@${{MODELYARD_EDGE}}/{name}.sock" mode 600 accept-proxy name forward' in lines
        assert f"use_backend edge_newest_{name} if forward" in lines
        assert "maxconn 200" in lines


def test_the_newest_process_is_a_backend_for_each_port():
    for name in ("http", "grpc"):
        lines = section(f"edge_newest_{name}")
        assert lines[2:5] == [
            "http-reuse never",
            "option http-server-close",
            f'server newest "unix@${{MODELYARD_EDGE}}/{name}.sock" send-proxy-v2',
        ]


def test_a_replaced_process_forwards_before_any_other_rule():
    for name in ("edge_http", "edge_grpc"):
        lines = section(name)
        rules = [line for line in lines if line.startswith("http-request ")]
        assert rules[:2] == [
            "http-request set-var(txn.forward) bool(true) if { stopping }",
            "http-request allow if forward",
        ]


def test_a_request_that_is_too_large_for_a_retry_is_forwarded():
    for name in ("edge_http", "edge_grpc"):
        assert (
            "http-request set-var(txn.forward) bool(true) if { req.body_len,add(txn.head_bytes) ge 24576 } !forwarded"
            in section(name)
        )
    assert "http-request wait-for-body time 20s at-least 24576 if METH_POST" in section("edge_http")


def test_a_model_without_a_time_limit_of_its_own_has_that_of_the_frontend():
    timeout = "http-request set-timeout server var(txn.model),map_str_int(timeouts.map,3600000) if known"
    assert f"{timeout} !handshake" in section("edge_http")
    assert f"{timeout} !stream" in section("edge_grpc")
    assert "timeout server 1h" in rendered()


def test_the_gateway_and_a_model_without_replicas_have_half_a_minute():
    lines = section("edge_http")
    assert "http-request set-timeout server 30s if METH_GET !handshake" in lines
    assert "http-request set-timeout server 30s if known wakes !has_replica" in lines


def responses(lines: list[str]) -> list[str]:
    """The statuses of the responses that these rules send, and their `retry-after`."""
    sent = (line.partition(" if ")[0] for line in lines if " return " in line)
    return [" ".join(re.findall(r"(?:grpc-status|status|retry-after) \d+", line)) for line in sent]


def test_the_http_frontend_sends_the_status_of_each_reason():
    assert responses(section("edge_http"))[6:] == [
        "status 403",
        "status 403",
        "status 403",
        "status 503",
        "status 413",
        "status 503 retry-after 1",
        "status 503 retry-after 5",
    ]


def test_the_grpc_frontend_sends_the_status_of_each_reason():
    assert responses(section("edge_grpc")) == [
        "status 415",
        "status 200 grpc-status 8",
        "status 200 grpc-status 8",
        "status 200 grpc-status 14",
        "status 200 grpc-status 14",
        "status 200 grpc-status 14",
    ]
    assert "acl long_headers var(txn.header_bytes) -m int gt 16384" in section("edge_grpc")


def test_a_server_that_is_starting_says_so_in_each_protocol():
    assert responses(section("edge_starting")) == ["status 200 grpc-status 14", "status 503 retry-after 1"]


def test_haproxys_own_errors_become_problem_documents():
    lines = http_errors().splitlines()
    assert [re.findall(r"status (\d+)|^ +errorfile (\d+)", line)[0] for line in lines] == [
        ("400", ""),
        ("408", ""),
        ("500", ""),
        ("", "502"),
        ("", "503"),
        ("504", ""),
    ]
    assert '"status": %[var(txn.timeout_status,504)]' in lines[-1]


def test_haproxys_own_errors_become_statuses_of_grpc():
    found = re.findall(r"http-error status (\d+) hdr grpc-status (\d+) hdr grpc-message \S", grpc_errors())
    assert found == [("400", "13"), ("408", "4"), ("500", "13"), ("502", "14"), ("503", "14"), ("504", "4")]
    assert "the\\ call\\ is\\ incomplete\n" in grpc_errors()


def test_a_problem_response_has_a_retry_time_only_if_one_is_given():
    document = {"type": "about:blank", "title": "T", "status": 418, "detail": "why", "error": "why"}
    plain = problem_response(418, "T", "why")
    assert plain.startswith("status 418 content-type application/problem+json string '")
    assert json.loads(plain.partition("'")[2].removesuffix("'")) == document
    assert problem_response(418, "T", "why", retry_after_s=0).startswith("status 418 hdr retry-after 0 content-type")


def test_the_error_file_is_a_complete_http_response():
    head, _, body = render_error_file().partition("\r\n\r\n")
    status, *headers = head.split("\r\n")
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert dict(header.split(": ") for header in headers) == {
        "content-type": "application/problem+json",
        "retry-after": "1",
        "content-length": str(len(body)),
    }
    assert json.loads(body)["status"] == 503


def test_pages_of_listed_origins_may_read_responses():
    assert render_cors([]) == ""
    rules = render_cors(["https://a.example", "https://b.example"])
    assert "req.fhdr(origin) -m str https://a.example https://b.example\n" in rules
    assert 'access-control-allow-headers "*, authorization" hdr access-control-max-age 600 if' in rules
    listed = section("edge_http", http={"cors": ["https://a.example"]})
    assert sum("!same_origin !listed_page" in line for line in listed) == 3
    assert not any("listed_page" in line for line in section("edge_http"))


@pytest.mark.parametrize(("default", "route"), [("churn", "/who"), ("iris", "/models/iris"), ("gone", "/models/gone")])
def test_the_paths_of_the_default_model_lead_to_its_route(default: str, route: str):
    lines = section("edge_http", default_model=default)
    assert f"http-request set-path {route}/invocations if {{ path /invocations }}" in lines
    assert not any("/invocations" in line for line in section("edge_http"))


def test_routes_are_looked_up_in_maps_so_that_the_configuration_is_the_same_for_all_models():
    for routes in ("routes.map", "pool-routes.map"):
        assert f"http-request set-var(txn.model) path,concat(/),map_beg({routes})" in section("edge_http")
    assert "http-request set-var(txn.route) var(txn.model),map(names.map)" in section("edge_http")
    assert rendered() == rendered({"iris": MODELS["iris"]})
    assert rendered() == rendered({"iris": EdgeModel("/who", pool="_pool.small")})


TLS = {"certificate": "server.pem", "key": "server.key"}


@pytest.mark.parametrize(
    ("tls", "options"),
    [
        (None, ""),
        (TLS, " ssl crt tls.pem alpn {} ssl-min-ver TLSv1.2"),
        (
            TLS | {"client_ca": "clients.pem"},
            " ssl crt tls.pem alpn {} ssl-min-ver TLSv1.2 ca-file client-ca.pem verify required",
        ),
    ],
    ids=["plain", "TLS", "mutual TLS"],
)
def test_both_ports_have_the_configured_tls(tls: dict[str, str] | None, options: str):
    server = {"tls": tls} if tls else {}
    assert f"bind 127.0.0.1:8000{options.format('h2,http/1.1')} maxconn 100" in section("edge_http", **server)
    assert f"bind 127.0.0.1:8001{options.format('h2')} maxconn 100" in section("edge_grpc", **server)
    forwarded_proto = "set-header x-forwarded-proto https" if tls else "del-header x-forwarded-proto"
    assert f"http-request {forwarded_proto}" in section("edge_http", **server)


@pytest.mark.parametrize("name", ["edge_http", "edge_grpc"])
def test_the_time_of_arrival_is_recorded_only_with_tracing(name: str):
    assert not any("date(0,us)" in line for line in section(name))
    assert any("date(0,us)" in line for line in section(name, tracing={"endpoint": "http://127.0.0.1:4318"}))


def test_a_model_has_ten_seconds_and_retries_unless_its_file_says_otherwise():
    maps = render_maps({"a": EdgeModel("/models/a"), "b": EdgeModel("/models/b", timeout_s=1, retries=False)})
    assert (maps["timeouts.map"], maps["no-retry.map"]) == ("a 13000\nb 4000\n", "b 1\n")


@pytest.mark.parametrize("name", ["edge_http", "edge_grpc"])
def test_a_log_line_has_room_for_the_longest_request_id(name: str):
    lines = section(name)
    assert 'log "${MODELYARD_EDGE}/log.sock" len 4096 format raw daemon' in lines
    assert "capture request header x-request-id len 128" in lines
    assert any("^[A-Za-z0-9_.:/+=@-]{1,128}$" in line for line in lines)
