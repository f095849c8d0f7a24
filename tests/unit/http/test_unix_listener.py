"""The Unix socket beside a server's port, with uvicorn as it is installed."""

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from modelyard.http.unix_listener import listen_beside_ports


@pytest.fixture
def folder() -> Iterator[Path]:
    """Its name is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name, "replicas")


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


async def answer(opened: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bytes:
    """The response to one request on this connection."""
    reader, writer = opened
    writer.write(b"GET /where HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    response = await reader.read()
    writer.close()
    return response


class Running:
    """A server of its own class, on a port."""

    def __init__(self, folder: Path) -> None:
        class Server(uvicorn.Server):
            """Only this class listens at a Unix socket too."""

        listen_beside_ports(Server, folder)
        self.server = Server(uvicorn.Config(app, lifespan="off", log_config=None, http="httptools"))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.path = folder / f"{self.port}.sock"

    async def start(self) -> None:
        self.server.config.load()
        self.server.lifespan = self.server.config.lifespan_class(self.server.config)
        await self.server.startup([self.socket])

    async def over_tcp(self) -> bytes:
        return await answer(await asyncio.open_connection("127.0.0.1", self.port))

    async def over_unix(self) -> bytes:
        return await answer(await asyncio.open_unix_connection(str(self.path)))

    async def stop(self) -> None:
        await self.server.shutdown([self.socket])


def test_the_socket_answers_like_the_port_and_closes_with_it(folder: Path) -> None:
    async def test() -> None:
        running = Running(folder)
        running.path.parent.mkdir()
        with socket.socket(socket.AF_UNIX) as left:  # by a process that has died
            left.bind(str(running.path))
        await running.start()
        assert b"/where" in (over_tcp := await running.over_tcp())
        assert await running.over_unix() == over_tcp
        await running.stop()
        for closed in (running.over_tcp, running.over_unix):
            with pytest.raises(OSError):
                await closed()

    asyncio.run(test())


def test_a_port_serves_if_there_can_be_no_socket(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        folder.write_text("no folder")
        running = Running(folder)
        await running.start()
        assert b"/where" in await running.over_tcp()
        await running.stop()

    asyncio.run(test())
    (message,) = caplog.messages
    assert "requests arrive over TCP" in message
