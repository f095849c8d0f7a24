"""The models of a pool come, change and go: what is loaded, what serves meanwhile, and what is reported."""

import asyncio

import pytest

from modelyard.errors import ModelNotFound, ModelNotReady
from tests.simulated_loop import until
from tests.unit.replica.pool_rig import MB, Rig, member, run_pool

TWO = "sha256:2"


def test_an_eager_model_is_loaded_and_a_lazy_one_waits_for_its_first_request() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("now", load="eager"), member("later"))
        await rig.settle()
        assert rig.begun == ["now sha256:1"]
        assert (rig.report("now").residency, rig.report("now").serves) == ("LOADING", False)
        assert (rig.report("later").residency, rig.report("later").serves) == ("COLD", True)
        await rig.finish("now", 5 * MB, seconds=2)
        report = rig.report("now")
        assert (report.residency, report.resident_bytes, report.load_s, report.loads) == ("RESIDENT", 5 * MB, 2.0, 1)
        assert rig.begun == ["now sha256:1"]

    run_pool(test)


def test_all_requests_for_a_cold_model_share_one_load() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        asked = [rig.request("m") for _ in range(5)]
        server = await rig.finish("m")
        assert await asyncio.gather(*asked) == [server] * 5
        assert rig.begun == ["m sha256:1"]

    run_pool(test)


def test_the_first_load_of_a_lazy_model_does_not_make_it_unavailable_meanwhile() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        rig.request("m")
        await rig.loading("m")
        assert (rig.report("m").residency, rig.report("m").serves) == ("LOADING", True)

    run_pool(test)


def test_a_client_that_leaves_does_not_stop_the_load_for_the_others() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        first, second = rig.request("m"), rig.request("m")
        await until(lambda: rig.loads)
        first.cancel()
        server = await rig.finish("m")
        assert await second is server

    run_pool(test)


def test_the_first_request_for_one_model_does_not_wait_for_another_models_load() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("slow"), member("quick"))
        slow, quick = rig.request("slow"), rig.request("quick")
        server = await rig.finish("quick")
        assert await quick is server
        assert not slow.done()
        slow.cancel()

    run_pool(test)


def test_a_change_loads_beside_what_serves_and_then_takes_its_place() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        old = await rig.load("m")
        rig.change(member("m", digest=TWO))
        await until(lambda: rig.loads)
        assert await rig.request("m") is old
        assert rig.report("m").fingerprint == member("m")["fingerprint"]
        new = await rig.finish("m", digest=TWO)
        assert new is not old
        assert await rig.request("m") is new
        await until(lambda: old.closed)
        assert rig.allocated == new.size
        assert rig.report("m").fingerprint == member("m", digest=TWO)["fingerprint"]
        assert rig.report("m").evictions == 0

    run_pool(test)


def test_open_requests_end_on_the_version_before_a_change() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        old = await rig.load("m")
        old.open_requests = 1
        rig.change(member("m", digest=TWO))
        await rig.finish("m", digest=TWO)
        await rig.settle()
        assert not old.closed
        old.open_requests = 0
        await until(lambda: old.closed)

    run_pool(test)


def test_a_candidate_that_fails_gets_no_request_and_is_reported_while_the_old_one_serves() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        old = await rig.load("m")
        changed = member("m", digest=TWO)
        rig.change(changed)
        await rig.fail("m", ValueError("bad weights"), TWO)
        report = rig.report("m")
        assert (report.residency, report.fingerprint) == ("RESIDENT", member("m")["fingerprint"])
        assert (report.rejected, report.reason) == (changed["fingerprint"], "ValueError: bad weights")
        assert await rig.request("m") is old
        await rig.advance(3600)
        assert rig.begun == ["m sha256:1", "m sha256:2"], "it is not tried again while something serves"

    run_pool(test)


