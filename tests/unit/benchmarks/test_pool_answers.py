"""What counts as a right answer in the measurements of pools."""

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.pools.answers import Answer, Zipf, flat, is_same, predicted, read_answers
from benchmarks.pools.soak_answers import ABSENT, Allowed, Outcomes, is_allowed


def answer(model: str, prediction: object = 1.0) -> Answer:
    return Answer(model, b"{}", (1.0,), prediction)


def test_the_models_of_a_folder_have_their_requests_and_answers(tmp_path: Path) -> None:
    lines = [
        {"model": "a-1", "request": {"instances": [[1.0, 2.0]]}, "predictions": [[7.5]]},
        {"model": "b-2", "request": {"instances": [[3.0]]}, "predictions": ["yes"]},
    ]
    (tmp_path / "answers.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert read_answers(tmp_path) == [
        Answer("a-1", b'{"instances": [[1.0, 2.0]]}', (1.0, 2.0), 7.5),
        Answer("b-2", b'{"instances": [[3.0]]}', (3.0,), "yes"),
    ]
    assert answer("a-1").path == "/models/a-1/predict"


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ("setosa-1", "setosa-1", True),
        ("setosa-2", "setosa-1", False),
        (1.0, "1.0", False),
        (205.486, 205.48601, True),
        (206.486, 205.48601, False),
        ("205.48601", 205.48601, False),
        (None, 205.48601, False),
    ],
)
def test_a_number_is_compared_with_the_precision_of_fp32_and_a_text_exactly(
    found: object, expected: object, same: bool
) -> None:
    assert is_same(found, expected) is same


def test_the_answer_of_another_copy_is_not_the_same() -> None:
    assert not any(is_same(205.486 + number, 205.486 + number + 1) for number in range(5000))


def test_a_prediction_in_a_list_of_one_is_that_value() -> None:
    assert flat([7.5]) == 7.5
    assert flat([1, 2]) == [1, 2]
    assert predicted(b'{"predictions": [[7.5]]}') == 7.5


def test_popular_models_are_drawn_as_often_as_zipfs_law_says() -> None:
    zipf = Zipf(range(100), seed=1)
    drawn = Counter(zipf.draw() for _ in range(20_000))
    first, second, tenth = (drawn[zipf.ranked[rank]] for rank in (0, 1, 9))
    assert first / second == pytest.approx(2, rel=0.1)
    assert first / tenth == pytest.approx(10, rel=0.2)
    assert sorted(zipf.ranked) == [*range(100)]


def test_an_answer_may_be_the_one_of_before_until_the_edit_is_reported() -> None:
    allowed = Allowed([answer("a", "old")])
    sent = allowed.of("a")
    allowed.set("a", "old", "new")
    during = allowed.of("a")
    allowed.set("a", "new")
    after = allowed.of("a")
    assert is_allowed("old", sent, after)
    assert is_allowed("new", sent, after)
    assert is_allowed("old", during, during)
    assert not is_allowed("old", after, after)
    assert not is_allowed("other", during, during)


def test_only_a_removed_model_may_be_absent() -> None:
    assert is_allowed(ABSENT, ("old", ABSENT), ("old",))
    assert not is_allowed(ABSENT, ("old",), ("old",))
    assert not is_allowed("old", (ABSENT,), (ABSENT,))


def test_outcomes_are_counted_by_minute_and_protocol() -> None:
    outcomes = Outcomes()
    outcomes.right("REST", 0, 0.1)
    outcomes.right("REST", 2, 0.3)
    outcomes.right("gRPC", 2, 0.5)
    assert (outcomes.answers(), outcomes.answers("REST")) == (3, 2)
    assert [outcomes.in_minute(minute) for minute in range(4)] == [[0.1], [], [0.3, 0.5], []]
    assert outcomes.quantile_s("REST", 0.5) == 0.1


def test_the_details_of_the_first_problems_are_kept_and_all_are_counted() -> None:
    outcomes = Outcomes()
    for number in range(50):
        outcomes.problem(outcomes.wrong, "REST", f"problem {number}")
    assert outcomes.wrong == {"REST": 50}
    shown = outcomes.take_shown()
    assert (shown[0], len(shown)) == ("problem 0", 20)
    outcomes.problem(outcomes.lost, "503", "the next one")
    assert outcomes.take_shown() == ["the next one"]
