"""`modelyard init`: a folder that `modelyard up` serves, with one example model."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from modelyard.cli.command_output import out, reported_errors

STARTER = Path(__file__).parent / "starter"
"""The files that are written, as they are; the JSON Schemas are made."""
COMPILED = "__pycache__"
"""pip writes these beside the starter's model.py."""
EXAMPLE = """\
curl -s http://127.0.0.1:8000/models/shipping-cost/predict -H 'content-type: application/json' \\
  -d '{"instances": [{"weight_kg": 2.5, "distance_km": 120}]}'"""


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; created if it does not exist.")] = Path(),
) -> None:
    """Write a configuration and a model repository with one example model."""
    with reported_errors():
        written = write_starter(folder)
    lines = [f"wrote {folder / path}" for path in written]
    enter = [] if folder == Path() else [f"cd {shlex.quote(str(folder))}"]
    steps = [*enter, "modelyard validate --deep   # loads the model and runs its example", "modelyard up"]
    out.print(
        "\n".join([*lines, "", "Next:", *steps, "", "In another terminal:", EXAMPLE]), markup=False, soft_wrap=True
    )


def write_starter(folder: Path) -> list[str]:
    """The paths written, relative to the folder. Raises FileExistsError, and writes nothing, where one of its folders exists."""
    files = starter_files()
    for name in sorted({Path(path).parts[0] for path in files}):
        if (folder / name).exists() or (folder / name).is_symlink():
            raise FileExistsError(f"{folder / name} exists; nothing was written, because init overwrites nothing")
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)
    return list(files)


def starter_files() -> Mapping[str, bytes]:
    """The content of each file, by its path."""
    from modelyard.config.schema import schemas  # noqa: PLC0415 - pydantic; no other command needs this module's content

    copied = {
        path.relative_to(STARTER).as_posix(): path.read_bytes()
        for path in sorted(STARTER.rglob("*"))
        if path.is_file() and COMPILED not in path.parts
    }
    return {**copied, **{f"serve_config/schema/{name}": text.encode() for name, text in schemas().items()}}
