"""Where a server keeps its files: the folders, the lock and the token."""

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.private_file import write_private

if TYPE_CHECKING:  # it takes long to import, and the server's process needs the paths before
    from modelyard.config.load import Config


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """The files and folders of a server."""

    state: Path
    """The state folder: token, last good configuration, address, logs. It outlives a run."""
    run: Path
    """The files of Ray and HAProxy, deleted when the server stops. Short, because the path of a HAProxy socket has at most 97
    bytes, of which Serve uses 68."""

    @property
    def token(self) -> Path:
        """Ray's authentication token, mode 0600."""
        return self.state / "token"

    @property
    def running(self) -> Path:
        """The address of the running server."""
        return self.state / "running.json"

    @property
    def last_good(self) -> Path:
        """The last good configuration."""
        return self.state / "last-good.json"

    @property
    def ray(self) -> Path:
        """Ray's folder, inside one with mode 0700, because Ray opens its own to all users."""
        return self.run / "ray"

    @property
    def scratch(self) -> Path:
        """Temporary files of the server's processes, deleted at the end of the run even if a process was killed."""
        return self.run / "tmp"

    @property
    def metrics(self) -> Path:
        """The counters of the hub, which it reads again after a restart; each run counts from zero."""
        return self.run / "metrics.json"

    @property
    def settings(self) -> Path:
        """The settings that applications follow, which the hub reads again after a restart."""
        return self.run / "settings.json"

    @property
    def edge(self) -> Path:
        """HAProxy's files, ours and Serve's."""
        return self.run / "lb"


def paths_of(config: "Config") -> ServerPaths:
    """The paths of this configuration's server; two configurations never share a folder."""
    return paths_below(config.state_dir)


def paths_below(state_dir: Path) -> ServerPaths:
    """The paths of the server with this state folder."""
    state = state_dir.resolve()
    name = hashlib.sha256(str(state).encode()).hexdigest()[:8]
    return ServerPaths(state=state, run=Path("/tmp") / f"modelyard-{name}")  # noqa: S108 - created with mode 0700


@contextmanager
def state_folder_lock(paths: ServerPaths) -> Iterator[None]:
    """Hold the lock of the state folder. Raises BlockingIOError if another server holds it."""
    paths.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (paths.state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"a server with the state folder {paths.state} runs already") from None
        yield


def create_folders(paths: ServerPaths) -> None:
    """Create the folders and, once, Ray's token. Raises PermissionError if another user created the folder below /tmp."""
    for folder in (paths.state, paths.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = paths.run.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{paths.run} must be a folder of this user, with mode 0700; remove it")
    paths.scratch.mkdir(exist_ok=True, mode=0o700)
    if not _is_whole(paths.token):
        write_private(paths.token, secrets.token_hex(32))


def _is_whole(token: Path) -> bool:
    """Whether it can be used: a power failure may leave an empty file."""
    try:
        return token.stat().st_size > 0
    except FileNotFoundError:
        return False
