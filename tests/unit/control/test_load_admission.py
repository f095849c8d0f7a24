"""A few models load at a time, and the others wait."""

import pytest

from modelyard.control.apply import Applier, settled
from modelyard.control.load_admission import MAX_SLOT_S, LoadAdmission
from modelyard.control.rollback import Rollback
from modelyard.gateway.catalogue import build_catalogue as served_catalogue
from modelyard.gateway.catalogue import required_not_ready
from tests.unit.control.models import catalogue, refused, resolved
from tests.unit.control.serve import URLS, FakeServe, desired

NO_ROOM = (
    'Deployment "model" in application "a" has 1 replicas that have taken more than 5s to be scheduled. Resources required '
    'for each replica: {"CPU": 8.0}, total resources available: {"CPU": 1.5}. Use `ray status` for more details.'
)


class Start:
    """A Serve in which every model loads until the test ends that; two replicas may load at a time."""

    def __init__(self) -> None:
        self.serve = FakeServe()
        self.clock = 0.0
        self.targets: list[object] = []
        admission = LoadAdmission(2, lambda: self.clock)
        self.applier = Applier(
            self.serve, Rollback(), URLS, admission=admission, on_target=lambda _, target: self.targets.append(target)
        )

    def apply(self, names: str, digests: str = "a", **keys: object) -> None:
        self.applier.apply(desired(*(resolved(name, digests, **keys) for name in names)))
        self.serve.loading |= {*names}

    def loaded(self, names: str) -> None:
        self.serve.loading -= {*names}
        self.applier.check()

    def served_digests(self) -> dict[str, str]:
        """The letter of the newest version's digest, by model, as in the gateway's catalogue."""
        entries = catalogue(self.serve.deployed[-1])
        return {name: entry.served.versions[0].digest[7] for name, entry in entries.items() if entry.served}

    def rows(self) -> dict[str, tuple[str, str]]:
        running = self.serve.running()
        return {row.name: (row.state, row.reason) for row in self.applier.statuses(running)}


@pytest.fixture
def start() -> Start:
    return Start()


def test_required_models_load_before_the_others(start: Start):
    start.applier.apply(desired(*(resolved(name, required=name in "bd") for name in "abcd")))
    assert start.serve.models == ["b", "d"]


def test_models_load_in_their_order_and_the_next_as_soon_as_one_has_loaded(start: Start):
    start.apply("abcde")
    assert start.serve.models == ["a", "b"]
    start.applier.check()
    assert start.serve.models == ["a", "b"]
    start.loaded("b")
    assert start.serve.models == ["a", "b", "c"]
    start.loaded("ac")
    assert start.serve.models == ["a", "b", "c", "d", "e"]
    assert len(start.targets) == len(start.serve.deployed) == 3


def test_waiting_models_are_loading_and_have_the_reason(start: Start):
    start.apply("abc")
    waits = "waits until the models before it have loaded"
    assert start.rows() == {"a": ("LOADING", ""), "b": ("LOADING", ""), "c": ("LOADING", waits)}
    assert not settled(start.applier.statuses(start.serve.running()))
    seen = served_catalogue([*catalogue(start.serve.deployed[-1]).values()], {}, {})
    assert (seen["c"].state, seen["c"].reason) == ("LOADING", waits)
    assert "c" in required_not_ready(seen)


def test_a_plan_during_the_start_shows_waiting_models_as_still_to_add(start: Start):
    start.apply("abc")
    beside = Applier(start.serve, Rollback(), URLS)
    assert [(a.kind, a.model) for a in beside.plan(desired(*map(resolved, "abc")))] == [("add", "c")]
    beside.apply(desired(*map(resolved, "abc")))
    assert start.serve.models == ["a", "b", "c"]
    start.applier.check()
    assert start.serve.models == ["a", "b", "c"], "what another process deployed is not removed"


def test_a_model_of_many_replicas_loads_alone_and_no_model_waits_forever(start: Start):
    start.apply("ab", replicas=3)
    assert start.serve.models == ["a"]
    start.loaded("a")
    assert start.serve.models == ["a", "b"]


@pytest.mark.parametrize("trouble", ["fails", "has no room", "takes long"])
def test_a_model_that_does_not_come_up_does_not_block_others(start: Start, trouble: str):
    start.apply("abcd")
    if trouble == "fails":
        start.serve.failing |= {"a": "no", "b": "no"}
    elif trouble == "takes long":
        start.clock = MAX_SLOT_S + 1
    else:
        start.serve.waiting = {"a": NO_ROOM, "b": NO_ROOM}
    start.applier.check()
    assert start.serve.models == ["a", "b", "c", "d"]


def test_a_change_of_all_models_restarts_a_few_at_a_time_and_the_others_serve_as_they_are(start: Start):
    start.apply("abc")
    start.loaded("abc")
    start.loaded("abc")
    start.apply("abc", "n")
    versions = start.served_digests()
    assert versions == {"a": "n", "b": "n", "c": "a"}
    start.loaded("ab")
    assert start.served_digests()["c"] == "n"


def test_a_version_that_fails_while_others_wait_is_rolled_back(start: Start):
    start.apply("abc")
    start.loaded("abc")
    start.loaded("abc")
    start.apply("abc", "n")
    start.serve.failing["a"] = "no"
    assert start.applier.check()[1] == ["a"]
    start.serve.failing.clear()
    start.loaded("a")
    digests = start.served_digests()
    assert digests == {"a": "a", "b": "n", "c": "n"}


def test_models_that_swap_their_routes_change_in_one_step(start: Start):
    start.applier.apply(desired(resolved("a", route="/x"), resolved("b"), resolved("c", route="/y")))
    start.loaded("abc")
    start.loaded("abc")
    start.applier.apply(desired(resolved("a", route="/y"), resolved("b", "n"), resolved("c", route="/x")))
    routes = {name: entry.url_path for name, entry in catalogue(start.serve.deployed[-1]).items()}
    assert routes == {"a": "/y", "b": "/models/b", "c": "/x"}


def test_what_restarts_nothing_never_waits(start: Start):
    start.apply("abc")
    start.loaded("abc")
    start.loaded("abc")
    start.applier.apply(desired(*(resolved(name, description="new", replicas=2) for name in "abc")))
    assert {e.description for e in catalogue(start.serve.deployed[-1]).values()} == {"new"}
    assert start.rows()["c"][0] == "READY"


def test_a_rejected_model_does_not_wait(start: Start):
    start.applier.apply(desired(*map(resolved, "abc"), refused("no file", "d")))
    assert start.rows()["d"] == ("UNAVAILABLE", "no file")


def test_a_model_that_hangs_holds_its_place_for_a_minute(start: Start):
    start.clock = 100.0
    start.apply("abc")
    start.clock = 160.0
    start.applier.check()
    assert start.serve.models == ["a", "b"]
    start.clock = 160.1
    start.applier.check()
    assert start.serve.models == ["a", "b", "c"]


def test_without_a_limit_all_models_load_at_once():
    serve = FakeServe()
    applier = Applier(serve, Rollback(), URLS, admission=LoadAdmission(None))
    applier.apply(desired(resolved("a")))
    serve.loading.add("a")
    applier.apply(desired(*map(resolved, "abc")))
    assert serve.models == ["a", "b", "c"]
    assert {row.reason for row in applier.statuses(serve.running())} == {""}
