"""Whether the lane is put in front, and what happens where uvicorn is not as it expects."""

from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modelyard.http.connection import FastPathProtocol
from modelyard.http.fast_path import FAST_PATH
from modelyard.http.install import PROTOCOL, install
from modelyard.http.path_prefix import PathPrefixMiddleware
from modelyard.http.middleware import RequestIdMiddleware

HERE = "tests.unit.http.test_install"


def config_module(**protocols: str) -> Any:
    """A stand-in for the module uvicorn.config, with this table of protocols."""
    return SimpleNamespace(Config=uvicorn.config.Config, HTTP_PROTOCOLS=protocols)


class ForgetsItsPipeline(FastPathProtocol):
    """As if uvicorn kept the requests that wait their turn elsewhere."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        del self.pipeline


class AnswersOtherwise(FastPathProtocol):
    """As if uvicorn's parser called back under other names."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.parser = SimpleNamespace(feed_data=lambda data: None)


class TakesAnotherArgument(FastPathProtocol):
    def __init__(self, config: Any, state: Any, app_state: Any, loop: Any, more: Any) -> None:
        super().__init__(config, state, app_state, loop)


def test_the_uvicorn_that_is_installed_is_as_the_lane_expects(caplog: pytest.LogCaptureFixture) -> None:
    module = config_module(auto="uvicorns own", h11="its other")
    install(module)
    assert module.HTTP_PROTOCOLS == {"auto": PROTOCOL, "h11": "its other"}
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("protocols", "protocol", "reason"),
    [
        ({"h11": "x"}, PROTOCOL, "no HTTP protocol 'auto'"),
        ({"auto": "x"}, "no.such.module:Protocol", "No module named"),
        ({"auto": "x"}, f"{HERE}:NoSuchClass", "NoSuchClass"),
        ({"auto": "x"}, f"{HERE}:ForgetsItsPipeline", "pipeline"),
        ({"auto": "x"}, f"{HERE}:AnswersOtherwise", "a hot request was answered with b''"),
        ({"auto": "x"}, f"{HERE}:TakesAnotherArgument", "more"),
        (
            {"auto": "x"},
            "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol",
            "a hot request was answered with b''",
        ),
    ],
)
def test_another_uvicorn_is_left_alone_with_one_warning(
    protocols: dict[str, str], protocol: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    module = config_module(**protocols)
    install(module, protocol)
    assert protocols == module.HTTP_PROTOCOLS
    [message] = caplog.messages
    assert reason in message
    assert message.endswith("requests take the ASGI path")


def test_request_ids_are_cleaned_and_paths_mounted_with_and_without_the_lane() -> None:
    for module in (config_module(auto="x"), config_module()):
        assert [middleware.cls for middleware in install(module)] == [RequestIdMiddleware, PathPrefixMiddleware]


def test_a_rehearsal_leaves_no_trace_in_the_lane_of_this_process() -> None:
    before = dict(FAST_PATH.hot)
    install(config_module(auto="x"))
    assert before == FAST_PATH.hot
    assert FastPathProtocol.lane is FAST_PATH
    assert issubclass(FastPathProtocol, HttpToolsProtocol)
