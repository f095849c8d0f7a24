"""One model in this process, loaded and called as a replica does it: for tests of a model, without a server and without Ray."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import orjson
from pydantic import ValidationError

from modelyard.config.load import Config, load
from modelyard.config.model_spec import ModelSpec
from modelyard.errors import InferenceFailed, ModelyardError
from modelyard.inference.batch import outputs_of
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.ray_serve.application_status import describe_error
from modelyard.replica.loading import load_version
from modelyard.repository.resolve import Rejected, ServedVersion, resolve
from modelyard.repository.scan import DigestCache, scan
from modelyard.runtimes.base import GeneratingModel, LoadError
from modelyard.tensors import Signature, Tensors

T = TypeVar("T")
CONFIG_FOLDER = "serve_config"
JSON = "application/json"


def load_config(folder: str | Path = CONFIG_FOLDER, *, environ: Mapping[str, str] | None = None) -> Config:
    """Read and check a configuration folder. Raises SpecError with every mistake, each with its file, line and column.

    `environ` is where `${NAME}` is looked up; default: the environment of this process.
    """
    return load(Path(folder), os.environ if environ is None else environ)


def load_model(
    path: str | Path, version: int | None = None, *, settings: Mapping[str, Any] | None = None
) -> "LocalModel":
    """Load a version of a model, with all the checks that a replica makes before it takes requests.

    `path` is the model's folder in the repository (`model_repository/churn`) or its file (`serve_config/models/churn.yaml`).
    The file of a folder is searched in the nearest `serve_config/` beside or above it. Where there is none, the model has default
    settings. `settings` replaces the file: keys of the model's YAML, such as {"trusted": True}.

    `version` is a version's number; default: the one that the server would use for requests that name none.

    Raises LoadError with the reason that `modelyard status` would show, SpecError for mistakes in the configuration, and ValueError
    for wrong `settings`.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links, and the repository judges those itself
    spec, root = _spec_of(place, settings)
    if version is not None:
        spec = spec.model_copy(update={"versions": [version], "default": None, "version_labels": {}})
    snapshot = scan(root, {spec.folder}, settle_s=0, now=time.time, cache=DigestCache())
    resolved = resolve(spec, snapshot.folders[spec.folder])
    if isinstance(resolved, Rejected):
        raise LoadError(resolved.reason)
    [served] = [each for each in resolved.versions if each.number == resolved.default]
    return LocalModel(spec, _loaded(spec, resolved.runtime, root, served))


