"""Checks models against pools: unknown pools, keys that belong to the pool, which models may share a process; and that the server
may have pools. Pure."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass

from modelyard.config.conflicts import name_in
from modelyard.config.defaults import POOL_KEYS
from modelyard.config.diagnostic import Diagnostic
from modelyard.config.model_spec import ModelSpec, is_model_name
from modelyard.config.server_spec import ServerSpec
from modelyard.config.source_text import Span
from modelyard.config.tree import Document, Mapping, Scalar

POOLED_KEYS = ("load", "pinned")
"""Keys of a model that have no effect without a pool."""
_NO_POOL_WORDS = ("none", "null", "off", "no")
_MAX_NAMES = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A valid model, and the keys of its own file."""

    spec: ModelSpec
    own: Mapping


def unknown_pool(keys: Mapping, pools: Map[str, str], folder: str) -> Iterator[Diagnostic]:
    """An error if `pool` in a model's file, or in `defaults`, names a pool that has no file.

    `pools` are the files of the pools by name, those with errors included; `folder` is where they are.
    """
    node, name = keys.entries.get("pool"), _pool(keys)
    if node is None or not name or name in pools:
        return
    if near := difflib.get_close_matches(name, pools, 1):
        hint = f"did you mean {near[0]!r}?"
    elif name in _NO_POOL_WORDS:
        hint = "write null for no pool"
    else:
        hint = f"create {folder}/{name}.yaml"
    yield node.span.diagnostic(f"there is no pool {name!r}", hint)


def pools_on_cluster(server: ServerSpec, pools: Iterable[Document]) -> Iterator[Diagnostic]:
    """An error for each pool if the server runs on a cluster: requests find the pool of a model by maps of the edge alone."""
    if server.ray.address == "local":
        return
    for _, place in filter(None, map(name_in, pools)):
        wrong = f"there are no pools on a cluster (ray.address is {server.ray.address}): requests would not reach their models"
        yield place.diagnostic(wrong, "remove this file, and `pool` from the files of its models")


def misplaced_keys(own: Mapping, merged: Mapping, pools: Map[str, str], folder: str) -> Iterator[Diagnostic]:
    """An error for each key that a pooled model must not have, or that only a pooled model may have.

    `own` is the model's file, `merged` the same with the defaults.
    """
    if name := _pool(merged):
        file = pools.get(name, f"{folder}/{name}.yaml")
        leave = "remove `pool`" if "pool" in own.entries else "write `pool: null`"
        for key in POOL_KEYS:
            if key in own.keys:
                wrong = f"the model runs in the replicas of the pool {name!r}, so {key!r} has no effect here"
                yield own.keys[key].diagnostic(wrong, f"set it in {file}, or {leave}")
    elif name == "":
        for key in POOLED_KEYS:
            if key in own.keys:
                yield own.keys[key].diagnostic(f"{key!r} has no effect without a pool", "add `pool`, or remove it")


def mixed_trust(members: Iterable[Member]) -> Iterator[Diagnostic]:
    """An error for each pool in which a model may run code of its own beside models that are not trusted.

    It is in the file of one model: of the smaller group, because that is the one to move.
    """
    pools = defaultdict(list)
    for member in members:
        if member.spec.pool:
            pools[member.spec.pool].append(member)
    for pool, found in sorted(pools.items()):
        code = [member for member in found if _may_run_code(member.spec)]
        other = [member for member in found if not _may_run_code(member.spec)]
        if code and other:
            yield _mixed(pool, code, other)


def _mixed(pool: str, code: list[Member], other: list[Member]) -> Diagnostic:
    smaller = code if len(code) < len(other) else other
    wrong = (
        f"the pool {pool!r} mixes models that may run code of their own ({_names(code)}) with models that are not trusted "
        f"({_names(other)}), in one process"
    )
    if smaller is code:
        hint = "use another pool for models that are trusted"
    else:
        hint = "use another pool, or set `trusted: true` if you trust the author"
    return _pool_span(smaller[0].own).diagnostic(wrong, hint)


def _may_run_code(spec: ModelSpec) -> bool:
    return spec.trusted or (spec.runtime or "").startswith("python:")


def _names(members: list[Member]) -> str:
    names = sorted(member.spec.name for member in members)
    more = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def _pool(keys: Mapping) -> str | None:
    """The pool's name; "" for no pool, None if the value is invalid."""
    node = keys.entries.get("pool")
    if node is None or (isinstance(node, Scalar) and node.value is None and not node.broken):
        return ""
    if isinstance(node, Scalar) and isinstance(node.value, str) and not node.broken and is_model_name(node.value):
        return node.value
    return None


def _pool_span(own: Mapping) -> Span:
    """The place of `pool` in the model's file; of its name, if `defaults` set the pool."""
    return own.entries["pool" if "pool" in own.entries else "name"].span
