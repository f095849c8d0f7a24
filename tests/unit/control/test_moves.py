"""A model moves into a pool, out of it, or between two, and back: at each step a place serves it, and requests go there."""

import pytest

from modelyard.control.applications import edge_models
from modelyard.control.apply import Applier
from modelyard.control.desired import DesiredState
from modelyard.control.load_admission import LoadAdmission
from modelyard.control.pools import LEAVING, fold
from modelyard.control.rollback import Rollback
from modelyard.control.serve_config import POOL, ServeConfig
from modelyard.edge.model_maps import EdgeModel
from modelyard.repository.resolve import Rejected
from tests.unit.control.models import catalogue, resolved
from tests.unit.control.serve import URLS, FakeServe, desired

SMALL, LARGE, ALONE = "_pool.small", "_pool.large", ""
KEYS = {SMALL: {"pool": "small"}, LARGE: {"pool": "large"}, ALONE: {}}
MOVES = [(start, end) for start in KEYS for end in KEYS if start != end]


class Server:
    """A simulated Serve and a simulated load balancer, which gets its routes before Serve gets its config."""

    def __init__(self, limit: int | None = None) -> None:
        self.serve = FakeServe()
        self.routes: dict[str, EdgeModel] = {}
        self.unreached: set[str] = set()
        """Applications of Serve that the load balancer does not know yet."""
        self.watched = False
        admission = LoadAdmission(limit, now=lambda: 0.0)
        self.applier = Applier(
            self.serve,
            Rollback(),
            URLS,
            admission=admission,
            on_target=self.route,
            reaches=lambda application: application not in self.unreached,
        )
        deploy = self.serve.deploy

        def deploy_and_check(config: ServeConfig) -> None:
            deploy(config)
            self.check_routes()

        self.serve.deploy = deploy_and_check  # type: ignore[method-assign]

    def route(self, _: DesiredState, target: ServeConfig) -> None:
        self.routes = edge_models(target)
        self.check_routes()

    def check_routes(self) -> None:
        """Every request reaches a place that serves its model."""
        if self.watched:
            assert (self.place, "churn") in self.serve.up, f"requests go to {self.place or 'the model alone'}"
            assert (self.place or "churn") not in self.unreached

    @property
    def place(self) -> str:
        """Where requests for the model go."""
        return self.routes["churn"].pool

    @property
    def places(self) -> set[str]:
        """Where Serve has the model."""
        config = fold(self.serve.deployed[-1])["applications"]
        alone = {ALONE for each in config if each["name"] == "churn"}
        return alone | {each["name"] for each in config if "churn" in models_in(each)}

    @property
    def state(self) -> tuple[str, str]:
        running = self.serve.running()
        (row,) = (row for row in self.applier.statuses(running) if row.name == "churn")
        return row.state, row.reason

    def apply(self, desired_: DesiredState) -> list[tuple[str, str]]:
        actions = [(action.kind, action.model) for action in self.applier.apply(desired_)]
        self.check_routes()
        return actions

    def check(self, times: int = 1) -> None:
        """Observe as often."""
        for _ in range(times):
            self.applier.check()
            self.check_routes()

    def is_settled(self) -> bool:
        """Whether nothing is deployed without a change."""
        before = len(self.serve.deployed)
        self.check(3)
        return len(self.serve.deployed) == before and not self.serve.deployed[-1]["leaving"]


def models_in(application: ServeConfig) -> dict[str, ServeConfig]:
    (deployment,) = application["deployments"]
    models: dict[str, ServeConfig] = deployment["user_config"].get("models", {})
    return models if application["name"].startswith("_pool.") else {}


def at(place: str, digests: str = "a", **keys: object) -> DesiredState:
    """The files when the model is there. The pools exist only while a model names them."""
    return desired(resolved("churn", digests, **KEYS[place], **keys))


