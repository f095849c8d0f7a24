"""The settings that applications follow: each application reads what it does not know, and waits for the next change."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from modelyard.ray_serve import live_settings
from modelyard.ray_serve.live_settings import LiveSettings, SettingsChange

LAST = 100
TIMEOUT_S = 10


def settings(**applications: dict[str, int]) -> LiveSettings:
    live = LiveSettings(LAST)
    live.replace(applications)
    return live


def change(live: LiveSettings, application: str, known: int) -> SettingsChange | None:
    return live.changes_since({application: known})[application]


def known_change(live: LiveSettings, application: str, known: int) -> SettingsChange:
    found = change(live, application, known)
    assert found is not None
    return found


def test_an_application_that_knows_nothing_reads_all_values() -> None:
    live = settings(small={"a": 1, "b": 2}, large={"c": 3})
    assert known_change(live, "small", 0).applied_to({}) == {"a": 1, "b": 2}
    assert known_change(live, "large", 0).applied_to({}) == {"c": 3}


def test_an_application_reads_only_what_it_does_not_know() -> None:
    live = settings(small={"a": [1], "b": [2], "c": [3]})
    first = known_change(live, "small", 0)
    known = first.applied_to({})
    assert change(live, "small", first.version) is None
    assert live.replace({"small": {"d": [4], "a": [1], "b": [5]}})
    second = known_change(live, "small", first.version)
    assert second.changed == {"d": [4], "b": [5]}
    after = second.applied_to(known)
    assert [*after.items()] == [("d", [4]), ("a", [1]), ("b", [5])], "in their order, without those that were removed"
    assert after["a"] is known["a"]


def test_the_same_settings_again_are_no_change() -> None:
    live = settings(small={"a": 1}, large={"b": 2})
    versions = live.versions
    assert not live.replace({"small": {"a": 1}, "large": {"b": 2}})
    assert live.versions == versions


def test_a_change_of_one_application_is_none_of_another() -> None:
    live = settings(small={"a": 1}, large={"b": 2})
    versions = live.versions
    live.replace({"small": {"a": 1}, "large": {"b": 3}})
    assert change(live, "small", versions["small"]) is None
    assert known_change(live, "large", versions["large"]).changed == {"b": 3}


def test_another_order_is_a_change() -> None:
    live = settings(gateway={"a": 1, "b": 2})
    version = live.versions["gateway"]
    assert live.replace({"gateway": {"b": 2, "a": 1}})
    assert [*known_change(live, "gateway", version).applied_to({"a": 1, "b": 2})] == ["b", "a"]


def test_a_removal_is_a_change_without_values() -> None:
    live = settings(small={"a": 1, "b": 2})
    version = live.versions["small"]
    live.replace({"small": {"b": 2}})
    assert known_change(live, "small", version) == SettingsChange(live.versions["small"], ("b",), {})


def test_an_application_that_was_removed_has_no_settings_and_reads_all_when_it_is_there_again() -> None:
    live = settings(small={"a": 1})
    version = live.versions["small"]
    live.replace({})
    assert live.changes_since({"small": version}) == {}
    live.replace({"small": {"a": 1}})
    assert known_change(live, "small", version).changed == {"a": 1}


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), TIMEOUT_S))


def test_waiting_ends_with_the_next_change_of_that_application() -> None:
    async def test() -> None:
        live = settings(small={"a": 1}, large={"b": 2})
        waiting = asyncio.create_task(live.wait_after("small", live.versions["small"]))
        await asyncio.sleep(0)
        live.replace({"small": {"a": 1}, "large": {"b": 3}})
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        live.replace({"small": {"a": 2}, "large": {"b": 3}})
        found = await waiting
        assert found is not None
        assert found.changed == {"a": 2}

    run(test)


def test_an_application_without_settings_waits_until_it_has_some() -> None:
    async def test() -> None:
        live = LiveSettings(LAST)
        waiting = asyncio.create_task(live.wait_after("small", 0))
        await asyncio.sleep(0)
        live.replace({"small": {}})
        found = await waiting
        assert found is not None
        assert found.applied_to({}) == {}

    run(test)


def test_waiting_ends_without_a_change_so_that_no_call_lasts_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_settings, "LONG_POLL_S", 0.0)
    live = settings(small={"a": 1})
    assert asyncio.run(live.wait_after("small", live.versions["small"])) is None


def test_another_hub_continues_from_the_file(tmp_path: Path) -> None:
    live = settings(small={"a": {"x": [1, "two", None]}, "b": 2}, gateway={})
    live.replace({"small": {"a": {"x": [1, "two", None]}, "b": 3}, "gateway": {}})
    live.write(tmp_path / "settings.json")
    again = LiveSettings.read(tmp_path / "settings.json", LAST + 50)
    assert again.versions == live.versions
    assert again.changes_since(live.versions) == {"small": None, "gateway": None}
    assert known_change(again, "small", 0) == known_change(live, "small", 0)
    version = again.versions["small"]
    assert again.replace({"small": {"a": {"x": [1, "two", None]}, "b": 4}, "gateway": {}})
    assert known_change(again, "small", version).changed == {"b": 4}
    assert again.versions["small"] > LAST + 50, "no version is used twice"


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b'{"small": 1}', b'{"small": [1, {"a": 2}]}'])
def test_a_hub_without_a_valid_file_has_no_settings(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_bytes(content)
    assert LiveSettings.read(path, LAST).versions == {}
