"""Train the example models that a model repository lacks: `python examples/train.py model_repository [NAME...]`.

Every module in `examples/models/` is an example; adding one is adding a file there.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from examples.trained import Trained

HERE = Path(__file__).resolve().parent
VERSION = "1"


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 0 where everything is there, 1 where a model could not be trained well enough, 2 for wrong usage."""
    parser = argparse.ArgumentParser(description="Train the example models that are missing from a model repository.")
    parser.add_argument("repository", type=Path, help="the model repository; made if it is not there")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(example_names())}; default: all")
    arguments = parser.parse_args(argv)
    if unknown := sorted(set(arguments.names) - set(example_names())):
        parser.error(f"no example called {', '.join(unknown)}; there are {', '.join(example_names())}")
    return train_missing(arguments.repository, arguments.names or example_names(), train)


def train_missing(repository: Path, names: Sequence[str], train: Callable[[str], "Trained"]) -> int:
    """The exit code, after a line for each model trained. One that falls short of its least score is not published."""
    exit_code = 0
    for name in missing(repository, names):
        trained = train(name)
        if trained.score.good:
            publish(repository / name, trained)
            print(f"{name}: {trained.score}", flush=True)
        else:
            print(f"{name}: {trained.score}, less than the {trained.score.at_least} expected", file=sys.stderr)
            exit_code = 1
    return exit_code


def example_names() -> list[str]:
    """Every example, by its module's name. Nothing is imported: that takes seconds, and often nothing is to be done."""
    return sorted(path.stem.replace("_", "-") for path in (HERE / "models").glob("[!_]*.py"))


def missing(repository: Path, names: Sequence[str]) -> list[str]:
    """The examples of these that have no first version in the repository."""
    return [name for name in names if not (repository / name / VERSION).exists()]


def train(name: str) -> "Trained":
    """Train one example, on one thread: with data this small, threads spend their time waiting for each other."""
    module = import_module(f"examples.models.{name.replace('-', '_')}")
    with threadpool_limits(1):
        trained: Trained = module.train()
    return trained


def publish(folder: Path, trained: "Trained") -> Path:
    """Write the version under a name that no server takes for a version, then rename it: it appears whole or never."""
    partial, version = folder / f".{VERSION}.partial", folder / VERSION
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, content in trained.files().items():
        (partial / name).write_bytes(content)
    return partial.rename(version)


if __name__ == "__main__":
    sys.path[0] = str(HERE.parent)  # run as a file, Python looks for modules beside it; the package is one folder up
    sys.exit(main())