def started(place: str, **more: int) -> Server:
    """A server whose model is there, and is watched from now on."""
    server = Server(**more)
    server.apply(at(place))
    server.check()
    assert server.is_settled()
    server.watched = True
    return server


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_the_old_place_serves_until_the_new_one_does(start: str, end: str) -> None:
    server = started(start)
    server.serve.loading.add(f"{end}/churn")
    assert ("move", "churn") in server.apply(at(end))
    server.check(3)
    assert (server.place, server.places, server.state[0]) == (start, {start, end}, "READY")
    server.serve.loading.clear()
    server.check(2)
    assert (server.place, server.places, server.state) == (end, {end}, ("READY", ""))
    assert server.is_settled()
    assert [each["name"] for each in server.serve.deployed[-1]["pools"]] == ([end] if end else [])


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_the_old_place_serves_until_the_load_balancer_knows_the_new_one(start: str, end: str) -> None:
    server = started(start)
    server.unreached.add(end or "churn")
    server.apply(at(end))
    server.check(3)
    assert (server.place, server.places) == (start, {start, end})
    server.unreached.clear()
    server.check()
    assert (server.place, server.places) == (end, {end})
    assert server.is_settled()


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_a_model_that_cannot_be_loaded_at_its_new_place_goes_back(start: str, end: str) -> None:
    """Though its old pool is not configured any more."""
    server = started(start)
    server.serve.loading.add(f"{end}/churn")
    server.apply(at(end))
    server.check()
    server.serve.loading.clear()
    server.serve.failing[f"{end}/churn"] = "too large"
    server.check(3)
    assert (server.place, server.places) == (start, {start})
    assert server.state == ("READY", "rolled back to the last good configuration: too large")
    assert server.is_settled()
    server.serve.failing.clear()
    assert server.apply(at(end)) == [], "it is not tried again"
    server.apply(at(end, "b"))
    server.check(2)
    assert (server.place, server.places, server.state) == (end, {end}, ("READY", ""))
    assert server.is_settled()


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_a_move_may_be_taken_back_before_it_is_over(start: str, end: str) -> None:
    server = started(start)
    server.serve.loading.add(f"{end}/churn")
    server.apply(at(end))
    server.check()
    server.apply(at(start))
    assert (server.place, server.places) == (start, {start})
    assert server.is_settled()


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_a_move_and_a_move_back_load_nothing_at_the_place_that_serves(start: str, end: str) -> None:
    server = started(start)
    before = server.serve.up[(start, "churn")]
    server.serve.loading.add(f"{end}/churn")
    server.apply(at(end))
    server.check()
    server.apply(at(start))
    assert server.serve.up[(start, "churn")] == before


@pytest.mark.parametrize(("start", "end", "then"), [(a, b, c) for a, b in MOVES for c in KEYS if c not in (a, b)])
def test_a_model_that_moves_on_before_it_has_arrived_is_served_by_the_first_place(
    start: str, end: str, then: str
) -> None:
    server = started(start)
    server.serve.loading |= {f"{end}/churn", f"{then}/churn"}
    server.apply(at(end))
    server.check()
    server.apply(at(then))
    server.check()
    assert (server.place, server.places) == (start, {start, then})
    server.serve.loading.clear()
    server.check(2)
    assert (server.place, server.places) == (then, {then})
    assert server.is_settled()


def test_a_model_that_serves_nowhere_leaves_its_place_at_once() -> None:
    server = Server()
    server.serve.loading.add("churn")
    server.apply(at(ALONE))
    server.apply(at(SMALL))
    assert (server.place, server.places) == (SMALL, {SMALL})


def test_a_new_version_at_the_new_place_is_rolled_back_with_its_place() -> None:
    server = started(SMALL)
    server.serve.failing[f"{LARGE}/churn"] = "broken"
    server.apply(at(LARGE, "b"))
    server.check(3)
    assert (server.place, server.places) == (SMALL, {SMALL})
    assert server.serve.up[(SMALL, "churn")]["versions"][0]["digest"][7] == "a"


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_a_model_that_is_removed_while_it_moves_is_gone_from_both_places(start: str, end: str) -> None:
    server = started(start)
    server.serve.loading.add(f"{end}/churn")
    server.apply(at(end))
    server.check()
    server.watched = False
    server.applier.apply(desired(resolved("iris")), allow_removals=True)
    assert server.places == set()
    assert server.is_settled()


