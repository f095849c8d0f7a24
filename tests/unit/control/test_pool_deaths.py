"""Replicas of pools that died, and models that move and did not."""

from pathlib import Path

from modelyard.replica_files.log_records import LogRecord, append_record
from modelyard.replica_files.paths import ReplicaFiles
from tests.unit.control.models import applications, configured, resolved
from tests.unit.control.pooled import CHURN, SMALL, loaded, observed
from tests.unit.control.test_replica_deaths import EXITED, Watched


def test_a_replica_that_died_is_the_pools_and_is_reported_once_for_all_its_models(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    config = configured(resolved("a", pool="small"), resolved("b", pool="small"))
    files = ReplicaFiles(watched.folder, SMALL, "0")
    append_record(files.log, LogRecord(1.0, "INFO", "model", "hello"))
    watched.watch.observe(observed(config, loaded(config)))
    files.write_exit(EXITED)
    watched.watch.observe(observed(config, {}, {}))
    assert [*watched.log.recent(watched.now)] == [SMALL]
    (death,) = watched.log.recent(watched.now)[SMALL]
    assert (death.replica, death.reason) == ("0", "exit")
    assert death.line.startswith("pool small: replica 0 died: exit code 3")


def test_a_model_that_moves_into_a_pool_did_not_die(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    alone = applications(configured(resolved()))["churn"]
    watched.watch.observe(observed(configured(resolved())))
    for _ in range(10):
        watched.watch.observe(observed({**CHURN, "leaving": [alone]}))
        watched.clock += 1
    assert watched.log.recent(watched.now) == {}


def test_a_replica_that_dies_while_its_model_moves_away_is_reported(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    alone = applications(configured(resolved()))["churn"]
    moving = observed({**CHURN, "leaving": [alone]})
    files = ReplicaFiles(watched.folder, "churn", "0")
    append_record(files.log, LogRecord(1.0, "INFO", "model", "hello"))
    for details in moving.pools.values():
        details["deployments"]["model"]["replicas"] = []
    watched.watch.observe(moving)
    files.write_exit(EXITED)
    moving.leaving["churn"]["deployments"]["model"]["replicas"] = []
    watched.watch.observe(moving)
    assert [*watched.log.recent(watched.now)] == ["churn"]
