"""Generated models answer through the server as they do without it: a few seeds of tests.zoo, of which `make zoo` runs an hour."""

import pytest

from tests.zoo import graphs, pipelines
from tests.zoo.case import Case
from tests.zoo.trial import FEW, run_case

# Encoders warn of categories that they do not know, which is what some of the rows are for.
pytestmark = pytest.mark.filterwarnings("ignore")

PIPELINES = (2001, 2003, 2006, 2008, 2015, 2016, 2018, 2026, 2029, 2031)
"""Different ones that are quick."""
FOREIGN = (1, 2, 3, 4, 5, 6)
GRAPHS = range(1000, 1012)


def check(case: Case) -> None:
    outcome = run_case(case, FEW)
    first = {fault.kind: fault for fault in reversed(outcome.faults)}
    assert not first, "\n".join([*map(str, first.values()), case.shown, *outcome.notes])


@pytest.mark.parametrize("seed", PIPELINES)
def test_a_generated_estimator_is_served_as_it_answers_itself(seed: int) -> None:
    check(pipelines.case(seed))


@pytest.mark.parametrize("seed", FOREIGN)
def test_a_generated_estimator_with_code_of_others_is_served_as_it_answers_itself(seed: int) -> None:
    check(pipelines.foreign_case(seed))


@pytest.mark.parametrize("seed", GRAPHS)
def test_a_generated_graph_is_served_as_it_answers_itself(seed: int) -> None:
    check(graphs.case(seed))
