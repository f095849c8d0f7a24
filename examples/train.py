"""Train the example models that a model repository lacks: `python examples/train.py model_repository [NAME...]`.

Every module in `examples/models/` is an example. To add one, add a file there.
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
    """Run the command. Returns 0 if all models exist, 1 if a model missed its score; exits with 2 for wrong usage."""
    parser = argparse.ArgumentParser(description="Train the example models that are missing from a model repository.")
    parser.add_argument("repository", type=Path, help="the model repository; created if it does not exist")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(example_names())}; default: all")
    arguments = parser.parse_args(argv)
    if unknown := sorted(set(arguments.names) - set(example_names())):
        parser.error(f"unknown example {', '.join(unknown)}; known: {', '.join(example_names())}")
    return train_missing(arguments.repository, arguments.names or example_names(), train)


def train_missing(repository: Path, names: Sequence[str], train: Callable[[str], "Trained"]) -> int:
    """Train and publish the missing models, and return the exit code. A model below its minimum score is not published."""
    exit_code = 0
    for name in missing(repository, names):
        trained = train(name)
        if trained.score.good:
            publish(repository / name, trained)
            print(f"{name}: {trained.score}", flush=True)
        else:
            print(f"{name}: {trained.score}, below the minimum of {trained.score.at_least}", file=sys.stderr)
            exit_code = 1
    return exit_code


def example_names() -> list[str]:
    """Every example, by the name of its module. No module is imported: that takes seconds, and often there is nothing to train."""
    return sorted(path.stem.replace("_", "-") for path in (HERE / "models").glob("[!_]*.py"))


def missing(repository: Path, names: Sequence[str]) -> list[str]:
    """Those of these examples that have no first version in the repository."""
    return [name for name in names if not (repository / name / VERSION).exists()]


def train(name: str) -> "Trained":
    """Train one example on one thread. With data this small, several threads are slower."""
    module = import_module(f"examples.models.{name.replace('-', '_')}")
    with threadpool_limits(1):
        trained: Trained = module.train()
    return trained


def publish(folder: Path, trained: "Trained") -> Path:
    """Write the version under a temporary name that is no version name, then rename it: it appears complete or not at all."""
    partial, version = folder / f".{VERSION}.partial", folder / VERSION
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, content in trained.files().items():
        (partial / name).write_bytes(content)
    return partial.rename(version)


if __name__ == "__main__":
    sys.path[0] = str(HERE.parent)  # run as a file, Python finds modules next to it; the package is one folder up
    sys.exit(main())
