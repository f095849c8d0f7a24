"""The pages' examples for clients, run as they stand against the real server; only the ports are the test's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.project import Server

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = re.compile(r"^```(bash|python)\n(.*?)^```\n```\n(.*?)^```", re.DOTALL | re.MULTILINE)
EXAMPLES = [
    pytest.param(language, code, shown, id=f"{page}-{number}")
    for page in ("clients", "protocols", "streaming")
    for number, (language, code, shown) in enumerate(EXAMPLE.findall((DOCS / f"{page}.md").read_text()), 1)
]


@pytest.mark.parametrize(("language", "code", "shown"), EXAMPLES)
def test_an_example_prints_what_the_page_shows(server: Server, language: str, code: str, shown: str) -> None:
    code = code.replace(":8000", f":{server.project.port}").replace(":8001", f":{server.project.grpc_port}")
    command = [sys.executable, "-c", code] if language == "python" else ["bash", "-ec", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert rounded(done.stdout) == rounded(shown)


def rounded(told: str) -> str:
    """Without what another processor computes a little differently."""
    return re.sub(r"\d+\.\d{3}\d+", lambda number: f"{float(number[0]):.3f}", told.strip())


def test_every_example_for_clients_is_run() -> None:
    """In these pages, a block of code that is not followed by what it prints is none of a client's."""
    blocks = [
        re.findall(r"^```(?:bash|python)$", (DOCS / f"{page}.md").read_text(), re.M)
        for page in ("clients", "streaming", "protocols")
    ]
    assert sum(map(len, blocks)) == len(EXAMPLES)
