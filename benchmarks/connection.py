"""A plain HTTP/1.1 connection, without the retries and pools of HTTP libraries."""

import asyncio
from contextlib import suppress
from typing import Self

Response = tuple[int, dict[str, str], bytes]
"""Status, headers by lower-case name, and body."""


class Connection:
    """One connection, kept open between requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.is_over = False
        """Whether the server closes it after the last response."""

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to a port of this machine. Raises OSError."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, body: bytes) -> Response:
        """The response to JSON. Raises OSError and EOFError."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.is_over = headers.get("connection") == "close"
        return int(lines[0].split()[1]), headers, await self._reader.readexactly(int(headers["content-length"]))

    async def close(self) -> None:
        """Returns None."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
