"""`import modelyard`: quick, and every public name is there when it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import modelyard

SOURCE = Path(modelyard.__file__).read_text()
TYPED = {
    alias.asname
    for node in ast.walk(ast.parse(SOURCE))
    if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("modelyard.")
    for alias in node.names
}
PROGRAM = "import sys; before = {*sys.modules}; import modelyard; modelyard.__version__; print(*{*sys.modules} - before, sep='\\n')"


def test_the_import_brings_no_other_package() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names == {"modelyard"}


def test_type_checkers_and_programs_find_the_same_names() -> None:
    assert TYPED
    assert modelyard._MODULES.keys() == TYPED
    assert {*dir(modelyard)} >= {*TYPED, "__version__"}


@pytest.mark.parametrize("name", sorted(TYPED))
def test_a_public_name_is_the_one_that_its_module_defines(name: str) -> None:
    found = getattr(modelyard, name)
    assert (found.__module__, found.__name__) == (modelyard._MODULES[name], name)


def test_another_name_is_an_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'modelyard' has no attribute 'load_modle'"):
        modelyard.load_modle  # noqa: B018 - the access is what is tested
