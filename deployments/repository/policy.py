"""Which versions are served. Pure."""

from collections.abc import Collection

from deployments.spec.model import LatestVersions, Versions


def choose(available: Collection[int], policy: Versions) -> tuple[int, ...]:
    """The versions of these that the policy asks for, newest (highest) first."""
    newest_first = sorted(set(available), reverse=True)
    match policy:
        case "latest":
            return tuple(newest_first[:1])
        case "all":
            return tuple(newest_first)
        case LatestVersions(latest=count):
            return tuple(newest_first[:count])
        case listed:
            return tuple(number for number in newest_first if number in listed)


def missing(available: Collection[int], policy: Versions) -> tuple[int, ...]:
    """The versions that the policy lists and that are not available, newest first."""
    if not isinstance(policy, list):
        return ()
    return tuple(sorted(set(policy) - set(available), reverse=True))
