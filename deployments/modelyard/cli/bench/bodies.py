"""Request bodies of a level: from the model's example or from a file, with varying rows. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_BODIES = 64
"""Different bodies of one level."""
MAX_BYTES = 64 * 2**20
"""Their total size."""


@dataclass(frozen=True, slots=True)
class Bodies:
    """Bodies of predict requests."""

    documents: Sequence[Mapping[str, Any]]
    source: str
    """Where they are from, for the operator."""

    @property
    def rows(self) -> list[Any] | None:
        """All rows; None if not every body consists of rows and, besides them, the same keys."""
        found: list[Any] = []
        for each in self.documents:
            instances = each.get("instances")
            if not isinstance(instances, list) or not instances or _others(each) != _others(self.documents[0]):
                return None
            found += instances
        return found

    def of_rows(self, count: int | None) -> list[bytes]:
        """JSON bodies with so many rows each, which begin at different rows; with None, the bodies as they are.

        Raises ValueError if the bodies do not consist of rows.
        """
        if count is None:
            return _limited([_json(each) for each in self.documents])
        rows = self.rows
        if rows is None:
            raise ValueError("the number of rows can be set only for bodies with `instances`")
        others = _others(self.documents[0])
        starts = dict.fromkeys(index * count % len(rows) for index in range(len(rows)))
        starts.update(dict.fromkeys(range(len(rows))))
        return _limited(
            [
                _json({"instances": [rows[(start + index) % len(rows)] for index in range(count)], **others})
                for start in [*starts][:MAX_BODIES]
            ]
        )

    def described(self) -> str:
        """One line for the operator."""
        rows = self.rows
        what = f"{len(self.documents)} {'body' if len(self.documents) == 1 else 'bodies'}"
        if rows is None:
            return f"{self.source}: {what}"
        different = len({json.dumps(row, sort_keys=True) for row in rows})
        return f"{self.source}: {different} different {'row' if different == 1 else 'rows'}"


def read_bodies(text: str, source: str) -> Bodies:
    """The bodies in a file: one JSON document, or one on each line. Raises ValueError."""
    try:
        documents = [json.loads(text)]
    except ValueError as whole:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) < 2:
            raise ValueError(f"{source} is not JSON: {whole}") from None
        documents = [_parsed(line, f"{source}:{number}") for number, line in lines]
    for document in documents:
        if not isinstance(document, dict):
            raise ValueError(f'{source} must have the bodies of predict requests, such as {{"instances": [...]}}')
    return Bodies(documents, source)


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place} is not JSON: {error}") from None


def _others(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "instances"}


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _limited(bodies: Sequence[bytes]) -> list[bytes]:
    """At least the first, and as many more as are allowed."""
    found: list[bytes] = []
    size = 0
    for body in bodies[:MAX_BODIES]:
        size += len(body)
        if found and size > MAX_BYTES:
            break
        found.append(body)
    return found
