"""The memory of a pool's models: what is evicted for what, and what happens when there is no room."""

import asyncio
import random

import pytest

from modelyard.errors import ModelNotReady, ModelyardError
from modelyard.telemetry.metrics.declarations import REQUESTS
from modelyard.telemetry.metrics.snapshot import complete
from tests.simulated_loop import until
from tests.unit.replica.pool_rig import MB, Rig, member, run_pool


def test_the_least_wanted_model_is_evicted_for_a_request_and_its_memory_is_free_before_the_load() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("a"), member("b"), member("c"))
        a, b = await rig.load("a", 40 * MB), await rig.load("b", 40 * MB)
        a.requests += 100
        rig.files["c"] = 1
        asked = rig.request("c")
        await until(lambda: rig.loads)
        assert not b.closed, "no room was needed by the estimate"
        await rig.finish("c", 40 * MB)
        await asked
        assert (a.closed, b.closed) == (False, True)
        assert rig.allocated == 80 * MB
        assert (rig.report("b").residency, rig.report("b").serves, rig.report("b").evictions) == ("COLD", True, 1)
        back = rig.request("b")
        await until(lambda: rig.loads)
        assert rig.allocated == 40 * MB, "its size is known: there is room before it is loaded"
        assert await rig.finish("b", 40 * MB) is await back

    run_pool(test)


def test_a_busy_model_is_evicted_at_its_last_response() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("a"), member("b"))
        a = await rig.load("a", 70 * MB)
        a.open_requests = 1
        rig.files["b"] = 1
        await rig.load("b", 60 * MB)
        assert not a.closed
        assert rig.report("a").residency == "COLD"
        again = rig.request("a")
        a.open_requests = 0
        await until(lambda: a.closed)
        await rig.finish("a", 70 * MB)
        assert await again is rig.server("a")

    run_pool(test)


def test_a_model_that_was_just_loaded_is_not_evicted_before_the_requests_that_wait_for_it() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("a"), member("b"))
        rig.files.update(a=15 * MB, b=15 * MB)
        first, second = rig.request("a"), rig.request("b")
        await until(lambda: rig.loads)
        await rig.finish("a", 70 * MB)
        await first
        await rig.finish("b", 70 * MB)
        await second
        assert rig.begun == ["a sha256:1", "b sha256:1"]

    run_pool(test)


def test_a_model_is_not_rejected_for_the_size_of_another_one_that_was_loaded_at_the_same_time() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("a"), member("b"))
        rig.files.update(a=1, b=1)
        first, second = rig.request("a"), rig.request("b")
        await until(lambda: len(rig.loads) == 2)
        for loading in (await rig.loading("a"), await rig.loading("b")):
            loading.set_result(60 * MB)  # b is measured with the 60 MB of a
        assert (await second).spec.name == "b"
        await rig.finish("a", 60 * MB)
        assert await first is rig.server("a")
        assert rig.resident() == {"a"}, "both do not fit"
        await rig.load("b", 60 * MB)
        assert rig.report("b").resident_bytes == 60 * MB

    run_pool(test)


def test_a_load_begins_when_the_models_that_were_evicted_for_it_are_released() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("a"), member("b"))
        rig.releases_later = True
        await rig.load("a", 60 * MB)
        rig.files["b"] = 15 * MB
        await rig.load("b", 60 * MB)
        assert rig.report("b").resident_bytes == 60 * MB, "else a's 60 MB would hide them"
        assert rig.allocated == 60 * MB

    run_pool(test)


def test_what_released_models_leave_behind_is_collected_when_it_is_much() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(*(member(name) for name in "abcdefgh"))
        rig.leaves_behind = True
        for _ in range(4):
            for name in "abcdefgh":
                await rig.load(name, 19 * MB)
        assert rig.allocated <= 100 * MB + 3 * 19 * MB
        assert 5 < rig.collections < 20, "not for each model"
        for name in sorted(rig.resident()):
            await rig.pool.evict(name)
        await rig.settle()
        assert rig.allocated <= 2 * 19 * MB, "also without a further load"

    run_pool(test)


def test_nothing_is_collected_where_models_leave_nothing_behind() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(*(member(name) for name in "abcdefgh"))
        for _ in range(4):
            for name in "abcdefgh":
                await rig.load(name, 19 * MB)
        assert rig.collections == 0

    run_pool(test)