def test_a_change_back_keeps_what_serves_and_clears_the_reason() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        old = await rig.load("m")
        rig.change(member("m", digest=TWO))
        await rig.fail("m", ValueError("bad"), TWO)
        rig.change(member("m"))
        await rig.settle()
        assert (rig.report("m").rejected, rig.report("m").reason) == ("", "")
        assert await rig.request("m") is old
        rig.change(member("m", digest=TWO))
        await rig.finish("m", digest=TWO)
        assert rig.report("m").rejected == ""

    run_pool(test)


def test_a_change_back_during_the_load_of_a_candidate_drops_the_candidate() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        old = await rig.load("m")
        rig.change(member("m", digest=TWO))
        await until(lambda: rig.loads)
        rig.change(member("m"))
        await rig.finish("m", digest=TWO)
        assert await rig.request("m") is old
        await until(lambda: rig.allocated == old.size)

    run_pool(test)


def test_a_candidate_that_is_wanted_again_while_it_loads_is_loaded_once() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        await rig.load("m")
        rig.change(member("m", digest=TWO))
        await until(lambda: rig.loads)
        rig.change(member("m"))
        rig.change(member("m", digest=TWO))
        new = await rig.finish("m", digest=TWO)
        assert new.digest == TWO
        assert rig.begun == ["m sha256:1", "m sha256:2"]

    run_pool(test)


def test_the_last_of_several_changes_during_a_load_serves() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        old = await rig.load("m")
        rig.change(member("m", digest=TWO))
        await until(lambda: rig.loads)
        rig.change(member("m", digest="sha256:3"))
        rig.change(member("m", digest="sha256:4"))
        await rig.finish("m", digest=TWO)
        assert await rig.request("m") is old, "what is not wanted any more never serves"
        new = await rig.finish("m", digest="sha256:4")
        assert new.digest == "sha256:4"
        await until(lambda: rig.allocated == new.size)
        assert "m sha256:3" not in rig.begun

    run_pool(test)


def test_a_request_that_waits_for_a_first_load_gets_the_configuration_that_replaced_it() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        asked = rig.request("m")
        await until(lambda: rig.loads)
        rig.change(member("m", digest=TWO))
        await rig.finish("m")
        assert not asked.done()
        new = await rig.finish("m", digest=TWO)
        assert await asked is new
        await until(lambda: rig.allocated == new.size)

    run_pool(test)


def test_a_model_that_is_removed_during_its_load_leaves_no_memory_and_its_requests_get_404() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"), member("other"))
        asked = rig.request("m")
        await until(lambda: rig.loads)
        rig.configure(member("other"))
        await rig.finish("m")
        with pytest.raises(ModelNotFound):
            await asked
        await until(lambda: rig.allocated == 0)
        assert [*rig.pool.reports()] == ["other"]

    run_pool(test)


def test_a_model_that_is_removed_and_added_during_its_load_is_loaded_for_the_requests_that_wait() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        asked = rig.request("m")
        first = await rig.loading("m")
        rig.configure()
        rig.configure(member("m", digest=TWO))
        first.set_result(MB)
        new = await rig.finish("m", digest=TWO)
        assert await asked is new
        await until(lambda: rig.allocated == new.size)

    run_pool(test)


def test_open_requests_of_a_removed_model_end_before_it_is_closed() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"), member("other"))
        server = await rig.load("m", 60 * MB)
        server.open_requests = 1
        rig.configure(member("other"))
        await rig.settle()
        assert not server.closed
        asked = rig.request("other")
        rig.files["other"] = 20 * MB
        await rig.settle()
        assert not rig.loads, "its memory is in use until its last response"
        server.open_requests = 0
        await rig.finish("other")
        await asked

    run_pool(test)


def test_settings_apply_in_place_to_a_loaded_and_to_a_cold_model() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("hot"), member("cold"))
        server = await rig.load("hot")
        limits = {"timeout_s": 3}
        rig.change(member("hot", limits=limits), member("cold", limits=limits))
        await rig.settle()
        assert server.spec.limits.timeout_s == 3
        assert rig.dispatch.models["cold"].spec.limits.timeout_s == 3
        assert rig.begun == ["hot sha256:1"]
        assert (await rig.load("cold")).spec.limits.timeout_s == 3

    run_pool(test)


