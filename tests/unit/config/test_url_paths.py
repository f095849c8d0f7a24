"""Routes are compared by whole segments."""

import pytest

from modelyard.config.url_paths import is_route, parent_route, reserved_by_server


@pytest.mark.parametrize(
    ("route", "owners", "parent"),
    [
        ("/models/iris/v2", {"/models/iris"}, "/models/iris"),
        ("/models/iris2", {"/models/iris"}, ""),
        ("/models/iris2/x", {"/models/iris"}, ""),
        ("/models/iris", {"/models/iris"}, ""),
        ("/models/iri", {"/models/iris"}, ""),
        ("/a/b/c/d", {"/a", "/a/b/c"}, "/a/b/c"),
        ("/a/b/c/d", {"/a", "/b"}, "/a"),
        ("/x/a/b", {"/a"}, ""),
        ("/a", set(), ""),
        ("/a/b", {""}, ""),
    ],
)
def test_a_route_is_below_another_by_whole_segments(route: str, owners: set[str], parent: str):
    assert parent_route(route, owners) == parent


@pytest.mark.parametrize(
    ("route", "reserved"),
    [
        ("/v1", "/v1"),
        ("/v1/models/iris", "/v1"),
        ("/v2/x", "/v2"),
        ("/-/x", "/-"),
        ("/v12", ""),
        ("/v1x/models", ""),
        ("/x/v1", ""),
        ("/ready", "/ready"),
        ("/ready/x", ""),
        ("/ready2", ""),
        ("/models", "/models"),
        ("/models/iris", ""),
    ],
)
def test_only_the_servers_own_paths_are_reserved(route: str, reserved: str):
    assert reserved_by_server(route) == reserved


@pytest.mark.parametrize(
    ("route", "valid"),
    [("/a", True), ("/a/b-c/d~e", True), ("/a.b", True), ("", False), ("/", False), ("a", False), ("/a/", False)]
    + [(f"/a/{bad}", False) for bad in (".", "..", ".hidden", "a b", "a%20", "ä", "a\n", "")],
)
def test_a_route_needs_no_escaping(route: str, valid: bool):
    assert is_route(route) is valid
