"""Models in pools are applied, rolled back, removed and remembered as others are."""

from pathlib import Path

import pytest

from modelyard.config.load import Config
from modelyard.config.server_spec import ServerSpec
from modelyard.control.applications import edge_applications
from modelyard.control.apply import Applier, settled
from modelyard.control.last_good import LastGood
from modelyard.control.load_admission import LoadAdmission
from modelyard.control.plan import Action, NeedsConfirmation
from modelyard.control.rollback import Rollback
from modelyard.control.serve_config import settings_of
from modelyard.control.status import ModelStatus
from tests.unit.control.models import application, applications, configured, pool, refused, resolved, spec
from tests.unit.control.pooled import SMALL
from tests.unit.control.serve import URLS, FakeServe, desired

ROLLED_BACK = "rolled back to the last good configuration: no such file"


class Server:
    def __init__(self, limit: int | None = None) -> None:
        self.serve = FakeServe()
        self.applier = Applier(self.serve, Rollback(), URLS, admission=LoadAdmission(limit, now=lambda: 0.0))

    def rows(self) -> dict[str, ModelStatus]:
        return {row.name: row for row in self.applier.statuses(self.serve.running())}

    def digest(self, name: str = "churn") -> str:
        """A letter: of the version that the pool serves."""
        digest: str = self.serve.up[(SMALL, name)]["versions"][0]["digest"]
        return digest[7]

    def deploys(self) -> int:
        return len(self.serve.deployed)


@pytest.fixture
def server() -> Server:
    """A server whose pool has a model that answers."""
    server = Server()
    server.applier.apply(desired(resolved("churn", pool="small")))
    server.applier.check()
    return server


def test_what_does_not_differ_is_not_deployed_again(server: Server) -> None:
    assert server.applier.apply(desired(resolved("churn", pool="small"))) == ()
    server.applier.check()
    assert server.deploys() == 1


def test_a_version_that_cannot_be_loaded_never_serves_and_is_not_tried_again(server: Server) -> None:
    server.serve.failing["churn"] = "no such file"
    server.applier.apply(desired(resolved("churn", "b", pool="small")))
    row = server.rows()["churn"]
    assert (row.state, row.reason, server.digest()) == ("READY", "no such file", "a")
    assert server.applier.check()[1] == ["churn"]
    server.serve.failing.clear()
    row = server.rows()["churn"]
    assert (row.state, row.reason, row.digest[7]) == ("READY", ROLLED_BACK, "a")
    assert server.applier.apply(desired(resolved("churn", "b", pool="small"))) == ()
    assert settled([*server.rows().values()])
    server.applier.apply(desired(resolved("churn", "c", pool="small")))
    server.applier.check()
    assert (server.digest(), server.rows()["churn"].reason) == ("c", "")


def test_a_setting_that_comes_with_a_broken_version_is_rolled_back_too(server: Server) -> None:
    server.serve.failing["churn"] = "no such file"
    server.applier.apply(desired(resolved("churn", "b", pool="small", limits={"timeout_s": 3})))
    server.applier.check()
    now = applications(server.serve.deployed[-1])["churn"]
    assert now == application(resolved("churn", pool="small"))


def test_the_others_of_a_pool_stay_as_they_are_when_one_is_rolled_back(server: Server) -> None:
    iris = resolved("iris", pool="small")
    server.applier.apply(desired(resolved("churn", pool="small"), iris))
    server.applier.check()
    server.serve.failing["churn"] = "no such file"
    server.applier.apply(desired(resolved("churn", "b", pool="small"), iris))
    server.applier.check()
    assert applications(server.serve.deployed[-1])["iris"] == application(iris)
    assert (server.rows()["iris"].state, server.rows()["iris"].reason) == ("READY", "")


