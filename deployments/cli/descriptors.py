"""Whether the configuration's connections fit into the files that a process here may open. HAProxy ends at its start if not."""

import resource
from errno import EMFILE

BESIDE = 500
"""Listeners, health checks and Ray's own connections."""


def needed(connections: int) -> int:
    """HAProxy's descriptors: two of a connection, and a pipe for a quarter of them (its manual, ulimit-n and maxpipes)."""
    return 5 * connections // 2 + BESIDE


def too_few(connections: int, most: int) -> str:
    """Why `most` descriptors are too few; "" where they are not."""
    if most in (resource.RLIM_INFINITY, -1) or most >= needed(connections):
        return ""
    return (
        f"a process may open {most} files here (ulimit -Hn), and {connections} connections need {needed(connections)}: raise the "
        "limit (LimitNOFILE= of systemd, --ulimit nofile= of docker), or lower `connections` in server.yaml"
    )


def check_descriptors(connections: int) -> None:
    """Raise OSError where they are too few. HAProxy raises its soft limit itself."""
    if why := too_few(connections, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        raise OSError(EMFILE, why)
