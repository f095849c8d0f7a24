"""Files that disappear while the server runs, and a start that is interrupted."""

import shutil
import signal

import requests

from tests.serve.models import ECHO_TIMES_THREE
from tests.serve.project import Server

ASK = {"instances": [4]}


def test_lost_and_replaced_folders_lose_no_request_and_a_removal_must_be_confirmed(own_server: Server) -> None:
    own_server.wait_up()
    root, models = own_server.project.root, own_server.project.models
    metrics = f"http://127.0.0.1:{own_server.project.metrics_port}/metrics"

    models.rename(root / "away")
    own_server.wait_printed("nothing is changed: the folder models is missing, and the last configuration had 1 model")
    assert own_server.responds("echo", ASK)
    expected = {"config_removals_withheld 1.0", "config_last_reload_successful 0.0"}
    own_server.wait_for(lambda: expected <= {*requests.get(metrics, timeout=10).text.splitlines()}, what="the metrics")
    assert own_server.command("validate", check=False).returncode == 1
    assert own_server.command("apply", check=False).returncode == 1
    assert own_server.responds("echo", ASK)

    # Replace the folder by another.
    shutil.copytree(root / "away", models)
    own_server.wait_printed("the configuration is applied again")
    shutil.copytree(own_server.project.repository, root / "copy")
    own_server.project.repository.rename(root / "old")
    (root / "copy").rename(own_server.project.repository)
    own_server.project.add_python("echo", ECHO_TIMES_THREE, version=2)
    own_server.wait_for(lambda: own_server.predict("echo", ASK).json()["predictions"] == [12.0], what="version 2")

    own_server.project.repository.rename(root / "old2")
    own_server.wait_printed("there is no folder echo in the model repository")
    assert own_server.responds("echo", ASK)
    (root / "old2").rename(own_server.project.repository)

    # Ray dies while the model files are missing.
    (root / "away").rename(root / "away2")
    models.rename(root / "away")
    own_server.kill("raylet")
    own_server.wait_printed("the last configuration is served")
    own_server.wait_for(lambda: own_server.responds("echo", ASK), what="the model after Ray's death")

    own_server.command("apply", "--allow-removals")
    own_server.wait_for(lambda: own_server.models() == {}, what="the removal")
    (root / "away").rename(models)
    own_server.wait_for(lambda: own_server.responds("echo", ASK), what="the restored model")


def test_ctrl_c_during_the_start_stops_the_server_at_once_and_a_second_signal_changes_nothing(
    own_server: Server,
) -> None:
    own_server.wait_printed("starting Ray")
    below = own_server.processes()
    own_server.process.send_signal(signal.SIGINT)
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(30) == 0
    assert below
    assert not own_server.processes()
    assert "watching" not in own_server.printed()
    assert "Traceback" not in own_server.printed()