def test_a_first_version_that_cannot_be_loaded_is_unavailable_with_its_reason() -> None:
    server = Server()
    server.serve.failing["churn"] = "no such file"
    server.applier.apply(desired(resolved("churn", pool="small"), resolved("iris", pool="small")))
    server.applier.check()
    rows = server.rows()
    assert (rows["churn"].state, rows["churn"].reason) == ("UNAVAILABLE", "no such file")
    assert (rows["iris"].state, settled([*rows.values()])) == ("READY", True)


def test_a_model_whose_files_are_gone_stays_in_its_pool_with_the_reason(server: Server) -> None:
    actions = server.applier.apply(desired(refused("there is no folder churn", pool="small")))
    assert actions == (Action("refuse", "churn", "there is no folder churn"),)
    row = server.rows()["churn"]
    assert (row.state, row.reason) == ("READY", "there is no folder churn")


def test_models_of_pools_wait_for_no_others_and_no_others_wait_for_them() -> None:
    server = Server(limit=1)
    server.serve.loading |= {"a", "b", "one", "two"}
    models = resolved("one"), resolved("two"), *(resolved(name, pool="small") for name in "ab")
    server.applier.apply(desired(*models))
    assert server.serve.models == ["one", "a", "b"]
    server.serve.loading.remove("one")
    server.applier.check()
    assert server.serve.models == ["one", "two", "a", "b"]


def test_a_removed_model_leaves_its_pool_and_the_pool_stays_if_it_is_configured(server: Server) -> None:
    actions = server.applier.apply(desired(resolved("iris"), pools=(pool(),)), allow_removals=True)
    assert [(action.kind, action.model) for action in actions] == [("remove", "churn"), ("add", "iris")]
    (small,) = server.serve.deployed[-1]["pools"]
    assert settings_of(small) == {"models": {}}
    assert "churn" not in server.rows()


def test_models_of_pools_that_are_missing_from_the_files_are_counted_as_others(server: Server) -> None:
    assert server.applier.missing(desired(pools=(pool(),))) == {"churn"}
    with pytest.raises(NeedsConfirmation, match="the last configuration had 1 model"):
        server.applier.apply(desired(pools=(pool(),)))
    gone = desired(resolved("churn", "ba", pool="small"), there={"churn": frozenset({2})})
    assert server.applier.missing(gone) == {"churn/1"}


def test_serve_builds_the_pool_and_not_its_models(server: Server) -> None:
    server.applier.apply(desired(resolved("churn", pool="small"), resolved("iris")))
    assert edge_applications(server.serve.deployed[-1]) == {SMALL, "iris"}


CONFIG = Config(
    server=ServerSpec(),
    models=(spec("churn", pool="small"), spec("iris")),
    sources={name: Path(f"serve_config/models/{name}.yaml") for name in ("churn", "iris")},
    root=Path("/srv/yard"),
    pools=(pool("small", replicas={"min": 1, "max": 2}),),
    pool_sources={"small": Path("serve_config/pools/small.yaml")},
)


def test_pools_and_their_models_are_remembered_for_the_next_run(tmp_path: Path) -> None:
    good = applications(configured(resolved("churn", pool="small", load="lazy"), resolved("iris")))
    del good["gateway"]
    LastGood(CONFIG, good).write(tmp_path / "last-good.json")
    assert LastGood.read(tmp_path / "last-good.json") == LastGood(CONFIG, good)


def test_a_pooled_model_that_another_release_wrote_is_left_out(tmp_path: Path) -> None:
    churn = application(resolved("churn", pool="small"))
    other = {**churn, "pooled": {**churn["pooled"], "of another release": 1}}
    LastGood(CONFIG, {"churn": other}).write(tmp_path / "last-good.json")
    assert LastGood.read(tmp_path / "last-good.json") == LastGood(CONFIG, {})


def test_what_is_pinned_is_in_a_pool_that_is_there() -> None:
    churn = application(resolved("churn", pool="small"))
    assert desired(resolved("churn", pool="small")).pinned_to({"churn": churn}).pinned == {"churn": churn}
    assert desired(resolved("churn", pool="large")).pinned_to({"churn": churn}).pinned == {}
