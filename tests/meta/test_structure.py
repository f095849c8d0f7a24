"""The project's own rules, checked: the size of modules, empty packages, and the layers of imports."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for package in ("deployments", "monitoring") for path in (ROOT / package).rglob("*.py"))
PUBLIC = ROOT / "deployments" / "modelyard" / "__init__.py"
"""The public names, and only the code that finds them."""
PACKAGES = [path for path in MODULES if path.name == "__init__.py" and path != PUBLIC]
MOST_LINES = 400


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_modules_are_found():
    assert {"deployments/modelyard/errors.py", "deployments/modelyard/cli/main.py", "monitoring/__init__.py"} <= {
        *map(shown, MODULES)
    }


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_a_module_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES, "split it by its nouns"


@pytest.mark.parametrize("path", PACKAGES, ids=shown)
def test_a_package_file_holds_a_docstring_and_nothing_else(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


@pytest.mark.parametrize("path", [path for path in MODULES if path not in PACKAGES], ids=shown)
def test_a_module_has_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_imports_point_one_way():
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_unit_test_names_ray():
    """tests/unit/conftest.py finds imports that run; this finds those that never run."""
    for path in sorted((ROOT / "tests" / "unit").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.partition(".")[0] == "ray" for name in names), shown(path)


def test_no_two_test_files_have_the_same_name():
    """Otherwise pytest cannot collect both."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
