"""The client examples of the documentation, run unchanged against the real server except for the ports."""

import os
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


ENVIRONMENT = Path(sys.executable).parents[1]
PROGRAMS = f"{ENVIRONMENT / 'generators' / 'bin'}:{ENVIRONMENT / 'perf_analyzer'}:{os.environ['PATH']}"
"""With the programs that `make test` installs in separate folders."""


@pytest.mark.parametrize(("language", "code", "shown"), EXAMPLES)
def test_an_example_prints_what_the_page_shows(
    server: Server, tmp_path: Path, language: str, code: str, shown: str
) -> None:
    code = code.replace(":8000", f":{server.project.port}").replace(":8001", f":{server.project.grpc_port}")
    command = [sys.executable, "-c", code] if language == "python" else ["bash", "-ec", code]
    libraries = str(ENVIRONMENT / "perf_analyzer" / "lib")
    environment = {**os.environ, "PATH": PROGRAMS, "LD_LIBRARY_PATH": libraries} if language == "bash" else None
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert rounded(done.stdout) == rounded(shown)


def rounded(result: str) -> str:
    """Numbers are rounded: another processor computes slightly different ones."""
    return re.sub(r"\d+\.\d{3}\d+", lambda number: f"{float(number[0]):.3f}", result.strip())


def test_every_example_for_clients_is_run() -> None:
    """In these pages, a code block without its output below it is not a client example."""
    blocks = [
        re.findall(r"^```(?:bash|python)$", (DOCS / f"{page}.md").read_text(), re.M)
        for page in ("clients", "streaming", "protocols")
    ]
    assert sum(map(len, blocks)) == len(EXAMPLES)
