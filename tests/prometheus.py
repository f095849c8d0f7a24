"""Prometheus' own programs, for the tests. `make` gets them where they are not installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

FOLDER = Path(__file__).parents[1] / "monitoring" / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yml"))


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"no {name}: `make test` gets it from Debian's package, see .prometheus in the Makefile"
    return found


def promtool(*arguments: str) -> None:
    """Run it; fails with what it said."""
    done = subprocess.run(
        [program("promtool"), *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, object]]:
    """Every recording rule and alert, as its YAML says."""
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
