"""No module imports itself through others, not even lazily or for its types."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "deployments"


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def test_imports_have_no_cycles():
    modules = {dotted(path): path for path in SOURCE.glob("modelyard/**/*.py")}
    imports: dict[str, set[str]] = {name: set() for name in modules}
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in modules:
                members = {f"{node.module}.{alias.name}" for alias in node.names}
                imports[name] |= {each if each in modules else node.module for each in members}
    assert len(imports) > 300
    assert any(imports.values())
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules
