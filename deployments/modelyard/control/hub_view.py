"""The hub as the control plane uses it: it sends the settings that applications follow, and reads what pools report."""

from collections.abc import Mapping
from typing import Any, Protocol

from modelyard.control.pools import last_reports
from modelyard.control.status import Running
from modelyard.ray_serve.live_settings import Settings, SettingsChange
from modelyard.ray_serve.pool_report import PoolReports


class Hub(Protocol):
    """See `ray_serve.hub.Hub`. All methods raise ConnectionError."""

    def set_settings(self, settings: Settings) -> dict[str, int]:
        """Replace the settings. Returns their versions by application."""

    def settings_since(self, known: Mapping[str, int]) -> dict[str, SettingsChange | None]:
        """What has changed since these versions, for every application that has settings."""

    def pool_reports(self) -> PoolReports:
        """The last report of each replica of a pool."""


class HubView:
    """The last known settings and reports: a hub that is being started again has none of them for a moment."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._versions: dict[str, int] = {}
        self.settings: dict[str, Mapping[str, Any]] = {}
        """As sent, or else as read. What has not changed is the same object."""
        self.reports: PoolReports = {}
        """While they do not change, this is the same object."""
        self._has_sent = False

    def send(self, settings: Settings) -> None:
        """Let applications have exactly these settings. Raises ConnectionError."""
        self._versions = self._hub.set_settings(settings)
        self.settings, self._has_sent = dict(settings), True

    def observe(self, running: Running) -> None:
        """Read what has changed. `running` is Serve as it was observed now."""
        try:
            changes = self._hub.settings_since(self._versions)
            if not self._has_sent:
                self._receive(changes)
            elif changes.keys() != self.settings.keys() or any(changes.values()):  # the hub has lost them
                self.send(self.settings)
            reported = self._hub.pool_reports()
        except ConnectionError:
            reported = {}
        reports = last_reports(self.reports, reported, running)
        if reports != self.reports:
            self.reports = reports

    def _receive(self, changes: Mapping[str, SettingsChange | None]) -> None:
        self.settings = {
            name: change.applied_to(self.settings.get(name, {})) if change else self.settings[name]
            for name, change in changes.items()
        }
        self._versions |= {name: change.version for name, change in changes.items() if change}
