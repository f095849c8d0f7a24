"""The settings that the control plane sends to the hub, and that it sends again to a hub that has lost them."""

from collections.abc import Mapping
from typing import Any

from modelyard.control.hub_view import HubView
from modelyard.control.status import Running
from modelyard.ray_serve.live_settings import LiveSettings, Settings, SettingsChange
from modelyard.ray_serve.pool_report import ModelReport
from tests.unit.control.pooled import CHURN, SMALL, loaded, observed

SETTINGS: dict[str, dict[str, Any]] = {"gateway": {"churn": {"name": "churn"}}, SMALL: {"churn": {"load": "lazy"}}}
OTHERS: dict[str, dict[str, Any]] = {**SETTINGS, SMALL: {"churn": {"load": "eager"}}}
NOTHING = Running({})


class FakeHub:
    """Settings in this process."""

    def __init__(self) -> None:
        self.hubs = 0
        self.down = False
        self.sent: list[Settings] = []
        self.reports: dict[str, dict[str, ModelReport]] = {}
        self.start_again()

    def start_again(self) -> None:
        """Without what was sent."""
        self.hubs += 1
        self.live = LiveSettings(last_version=1000 * self.hubs)

    def set_settings(self, settings: Settings) -> dict[str, int]:
        self._respond()
        self.sent.append(settings)
        self.live.replace(settings)
        return self.live.versions

    def settings_since(self, known: Mapping[str, int]) -> dict[str, SettingsChange | None]:
        self._respond()
        return self.live.changes_since(known)

    def pool_reports(self) -> dict[str, dict[str, ModelReport]]:
        self._respond()
        return self.reports

    def _respond(self) -> None:
        if self.down:
            raise ConnectionError("the hub does not respond")


def test_what_was_sent_is_what_applications_have() -> None:
    hub = FakeHub()
    view = HubView(hub)
    view.send(SETTINGS)
    view.observe(NOTHING)
    assert view.settings == SETTINGS
    assert hub.sent == [SETTINGS]


def test_a_hub_that_has_lost_the_settings_gets_them_again() -> None:
    hub = FakeHub()
    view = HubView(hub)
    view.send(SETTINGS)
    hub.start_again()
    view.observe(NOTHING)
    view.observe(NOTHING)
    assert hub.sent == [SETTINGS, SETTINGS]
    assert hub.live.versions.keys() == SETTINGS.keys()


def test_a_hub_with_older_settings_gets_the_last_ones_again() -> None:
    hub = FakeHub()
    view = HubView(hub)
    view.send(SETTINGS)
    view.send(OTHERS)
    hub.start_again()
    hub.live.replace(SETTINGS)
    view.observe(NOTHING)
    assert hub.sent[2:] == [OTHERS]


def test_a_reader_reads_the_settings_and_sends_none() -> None:
    hub = FakeHub()
    HubView(hub).send(SETTINGS)
    reader = HubView(hub)
    reader.observe(NOTHING)
    assert reader.settings == SETTINGS
    before = reader.settings["gateway"]["churn"]
    hub.live.replace(OTHERS)
    reader.observe(NOTHING)
    assert reader.settings == OTHERS
    assert reader.settings["gateway"]["churn"] is before
    hub.live.replace({"gateway": {}})
    reader.observe(NOTHING)
    assert reader.settings == {"gateway": {}}
    assert len(hub.sent) == 1


def test_while_the_hub_does_not_respond_the_last_settings_and_reports_are_known() -> None:
    hub = FakeHub()
    view = HubView(hub)
    view.send(SETTINGS)
    running = observed(CHURN)
    (replica,) = (each["replica_id"] for each in running.pools[SMALL]["deployments"]["model"]["replicas"])
    hub.reports = loaded(CHURN, replica)
    raw = Running(dict(running.pools))
    view.observe(raw)
    assert view.reports == hub.reports
    hub.down = True
    view.observe(raw)
    assert (view.settings, view.reports) == (SETTINGS, hub.reports)
