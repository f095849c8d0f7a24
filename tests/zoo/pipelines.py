"""Random fitted estimators of scikit-learn, as cases."""

import io
import json
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from typing import Any

import joblib
import numpy as np
import skops.io
from sklearn.base import BaseEstimator, is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from tests.zoo import boosters, final_estimators, meta_estimators, targets, transformers
from tests.zoo.case import DOUBLE, SINGLE, Case, ModelRaised, NoCase
from tests.zoo.draw import Draw
from tests.zoo.random_tables import complete_rows, request_rows, table
from tests.zoo.reference import ReferenceEstimator, dense
from tests.zoo.tables import CATEGORICAL, NUMERIC, READINGS, Table

ATTEMPTS = 60
MOST_ASKED = 24


def case(seed: int) -> Case:
    """A fitted estimator of scikit-learn's own classes only. One that does not suit the data is drawn again. Raises NoCase."""
    return _drawn("sklearn", seed)


def foreign_case(seed: int) -> Case:
    """One that contains functions of the operator or numpy, or is of another library."""
    return _drawn("foreign", seed)


def _drawn(kind: str, seed: int) -> Case:
    for attempt in range(ATTEMPTS):
        draw = Draw(kind, seed, attempt)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"), redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                made = _made(draw)
            if _is_foreign(*made) is not (kind == "foreign"):
                continue
        except Exception:  # noqa: BLE001 - each library has its own errors
            continue
        return _case(f"{kind} {seed}", draw, *made)
    raise NoCase(f"seed {seed} gives nothing that fits")


def _made(draw: Draw) -> tuple[Any, Table, str, bool]:
    """The fitted estimator, its table, its kind, and whether all of it is scikit-learn's."""
    data = table(draw)
    task = targets.task(draw)
    y = targets.target(draw, task, data)
    x = data.x(data.rows)
    own = True
    if boosters.fit_for(data, task) and draw.chance(0.08):
        estimator, own = boosters.booster(draw, data, task), False
    else:
        estimator = _estimator(draw, data, task, x, y)
    if data.named and draw.chance(0.1):
        estimator.set_output(transform="pandas")
    estimator.fit(x, y) if task != "none" else estimator.fit(x)
    reference = ReferenceEstimator(estimator, data)
    if any(_of_several_types(values) for values in reference(data.rows).values()):
        raise ValueError("no datatype holds what it gives")
    if "function clip" in _shown(estimator) and len({column.stored for column in data.columns}) > 1:
        raise ValueError("columns of several dtypes may become objects, of which numpy clips NaN to the least value")
    if "Mixture" in _shown(estimator) and {column.stored for column in data.columns} == {"bool"}:
        raise ValueError("mixtures compute with flags as flags, and otherwise than with the same numbers")
    if own and _takes_texts_for_numbers(reference):
        raise ValueError("the model does not say that its columns were texts")
    if own and _is_ill_conditioned(estimator, x):
        raise ValueError(
            "its answers depend on the last bits of what its last step gets, so on the order of additions before"
        )
    return estimator, data, _kind(estimator), own


def _takes_texts_for_numbers(reference: ReferenceEstimator) -> bool:
    """Whether texts such as "10" were converted, so that the numbers themselves give the same output."""
    data = reference.table
    texts = {
        place for place in data.of("text") if all(each is None or each.isdigit() for each in data.columns[place].values)
    }
    if not texts:
        return False
    columns = tuple(
        replace(column, kind="float64", stored="float64", gap=np.nan) if place in texts else column
        for place, column in enumerate(data.columns)
    )
    rows = [
        tuple(float(value) if place in texts and value is not None else value for place, value in enumerate(row))
        for row in data.rows
    ]
    try:
        numbers = ReferenceEstimator(reference.estimator, replace(data, columns=columns))(rows)
    except ModelRaised:
        return False
    return all(np.array_equal(values, numbers[name]) for name, values in reference(data.rows).items())


