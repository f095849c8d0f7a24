"""What a configuration seems to have lost, beside the one that was served last from the same state folder."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from deployments.cli.places import places_of
from deployments.control.absence import emptied, withheld
from deployments.control.last_good import LastGood
from deployments.control.withheld import CONFIRM
from deployments.spec.diagnostic import Diagnostic, SpecError
from deployments.spec.load import MODELS_FOLDER, Config


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


def refuse_emptied(config_dir: Path, config: Config) -> None:
    """Raise SpecError where a start with this configuration would serve nothing of what was served last."""
    if why := emptied(config, _last(config)):
        raise SpecError((_emptied(config_dir, why),))


def _last(config: Config) -> Config | None:
    return LastGood.read(places_of(config).last_good).config


def _emptied(config_dir: Path, why: str) -> Diagnostic:
    return Diagnostic(str(config_dir), 0, 0, why, suggestion=f"if that is meant, confirm it with {CONFIRM}")
