"""The largest number of each floating datatype, and numbers beyond it. JSON has no infinity, so decoding returns none."""

import math
import warnings
from collections.abc import Iterator

import numpy as np
import orjson
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.tensors import Signature
from tests.unit.protocols.samples import decoded, one

BEYOND = {"FP16": 65520.0, "FP32": 2.0**128 - 2.0**103}
"""Half a step above the largest number: from here, rounding results in infinity."""
LARGEST = {"FP16": 65504.0, "FP32": 2.0**128 - 2.0**104, "FP64": 1.7976931348623157e308}


@pytest.fixture(autouse=True)
def _as_in_production() -> Iterator[None]:
    """numpy only warns about a number that becomes infinite, and in the tests warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("datatype", BEYOND)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("others", [[], [1.0] * 100], ids=["alone", "among many"])
def test_a_number_that_would_become_infinite_is_rejected(datatype: str, sign: int, others: list[float]):
    for beyond in (sign * BEYOND[datatype], sign * 1e300):
        with pytest.raises(InvalidRequest, match=rf"expected a number up to .* \({datatype}\)"):
            decoded(one(datatype), {"instances": [*others, beyond]})


@pytest.mark.parametrize("datatype", BEYOND)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_is_rounded_to_the_largest_is_accepted(datatype: str, sign: int):
    below = sign * math.nextafter(BEYOND[datatype], 0)
    for others in ([], [None], [1.0] * 100):
        array = decoded(one(datatype), {"instances": [*others, below]})["x"]
        assert array[-1] == sign * LARGEST[datatype]


@pytest.mark.parametrize("datatype", LARGEST)
def test_the_largest_number_is_accepted_also_where_values_are_read_one_by_one(datatype: str):
    bad = _messages(one(datatype), [LARGEST[datatype], -LARGEST[datatype], True, None, 5, "x"])
    assert bad == ['/instances/5: expected a number, got the string "x"']


def test_each_value_that_is_read_one_by_one_is_compared_with_the_bound():
    below = math.nextafter(BEYOND["FP16"], 0)
    bad = _messages(one("FP16"), [below, -below, BEYOND["FP16"], -BEYOND["FP16"], 2**62])
    assert [line.partition(":")[0] for line in bad] == ["/instances/2", "/instances/3", "/instances/4"]


@pytest.mark.parametrize("datatype", LARGEST)
def test_null_among_other_numbers_is_nan(datatype: str):
    array = decoded(one(datatype), {"instances": [None, 1.5]})["x"]
    assert array.dtype == np.dtype(f"float{datatype[2:]}")
    assert (math.isnan(array[0]), array[1]) == (True, 1.5)


def _messages(signature: Signature, values: list[object]) -> list[str]:
    """The message for each bad value."""
    with pytest.raises(InvalidRequest) as error:
        PredictCodec("m", 1, signature).decode(orjson.dumps({"instances": values}), b"application/json")
    return [f"{bad.pointer}: {bad.message}" for bad in error.value.bad_values]
