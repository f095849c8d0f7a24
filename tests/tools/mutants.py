"""`mutants.py config http/inflate` runs mutmut on the modules of modelyard/config and on modelyard/http/inflate.py.

The tests are those of the same folders of tests/unit.

Adds to mutmut what it has no settings for:
- The names of mutants begin with the package, as imports do, and not with the folder `deployments`.
- Texts are not changed: the exact words of every message are not worth a test.
- Arguments of calls are not removed: most such changes raise TypeError, which shows only that a test reaches the call.
"""

import shutil
import sys
from pathlib import Path

import mutmut.__main__ as program
from mutmut.configuration import config
from mutmut.mutation import file_mutation, mutators

SOURCES, TESTS = Path("deployments/modelyard"), Path("tests/unit")
SKIPPED = (mutators.operator_string, mutators.operator_arg_removal)


def mutant_name(path: Path, function: str) -> str:
    return ".".join([*path.with_suffix("").parts[1:], function])


def tests_of(part: str) -> str:
    name = part.partition("/")[0]
    return str(TESTS / name if (TESTS / name).is_dir() else TESTS / f"test_{name}.py")


def main(parts: list[str]) -> None:
    program.get_mutant_name = file_mutation.get_mutant_name = mutant_name
    mutators.mutation_operators[:] = [each for each in mutators.mutation_operators if each[1] not in SKIPPED]
    folders = [part for part in parts if (SOURCES / part).is_dir()]
    config().only_mutate = [str(SOURCES / (f"{part}/*.py" if part in folders else f"{part}.py")) for part in parts]
    config().pytest_add_cli_args_test_selection = sorted({tests_of(part) for part in parts})
    shutil.rmtree("mutants", ignore_errors=True)
    program.cli(["run"], standalone_mode=False)
    program.cli(["results"], standalone_mode=False)


if __name__ == "__main__":
    main(sys.argv[1:])
