"""The fast path behind Ray Serve's own start-up code."""

import json
import os
import subprocess
import sys
from pathlib import Path

from modelyard.control.environment import FAST_PATH_CALLBACK


def test_serves_own_code_installs_the_fast_path_and_the_request_id_middleware() -> None:
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
    assert "fast path" not in done.stderr, done.stderr
    (status, body, ids), (slow_status, slow_body, slow_ids) = json.loads(done.stdout)
    assert (status, body, len(ids)) == (200, "fast path", 1)
    assert (slow_status, slow_ids) == (200, [slow_body])
    assert '"' not in ids[0] + slow_ids[0]
