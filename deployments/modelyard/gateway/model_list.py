"""`GET /models`: all models, or those that the query selects, page by page."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from modelyard.errors import InvalidRequest
from modelyard.gateway.catalogue import ModelEntry

STATES = ("READY", "LOADING", "UNAVAILABLE", "RESIDENT", "COLD")
"""Values of `state`: a model's own state, or where a model of a pool is."""
PARAMETERS = ("limit", "after", "state", "pool", "search")
MAX_LIMIT = 1000


def list_models(entries: Mapping[str, ModelEntry], query: bytes) -> dict[str, Any]:
    """The document. Raises InvalidRequest.

    Without parameters it has all models in the order of the catalogue. With one it has `total`, the number of models that the query
    selects, and models by name. `next_after` is the `after` of the next page; absent on the last page.
    """
    values = parse_qs(query.decode("latin-1"))
    given = {name: values[name][-1] for name in PARAMETERS if name in values}
    if not given:
        return {"models": [entry.as_json() for entry in entries.values()]}
    limit, state, after = _limit(given.get("limit")), given.get("state", ""), given.get("after", "")
    if state not in ("", *STATES):
        raise InvalidRequest(f"state must be one of {', '.join(STATES)}, not {state!r}")
    search = given.get("search", "").lower()
    selected = [
        name
        for name, entry in sorted(entries.items())
        if state in ("", entry.state, entry.residency)
        and given.get("pool", entry.pool) == entry.pool
        and (search in name.lower() or search in entry.configured.description.lower() or search in entry.reason.lower())
    ]
    rest = [name for name in selected if name > after]
    page = rest if limit is None else rest[:limit]
    more = {"next_after": page[-1]} if len(page) < len(rest) else {}
    return {"models": [entries[name].as_json() for name in page], "total": len(selected), **more}


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MAX_LIMIT):
        raise InvalidRequest(f"limit must be a number from 1 to {MAX_LIMIT}, not {text[:100]!r}")
    return int(text)
