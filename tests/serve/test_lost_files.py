"""Files that go away under a running server, and a start that is interrupted."""

import shutil
import signal

import requests

from tests.serve.models import ECHO_TIMES_THREE
from tests.serve.project import Server

ASK = {"instances": [4]}


def test_lost_and_replaced_folders_cost_no_request_and_a_removal_must_be_confirmed(alone: Server) -> None:
    alone.wait_up()
    root, models = alone.project.root, alone.project.models
    metrics = f"http://127.0.0.1:{alone.project.metrics_port}/metrics"

    models.rename(root / "away")
    alone.wait_printed("nothing is changed: the folder models is missing, and the last configuration had 1 model")
    assert alone.answers("echo", ASK)
    told = {"config_removals_withheld 1.0", "config_last_reload_successful 0.0"}
    alone.wait_for(lambda: told <= {*requests.get(metrics, timeout=10).text.splitlines()}, what="the metrics")
    assert alone.command("validate", check=False).returncode == 1
    assert alone.command("apply", check=False).returncode == 1
    assert alone.answers("echo", ASK)

    # Another folder in the place of the first one.
    shutil.copytree(root / "away", models)
    alone.wait_printed("the configuration is applied again")
    shutil.copytree(alone.project.repository, root / "copy")
    alone.project.repository.rename(root / "old")
    (root / "copy").rename(alone.project.repository)
    alone.project.add_python("echo", ECHO_TIMES_THREE, version=2)
    alone.wait_for(lambda: alone.predict("echo", ASK).json()["predictions"] == [12.0], what="version 2")

    alone.project.repository.rename(root / "old2")
    alone.wait_printed("there is no folder echo in the model repository")
    assert alone.answers("echo", ASK)
    (root / "old2").rename(alone.project.repository)

    # Ray dies while the models are away.
    (root / "away").rename(root / "away2")
    models.rename(root / "away")
    alone.kill("raylet")
    alone.wait_printed("the last configuration is served")
    alone.wait_for(lambda: alone.answers("echo", ASK), what="the model after Ray's death")

    alone.command("apply", "--allow-removals")
    alone.wait_for(lambda: alone.models() == {}, what="the removal")
    (root / "away").rename(models)
    alone.wait_for(lambda: alone.answers("echo", ASK), what="the model that is back")


def test_ctrl_c_during_the_start_up_is_obeyed_at_once(alone: Server) -> None:
    alone.wait_printed("starting Ray")
    below = alone.processes()
    alone.process.send_signal(signal.SIGINT)
    assert alone.process.wait(30) == 0
    assert below
    assert not alone.processes()
    assert "watching" not in alone.printed()
