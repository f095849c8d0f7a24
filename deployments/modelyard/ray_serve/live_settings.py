"""Settings that applications read from the hub and not from Serve: the gateway's catalogue, and the models of each pool.

They are many and change often. As a deployment's `user_config`, a thousand models cost Serve's controller a third of a second for
each change, and HAProxy starts again, because Serve lists no replica while it configures one.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from modelyard.private_file import write_private

LONG_POLL_S = 60.0
"""How long an application waits for a change in one call."""

Settings = Mapping[str, Mapping[str, Any]]
"""By application, then by name: plain values."""


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What differs from a version that an application knows."""

    version: int
    names: tuple[str, ...]
    """All names, in their order."""
    changed: Mapping[str, Any]
    """The values that the application does not know."""

    def applied_to(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """All values by name. What has not changed is the same object as in `known`."""
        return {name: self.changed[name] if name in self.changed else known[name] for name in self.names}


@dataclass(slots=True)
class _Application:
    """Versions grow over all applications and all hubs."""

    version: int
    values: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """By name, with the version of the last change."""

    def change_since(self, known: int) -> SettingsChange | None:
        if known == self.version:
            return None
        changed = {name: value for name, (version, value) in self.values.items() if version > known}
        return SettingsChange(self.version, tuple(self.values), changed)


class LiveSettings:
    """The current settings. All methods run on one event loop."""

    def __init__(self, last_version: int) -> None:
        """Versions start after `last_version`, which must exceed every version of earlier hubs."""
        self._last_version = last_version
        self._applications: dict[str, _Application] = {}
        self._changed = asyncio.Event()

    def replace(self, settings: Settings) -> bool:
        """Hold exactly these settings from now on. The result is whether any differ from those before."""
        self._last_version += 1
        before, self._applications = (
            self._applications,
            {name: self._replaced(self._applications.get(name), values) for name, values in settings.items()},
        )
        differ = before != self._applications
        if differ:
            self._changed.set()
            self._changed = asyncio.Event()
        return differ

    @property
    def versions(self) -> dict[str, int]:
        """By application."""
        return {name: each.version for name, each in self._applications.items()}

    def changes_since(self, known: Mapping[str, int]) -> dict[str, SettingsChange | None]:
        """For each application what has changed since the version in `known`; None if nothing has."""
        return {name: each.change_since(known.get(name, 0)) for name, each in self._applications.items()}

    async def wait_after(self, application: str, known: int) -> SettingsChange | None:
        """Wait until the settings of this application have another version than `known`; None after LONG_POLL_S without one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONG_POLL_S):
                while True:
                    current = self._applications.get(application)
                    if current is not None and (change := current.change_since(known)) is not None:
                        return change
                    await self._changed.wait()
        return None

    def _replaced(self, before: _Application | None, values: Mapping[str, Any]) -> _Application:
        known = before.values if before else {}
        after = {
            name: known[name] if name in known and known[name][1] == value else (self._last_version, value)
            for name, value in values.items()
        }
        if before and [*known.items()] == [*after.items()]:
            return before
        return _Application(self._last_version, after)

    def write(self, path: Path) -> None:
        """Replace the file atomically. Raises OSError."""
        stored = {name: [each.version, each.values] for name, each in self._applications.items()}
        write_private(path, orjson.dumps(stored))

    @classmethod
    def read(cls, path: Path, last_version: int) -> Self:
        """Those that another hub wrote; none if the file is missing or invalid. Then the control plane sends them again."""
        settings = cls(last_version)
        with suppress(OSError, ValueError, TypeError, AttributeError):
            settings._applications = {
                name: _Application(version, {key: (number, value) for key, (number, value) in values.items()})
                for name, (version, values) in orjson.loads(path.read_bytes()).items()
            }
        return settings
