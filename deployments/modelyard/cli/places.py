"""Where a server keeps its files, by its configuration."""

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.config.load import Config
from modelyard.control.environment import ServerPaths
from modelyard.control.private_file import write_private


def places_of(config: Config) -> ServerPaths:
    """The folders of the server of this configuration; two configurations never share one."""
    state = config.state_dir.resolve()
    name = hashlib.sha256(str(state).encode()).hexdigest()[:8]
    return ServerPaths(state=state, run=Path("/tmp") / f"modelyard-{name}")  # noqa: S108 - made with mode 0700


@contextmanager
def only_server(places: ServerPaths) -> Iterator[None]:
    """Hold the lock of this server's state folder. Raises BlockingIOError where another server holds it."""
    places.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (places.state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"a server that keeps its state in {places.state} runs already") from None
        yield


def prepare(places: ServerPaths) -> None:
    """Make the folders and, once, Ray's token. Raises PermissionError where somebody else has made the one below /tmp."""
    for folder in (places.state, places.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = places.run.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{places.run} must be a folder of this user, with mode 0700; remove it")
    places.scratch.mkdir(exist_ok=True, mode=0o700)
    if not _is_whole(places.token):
        write_private(places.token, secrets.token_hex(32))


def _is_whole(token: Path) -> bool:
    """Whether it can be used: a file that was new when the power was cut may be empty."""
    try:
        return token.stat().st_size > 0
    except FileNotFoundError:
        return False