def test_a_load_that_waits_for_memory_goes_on_when_another_load_ends() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("a"), member("b"))
        rig.files.update(a=15 * MB, b=15 * MB)
        first, second = rig.request("a"), rig.request("b")
        await rig.settle()
        assert rig.begun == ["a sha256:1"], "both together are estimated to exceed the budget"
        await rig.finish("a", 10 * MB)
        await rig.finish("b", 10 * MB)
        await asyncio.gather(first, second)
        assert rig.resident() == {"a", "b"}

    run_pool(test)


def test_a_pinned_model_is_never_evicted() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("pinned", pinned=True), member("a"), member("b"))
        pinned = await rig.finish("pinned", 40 * MB)
        for _ in range(3):
            for name in ("a", "b"):
                if not rig.server(name):
                    await rig.load(name, 50 * MB)
                rig.clock.advance(100)
        assert not pinned.closed
        assert rig.report("pinned").evictions == 0

    run_pool(test)


def test_a_pinned_model_that_has_no_room_twice_can_be_changed() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m", pinned=True))
        old = await rig.finish("m", 80 * MB)
        rig.files["m"] = 20 * MB
        rig.change(member("m", pinned=True, digest="sha256:2"))
        new = await rig.finish("m", 80 * MB, digest="sha256:2")
        assert (old.closed, new.closed) == (True, False)
        assert rig.allocated == 80 * MB

    run_pool(test)


def test_a_model_that_cannot_fit_is_unavailable_alone() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("large"), member("small"))
        small = await rig.load("small")
        rig.files["large"] = 200 * MB
        reason = "model 'large' is UNAVAILABLE: the model needs 200 MiB, and the budget is 100 MiB"
        with pytest.raises(ModelNotReady, match=reason):
            await rig.request("large")
        assert rig.begun == ["small sha256:1"], "its files are too large already"
        assert await rig.request("small") is small
        assert rig.report("large").residency == "FAILED"

    run_pool(test)


def test_an_estimate_does_not_keep_a_model_from_its_first_load() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        rig.files["m"] = 90 * MB
        assert await rig.load("m", 80 * MB)

    run_pool(test)


def test_a_model_that_turns_out_to_be_too_large_is_released() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("large"), member("small"))
        small = await rig.load("small")
        asked = rig.request("large")
        await rig.finish("large", 150 * MB)
        with pytest.raises(ModelNotReady, match="the model needs 150 MiB"):
            await asked
        assert rig.allocated == small.size
        assert not small.closed

    run_pool(test)


def test_eager_models_evict_nothing_at_the_start_and_those_without_room_stay_cold() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(*(member(f"m{number}", load="eager") for number in range(4)))
        for number in range(2):
            await rig.finish(f"m{number}", 45 * MB)
        await until(lambda: not any(each.awaited for each in rig.pool._models.values()))
        assert rig.resident() == {"m0", "m1"}
        assert (rig.report("m3").residency, rig.report("m3").serves) == ("COLD", True)

    run_pool(test)


def test_thrashing_rejects_requests_for_cold_models_with_a_time_and_the_others_go_on() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(*(member(f"m{number}") for number in range(3)))
        number, answers = 0, 0
        with pytest.raises(ModelNotReady, match="do not fit into its memory together") as found:
            for number in range(40):
                if rig.server(f"m{number % 3}") is None:
                    await rig.load_or_raise(f"m{number % 3}", 45 * MB, seconds=2)
                answers += 1
                rig.clock.advance(0.1)
        assert answers > 9
        assert 1 <= found.value.retry_after_s <= 30
        [resident, *_] = rig.resident()
        assert await rig.request(resident) is rig.server(resident)
        rig.clock.advance(found.value.retry_after_s + 1)
        await rig.load(f"m{number % 3}", 45 * MB)

    run_pool(test)