def test_a_model_that_becomes_eager_or_pinned_is_loaded() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("a"), member("b"))
        rig.change(member("a", load="eager"))
        await rig.finish("a")
        rig.change(member("b", pinned=True))
        await rig.finish("b")
        assert rig.resident() == {"a", "b"}

    run_pool(test)


def test_a_changed_model_that_is_cold_is_loaded_to_see_whether_it_can() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        await rig.load("m")
        rig.evict("m")
        rig.change(member("m", digest=TWO))
        await rig.fail("m", ValueError("bad"), TWO)
        report = rig.report("m")
        assert report.rejected == member("m", digest=TWO)["fingerprint"]
        await rig.finish("m")
        assert await rig.request("m") is rig.server("m"), "the one that has worked before"

    run_pool(test)


def test_requests_begin_on_what_is_loaded_while_a_candidate_is_loaded_behind_it() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        await rig.load("m")
        rig.evict("m")
        asked = rig.request("m")
        await until(lambda: rig.loads)
        rig.change(member("m", digest=TWO))
        server = await rig.finish("m")
        assert await asked is server
        await rig.finish("m", digest=TWO)

    run_pool(test)


def test_changes_are_reported() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        before = rig.changes
        await rig.load("m")
        assert rig.changes > before

    run_pool(test)


def test_files_that_vanish_while_a_model_is_cold_make_it_unavailable_until_they_are_back() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"), member("other"))
        asked = rig.request("m")
        await rig.fail("m", FileNotFoundError("no such folder"))
        with pytest.raises(ModelNotReady, match="model 'm' is UNAVAILABLE: FileNotFoundError: no such folder") as found:
            await asked
        assert found.value.retry_after_s == 5
        assert (rig.report("m").residency, rig.report("m").serves) == ("FAILED", False)
        with pytest.raises(ModelNotReady):
            await rig.request("m")
        assert rig.begun == ["m sha256:1"], "not at every request"
        await rig.load("other")
        rig.clock.advance(5)
        server = await rig.load("m")
        assert await rig.request("m") is server
        assert (rig.report("m").residency, rig.report("m").rejected, rig.report("m").reason) == ("RESIDENT", "", "")

    run_pool(test)


def test_a_model_that_failed_is_tried_again_without_a_request_after_pauses_that_grow() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m", load="eager"))
        for pause_s in (5, 10, 20):
            await rig.fail("m", OSError("gone"))
            await rig.advance(pause_s - 1)
            assert not rig.loads
            await rig.advance(1.2)
        await rig.finish("m")
        assert rig.resident() == {"m"}

    run_pool(test)


def test_the_files_of_a_model_that_has_served_may_vanish_and_come_back() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        await rig.load("m")
        rig.evict("m")
        asked = rig.request("m")
        await rig.fail("m", OSError("gone"))
        with pytest.raises(ModelNotReady, match="gone"):
            await asked
        assert (rig.report("m").residency, rig.report("m").serves) == ("FAILED", False)
        rig.clock.advance(6)
        await rig.load("m")
        assert rig.report("m").residency == "RESIDENT"

    run_pool(test)


def test_loads_that_hang_do_not_stop_the_others() -> None:
    async def test(rig: Rig) -> None:
        hung = [f"hung-{number}" for number in range(4)]
        rig.configure(*(member(name, load="eager") for name in hung), member("changed"), member("asked"))
        await until(lambda: rig.begun)
        asked = [rig.request("hung-1"), rig.request("asked")]
        await rig.settle()
        assert rig.begun == ["hung-0 sha256:1", "hung-1 sha256:1"]
        for _ in range(4):
            await rig.advance(5.1)
        server = await rig.finish("asked")
        assert await asked[1] is server
        rig.change(member("asked", digest=TWO))
        await rig.advance(5.1)
        assert (await rig.finish("asked", digest=TWO)).digest == TWO
        await rig.fail("hung-1", TimeoutError("the model did not load within load_timeout_s (120 s)"))
        with pytest.raises(ModelNotReady, match="did not load within load_timeout_s") as found:
            await asked[0]
        assert found.value.retry_after_s == 300, "each attempt may leave a thread"

    run_pool(test)


