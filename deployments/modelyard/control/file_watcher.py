"""Reads the files when they change, in its own thread: a file system that hangs must not stop the reconciler."""

import queue
import threading
import time
from collections.abc import Callable

from modelyard.control.desired import ConfigReader, DesiredState
from modelyard.control.file_stamps import Listings, Stamp, config_stamp, repository_stamp

CHECK_EVERY_S = 0.5
REPOSITORY_EVERY_S = 1.0
"""How often the repository is checked: it has many more files than the configuration."""
QUIET_S = 0.3
"""Files are read when they have not changed for so long, because an editor writes a file in several steps."""
MAX_CHANGE_S = 5.0
"""Files that change for longer than this are read as they are."""
MAX_CPU_SHARE = 0.03
"""The share of one core that checks of the configuration, and those of the repository, may take each; very many files are checked
less often."""
RETRY_S = 5.0
"""When files that could not be read are read again."""
SILENT_S = 10.0
"""A check that takes longer is reported to the operator."""

Reading = DesiredState | Exception
"""The desired state, or why it cannot be read: SpecError, OSError."""


class FileChecker:
    """Reads the files when they have changed. For one thread."""

    def __init__(self, desired: ConfigReader, first: DesiredState, now: Callable[[], float] = time.monotonic) -> None:
        self._desired = desired
        self._now = now
        self._listings = Listings(now)
        self._config = first.config
        self._read: Stamp | None = None
        """As of the last reading. None: the first check reads, because the first reading was made without a stamp."""
        self._seen: Stamp | None = None
        self._repository: Stamp = ()
        """As of its last check."""
        self._repository_due_at = 0.0
        self.wait_s = 0.0
        """When to check again, seconds after the last check."""
        self._touched_at = 0.0
        self._settles_at: float | None = None
        self._waits(first)

    @property
    def is_changing(self) -> bool:
        """Whether files have changed that are not read yet: check again in a moment."""
        return self._seen != self._read

    def check(self) -> Reading | None:
        """The desired state if the files have changed and are at rest now, or if a version has settled; else None."""
        found = self._stamp()
        reading = self._check(found)
        if self.is_changing:
            self.wait_s = QUIET_S
        return reading

    def _check(self, found: Stamp) -> Reading | None:
        now = self._now()
        settled = self._settles_at is not None and now >= self._settles_at
        if found == self._read and not settled:
            self._seen = found
            return None
        if found not in (self._seen, self._read):
            self._touched_at = self._touched_at if self.is_changing else now
            self._seen = found
            if now - self._touched_at < MAX_CHANGE_S:
                return None
        self._read = self._seen = found
        return self._reading()

    def _reading(self) -> Reading:
        self._settles_at = None
        try:
            desired = self._desired.read()
        except OSError as error:  # such as too many open files: its end changes no file
            self._settles_at = self._now() + RETRY_S
            return error
        except Exception as error:  # noqa: BLE001 - no error in the files may end the thread
            return error
        self._config = desired.config
        self._waits(desired)
        return desired

    def _waits(self, desired: DesiredState) -> None:
        self._settles_at = None if desired.settles_in_s is None else self._now() + desired.settles_in_s

    def _stamp(self) -> Stamp:
        begun = self._now()
        config = config_stamp(self._desired.config_dir, self._listings)
        now = self._now()
        self.wait_s = max(CHECK_EVERY_S, (now - begun) / MAX_CPU_SHARE)
        if self.is_changing or now >= self._repository_due_at:
            folders = sorted({model.folder for model in self._config.models})
            self._repository = repository_stamp(self._config.repository_root, folders, self._listings)
            took_s = self._now() - now
            self._repository_due_at = now + max(REPOSITORY_EVERY_S, took_s / MAX_CPU_SHARE)
        return (config, self._repository)


class FileWatcher:
    """Checks the files until `stop` is set, and queues what it reads for the reconciler."""

    def __init__(self, checker: FileChecker, stop: threading.Event) -> None:
        self._checker = checker
        self._stop = stop
        self._readings: queue.SimpleQueue[Reading | None] = queue.SimpleQueue()
        self._checking_since: float | None = None

    def start(self) -> None:
        """Start the thread, a daemon: it may hang in the kernel when the server ends."""
        threading.Thread(target=self._run, name="files", daemon=True).start()

    def wake(self) -> None:
        """End a wait for the next reading. Any thread may call this."""
        self._readings.put(None)

    def next(self, timeout_s: float) -> Reading | None:
        """The next reading; None after `timeout_s`, after `wake`, or when `stop` is set."""
        try:
            return self._readings.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def is_silent(self) -> bool:
        """Whether the file system has not responded for SILENT_S."""
        since = self._checking_since
        return since is not None and time.monotonic() - since > SILENT_S

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            self._checking_since = time.monotonic()
            try:
                reading = self._checker.check()
            except Exception as error:  # noqa: BLE001 - without this thread no change would be seen
                reading = error
            self._checking_since = None
            if reading is not None:
                self._readings.put(reading)
            wait_s = self._checker.wait_s
        self._readings.put(None)  # the reconciler need not wait for its timeout
