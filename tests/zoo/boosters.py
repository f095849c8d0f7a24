"""Random estimators of other libraries than scikit-learn, not fitted yet."""

from typing import Any

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from tests.zoo.draw import Draw
from tests.zoo.tables import CATEGORICAL, NUMERIC, Table
from tests.zoo.targets import Task


def fit_for(data: Table, task: Task) -> bool:
    """Whether an estimator supports such a table."""
    return task in ("classes", "number") and data.form in ("frame", "array") and not data.of("prose")


def booster(draw: Draw, data: Table, task: Task) -> Any:
    """One that accepts these columns unchanged."""
    categories = data.of(*CATEGORICAL)
    if data.form == "array" and data.dtype == "object":
        raise ValueError("none of these takes an array of objects")
    makers = [_lightgbm, _xgboost, _catboost, _imbalanced] if not categories else []
    if any(" " in column.name for column in data.columns):
        makers = [make for make in makers if make is not _lightgbm]  # it renames such columns: "a b" to "a_b"
    stored = {data.columns[place].stored for place in categories}
    if categories and stored == {"category"}:
        makers += [_lightgbm, _xgboost] * 2
    if categories:
        makers += [_encoder, _encoder, _catboost]
    return draw.one(*makers)(draw, data, task)


def _lightgbm(draw: Draw, data: Table, task: Task) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if task == "classes" else LGBMRegressor
    return kind(n_estimators=4, min_child_samples=4, verbose=-1, n_jobs=1)


def _xgboost(draw: Draw, data: Table, task: Task) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBClassifier if task == "classes" else XGBRegressor
    return kind(n_estimators=4, max_depth=3, enable_categorical=True, n_jobs=1)


def _catboost(draw: Draw, data: Table, task: Task) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostClassifier if task == "classes" else CatBoostRegressor
    categories = [data.columns[place].name for place in data.of(*CATEGORICAL)]
    if any(data.columns[place].has_gaps or data.columns[place].stored == "float64" for place in data.of(*CATEGORICAL)):
        raise ValueError("CatBoost takes no missing category")
    keys: dict[str, Any] = {"cat_features": categories} if categories else {}
    return kind(iterations=4, depth=3, verbose=False, allow_writing_files=False, thread_count=1, **keys)


def _imbalanced(draw: Draw, data: Table, task: Task) -> Any:
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import Pipeline as Sampling
    from sklearn.preprocessing import StandardScaler

    if task != "classes" or set(data.of(*NUMERIC)) != set(range(len(data.columns))):
        raise ValueError("samplers are for classes and numbers")
    return Sampling(
        [("scale", StandardScaler()), ("more", RandomOverSampler(random_state=0)), ("end", LogisticRegression())]
    )


def _encoder(draw: Draw, data: Table, task: Task) -> Any:
    import category_encoders

    if data.form != "frame":
        raise ValueError("the encoders are asked for columns by name")
    columns = [data.columns[place].name for place in data.of(*CATEGORICAL)]
    kind = draw.one("TargetEncoder", "OrdinalEncoder", "OneHotEncoder", "CountEncoder", "BinaryEncoder")
    encoder = getattr(category_encoders, kind)(cols=columns)
    made: Pipeline = make_pipeline(encoder, LogisticRegression() if task == "classes" else Ridge())
    return made
