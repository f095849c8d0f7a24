"""Selects the versions to serve. Pure."""

from collections.abc import Collection

from modelyard.config.versions_spec import LatestVersions, Versions


def choose(available: Collection[int], policy: Versions, named: Collection[int] = ()) -> tuple[int, ...]:
    """The available versions that the policy selects or that are named, newest (highest) first."""
    newest_first = sorted(set(available), reverse=True)
    match policy:
        case "latest":
            chosen = newest_first[:1]
        case "all":
            chosen = newest_first
        case LatestVersions(latest=count):
            chosen = newest_first[:count]
        case listed:
            chosen = listed
    return tuple(number for number in newest_first if number in chosen or number in named)


def missing(available: Collection[int], policy: Versions, named: Collection[int] = ()) -> tuple[int, ...]:
    """The versions that the policy lists or that are named, but that are not available, newest first."""
    listed = policy if isinstance(policy, list) else ()
    return tuple(sorted({*listed, *named} - set(available), reverse=True))