def _is_ill_conditioned(estimator: Any, x: Any) -> bool:
    """Whether the last step of a pipeline returns clearly different numbers for features that differ by rounding."""
    if not isinstance(estimator, Pipeline) or estimator.steps[-1][1] == "passthrough":
        return False
    features = dense(estimator[:-1].transform(x))
    if features.dtype.kind != "f":
        return False
    end = estimator.steps[-1][1]
    answer = getattr(end, "predict_proba", None) or getattr(end, "decision_function", None) or end.predict
    epsilon = np.finfo(features.dtype).eps
    signs = np.where(np.indices(features.shape).sum(axis=0) % 2, 1, -1).astype(features.dtype)
    exact, nudged = (np.asarray(answer(each)) for each in (features, features * (1 + epsilon * signs)))
    tolerance = SINGLE if features.dtype == np.float32 else DOUBLE
    return exact.dtype.kind == "f" and not np.allclose(nudged, exact, rtol=tolerance, atol=0)


def _is_foreign(estimator: Any, _data: Table, _kind: str, own: bool) -> bool:
    return not own or "<function" in _shown(estimator)


def _of_several_types(values: Any) -> bool:
    """Whether they are objects of several types."""
    array = np.asarray(values)
    types = {type(value) for value in array.ravel().tolist() if value is not None} if array.dtype == object else set()
    return len(types) > 1


def _estimator(draw: Draw, data: Table, task: targets.Task, x: Any, y: Any) -> Any:
    def make() -> Any:
        return _plain(draw, data, task)

    if task != "none" and draw.chance(0.4):
        made = meta_estimators.around(draw, task, make, x, y)
        if draw.chance(0.15):  # one more around it
            return meta_estimators.around(draw, task, lambda: meta_estimators.around(draw, task, make, x, y), x, y)
        return made
    return make()


def _plain(draw: Draw, data: Table, task: targets.Task) -> Any:
    """A pipeline of a front and an end, or one of the two alone."""
    everything = range(len(data.columns))
    numbers = set(data.of(*NUMERIC)) == set(everything)
    end = final_estimators.final(draw, task)
    if task in ("classes", "number") and not data.of("prose") and data.form == "frame" and draw.chance(0.12):
        return _histogram(draw, data, task)
    if numbers and data.form != "texts" and end != "passthrough" and draw.chance(0.25):
        return end
    front = transformers.front(draw, data, supervised=task in ("classes", "number"))
    if isinstance(end, str):
        return front
    return Pipeline([("front", front), ("end", end)])


def _histogram(draw: Draw, data: Table, task: targets.Task) -> Any:
    """Histogram gradient boosting with categories, and with missing values as they are."""
    kind = HistGradientBoostingClassifier if task == "classes" else HistGradientBoostingRegressor
    if any(data.columns[place].stored != "category" for place in data.of("text")):
        raise ValueError("texts that are no categories are taken for numbers where they can be")
    whole = [place for place in data.of("whole category", "bool") if not data.columns[place].has_gaps]
    chosen = draw.one("from_dtype", "by index", "by name")
    if data.of(*CATEGORICAL) and any(data.columns[place].kind == "text" for place in data.of("text")):
        chosen = "from_dtype"
    if chosen == "from_dtype" or not whole:
        given: Any = "from_dtype"
    else:
        given = whole if chosen == "by index" else [data.columns[place].name for place in whole]
    return kind(max_iter=4, min_samples_leaf=4, categorical_features=given)


