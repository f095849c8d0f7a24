"""Loads the fitted estimator from a scikit-learn artefact, as far as the operator trusts the file."""

import io
import logging
import os
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import skops.io
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import Files, LoadError
from modelyard.runtimes.load_results import RESULTS
from modelyard.runtimes.operator_code.adjacent_modules import AdjacentModules, adjacent_modules
from modelyard.runtimes.operator_code.exclusive_load import exclusive_load
from modelyard.runtimes.operator_code.main_module import empty_main
from modelyard.runtimes.sklearn.artefact import pickles, skops_json, unreadable, versions
from modelyard.runtimes.sklearn.artefact.trees import check_trees
from modelyard.runtimes.sklearn.parts import parts, steps

logger = logging.getLogger(__name__)
skops_json.allow_other_threads()

SKOPS, JOBLIB, PICKLE = "model.skops", "model.joblib", "model.pkl"
LARGE_BYTES = 2**20
"""A copy of so many bytes takes 0.1 to 0.4 ms."""

HARMLESS_TYPES = (
    "functools.partial",
    "numpy.dtype",
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.cluster._bisect_k_means._BisectingTree",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Matern",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.gaussian_process.kernels.Sum",
    "sklearn.gaussian_process.kernels.WhiteKernel",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",
)
"""Types that skops does not trust by default, and that plain scikit-learn models contain. None runs code that the file selects.
The list comes from saving a fitted instance of every estimator of scikit-learn 1.9.

Trees contain indices that C code uses unchecked, so `check_trees` checks them. Other types with such indices (KDTree, BallTree,
BSpline, sparse matrices) are not in the list. The names are exact: scikit-learn's modules also contain what they import, such as
`subprocess.check_output`, which a prefix would admit.
"""


@dataclass(frozen=True, slots=True)
class Artefact:
    """A loaded artefact."""

    estimator: Any
    """Fitted."""
    notes: tuple[str, ...]
    """For the operator: versions of scikit-learn that differ from the installed one."""
    code: AdjacentModules | None
    """The modules that the estimator may use. The caller holds this object while it uses the estimator."""


def read_estimator(files: Files, spec: ModelSpec) -> Artefact:
    """The fitted estimator in a version's files. Raises LoadError."""
    name = next((name for name in (SKOPS, JOBLIB, PICKLE) if name in files), None)
    if name is None:
        raise LoadError(f"the version contains no scikit-learn model: no {SKOPS}, {JOBLIB} or {PICKLE}")
    if name != SKOPS and not spec.trusted:
        raise LoadError(
            f"{name} is a pickle, which can run any code when it is loaded: save the model as skops or ONNX instead, or, "
            "if you trust its author, set `trusted: true` in the model's YAML"
        )
    code = adjacent_modules(files, name) if spec.trusted else None
    names = code.modules if code else frozenset()
    with exclusive_load(names, timeout_s=spec.load_timeout_s), versions.other_versions() as made_by:
        estimator = _read(name, files[name], spec, code)
    notes = _version_notes(name, made_by, spec)
    for note in notes:
        logger.warning("%s: %s", spec.name, note)
    _check_fitted(name, estimator)
    _check_reads_no_files(estimator)
    # Pickles may run code, and so contain other trees each time.
    RESULTS.once("sklearn trees", lambda: check_trees(estimator), keep=lambda _: name == SKOPS and not spec.trusted)
    return Artefact(estimator, notes, code)


def _read(name: str, content: bytes, spec: ModelSpec, code: AdjacentModules | None) -> Any:
    """The object in the file, of any type."""
    try:
        if name == SKOPS:
            load = partial(_skops, content, spec)
        else:
            content = pickles.uncompressed(content)
            load = partial(pickles.load, content)
        with empty_main(), code.plain_names(spec.load_timeout_s) if code else nullcontext():
            return load()
    except LoadError:
        raise
    except (Exception, SystemExit) as error:
        raise LoadError(unreadable.unreadable_reason(name, error, content, code)) from error


def _version_notes(name: str, made_by: Collection[str], spec: ModelSpec) -> tuple[str, ...]:
    """Notes on the versions of scikit-learn that made the file. Raises LoadError if they may differ from the installed one."""
    if not made_by:
        return ()
    made_with = " and ".join(versions.sorted_versions(made_by))
    note = f"{name} was made with scikit-learn {made_with}, and scikit-learn {versions.INSTALLED} is installed"
    if not versions.other_minors(made_by):
        return (f"{note}, which differs only in the patch version",)
    if spec.any_sklearn_version:
        return (f"{note}, which may give different results (any_sklearn_version: true)",)
    raise LoadError(
        f"{note}, which may give different results: train the model again, install that version, or set "
        "`any_sklearn_version: true` in the model's YAML"
    )


def _skops(content: bytes, spec: ModelSpec) -> Any:
    untrusted = RESULTS.once("skops types", lambda: skops.io.get_untrusted_types(data=content))
    rejected = [] if spec.trusted else sorted(set(untrusted) - set(HARMLESS_TYPES))
    if rejected:
        raise LoadError(
            f"{SKOPS} contains types that are not known to be harmless: {', '.join(rejected)}. If you trust the author of the "
            "file, set `trusted: true` in the model's YAML"
        )
    with _file(content) as file:
        return skops.io.load(file, trusted=untrusted)


def _file(content: bytes) -> BinaryIO:
    """The content as a file. A large one is a file of the kernel's: reads from it release the interpreter's lock, copies do not."""
    if len(content) < LARGE_BYTES or not hasattr(os, "memfd_create"):
        return io.BytesIO(content)
    file = os.fdopen(os.memfd_create(SKOPS), "w+b")
    file.write(content)
    file.seek(0)
    return file


def _check_fitted(name: str, estimator: Any) -> None:
    if not isinstance(estimator, BaseEstimator) and not hasattr(estimator, "predict"):
        raise LoadError(f"{name} contains a {type(estimator).__name__}, not a scikit-learn estimator")
    try:
        for step in steps(estimator):
            check_is_fitted(step)
    except NotFittedError:
        raise LoadError(f"the {type(estimator).__name__} in {name} is not fitted: save it after fit()") from None
    except TypeError:
        raise LoadError(
            f"{name} contains a {type(estimator).__name__}, not an instance of a scikit-learn estimator"
        ) from None


def _check_reads_no_files(estimator: Any) -> None:
    for part in parts(estimator):
        if getattr(part, "input", "content") in ("file", "filename"):
            raise LoadError(
                f"the {type(part).__name__} opens the files that its input names (input={part.input!r}), which would expose "
                "the server's files to every client: fit it with input='content'"
            )
