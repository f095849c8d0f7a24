"""Every kind of scikit-learn model returns the same outputs served and by itself."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelyard.runtimes.base import LoadedModel
from modelyard.tensors import DTYPES, Tensors
from tests.unit.runtimes.sklearn_models import ASKED, CASES, call_method, fitted, served


def inputs_of(model: LoadedModel, rows: Any) -> Tensors:
    """Rows as a request for the model would bring them."""
    if isinstance(rows, list):
        return {"text": np.array(rows, dtype=object)}
    if [spec.name for spec in model.signature.inputs] == ["x"]:
        return {"x": np.asarray(rows, dtype=np.float64)}
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows).rename(columns="x{}".format)
    return {spec.name: table[spec.name].to_numpy(DTYPES[spec.datatype]) for spec in model.signature.inputs}


@pytest.mark.parametrize("name", CASES)
def test_a_model_returns_the_estimators_own_outputs(name: str) -> None:
    case, model = CASES[name], served(name)
    rows = case.rows[ASKED]
    assert [spec.name for spec in model.signature.outputs] == list(case.outputs)
    answers = model.predict(inputs_of(model, rows), list(case.outputs))
    for spec in model.signature.outputs:
        found, expected = answers[spec.name], call_method(fitted(name), case.outputs[spec.name], rows)
        assert found.dtype == DTYPES[spec.datatype]
        assert found.shape == expected.shape
        if found.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        else:
            assert found.tolist() == expected.tolist()