def _case(name: str, draw: Draw, estimator: Any, data: Table, kind: str, own: bool) -> Case:
    files, saved = _files(draw, estimator, own)
    with_example = draw.chance(0.4 if own else 0.6)
    if with_example:
        files["example.json"] = _example(data)
    yaml: dict[str, Any] = {"trusted": True}
    with_inputs = not with_example and data.form == "frame" and draw.chance(0.2 if own else 0.9)
    if with_inputs:
        yaml["inputs"] = _inputs(data)
    mixes = "centred" in _shown(estimator)
    if not mixes and draw.chance(0.5):
        yaml["batching"] = {"independent_rows": True}
    reference = ReferenceEstimator(estimator, data)
    if reference.classes and "label" in reference(data.rows[:1]) and is_classifier(estimator) and draw.chance(0.1):
        yaml["labels"] = [f"class {index}" for index in range(len(reference.classes))]
        reference = ReferenceEstimator(estimator, data, yaml["labels"])
    single = any(column.kind == "float32" for column in data.columns) or data.dtype == "float32" or not own
    asked = request_rows(draw, data, MOST_ASKED)
    shown = f"{_shown(estimator)}\n    fitted with a {data.form} of {_columns(data)}, saved as {saved}" + (
        ", with example.json" if with_example else ""
    )
    shown += f", YAML {yaml}"
    options = ", with example" if with_example else ", with inputs" if with_inputs else ""
    kind = f"{kind}{'' if own else ' (not scikit-learn)'}{options}"
    # The operator's functions may accept several types, such as dates for numbers: the operator declares the columns' types.
    determinable = "<function" not in shown
    return Case(
        name, kind, shown, "sklearn", files, data, asked, reference, reference.classes, yaml,
        must_serve=(own and determinable) or with_example or with_inputs, tolerance=SINGLE if single else DOUBLE, mixes_rows=mixes,
        other_references=tuple(partial(reference, reading=reading) for reading in READINGS),
    )  # fmt: skip


def _files(draw: Draw, estimator: Any, own: bool) -> tuple[dict[str, bytes], str]:
    if own and draw.chance(0.4):
        try:
            content = skops.io.dumps(estimator)
            skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
        except Exception:  # noqa: BLE001 - skops does not do every estimator, and a joblib does as well
            pass
        else:
            return {"model.skops": content}, "skops"
    file = io.BytesIO()
    joblib.dump(estimator, file)
    return {"model.joblib": file.getvalue()}, "joblib"


def _example(data: Table) -> bytes:
    rows = complete_rows(data, 2)
    if data.form == "texts":
        return json.dumps({"instances": [value for (value,) in rows]}).encode()
    names = [column.name if data.named else f"x{place}" for place, column in enumerate(data.columns)]
    if not data.named and all(column.kind in (*NUMERIC, "whole category") for column in data.columns):
        return json.dumps({"instances": [list(row) for row in rows]}).encode()
    return json.dumps({"instances": [dict(zip(names, row, strict=True)) for row in rows]}).encode()


def _inputs(data: Table) -> list[dict[str, str]]:
    """The datatypes that an operator declares for the columns, by the data."""
    datatypes = {"float64": "FP64", "float32": "FP32", "int64": "INT64", "bool": "BOOL", "whole category": "INT64"}
    return [{"name": column.name, "datatype": datatypes.get(column.kind, "BYTES")} for column in data.columns]


def _kind(estimator: Any) -> str:
    """The class names from the outermost to the last step of a pipeline."""
    names = []
    part = estimator
    while part is not None and len(names) < 4:
        names.append(type(part).__name__)
        if isinstance(part, Pipeline):
            part = part.steps[-1][1]
        else:
            part = next((value for name in ("estimator", "regressor", "base_estimator")
                         if isinstance(value := getattr(part, name, None), BaseEstimator)), None)  # fmt: skip
    return " > ".join(name for name in names if name != "Pipeline") or "Pipeline"


def _shown(estimator: Any) -> str:
    text = repr(estimator) if not isinstance(estimator, BaseEstimator) else estimator.__repr__(N_CHAR_MAX=4000)
    return " ".join(text.split())


def _columns(data: Table) -> str:
    shown = []
    for column in data.columns:
        holes = f" with {column.gap}" if column.has_gaps else ""
        shown.append(f"{column.name!r}: {column.stored}{holes} {column.known[:4]}")
    kind = f" ({data.dtype})" if data.form == "array" else ""
    return f"{len(data.rows)} rows{kind}: " + "; ".join(shown)
