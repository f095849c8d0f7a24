"""Loading and unloading by request. The YAML says what is served: to load that is no change, and all else is refused."""

from collections.abc import Mapping

from modelyard.errors import ModelyardError, NotSupported
from modelyard.gateway.catalogue import Entry
from modelyard.gateway.model_errors import find, not_ready


def check_load(name: str, configured: bool, entries: Mapping[str, Entry]) -> None:
    """Raise unless the model is loaded already; `configured` says whether the request brings parameters of its own.

    The message begins with the words that NVIDIA's examples of its clients look for.
    """
    try:
        _check_loaded(name, configured, entries)
    except ModelyardError as error:
        error.args = (f"failed to load {name!r}: {error.message}",)
        raise


def _check_loaded(name: str, configured: bool, entries: Mapping[str, Entry]) -> None:
    entry = find(name, entries)
    if configured:
        raise NotSupported(
            f"a model is not configured by requests, the server's YAML says how it is served: change {name}.yaml in "
            "serve_config/models"
        )
    if entry.state != "READY":
        raise not_ready(entry)


def no_unload(name: str, entries: Mapping[str, Entry]) -> NotSupported:
    """The error for wanting a model unloaded. Raises ModelNotFound where there is none."""
    find(name, entries)
    return NotSupported(
        f"models are not unloaded by requests, the server's YAML says what is served: remove {name}.yaml from "
        "serve_config/models"
    )
