"""What a configuration seems to have lost, beside the one that was served last from the same state folder."""

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


def lost(config_dir: Path, config: Config) -> Iterator[Diagnostic]:
    """An error where no model is left or server.yaml is missing, a warning where most models are; a missing folder is an error."""
    last = _last(config)
    if why := emptied(config, last):
        yield _emptied(config_dir, why)
    elif MODELS_FOLDER in config.absent:
        yield Diagnostic(str(config_dir / MODELS_FOLDER), 0, 0, "there is no such folder, so no model is configured")
    elif last and (why := withheld(config, last.server, [model.name for model in last.models])):
        hint = f"a running server applies this only after `modelyard apply {CONFIRM}`"
        yield replace(Diagnostic(str(config_dir), 0, 0, why, suggestion=hint), severity="warning")


def first_config(config_dir: Path, environ: Mapping[str, str], tell: Callable[[str], object]) -> tuple[Config, bool]:
    """What a server starts with: the files, or where those have mistakes and it has served before, what it served last (True).

    Raises SpecError where there is nothing to serve in the files' place. `tell` gets each warning or mistake.
    """
    try:
        loaded = load(config_dir, environ)
    except SpecError as error:
        last = _last_in(config_dir.resolve().parent)
        if last is None:
            raise
        for diagnostic in error.diagnostics:
            tell(diagnostic.render())
        tell("the configuration has mistakes: what was served last is served until they are mended")
        return last, True
    for warning in loaded.warnings:
        tell(warning.render())
    return loaded, False


def refuse_emptied(config_dir: Path, config: Config) -> None:
    """Raise SpecError where a start with this configuration would serve nothing of what was served last."""
    if why := emptied(config, _last(config)):
        raise SpecError((_emptied(config_dir, why),))


def _last(config: Config) -> Config | None:
    return LastGood.read(paths_of(config).last_good).config


def _last_in(root: Path) -> Config | None:
    """From the usual state folder, as nothing says that it is another one."""
    usual = Config(ServerSpec(), (), {}, root)
    last = _last(usual)
    return (
        last if last and last.root.resolve() == root and last.server.ray.address == usual.server.ray.address else None
    )


def _emptied(config_dir: Path, why: str) -> Diagnostic:
    return Diagnostic(str(config_dir), 0, 0, why, suggestion=f"if that is meant, confirm it with {CONFIRM}")
