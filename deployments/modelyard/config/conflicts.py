"""Finds models and pools with the same name, and models with overlapping routes. Each conflict is reported in both files."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelyard.config import url_paths
from modelyard.config.diagnostic import Diagnostic
from modelyard.config.model_spec import is_model_name
from modelyard.config.source_text import Span
from modelyard.config.tree import Document, Mapping, Scalar


@dataclass(frozen=True, slots=True)
class Claim:
    """The name and route of one file, and their places in it."""

    name: str
    name_at: Span
    route: str
    route_at: Span


def claim(document: Document) -> Claim | None:
    """The claim of a model's file, whose other keys may be invalid; None if its name or route is invalid."""
    root = document.root
    if not isinstance(root, Mapping) or not (named := name_in(document)):
        return None
    (name, name_at), route = named, root.entries.get("route")
    if route is None or (isinstance(route, Scalar) and route.value is None):
        return Claim(name, name_at, f"/models/{name}", name_at)
    if not isinstance(route, Scalar) or not isinstance(route.value, str) or not url_paths.is_route(route.value):
        return None
    return Claim(name, name_at, route.value, route.span)


def name_in(document: Document) -> tuple[str, Span] | None:
    """The valid name in a file, and its place; None if there is none."""
    name = document.root.entries.get("name") if isinstance(document.root, Mapping) else None
    if not isinstance(name, Scalar) or not isinstance(name.value, str) or not is_model_name(name.value):
        return None
    return name.value, name.span


def conflicts(claims: Iterable[Claim]) -> Iterator[Diagnostic]:
    """A diagnostic at each place that conflicts with another."""
    by_name, by_route = defaultdict(list), defaultdict(list)
    for claimed in claims:
        by_name[claimed.name].append(claimed)
        by_route[claimed.route].append(claimed)
    for name, claimants in by_name.items():
        yield from _at_each([claimant.name_at for claimant in claimants], f"two models are named {name!r}")
    for route, claimants in by_route.items():
        if len({claimant.name for claimant in claimants}) > 1:
            yield from _at_each([claimant.route_at for claimant in claimants], f"two models have the route {route}")
        if owner := url_paths.parent_route(route, by_route):
            for claimant in claimants:
                above, below = by_route[owner][0], claimant
                yield below.route_at.diagnostic(
                    f"{route} is below {owner}, the route of {above.name!r}", _other(above.route_at)
                )
                yield above.route_at.diagnostic(
                    f"{owner} hides {route}, the route of {below.name!r}", _other(below.route_at)
                )


def pool_conflicts(documents: Iterable[Document]) -> Iterator[Diagnostic]:
    """A diagnostic at each name of a pool that another pool has too."""
    by_name = defaultdict(list)
    for name, place in filter(None, map(name_in, documents)):
        by_name[name].append(place)
    for name, places in by_name.items():
        yield from _at_each(places, f"two pools are named {name!r}")


def _at_each(places: list[Span], message: str) -> Iterator[Diagnostic]:
    if len(places) > 1:
        for place in places:
            yield place.diagnostic(message, _other(next(other for other in places if other is not place)))


def _other(place: Span) -> str:
    return f"see {place.source.path}:{place.line + 1}"
