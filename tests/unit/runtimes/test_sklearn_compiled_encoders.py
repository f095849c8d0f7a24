"""Compiled encoders of text columns: the same values and errors as scikit-learn's own, and nothing else is compiled."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from modelyard.errors import InvalidRequest
from modelyard.runtimes.sklearn.compiled import encoders
from tests.unit.runtimes.customers import load

RANDOM = np.random.default_rng(5)
CITIES, KINDS = ["Paris", "paris", "", "Zürich", "New York "], ["a", "b"]
TABLE = pd.DataFrame(
    {
        "city": RANDOM.choice(CITIES, 80).astype(object),
        "kind": RANDOM.choice(KINDS, 80).astype(object),
        "age": RANDOM.integers(18, 80, 80) * 1.0,
        "income": RANDOM.standard_normal(80),
    }
)
TABLE.loc[::9, "income"] = np.nan
LABELS = (TABLE["age"] > 40).astype(int)
TEXTS, NUMBERS = ["city", "kind"], ["age", "income"]


def pipeline(encoder: Any, final: Any = None) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer([("texts", encoder, TEXTS), ("numbers", numbers, NUMBERS)], sparse_threshold=0)
    return make_pipeline(columns, final or LogisticRegression()).fit(TABLE, LABELS)


def inputs(table: pd.DataFrame) -> dict[str, Any]:
    return {name: table[name].to_numpy() for name in table.columns}


def predicted(model: Any, table: pd.DataFrame) -> dict[str, Any]:
    outputs = [each.name for each in model.signature.outputs]
    return {name: array.tolist() for name, array in model.predict(inputs(table), outputs).items()}


def unseen() -> pd.DataFrame:
    """Rows of known categories, of unknown ones, and of some that are nearly known."""
    values = [*CITIES, "Paris ", "Paris\0", "PARIS", "Zu\u0308rich", "1", "None", "nan"]
    return pd.DataFrame(
        {
            "city": np.array(values * 4, object),
            "kind": RANDOM.choice([*KINDS, "c"], 4 * len(values)).astype(object),
            "age": RANDOM.standard_normal(4 * len(values)) * 30,
            "income": np.where(RANDOM.random(4 * len(values)) < 0.3, np.nan, RANDOM.standard_normal(4 * len(values))),
        }
    )


ENCODERS = {
    "one-hot": OneHotEncoder(handle_unknown="ignore"),
    "one-hot as an array": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "ordinal with NaN for unknown values": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
}


@pytest.mark.parametrize("final", [LogisticRegression(), Ridge(), HistGradientBoostingClassifier(max_iter=5)], ids=str)
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_a_compiled_encoder_gives_the_model_s_own_results_one_by_one_and_together(encoder: Any, final: Any) -> None:
    if encoder.handle_unknown == "use_encoded_value" and np.isnan(encoder.unknown_value):
        final = HistGradientBoostingClassifier(max_iter=5)  # the linear models reject NaN
    fitted, table = pipeline(encoder, final), unseen()
    compiled, plain = load(fitted), load(fitted, compiled="off")
    assert type(encoder).__name__ in compiled.compiled, compiled.notes
    assert predicted(compiled, table) == predicted(plain, table)
    for row in range(0, len(table), 5):
        one = table.iloc[row : row + 1]
        assert predicted(compiled, one) == predicted(plain, one)


def test_an_unknown_category_is_rejected_as_by_scikit_learn() -> None:
    fitted = pipeline(OneHotEncoder())
    table = TABLE.head(3).copy()  # the first row has no income, which the model accepts
    compiled, plain = load(fitted), load(fitted, compiled="off")
    assert "OneHotEncoder" in compiled.compiled
    assert predicted(compiled, table) == predicted(plain, table)
    table.loc[1, "city"] = "Atlantis"
    for model in (compiled, plain):
        with pytest.raises(InvalidRequest, match="Atlantis"):
            predicted(model, table)


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(drop="first"),
        OneHotEncoder(min_frequency=2),
        OneHotEncoder(handle_unknown="infrequent_if_exist"),
        OneHotEncoder(dtype=np.float32),
        OrdinalEncoder(max_categories=2),
    ],
    ids=str,
)
def test_an_encoder_with_other_options_serves_by_itself_and_the_notes_say_so(encoder: Any) -> None:
    model = load(pipeline(encoder))
    assert type(encoder).__name__ not in model.compiled
    assert any(f"{type(encoder).__name__} is not compiled: its options" in note for note in model.notes)


def test_categories_that_are_not_texts_are_not_compiled() -> None:
    table = TABLE.assign(kind=np.array([1, 2] * 40, object))
    columns = ColumnTransformer([("texts", OneHotEncoder(), TEXTS)], sparse_threshold=0)
    model = load(make_pipeline(columns, LogisticRegression()).fit(table, LABELS))
    assert "OneHotEncoder" not in model.compiled


def test_the_gate_refuses_an_encoder_that_mixes_up_two_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    number = encoders._numbered

    def swapped(*given: Any) -> list[dict[str, int]]:
        first, *others = number(*given)
        return [first | {"paris": first["Paris"]}, *others]

    monkeypatch.setattr(encoders, "_numbered", swapped)
    model = load(pipeline(OneHotEncoder(handle_unknown="ignore")))
    assert "OneHotEncoder" not in model.compiled
    assert any("OneHotEncoder is not compiled: its result for" in note for note in model.notes)


def test_the_gate_refuses_an_encoder_that_accepts_what_the_model_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = encoders._ordinal

    def lenient(encoder: OrdinalEncoder) -> encoders.Encode:
        encode = wrong(encoder)

        def zeros(rows: Any) -> Any:
            try:
                return encode(rows)
            except ValueError:
                return np.zeros(rows.shape)

        return zeros

    monkeypatch.setattr(encoders, "_ordinal", lenient)
    model = load(pipeline(OrdinalEncoder()))
    assert "OrdinalEncoder" not in model.compiled
    assert any("it raises None, and scikit-learn ValueError" in note for note in model.notes)
