"""Reads the request log from its files, without a running server or Ray."""

import heapq
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from rich.table import Table

from modelyard.cli.time_range import format_time

BLOCK_BYTES = 2**20
Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests to show."""

    request_id: str = ""
    model: str = ""
    slow_ms: float = 0.0
    since: str = "0"
    """A time in the files' form."""
    failed: bool = False


def find_requests(folder: Path, wanted: RequestFilter, limit: int) -> list[Entry]:
    """The most recent matching requests, oldest first."""
    files = [path for path in folder.glob("*.jsonl") if not wanted.model or path.name == f"{wanted.model}.jsonl"]
    newest_first = heapq.merge(*(_of_model(path, wanted) for path in files), key=_time, reverse=True)
    return [*islice(newest_first, limit)][::-1]


def request_table(entries: list[Entry]) -> Table:
    """One row for each request."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("TIME", "MODEL", "OUTCOME", "MS", "CLIENT", "ID"):
        table.add_column(heading, no_wrap=True, overflow="fold", justify="right" if heading == "MS" else "left")
    for entry in entries:
        ms, outcome = f"{entry['total_ms']:.3g}", entry.get("outcome") or entry["code"]
        style = "" if entry["code"] == "ok" else "red"
        time = str(entry["time"])[5:19].replace("T", " ")
        table.add_row(time, entry["model"], outcome, ms, entry.get("client") or "-", entry["request_id"], style=style)
    return table


def details(entry: Entry) -> Iterator[str]:
    """All fields of one request, one line each."""
    width = max(map(len, entry))
    for key, value in entry.items():
        yield f"{key:<{width}}  {value if value not in ('', None) else '-'}"


def file_time(at: float) -> str:
    """A time in the files' form, which sorts as text."""
    return format_time(max(0.0, at)).removesuffix("Z")


def _of_model(path: Path, wanted: RequestFilter) -> Iterator[Entry]:
    """Matching entries of one model's files, newest first."""
    for each in (path, path.with_suffix(".jsonl.1")):
        lines = _with_id(each, wanted.request_id) if wanted.request_id else _backwards(each)
        for line in lines:
            try:
                entry = orjson.loads(line)
            except ValueError:  # a line that was cut because the disk was full
                continue
            if str(entry["time"]) < wanted.since:
                return
            if _matches(entry, wanted):
                yield entry


def _matches(entry: Entry, wanted: RequestFilter) -> bool:
    return (
        (not wanted.request_id or entry["request_id"] == wanted.request_id)
        and entry["total_ms"] >= wanted.slow_ms
        and (not wanted.failed or entry["code"] != "ok")
    )


def _time(entry: Entry) -> str:
    return str(entry["time"])


def _backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file, last line first; none if there is no file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        end, rest = file.seek(0, 2), b""
        while end:
            start = max(0, end - BLOCK_BYTES)
            file.seek(start)
            first, *lines = (file.read(end - start) + rest).split(b"\n")
            yield from (line for line in reversed(lines) if line)
            end, rest = start, first
        if rest:
            yield rest


def _with_id(path: Path, request_id: str) -> Iterator[bytes]:
    """The lines that contain this id, last line first. A search in mapped memory, since a file may be large."""
    needle = orjson.dumps(request_id)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            found = text.rfind(needle)
            while found >= 0:
                start = text.rfind(b"\n", 0, found) + 1
                end = text.find(b"\n", found)
                yield text[start : end if end >= 0 else len(text)]
                found = text.rfind(needle, 0, start)
    except (FileNotFoundError, ValueError):  # an empty file cannot be mapped
        return
