"""The wheel: what is in it, and that it serves from a folder of an operator's, where it is installed and no checkout is at hand."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from modelyard import __version__
from modelyard.control.ports import free_ports
from tests.faults.test_odd_starts import AS_NOBODY, NOBODY
from tests.serve.project import Project, Server

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "deployments" / "modelyard"
BUILT_FROM = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
EXECUTABLE = {"control/agent-keeper", "edge/haproxy-launcher"}
DATA = {
    "cli/starter/serve_config/models/shipping-cost.yaml",
    "cli/starter/serve_config/server.yaml",
    "protocols/grpc/services.binpb",
    "py.typed",
}
ABOUT = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}
OPERATORS = ("monitoring", "orjson", "ray", "modelyard")
"""Modules in the operator's folder, and folders below, named like packages that the server imports or has imported."""
OPERATORS_FOLDERS = ("spec", "config", "deployments")
TRAP = "from pathlib import Path\nPath(__file__).with_suffix('.imported').write_text('')\nraise SystemExit(3)\n"
PROGRAM = """\
import modelyard


def check(folder: str) -> list[str]:
    with modelyard.load_model(folder, version=1) as model:
        whole: bytes = model.predict(b"{}")
        values: dict[str, object] = model.predict({"instances": [[1, 2]]})
        try:
            model.predict(model.example, "application/json", accept="text/csv")
        except modelyard.InvalidRequest as error:
            return [error.message, *(bad.pointer for bad in error.bad_values)]
        return [whole.decode(), *values, *(spec.name for spec in model.signature.inputs)]


reveal_type(modelyard.load_config())
reveal_type(modelyard.__version__)
model = modelyard.load_model(1)
modelyard.load_modle("a")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the locked tools, from a copy, so that nothing is left in the checkout."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, source)
    shutil.copytree(SOURCES, source / "deployments" / "modelyard", ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "pip", "wheel", *["--no-deps", "--no-index", "--no-build-isolation", "-w"], built, source)
    [path] = built.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """An environment with the wheel, for any user. The dependencies are those of this one, by their folder: no index is needed."""
    folder = Path(tempfile.mkdtemp(prefix="modelyard-installed-"))
    folder.chmod(0o755)
    try:
        venv.create(folder)
        [packages] = folder.glob("lib/python*/site-packages")
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
        pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
        run(*pip, "install", "--no-deps", "--no-index", wheel)
        yield folder
    finally:
        shutil.rmtree(folder)


def run(*command: str | Path, code: int = 0, cwd: Path | None = None) -> str:
    """What a command prints, in an environment that names no folder of ours."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        env=environment,
        cwd=cwd,
        check=False,
        timeout=300,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def test_the_wheel_holds_what_serving_needs_and_nothing_else(wheel: Path) -> None:
    about = f"modelyard-{__version__}.dist-info"
    modules = {path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.py")}
    expected = {f"modelyard/{name}" for name in modules | DATA | EXECUTABLE} | {f"{about}/{name}" for name in ABOUT}
    with ZipFile(wheel) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert modes.keys() == expected
    assert {name for name, mode in modes.items() if mode & 0o111} == {f"modelyard/{name}" for name in EXECUTABLE}
    assert all(mode & 0o444 == 0o444 for mode in modes.values())


def test_the_command_of_the_wheel_says_its_version(installed: Path) -> None:
    assert run(installed / "bin" / "modelyard", "--version") == f"modelyard {__version__}\n"


def test_the_public_names_are_typed_for_users_of_the_package(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache")
    found = run(*mypy, "--python-executable", installed / "bin" / "python", "program.py", code=1, cwd=tmp_path)
    lines = [line.partition(": ")[2] for line in found.splitlines()[:-1]]
    assert lines == [
        'note: Revealed type is "modelyard.config.load.Config"',
        'note: Revealed type is "str"',
        'error: Argument 1 to "load_model" has incompatible type "int"; expected "str | Path"  [arg-type]',
        'error: Module has no attribute "load_modle"; maybe "load_model"?  [attr-defined]',
    ]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own folder, which is root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="model yard "))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Initialised(Project):
    """What `modelyard init` has written, on ports of the test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        yaml = root / "serve_config" / "server.yaml"
        text = yaml.read_text()
        ports = dict(zip(range(8000, 8005), free_ports(5), strict=True))
        assert text.count("  edge_port: 8003") == 1
        text = text.replace("  edge_port: 8003", "  ray_port: 8004\n  edge_port: 8003")
        for port, free in ports.items():
            text = text.replace(f"port: {port}", f"port: {free}")
        yaml.write_text(text)
        self.port = ports[8000]


def as_another_user(installed: Path, folder: Path) -> tuple[str, ...]:
    """A command that starts another one as a user who owns the folder and is not root; () where that cannot be."""
    tried = [*AS_NOBODY, installed / "bin" / "python", "-c", "import modelyard.local_model"]
    if os.getuid() != 0 or not shutil.which("setpriv") or subprocess.run(tried, check=False).returncode:
        return ()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return AS_NOBODY


def test_init_and_up_serve_a_model_from_an_empty_folder_whatever_else_is_in_it(installed: Path, folder: Path) -> None:
    command = str(installed / "bin" / "modelyard")
    for name in OPERATORS:
        (folder / f"{name}.py").write_text(TRAP)
    for name in OPERATORS_FOLDERS:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(TRAP)
    user = as_another_user(installed, folder)
    assert "modelyard up" in run(*user, command, "init", cwd=folder)
    assert "1 model is valid" in run(*user, command, "validate", "--deep", cwd=folder)
    server = Server(Initialised(folder), {"PYTHONPATH": "", "HOME": str(folder)}, before=user, command=command)
    try:
        server.wait_up()
        request = {"instances": [{"weight_kg": 2.5, "distance_km": 120}]}
        server.wait_for(lambda: server.answers("shipping-cost", request), what="the edge")
        assert server.predict("shipping-cost", request).json()["predictions"] == [8.4]
        ours = [line for line in server.processes().values() if "agent-keeper" in line]
        assert ours
        assert [line for line in ours if str(installed) not in line] == []
    finally:
        server.stop()
    assert server.process.returncode == 0
    assert [path.name for path in folder.rglob("*.imported")] == []