class LocalModel:
    """A loaded version of a model. It answers one request at a time, without a queue, a time limit or batching.

    Use it in a `with` block, or call `close`. Its methods may be called from any thread.
    """

    def __init__(self, spec: ModelSpec, loaded: LoadedVersion) -> None:
        """Use `load_model`."""
        self._loaded = loaded
        self.name = spec.name
        self.version = loaded.served.number

    @property
    def signature(self) -> Signature:
        """The inputs and outputs."""
        return self._loaded.model.signature

    @property
    def example(self) -> bytes:
        """A body for `predict` that works."""
        return self._loaded.example

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of `modelyard status`: why a faster way is not used for this model."""
        return self._loaded.model.notes

    @property
    def not_batched_because(self) -> str:
        """Why requests of this model never share a call; "" where they may."""
        return self._loaded.warmup.reason

    @overload
    def predict(self, body: bytes, content_type: str = JSON, *, accept: str = "") -> bytes: ...

    @overload
    def predict(self, body: Mapping[str, Any]) -> dict[str, Any]: ...

    def predict(
        self, body: bytes | Mapping[str, Any], content_type: str = JSON, *, accept: str = ""
    ) -> bytes | dict[str, Any]:
        """The body of the response to `POST /models/<name>/predict` with this body and these headers.

        A mapping is sent as JSON, in which NumPy arrays may stand, and the JSON of the response is returned as a dict.

        Raises the errors that the server would turn into an error response: InvalidRequest (400) and others below ModelyardError.
        `message` is the text for the client. What the model raises itself is the cause of an InferenceFailed (500).
        """
        if isinstance(body, bytes):
            return self._answer(body, content_type, accept)
        answer: dict[str, Any] = orjson.loads(self._answer(_json(body), JSON, ""))
        return answer

    def generate(self, body: bytes | Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The parts of the response to `POST /v2/models/<name>/generate_stream`, such as {"text_input": "once upon"}.

        A model without `generate` gives one part. Raises as `predict` does.
        """
        codec, model = self._loaded.codecs.generate, self._loaded.model
        call = codec.decode(body if isinstance(body, bytes) else _json(body))
        request = call.request
        if not isinstance(model, GeneratingModel):
            outputs = self._run(lambda: model.predict(request.inputs, request.outputs))
            yield orjson.loads(codec.encode(call, outputs))
            return
        parts: Iterator[Tensors] = self._run(lambda: iter(model.generate(request.inputs, request.outputs)))
        try:
            while (part := self._run(lambda: next(parts, None))) is not None:
                yield orjson.loads(codec.encode(call, part))
        finally:
            if (close := getattr(parts, "close", None)) is not None:
                self._run(close)

    def close(self) -> None:
        """End the model's thread."""
        self._loaded.worker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, body: bytes, content_type: str, accept: str) -> bytes:
        codec, model = self._loaded.codecs.predict, self._loaded.model
        call = codec.decode(body, content_type.encode(), accept=accept.encode())
        rowwise, rows = model.signature.rowwise, call.request.rows
        [outputs] = self._run(lambda: outputs_of(model, rowwise, [call.request], rows))
        return codec.encode(call, outputs)

    def _run(self, call: Callable[[], T]) -> T:
        """In the model's own thread, as a replica does it."""
        try:
            return self._loaded.worker.call(call).result()
        except ModelyardError:
            raise
        except (Exception, SystemExit) as error:
            raise InferenceFailed("the model failed on this request") from error


def _json(body: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(body), option=orjson.OPT_SERIALIZE_NUMPY)


def _loaded(spec: ModelSpec, runtime: str, root: Path, served: ServedVersion) -> LoadedVersion:
    try:
        return load_version(spec, runtime, root, served)
    except LoadError:
        raise
    except (Exception, SystemExit) as error:
        raise LoadError(describe_error(type(error).__name__, str(error))) from error


def _spec_of(place: Path, settings: Mapping[str, Any] | None) -> tuple[ModelSpec, Path]:
    """The model's spec, and the repository that its folder is in."""
    if place.is_file():
        return _by_file(load_config(place.parent.parent), place)
    beside = next((folder for folder in place.parents if (folder / CONFIG_FOLDER).is_dir()), None)
    if settings is None and beside and (found := _by_folder(load_config(beside / CONFIG_FOLDER), place)):
        return found
    return _by_settings(place, settings or {}), place.parent


def _by_settings(place: Path, settings: Mapping[str, Any]) -> ModelSpec:
    try:
        return ModelSpec.model_validate({"name": place.name, **settings, "path": place.name})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(f"settings: {wrong}") from None


def _by_folder(config: Config, place: Path) -> tuple[ModelSpec, Path] | None:
    root = config.repository_root
    found = [spec for spec in config.models if os.path.abspath(root / spec.folder) == str(place)]  # noqa: PTH100 - as above
    if len(found) > 1:
        names = ", ".join(spec.name for spec in found)
        raise ValueError(f"{place} is the folder of several models ({names}): load one by its file")
    return (found[0], root) if found else None


def _by_file(config: Config, file: Path) -> tuple[ModelSpec, Path]:
    for spec in config.models:
        if config.sources[spec.name].absolute() == file:
            return spec, config.repository_root
    raise ValueError(f"{file} is not the file of a model: those are in {CONFIG_FOLDER}/models/")
