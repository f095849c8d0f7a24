"""Generated models return the same outputs served and by themselves. These are a few seeds of tests.zoo; `make zoo` runs more."""

import pytest

from tests.zoo import graphs, pipelines
from tests.zoo.case import Case
from tests.zoo.trial import FEW, run_case

# Encoders warn about unknown categories, which some of the rows contain on purpose.
pytestmark = pytest.mark.filterwarnings("ignore")

PIPELINES = (2001, 2003, 2006, 2008, 2015, 2016, 2018, 2026, 2029, 2031)
"""Different models that are fast to run."""
FOREIGN = (1, 2, 3, 4, 5, 6)
GRAPHS = range(1000, 1012)


def check(case: Case) -> None:
    outcome = run_case(case, FEW)
    first = {fault.kind: fault for fault in reversed(outcome.faults)}
    assert not first, "\n".join([*map(str, first.values()), case.shown, *outcome.notes])


@pytest.mark.parametrize("seed", PIPELINES)
def test_a_served_estimator_returns_its_own_outputs(seed: int) -> None:
    check(pipelines.case(seed))


@pytest.mark.parametrize("seed", FOREIGN)
def test_a_served_estimator_with_foreign_code_returns_its_own_outputs(seed: int) -> None:
    check(pipelines.foreign_case(seed))


@pytest.mark.parametrize("seed", GRAPHS)
def test_a_served_graph_returns_its_own_outputs(seed: int) -> None:
    check(graphs.case(seed))
