"""The format of server-sent events."""

from modelyard.http.sse import event


def test_an_event_has_its_type_only_if_it_is_given() -> None:
    assert event(b"{}") == b"data: {}\n\n"
    assert event(b"{}", b"error") == b"event: error\ndata: {}\n\n"
