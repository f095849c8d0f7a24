"""Which models are evicted for a cold one, and when a request waits or is rejected for good."""

import random
import time

import pytest

from modelyard.residency.budget import HALF_LIFE_S, MemoryBudget
from modelyard.residency.entry import CannotFit, Correction, Entry, Load, Residency, Wait
from tests.unit.residency.pool import Clock, Pool


def budget(size: int, **resident: int) -> MemoryBudget:
    """A budget with these models, whose loads took a second each; each has been requested once."""
    made = MemoryBudget(size, Clock())
    for name, bytes_ in resident.items():
        load(made, name, bytes_)
    return made


def load(made: MemoryBudget, name: str, size: int, load_s: float = 1.0, *, pinned: bool = False) -> Entry:
    entry = made.add(name, size_bytes=size, load_s=load_s, pinned=pinned)
    assert isinstance(made.request(name), Load)
    assert made.loaded(name, size, load_s) == Correction()
    use(entry)
    return entry


def use(entry: Entry, times: int = 1) -> None:
    for _ in range(times):
        entry.begin()
        entry.end()


def cold(made: MemoryBudget, name: str, size: int) -> MemoryBudget:
    made.add(name, size_bytes=size, load_s=1.0)
    return made


def test_a_model_that_fits_is_loaded_and_evicts_nothing() -> None:
    made = cold(budget(100, a=40), "b", 60)
    assert made.request("b") == Load()
    assert made.used_bytes == 100


def test_the_model_that_is_cheapest_for_its_bytes_is_evicted() -> None:
    made = budget(100)
    load(made, "slow", 30, load_s=5.0)
    load(made, "large", 40, load_s=1.0)
    load(made, "small", 20, load_s=1.0)
    assert cold(made, "b", 30).request("b") == Load(("large",))


def test_a_model_with_more_requests_stays() -> None:
    made = budget(100, a=50, b=50)
    use(made.entries["a"], 10)
    assert cold(made, "c", 50).request("c") == Load(("b",))


def test_a_model_that_was_busy_long_ago_is_evicted_before_one_that_is_used() -> None:
    clock = Clock()
    made = MemoryBudget(100, clock)
    use(load(made, "yesterday", 50), 1_000_000)
    load(made, "today", 50)
    clock.now += 40 * HALF_LIFE_S
    use(made.entries["today"])
    assert cold(made, "c", 50).request("c") == Load(("yesterday",))


def test_no_more_models_are_evicted_than_the_bytes_demand() -> None:
    made = budget(100)
    load(made, "a", 10, load_s=0.1)
    load(made, "b", 90, load_s=5.0)
    assert cold(made, "c", 85).request("c") == Load(("b",))


def test_a_pinned_model_is_never_evicted() -> None:
    made = budget(100)
    load(made, "p", 50, pinned=True)
    load(made, "a", 50, load_s=100.0)
    assert cold(made, "b", 50).request("b") == Load(("a",))


def test_a_model_larger_than_the_budget_beside_what_is_pinned_never_fits() -> None:
    made = budget(100)
    load(made, "p", 50, pinned=True)
    decision = cold(made, "b", 51).request("b")
    assert decision == CannotFit("the model needs 51 B, and the budget is 100 B, of which pinned models need 50 B")
    made.pin("p", False)
    assert made.request("b") == Load(("p",))


def test_a_model_with_requests_in_flight_drains_before_it_is_released() -> None:
    made = budget(100, a=60)
    made.entries["a"].begin()
    assert cold(made, "b", 60).request("b") == Wait(("a",))
    assert made.entries["a"].state is Residency.DRAINING
    assert made.request("b") == Wait()
    assert made.entries["a"].end()
    made.freed("a")
    assert made.waiting == ("b",)
    assert made.request("b") == Load()
    assert made.waiting == ()


def test_idle_models_are_evicted_before_busy_ones_drain() -> None:
    made = budget(100, a=50, b=50)
    made.entries["a"].begin()
    use(made.entries["b"], 100)
    assert cold(made, "c", 50).request("c") == Load(("b",))


def test_a_model_waits_while_others_load() -> None:
    made = cold(cold(budget(100), "a", 60), "b", 60)
    assert made.request("a") == Load()
    assert made.request("b") == Wait()
    made.loaded("a", 60, 1.0)
    assert made.request("b") == Load(("a",))


