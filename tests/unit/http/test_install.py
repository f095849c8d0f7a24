"""Installing the fast path, and what happens with an incompatible uvicorn."""

from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modelyard.http.connection import FastPathProtocol
from modelyard.http.fast_path import FAST_PATH
from modelyard.http.install import PROTOCOL, install
from modelyard.http.middleware import DrainingMiddleware, PathPrefixMiddleware, RequestIdMiddleware

HERE = "tests.unit.http.test_install"


def config_module(**protocols: str) -> Any:
    """A stand-in for the module uvicorn.config, with these protocols."""
    return SimpleNamespace(Config=uvicorn.config.Config, HTTP_PROTOCOLS=protocols)


class WithoutPipeline(FastPathProtocol):
    """As if uvicorn stored queued requests under another name."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        del self.pipeline


class WithoutCallbacks(FastPathProtocol):
    """As if uvicorn's parser called other methods."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.parser = SimpleNamespace(feed_data=lambda data: None)


class WithAnotherArgument(FastPathProtocol):
    def __init__(self, config: Any, state: Any, app_state: Any, loop: Any, more: Any) -> None:
        super().__init__(config, state, app_state, loop)


def test_the_self_test_passes_with_the_installed_uvicorn(caplog: pytest.LogCaptureFixture) -> None:
    module = config_module(auto="default", h11="other")
    install(module)
    assert module.HTTP_PROTOCOLS == {"auto": PROTOCOL, "h11": "other"}
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("protocols", "protocol", "reason"),
    [
        ({"h11": "x"}, PROTOCOL, "no HTTP protocol 'auto'"),
        ({"auto": "x"}, "no.such.module:Protocol", "No module named"),
        ({"auto": "x"}, f"{HERE}:NoSuchClass", "NoSuchClass"),
        ({"auto": "x"}, f"{HERE}:WithoutPipeline", "pipeline"),
        ({"auto": "x"}, f"{HERE}:WithoutCallbacks", "the response on the fast path began with b''"),
        ({"auto": "x"}, f"{HERE}:WithAnotherArgument", "more"),
        (
            {"auto": "x"},
            "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol",
            "the response on the fast path began with b''",
        ),
    ],
)
def test_an_incompatible_uvicorn_keeps_its_protocols_and_logs_one_warning(
    protocols: dict[str, str], protocol: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    module = config_module(**protocols)
    install(module, protocol)
    assert protocols == module.HTTP_PROTOCOLS
    [message] = caplog.messages
    assert reason in message
    assert message.endswith("requests take the slow path")


def test_the_middlewares_are_installed_with_and_without_the_fast_path() -> None:
    for module in (config_module(auto="x"), config_module()):
        assert [middleware.cls for middleware in install(module)] == [
            RequestIdMiddleware,
            PathPrefixMiddleware,
            DrainingMiddleware,
        ]


def test_the_self_test_does_not_change_the_fast_path_of_the_process() -> None:
    before = dict(FAST_PATH.endpoints)
    install(config_module(auto="x"))
    assert before == FAST_PATH.endpoints
    assert FastPathProtocol.fast_path is FAST_PATH
    assert issubclass(FastPathProtocol, HttpToolsProtocol)
