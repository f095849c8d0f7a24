"""ARCHITECTURE.md names files that exist, and both of its walks are as short as they claim."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text()
PACKAGE = ROOT / "deployments" / "modelyard"
PATHS = sorted(set(re.findall(r"`([\w./-]+\.(?:py|md|toml))`", PAGE)))
BARE = {"routes.py", "endpoint.py", "codec.py"}
"""Names that every protocol's folder has."""


@pytest.mark.parametrize("path", [path for path in PATHS if path not in BARE])
def test_a_file_on_the_page_exists(path: str) -> None:
    assert (PACKAGE / path).is_file() or (ROOT / path).is_file()


@pytest.mark.parametrize(("heading", "most"), [("A predict request", 20), ("A configuration change", 25)])
def test_a_walk_has_the_number_of_files_that_it_claims(heading: str, most: int) -> None:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| `([\w./]+)` \|", section, re.MULTILINE)
    assert [int(number) for number, _ in rows] == [*range(1, most + 1)]
    assert f": {most} files" in section


@pytest.mark.parametrize("layer", re.findall(r"^([a-z_]+(?: \| [a-z_]+)*)  ", PAGE.split("## Layers")[1], re.MULTILINE))
def test_a_layer_on_the_page_is_one_that_is_checked(layer: str) -> None:
    checked = (ROOT / "pyproject.toml").read_text()
    assert f'"{" | ".join(f"modelyard.{name}" for name in layer.split(" | "))}"' in checked
