"""Requests to load and unload models.

The configuration is declarative: a request to load a model succeeds if the model is READY. Everything else is rejected.
"""

from collections.abc import Mapping

from modelyard.errors import ModelyardError, NotSupported
from modelyard.gateway.catalogue import ModelEntry, find_model, not_ready


def check_load(name: str, has_parameters: bool, entries: Mapping[str, ModelEntry]) -> None:
    """Raise an error unless the model is READY and the request has no parameters.

    NVIDIA's examples of Triton's clients search the message for its first words.
    """
    try:
        _check_loaded(name, has_parameters, entries)
    except ModelyardError as error:
        error.args = (f"failed to load {name!r}: {error.message}",)
        raise


def _check_loaded(name: str, has_parameters: bool, entries: Mapping[str, ModelEntry]) -> None:
    entry = find_model(name, entries)
    if has_parameters:
        raise NotSupported(
            f"a model cannot be configured by requests; change {name}.yaml in serve_config/models on the server"
        )
    if entry.state != "READY":
        raise not_ready(entry)


def unload_error(name: str, entries: Mapping[str, ModelEntry]) -> NotSupported:
    """The error for a request to unload a model. Raises ModelNotFound if there is no such model."""
    find_model(name, entries)
    return NotSupported(
        f"a model cannot be unloaded by requests; remove {name}.yaml from serve_config/models on the server"
    )