def test_a_route_that_goes_to_another_model_is_free_at_once() -> None:
    """Serve accepts no route twice, so a model that gives its own away leaves its place before the new one serves."""
    server = Server()
    server.apply(desired(resolved("churn", route="/who")))
    server.check()
    server.serve.loading.add(f"{SMALL}/churn")
    server.apply(desired(resolved("churn", pool="small"), resolved("iris", route="/who")))
    routes = [each["route_prefix"] for each in fold(server.serve.deployed[-1])["applications"]]
    assert len(routes) == len({*routes})
    assert server.routes["iris"].route == "/who"


def test_a_model_that_waits_until_others_have_loaded_stays_in_its_pool() -> None:
    """Though its pool is not configured any more."""
    server = started(SMALL, limit=1)
    server.serve.loading |= {"iris", "/churn"}
    server.apply(desired(resolved("churn", pool="small"), resolved("iris")))
    server.apply(desired(resolved("churn"), resolved("iris")))
    server.check()
    assert (server.place, server.places) == (SMALL, {SMALL})
    server.serve.loading.remove("iris")
    server.check(2)
    assert (server.place, server.places) == (SMALL, {SMALL, ALONE})
    server.serve.loading.clear()
    server.check(2)
    assert (server.place, server.places) == (ALONE, {ALONE})
    assert server.is_settled()


def test_a_model_whose_files_are_lost_while_it_moves_stays_where_it_is() -> None:
    server = started(SMALL)
    moved = resolved("churn", pool="large")
    server.apply(desired((moved.spec, Rejected("churn", "there is no folder churn", None))))
    server.check()
    assert (server.place, server.places) == (SMALL, {SMALL})
    assert server.state == ("READY", "there is no folder churn")
    assert [each["name"] for each in server.serve.deployed[-1]["pools"]] == [LARGE, SMALL]


def test_a_good_configuration_whose_pool_is_gone_is_not_rolled_back_to() -> None:
    """As after a new start: the last run's configuration was in a pool that has no file any more."""
    server = started(SMALL)
    good = server.applier.rollback.good
    again = Server()
    again.applier.rollback.good |= good
    again.serve.failing["churn"] = "too large"
    again.apply(at(LARGE))
    again.check(2)
    assert again.places == {LARGE}
    assert again.state == ("UNAVAILABLE", "too large")


def test_the_place_of_before_is_marked_in_a_pool_alone_and_the_gateway_names_it() -> None:
    server = started(SMALL)
    server.serve.loading.add("/churn")
    server.apply(at(ALONE))
    (pool,) = (each for each in fold(server.serve.deployed[-1])["applications"] if each["name"] == SMALL)
    assert LEAVING in models_in(pool)["churn"]
    served = catalogue(server.serve.deployed[-1])["churn"].served
    assert served is not None
    assert served.application == SMALL
    server.serve.loading.clear()
    server.check()
    served = catalogue(server.serve.deployed[-1])["churn"].served
    assert served is not None
    assert (served.application, served.fingerprint) == ("churn", "")


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_a_move_that_is_under_way_is_not_planned_again(start: str, end: str) -> None:
    server = started(start)
    server.serve.loading.add(f"{end}/churn")
    planned = {action.model for action in server.applier.plan(at(end))}
    assert planned == {"churn", *(f"pool {each.removeprefix('_pool.')}" for each in (start, end) if each)}
    server.apply(at(end))
    assert server.applier.plan(at(end)) == ()


def test_the_pool_is_not_said_to_be_removed_while_a_model_needs_it() -> None:
    server = started(SMALL)
    server.serve.failing[f"{LARGE}/churn"] = "no"
    server.apply(at(LARGE))
    server.check(2)
    assert server.applier.plan(at(LARGE)) == ()
    assert all(POOL not in each or each[POOL] == SMALL for each in server.serve.deployed[-1]["applications"])


@pytest.mark.parametrize("route", ["/who", "/models/churn"])
def test_a_model_that_leaves_its_pool_is_in_the_maps_that_haproxy_reads_at_its_start(route: str) -> None:
    server = Server()
    server.apply(desired(resolved("churn", pool="small", route="/who")))
    server.check()
    server.serve.loading.add("/churn")
    server.apply(desired(resolved("churn", route=route)))
    assert server.routes["churn"] == EdgeModel("/who", 10, pool=SMALL, moves_out_to=route)
    server.serve.loading.clear()
    server.check()
    assert server.routes["churn"] == EdgeModel(route, 10)
