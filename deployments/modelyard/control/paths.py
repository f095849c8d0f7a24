"""Where a server keeps its files: the folders, the lock and the token."""

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.load import Config


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """Where a running server keeps its files."""

    state: Path
    """The operator's: token, last good configuration, where to attach."""
    run: Path
    """Ray's and HAProxy's, gone when the server stops. Short: HAProxy takes at most 97 bytes for its socket's path, of
    which Serve uses 68."""

    @property
    def token(self) -> Path:
        """Ray's authentication token, mode 0600."""
        return self.state / "token"

    @property
    def running(self) -> Path:
        """Where the running server is to be found."""
        return self.state / "running.json"

    @property
    def last_good(self) -> Path:
        """The configuration to come back to."""
        return self.state / "last-good.json"

    @property
    def ray(self) -> Path:
        """Ray's own; it opens this folder to everybody, so it stands inside one that is closed."""
        return self.run / "ray"

    @property
    def scratch(self) -> Path:
        """Temporary files of the server's processes: a killed one leaves nothing that outlives the run."""
        return self.run / "tmp"

    @property
    def metrics(self) -> Path:
        """What the metrics hub must not forget when it dies; a new run counts from zero."""
        return self.run / "metrics.json"

    @property
    def edge(self) -> Path:
        """HAProxy's files, ours and Serve's."""
        return self.run / "lb"


def paths_of(config: Config) -> ServerPaths:
    """The folders of the server of this configuration; two configurations never share one."""
    state = config.state_dir.resolve()
    name = hashlib.sha256(str(state).encode()).hexdigest()[:8]
    return ServerPaths(state=state, run=Path("/tmp") / f"modelyard-{name}")  # noqa: S108 - made with mode 0700


@contextmanager
def state_folder_lock(paths: ServerPaths) -> Iterator[None]:
    """Hold the lock of this server's state folder. Raises BlockingIOError where another server holds it."""
    paths.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (paths.state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"a server that keeps its state in {paths.state} runs already") from None
        yield


def create_folders(paths: ServerPaths) -> None:
    """Make the folders and, once, Ray's token. Raises PermissionError where somebody else has made the one below /tmp."""
    for folder in (paths.state, paths.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = paths.run.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{paths.run} must be a folder of this user, with mode 0700; remove it")
    paths.scratch.mkdir(exist_ok=True, mode=0o700)
    if not _is_whole(paths.token):
        write_private(paths.token, secrets.token_hex(32))


def _is_whole(token: Path) -> bool:
    """Whether it can be used: a file that was new when the power was cut may be empty."""
    try:
        return token.stat().st_size > 0
    except FileNotFoundError:
        return False


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600, whole or not at all, whatever the umask. Raises OSError."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)  # what stands on a full disk may be what it lacks
        raise