def test_a_model_in_quarantine_is_not_loaded_until_its_arguments_change_and_the_others_go_on() -> None:
    async def test(rig: Rig) -> None:
        bad = member("bad", load="eager")
        rig.quarantined[bad["fingerprint"]] = "in quarantine"
        rig.configure(bad, member("good"))
        with pytest.raises(ModelNotReady, match="model 'bad' is UNAVAILABLE: in quarantine") as found:
            await rig.request("bad")
        assert found.value.retry_after_s == 300
        assert (rig.report("bad").residency, rig.report("bad").reason) == ("FAILED", "in quarantine")
        await rig.load("good")
        await rig.advance(100_000)
        assert rig.begun == ["good sha256:1"]
        rig.change(member("bad", digest=TWO))
        asked = rig.request("bad")
        server = await rig.finish("bad", digest=TWO)
        assert await asked is server

    run_pool(test)


def test_a_lazy_model_that_was_never_loaded_is_loaded_when_it_changes_to_see_whether_it_can() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"), member("other"))
        await rig.settle()
        assert not rig.loads
        rig.change(member("m", digest=TWO))
        assert (rig.report("m").residency, rig.report("m").serves) == ("LOADING", False)
        await rig.fail("m", OSError("damaged"), digest=TWO)
        assert (rig.report("m").residency, rig.report("m").reason) == ("FAILED", "OSError: damaged")
        rig.change(member("m", description="the same artefact", digest=TWO))
        rig.change(member("m"))  # control rolls back
        await rig.finish("m")
        assert (rig.report("m").residency, rig.report("m").reason) == ("RESIDENT", "")

    run_pool(test)


def test_a_lazy_model_whose_first_load_fails_is_unavailable_and_is_tried_again_after_a_pause() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("m"))
        assert rig.pool.not_ready("m") is None, "a cold model is ready"
        asked = rig.request("m")
        await rig.fail("m", OSError("damaged"))
        for _ in range(3):
            with pytest.raises(ModelNotReady, match="model 'm' is UNAVAILABLE: OSError: damaged") as found:
                await (asked if not asked.done() else rig.request("m"))
            assert found.value.retry_after_s == 5
        error = rig.pool.not_ready("m")
        assert error
        assert (error.message, error.retry_after_s) == ("model 'm' is UNAVAILABLE: OSError: damaged", 5)
        report = rig.report("m")
        assert (report.residency, report.serves, report.rejected) == ("FAILED", False, member("m")["fingerprint"])
        assert len(rig.begun) == 1
        await rig.advance(5.2)
        await rig.finish("m")
        assert rig.pool.not_ready("m") is None
        assert await rig.request("m") is rig.server("m")
        assert len(rig.begun) == 2

    run_pool(test)


def test_a_model_is_ready_once_requests_would_be_answered() -> None:
    async def test(rig: Rig) -> None:
        rig.configure(member("first", load="eager"), member("second", load="eager"), member("lazy"))
        await until(lambda: rig.begun)
        for name in ("first", "second"):
            error = rig.pool.not_ready(name)
            assert error
            assert error.message == f"model {name!r} is LOADING"
        asked = rig.request("lazy")
        await until(lambda: len(rig.begun) == 2)
        assert rig.pool.not_ready("lazy") is None, "requests wait for the load that one has begun"
        for name in ("first", "lazy", "second"):
            await rig.finish(name)
        await asked
        rig.evict("first")
        assert [rig.pool.not_ready(name) for name in ("first", "second", "lazy", "unknown")] == [None] * 4

    run_pool(test)
