"""The lane behind Ray Serve's own start-up code."""

import json
import os
import subprocess
import sys
from pathlib import Path

from modelyard.control.environment import FAST_PATH_CALLBACK


def test_serves_own_code_puts_the_lane_and_the_clean_request_ids_in_front() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.serve_server"],
        env={**os.environ, "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": FAST_PATH_CALLBACK},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "fast lane" not in done.stderr, done.stderr
    (status, body, ids), (cold_status, cold_body, cold_ids) = json.loads(done.stdout)
    assert (status, body, len(ids)) == (200, "lane", 1)
    assert (cold_status, cold_ids) == (200, [cold_body])
    assert '"' not in ids[0] + cold_ids[0]