def test_a_small_model_does_not_get_the_bytes_that_a_large_one_waits_for() -> None:
    made = cold(cold(budget(100, a=50, b=50), "large", 100), "small", 50)
    for name in "ab":
        made.entries[name].begin()
    assert made.request("large") == Wait(("a", "b"))
    made.entries["a"].end()
    made.freed("a")
    assert made.request("small") == Wait()
    made.entries["b"].end()
    made.freed("b")
    assert [made.request(name) for name in made.waiting] == [Load(), Wait()]


def test_bytes_that_are_draining_already_cause_no_second_eviction() -> None:
    made = cold(budget(100, a=50, b=50), "c", 50)
    made.entries["a"].begin()
    made.entries["b"].begin()
    assert made.request("c") == Wait(("a",))
    assert [made.request("c") for _ in range(5)] == [Wait()] * 5


def test_a_draining_model_that_is_wanted_waits_until_it_is_released() -> None:
    made = budget(100, a=50)
    made.entries["a"].begin()
    assert not made.drain("a")
    assert made.request("a") == Wait()
    assert made.entries["a"].end()
    made.freed("a")
    assert made.request("a") == Load()


def test_a_load_that_was_larger_than_estimated_evicts_others() -> None:
    made = cold(budget(100, a=40, b=40), "c", 20)
    use(made.entries["b"], 5)
    assert made.request("c") == Load()
    assert made.loaded("c", 50, 1.0) == Correction(evict=("a",))
    assert made.used_bytes == 90


def test_a_load_that_was_larger_than_estimated_drains_a_busy_model() -> None:
    made = cold(budget(100, a=80), "c", 20)
    made.entries["a"].begin()
    made.request("c")
    assert made.loaded("c", 50, 1.0) == Correction(drain=("a",))


def test_a_load_that_exceeds_the_budget_alone_is_rejected_from_then_on() -> None:
    made = cold(budget(100), "c", 20)
    made.request("c")
    assert isinstance(made.loaded("c", 101, 1.0), CannotFit)
    assert made.used_bytes == 0
    assert isinstance(made.request("c"), CannotFit)
    made.resize("c", 20)  # another version
    assert made.request("c") == Load()


def test_a_failed_load_frees_its_reservation() -> None:
    made = cold(budget(100), "c", 70)
    made.request("c")
    made.freed("c")
    assert made.used_bytes == 0


def test_a_removed_model_frees_its_bytes_and_its_pin() -> None:
    made = budget(100)
    load(made, "p", 60, pinned=True)
    made.remove("p")
    assert cold(made, "b", 100).request("b") == Load()


def test_a_cancelled_request_reserves_nothing() -> None:
    made = cold(cold(budget(100, a=50, b=50), "large", 100), "small", 50)
    made.entries["a"].begin()
    made.request("large")
    made.cancel("large")
    assert made.request("small") == Load(("b",))


def test_a_model_is_added_once() -> None:
    with pytest.raises(ValueError, match="'a' is in the budget already"):
        budget(100, a=10).add("a", size_bytes=1, load_s=1.0)


def test_zipf_traffic_spends_less_time_on_loads_than_with_the_least_recently_used_evicted() -> None:
    draw = random.Random(1)
    names = [f"m{number}" for number in range(100)]
    models = {name: (draw.choice((1, 2, 5, 20)), draw.choice((0.02, 0.1, 1.0))) for name in names}
    requests = draw.choices(names, [1 / (rank + 1) for rank in range(100)], k=2000)
    pool = Pool(150, models)
    for name in requests:  # without the detector of thrashing
        pool.clock.now += 0.01
        if name not in pool.resident:
            pool.load(name)
        use(pool.entries[name])
    assert pool.loading_s < 0.6 * lru_loading_s(150, models, requests)


def lru_loading_s(size: int, models: dict[str, tuple[int, float]], requests: list[str]) -> float:
    resident: dict[str, None] = {}
    used = 0
    seconds = 0.0
    for name in requests:
        bytes_, load_s = models[name]
        if name in resident:
            del resident[name]
        else:
            seconds += load_s
            used += bytes_
            while used > size:
                first = next(iter(resident))
                del resident[first]
                used -= models[first][0]
        resident[name] = None
    return seconds


def test_a_decision_among_a_thousand_models_takes_less_than_20_ms() -> None:
    made = budget(1000, **{f"m{number}": 1 for number in range(1000)})
    cold(made, "next", 1)
    started = time.thread_time()
    assert isinstance(made.request("next"), Load)
    assert time.thread_time() - started < 0.02
