"""A value whose fetch may be slow."""

import threading

from modelyard.control.last_known import LastKnown


def test_the_new_value_is_returned_if_it_arrives_in_time():
    assert LastKnown(lambda last: last + 1, 0).get(30) == 1


def test_the_last_value_is_returned_while_a_fetch_takes_long_and_only_one_fetch_runs_at_a_time():
    comes = threading.Event()
    fetched: list[int] = []

    def fetch(last: int) -> int:
        fetched.append(last)
        comes.wait(60)
        return last + 1

    latest = LastKnown(fetch, 7)
    over = latest.refresh()
    assert [latest.get(0), latest.get(0)] == [7, 7]
    comes.set()
    assert over.wait(30)
    assert (latest.value, fetched) == (8, [7])


def test_a_fetch_that_raises_leaves_the_value_and_the_next_one_tries_again():
    outcomes = [ConnectionError("away"), 5]

    def fetch(_: int) -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    latest = LastKnown(fetch, 1)
    assert [latest.get(30), latest.get(30)] == [1, 5]


def test_a_fetch_under_way_does_not_hold_up_the_end_of_the_process():
    threads: list[threading.Thread] = []
    assert LastKnown(lambda _: threads.append(threading.current_thread()), None).get(30) is None
    assert threads[0].daemon
