"""Problems that last."""

from modelyard.control.notices import Notices


def test_a_problem_is_reported_once_for_as_long_as_it_is_the_same() -> None:
    reported = list[str]()
    notices = Notices(reported.append)
    for text in ("away", "away", "still away", "", "away"):
        notices.set("ray", text)
    assert reported == ["away", "still away", "away"]
    assert notices.texts == {"ray": "away"}
    assert "ray" in notices


def test_a_problem_that_the_operator_has_read_of_is_not_reported_again() -> None:
    reported = list[str]()
    notices = Notices(reported.append)
    notices.set_silently("file", "mistake")
    notices.set("file", "mistake")
    assert reported == []
    assert notices.end("file")
    assert not notices.end("file")


def test_problems_of_a_kind_end_when_they_are_missing_from_the_next_set_and_others_remain() -> None:
    reported = list[str]()
    notices = Notices(reported.append)
    notices.set("edge", "refused")
    notices.set_all("write ", {"a": "cannot write a", "b": "cannot write b"})
    notices.set_all("write ", {"b": "cannot write b"})
    assert notices.texts == {"edge": "refused", "write b": "cannot write b"}
    assert reported == ["refused", "cannot write a", "cannot write b"]


def test_the_texts_are_a_copy() -> None:
    notices = Notices(lambda _: None)
    notices.set("a", "b")
    texts = notices.texts
    notices.set("a", "")
    assert texts == {"a": "b"}
