"""Reads the columns of LightGBM, XGBoost and CatBoost estimators, which store them differently from scikit-learn."""

from collections.abc import Sequence
from typing import Any

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.table.table import Column

LIBRARIES = ("lightgbm", "xgboost", "catboost")


def is_booster(part: Any) -> bool:
    """Whether it is an estimator of one of these libraries."""
    return bool(_library(part))


def _library(part: Any) -> str:
    packages = (base.__module__.partition(".")[0] for base in type(part).__mro__)
    return next((package for package in packages if package in LIBRARIES), "")


def use_one_thread(part: Any) -> None:
    """Make it use one thread. By default it uses all cores for each call, unless it was fitted with a number of threads."""
    library = _library(part)
    if library in ("lightgbm", "xgboost"):
        part.n_jobs = 1
    if library == "xgboost" and hasattr(part, "_Booster"):  # it is fitted, not a template inside a meta-estimator
        part.get_booster().set_param({"nthread": 1})


def feature_names(part: Any) -> Sequence[str] | None:
    """The names of its columns; () if it was fitted without names; None for other estimators."""
    match _library(part):
        case "catboost":
            names = list(part.feature_names_)
            return () if names == [str(index) for index in range(len(names))] else names
        case "xgboost":
            return part.get_booster().feature_names or ()
        case "lightgbm":
            return getattr(part, "feature_names_in_", ()) if getattr(part, "_fitted_with_feature_names", True) else ()
        case _:
            return None


def feature_count(part: Any) -> int | None:
    """How many columns it was fitted with; None for other estimators."""
    if _library(part) == "catboost":
        return len(part.feature_names_)  # its n_features_in_ is 0 after it was saved and loaded
    return int(part.n_features_in_) if is_booster(part) else None


def columns(part: Any, names: Sequence[str]) -> list[Column] | None:
    """Its columns, under these names; None for other estimators. Raises LoadError if the model does not determine them."""
    match _library(part):
        case "lightgbm":
            return _lightgbm(part, names)
        case "xgboost":
            return _xgboost(part, names)
        case "catboost":
            return _catboost(part, names)
        case _:
            return None


def _lightgbm(part: Any, names: Sequence[str]) -> list[Column]:
    categories = part.booster_.pandas_categorical or []
    # These categories belong to the columns of pandas' dtype `category`, in order.
    chosen = part.booster_.params.get("categorical_column", []) if categories else []
    if isinstance(chosen, int):
        chosen = [chosen]
    if len(chosen) != len(categories):
        raise LoadError(
            f"the {type(part).__name__} does not declare which of its columns have categories: fit it with "
            "categorical_feature='auto'"
        )
    known = dict(zip(map(int, chosen), categories, strict=True))
    return [_category(name, known[index]) if index in known else _number(name) for index, name in enumerate(names)]


def _xgboost(part: Any, names: Sequence[str]) -> list[Column]:
    booster = part.get_booster()
    types = booster.feature_types or ["float"] * len(names)
    if "c" not in types:
        return [_number(name) for name in names]
    stored = booster.get_categories(export_to_arrow=True).to_arrow() if hasattr(booster, "get_categories") else None
    if not stored:
        raise LoadError(
            f"the {type(part).__name__} does not contain the categories of its columns: fit and save it with XGBoost 3.1 or later"
        )
    return [
        _number(name) if values is None else _category(name, values.to_pylist())
        for name, (_, values) in zip(names, stored, strict=True)
    ]


def _catboost(part: Any, names: Sequence[str]) -> list[Column]:
    texts = {*part.get_cat_feature_indices(), *part.get_text_feature_indices()}
    return [Column(name, "BYTES") if index in texts else _number(name) for index, name in enumerate(names)]


def _number(name: str) -> Column:
    return Column(name, "FP64", missing=float("nan"))


def _category(name: str, values: Sequence[Any]) -> Column:
    whole = all(type(value) is int for value in values)
    datatype = "BOOL" if all(type(value) is bool for value in values) else "INT64" if whole else "BYTES"
    if all(type(value) is float for value in values):
        datatype = "FP64"
    return Column(name, datatype, categories=tuple(values), is_category=True, missing=float("nan"))
