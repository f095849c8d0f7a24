"""Detects accidental removals: compares a configuration with the last one that was served from the same state folder."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.config.load import MODELS_FOLDER, Config, load
from modelyard.config.server_spec import ServerSpec
from modelyard.control.last_good import LastGood
from modelyard.control.paths import paths_of
from modelyard.control.plan import CONFIRM
from modelyard.control.removals import emptied, withheld


def removal_problems(config_dir: Path, config: Config) -> Iterator[Diagnostic]:
    """An error if no model is left, or server.yaml or the folder models is missing; a warning if most models are missing."""
    last = _last(config)
    if why := emptied(config, last):
        yield _emptied(config_dir, why)
    elif MODELS_FOLDER in config.missing:
        yield Diagnostic(str(config_dir / MODELS_FOLDER), 0, 0, "there is no such folder, so no model is configured")
    elif last and (why := withheld(config, last.server, [model.name for model in last.models])):
        hint = f"a running server applies this only with `modelyard apply {CONFIRM}`"
        yield replace(Diagnostic(str(config_dir), 0, 0, why, suggestion=hint), severity="warning")


def initial_config(
    config_dir: Path, environ: Mapping[str, str], report: Callable[[str], object]
) -> tuple[Config, bool]:
    """The configuration to start with: the files (False), or, if they are invalid, the last one that was served (True).

    Raises SpecError if the files are invalid and none was served before. `report` gets each warning and error.
    """
    try:
        loaded = load(config_dir, environ)
    except SpecError as error:
        last = _last_in(config_dir.resolve().parent)
        if last is None:
            raise
        for diagnostic in error.diagnostics:
            report(diagnostic.render())
        report("the configuration has errors: serving the last working configuration until they are fixed")
        return last, True
    for warning in loaded.warnings:
        report(warning.render())
    return loaded, False


def reject_empty(config_dir: Path, config: Config) -> None:
    """Raise SpecError if this configuration has none of the models that were served last."""
    if why := emptied(config, _last(config)):
        raise SpecError((_emptied(config_dir, why),))


def _last(config: Config) -> Config | None:
    return LastGood.read(paths_of(config).last_good).config


def _last_in(root: Path) -> Config | None:
    """From the default state folder, since no valid server.yaml names another one."""
    default = Config(ServerSpec(), (), {}, root)
    last = _last(default)
    return (
        last if last and last.root.resolve() == root and last.server.ray.address == default.server.ray.address else None
    )


def _emptied(config_dir: Path, why: str) -> Diagnostic:
    return Diagnostic(str(config_dir), 0, 0, why, suggestion=f"if this is intended, confirm with {CONFIRM}")
