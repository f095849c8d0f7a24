"""Random transformers for the columns of a table, not fitted yet."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.cluster import FeatureAgglomeration, KMeans
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, KernelPCA, TruncatedSVD
from sklearn.ensemble import RandomForestRegressor, RandomTreesEmbedding
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - IterativeImputer is imported with its leave
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, SelectPercentile, VarianceThreshold, f_regression
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import GaussianRandomProjection

from tests.zoo import functions
from tests.zoo.draw import Draw
from tests.zoo.tables import CATEGORICAL, NUMERIC, Table


def front(draw: Draw, table: Table, supervised: bool) -> Any:
    """A transformer for the whole table."""
    if table.form == "texts":
        return text_front(draw)
    if set(table.of(*NUMERIC)) == set(range(len(table.columns))) and draw.chance(0.6):
        return numeric_front(draw, holed=any(column.has_gaps for column in table.columns))
    if not table.of("prose") and set(table.of(*CATEGORICAL)) == set(range(len(table.columns))) and draw.chance(0.5):
        return category_front(draw, supervised)
    return column_transformer(draw, table, list(range(len(table.columns))), supervised)


def column_transformer(draw: Draw, table: Table, places: Sequence[int], supervised: bool, depth: int = 0) -> Any:
    """One that reads some of these columns, or all."""
    chosen = draw.some(places, max(1, len(places) // 2)) if draw.chance(0.4) else list(places)
    parts: list[tuple[str, Any, Any]] = [
        (f"words{prose}", text_front(draw), table.columns[prose].name if table.named else prose)
        for prose in chosen
        if prose in table.of("prose")
    ]
    numeric = [place for place in chosen if place in table.of(*NUMERIC)]
    categorical = [place for place in chosen if place in table.of(*CATEGORICAL)]
    if len(numeric) > 2 and draw.chance(0.4):
        parts.append(_numeric_part(draw, table, "first", numeric[:1]))
        numeric = numeric[1:] if draw.chance(0.7) else numeric
    if numeric:
        parts.append(_numeric_part(draw, table, "numbers", numeric))
    if categorical:
        parts.append(("categories", category_front(draw, supervised), select(draw, table, categorical)))
    if numeric and categorical and depth == 0 and draw.chance(0.1) and table.named:
        parts.append(
            ("nested", column_transformer(draw, table, [*numeric, *categorical], supervised, 1), _names(table, chosen))
        )
    left = [place for place in places if place not in chosen]
    plain = bool(left) and all(
        table.columns[place].kind in NUMERIC and not table.columns[place].has_gaps for place in left
    )
    remainder = draw.one("drop", "passthrough", StandardScaler()) if plain else "drop"
    return ColumnTransformer(
        parts,
        remainder=remainder,
        sparse_threshold=draw.one(0.3, 0.0, 1.0),
        transformer_weights={parts[0][0]: 0.5} if draw.chance(0.1) else None,
        verbose_feature_names_out=draw.chance(0.8),
    )


def _numeric_part(draw: Draw, table: Table, name: str, places: list[int]) -> tuple[str, Any, Any]:
    holed = any(table.columns[place].has_gaps for place in places)
    if not holed and draw.chance(0.1):
        return name, "passthrough", select(draw, table, places)
    return name, numeric_front(draw, holed), select(draw, table, places)


def select(draw: Draw, table: Table, places: list[int]) -> Any:
    """The columns at these places, in one of the ways that a ColumnTransformer takes."""
    ways: list[Any] = [list(places), _mask(table, places)]
    if places == list(range(places[0], places[-1] + 1)):
        ways.append(slice(places[0], places[-1] + 1))
    if table.form == "array":
        ways.append([place - len(table.columns) for place in places])
    if table.named:
        ways += [_names(table, places)] * 4
        kinds = {table.columns[place].stored for place in places}
        like = [place for place, column in enumerate(table.columns) if column.stored in kinds]
        if like == list(places) and kinds <= {"float64", "float32", "int64", "bool", "category"}:
            ways += [make_column_selector(dtype_include=sorted(kinds))] * 2
    return draw.one(*ways)


def _names(table: Table, places: Sequence[int]) -> list[str]:
    return [table.columns[place].name for place in places]


def _mask(table: Table, places: Sequence[int]) -> list[bool]:
    return [place in places for place in range(len(table.columns))]


def numeric_front(draw: Draw, holed: bool) -> Any:
    """For numbers, some of them perhaps missing."""
    if holed:
        first = imputer(draw)
        return make_pipeline(first, numeric_front(draw, False)) if draw.chance(0.7) else first
    if draw.chance(0.15):
        return make_union(numeric_step(draw), numeric_step(draw))
    steps = [numeric_step(draw) for _ in range(draw.one(1, 1, 2, 2, 3))]
    if draw.chance(0.1):
        steps.insert(0, FunctionTransformer())
    return steps[0] if len(steps) == 1 and draw.chance(0.7) else _pipeline(draw, steps)


def _pipeline(draw: Draw, steps: list[Any]) -> Any:
    made = make_pipeline(*steps)
    if draw.chance(0.05):
        made.steps.insert(draw.whole(0, len(steps)), ("nothing", "passthrough"))
    return made


def imputer(draw: Draw) -> Any:
    """One that leaves no number missing."""
    return draw.call(
        lambda: SimpleImputer(
            strategy=draw.one("mean", "median", "most_frequent"),
            add_indicator=draw.chance(0.3),
            keep_empty_features=draw.chance(0.3),
        ),
        lambda: SimpleImputer(strategy="constant", fill_value=draw.one(0, -1.0)),
        lambda: KNNImputer(n_neighbors=3, add_indicator=draw.chance(0.3)),
        lambda: IterativeImputer(max_iter=2, random_state=0),
        lambda: FeatureUnion([("filled", SimpleImputer()), ("missing", MissingIndicator(features="all"))]),
    )


def numeric_step(draw: Draw) -> Any:
    """For numbers, none of them missing."""
    return draw.call(
        lambda: StandardScaler(with_mean=draw.chance(0.8), with_std=draw.chance(0.9)),
        StandardScaler,
        lambda: MinMaxScaler(clip=draw.chance(0.4), feature_range=draw.one((0, 1), (-1, 1))),
        MaxAbsScaler,
        RobustScaler,
        lambda: QuantileTransformer(n_quantiles=10, output_distribution=draw.one("uniform", "normal")),
        PowerTransformer,
        lambda: Normalizer(norm=draw.one("l1", "l2", "max")),
        lambda: Binarizer(threshold=0.5),
        lambda: PCA(draw.one(None, 1, 0.9), whiten=draw.chance(0.3), random_state=0),
        lambda: TruncatedSVD(1, random_state=0),
        lambda: KernelPCA(2, kernel="rbf", random_state=0),
        lambda: PolynomialFeatures(2, interaction_only=draw.chance(0.4), include_bias=draw.chance(0.5)),
        lambda: SplineTransformer(
            n_knots=4, degree=2, extrapolation=draw.one("constant", "linear", "continue", "periodic")
        ),
        lambda: KBinsDiscretizer(
            4,
            encode=draw.one("onehot", "onehot-dense", "ordinal"),
            strategy=draw.one("uniform", "quantile", "kmeans"),
            quantile_method="averaged_inverted_cdf",
        ),
        # None that computes flags in half precision, like tanh: a request's flags reach the model as numbers.
        lambda: FunctionTransformer(draw.one(np.abs, np.square, np.positive, np.floor)),
        lambda: FunctionTransformer(partial(np.clip, a_min=-2, a_max=50)),
        lambda: FunctionTransformer(
            draw.one(functions.first_doubled, functions.with_sum, functions.without_first, functions.centred)
        ),
        lambda: VarianceThreshold(0.0),
        lambda: SelectKBest(f_regression, k=draw.one(1, "all")),
        lambda: SelectPercentile(f_regression, percentile=60),
        lambda: Nystroem(n_components=5, random_state=0),
        lambda: RBFSampler(n_components=5, random_state=0),
        lambda: FactorAnalysis(1, random_state=0),
        lambda: FastICA(1, random_state=0),
        lambda: FeatureAgglomeration(1),
        lambda: GaussianRandomProjection(2, random_state=0),
        lambda: KMeans(3, n_init=1, random_state=0),
        lambda: RandomTreesEmbedding(3, max_depth=2, random_state=0),
        lambda: make_union("passthrough", StandardScaler()),
    )


def category_front(draw: Draw, supervised: bool) -> Any:
    """For categories, some of them perhaps missing."""
    encoder = draw.weighted([(6, _one_hot), (3, _ordinal), (2 if supervised else 0, _target)])(draw)
    if draw.chance(0.35):
        strategy = draw.one("most_frequent", "constant")
        first = SimpleImputer(strategy=strategy, fill_value="gone" if strategy == "constant" else None)
        if draw.chance(0.3):
            first.set_params(missing_values=None)
        return make_pipeline(first, encoder)
    if draw.chance(0.1):
        return make_pipeline(
            encoder, draw.one(MaxAbsScaler(), RandomForestSelector(draw)) if supervised else MaxAbsScaler()
        )
    return encoder


def RandomForestSelector(draw: Draw) -> Any:  # noqa: N802 - it is used as a class
    """A selector by the importances of a forest that is fitted to noise."""
    from sklearn.feature_selection import SelectFromModel

    return SelectFromModel(RandomForestRegressor(3, max_depth=2, random_state=0), threshold="median")


def _one_hot(draw: Draw) -> Any:
    limits = draw.one({}, {}, {}, {"min_frequency": 10}, {"max_categories": 2})
    return OneHotEncoder(
        handle_unknown=draw.one("error", "ignore", "infrequent_if_exist", "warn"),
        drop=draw.one(None, None, "first", "if_binary"),
        sparse_output=draw.chance(0.6),
        **limits,
    )


def _ordinal(draw: Draw) -> Any:
    keys: dict[str, Any] = {}
    if draw.chance(0.6):
        keys = {"handle_unknown": "use_encoded_value", "unknown_value": draw.one(-1, np.nan, 99)}
    if draw.chance(0.4):
        keys["encoded_missing_value"] = draw.one(-2, np.nan)
    return OrdinalEncoder(**keys)


def _target(draw: Draw) -> Any:
    return TargetEncoder(smooth=draw.one("auto", 5.0), cv=2, random_state=0)


def text_front(draw: Draw) -> Any:
    """For one column of texts."""
    first = draw.call(
        lambda: CountVectorizer(ngram_range=draw.one((1, 1), (1, 2)), binary=draw.chance(0.3)),
        lambda: TfidfVectorizer(analyzer=draw.one("word", "char", "char_wb"), sublinear_tf=draw.chance(0.4)),
        lambda: HashingVectorizer(n_features=32, alternate_sign=draw.chance(0.5)),
        lambda: make_pipeline(CountVectorizer(), TfidfTransformer()),
        lambda: make_union(CountVectorizer(), TfidfVectorizer(analyzer="char")),
        lambda: make_pipeline(FunctionTransformer(functions.lowered), CountVectorizer(lowercase=False)),
    )
    if draw.chance(0.3):
        return Pipeline([("words", first), ("less", TruncatedSVD(3, random_state=0))])
    return first
