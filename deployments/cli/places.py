"""Where a server keeps its files, by its configuration."""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.control.environment import Places
from deployments.spec.load import Config


def places_of(config: Config) -> Places:
    """The folders of the server of this configuration; two configurations never share one."""
    state = config.state_dir.resolve()
    name = hashlib.sha256(str(state).encode()).hexdigest()[:8]
    return Places(state=state, run=Path("/tmp") / f"modelyard-{name}")  # noqa: S108 - made with mode 0700


@contextmanager
def only_server(places: Places) -> Iterator[None]:
    """Hold the lock of this server's state folder. Raises BlockingIOError where another server holds it."""
    places.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (places.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def prepare(places: Places) -> None:
    """Make the folders (mode 0700) and, once, Ray's token (mode 0600)."""
    for folder in (places.state, places.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = places.run.stat()
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077:
        raise PermissionError(f"{places.run} must belong to this user, with mode 0700")
    if not places.token.exists():
        descriptor = os.open(places.token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