def test_a_call_that_hangs_keeps_its_memory_and_stops_neither_evictions_nor_its_models_next_load() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("hung"), member("b"))
        hung = await rig.load("hung", 60 * MB)
        hung.is_calling = True
        hung.open_requests = 1
        rig.files["b"] = 1
        await rig.load("b", 60 * MB)
        assert not hung.closed
        await rig.advance(hung.spec.limits.timeout_s + 61)
        await until(lambda: hung.closed)
        assert rig.pool.stuck_calls() == ["a call of hung hangs"]
        with pytest.raises(ModelNotReady, match=r"the budget is 40\.0 MiB"):
            await rig.request("hung")
        hung.is_calling = False
        rig.allocated -= hung.size
        await rig.advance(1)
        rig.clock.advance(10)
        await rig.load("hung", 60 * MB)
        assert rig.pool.stuck_calls() == []

    run_pool(test)


def test_counts_never_decrease_over_evictions_and_changes() -> None:
    async def test(rig: Rig) -> None:
        names = ["a", "b", "c"]
        rig.configure(*map(member, names))
        key = {name: (REQUESTS.name, name, "1", "ok", "predict") for name in names}
        before = dict.fromkeys(names, 0)
        for number in range(12):
            name = names[number % 3]
            await (rig.load(name, 45 * MB) if rig.server(name) is None else rig.request(name))
            for each in names:
                counted = complete(rig.pool.metrics.parts()).totals.counters.get(key[each], 0)
                assert counted >= before[each]
                before[each] = counted
            rig.clock.advance(60)
        assert before == dict.fromkeys(names, 4)
        assert sum(rig.pool.metrics.evictions.values()) >= 9
        assert rig.pool.metrics.loads["a"] == rig.report("a").loads

    run_pool(test)


@pytest.mark.parametrize("seed", range(12))
def test_no_interleaving_loses_a_request_or_memory(seed: int) -> None:
    """Random requests, loads that end or fail, changes, removals and evictions, in any order."""
    choose = random.Random(seed)
    names = [f"m{number}" for number in range(5)]

    async def test(rig: Rig) -> None:
        asked: list[asyncio.Task] = []
        rig.configure(*map(member, names))
        for _ in range(400):
            action = choose.random()
            name = choose.choice(names)
            if action < 0.4:
                asked.append(rig.request(name)) if name in rig.members else None
            elif action < 0.7 and rig.loads:
                loading = rig.loads.pop(choose.choice([*rig.loads]))
                if choose.random() < 0.2:
                    loading.set_exception(choose.choice((ValueError("bad"), OSError("gone"))))
                else:
                    loading.set_result(choose.randrange(1, 70) * MB)
            elif action < 0.78:
                load = choose.choice(("lazy", "eager"))
                version = f"sha256:{choose.randrange(1, 4)}"
                rig.change(member(name, digest=version, load=load, pinned=choose.random() < 0.1))
            elif action < 0.8:
                rig.configure(*(each for other, each in rig.members.items() if other != name))
            elif action < 0.9 and (server := rig.server(name)):
                server.open_requests = choose.randrange(2)
            else:
                rig.clock.advance(choose.random() * 10)
            for _ in range(choose.randrange(4)):
                await asyncio.sleep(0)
            check(rig)
        for server in rig.servers:
            server.open_requests = 0
        await until_all_ended(rig, asked)
        for each in asked:
            error = each.exception()
            assert error is None or isinstance(error, ModelyardError), error
        budget = rig.pool._memory._budget
        for name in names:  # every model that can load serves
            if name in rig.members:
                rig.change(member(name, digest="sha256:9"))
        await until_all_ended(rig, [])
        rig.configure()
        await until_all_ended(rig, [])
        await until(lambda: rig.allocated == 0)
        assert budget.used_bytes == 0
        assert not budget.entries
        assert not budget.waiting

    run_pool(test)


def check(rig: Rig) -> None:
    budget = rig.pool._memory._budget
    used = sum(each.size_bytes for each in budget.entries.values() if each.state.name != "COLD")
    assert budget.used_bytes == used
    for name, model in rig.pool._models.items():
        assert (model.server is None) == (rig.server(name) is None)


async def until_all_ended(rig: Rig, asked: list[asyncio.Task]) -> None:
    for _ in range(200):
        await rig.settle()
        for key in [*rig.loads]:
            rig.loads.pop(key).set_result(MB)
        await rig.settle()
        busy = any(model.loading for model in rig.pool._models.values())
        if not rig.loads and not busy and all(each.done() for each in asked):
            return
        rig.clock.advance(1)
    raise AssertionError([str(each) for each in rig.pool._models.values()])
