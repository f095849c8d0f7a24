"""The format of server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

HEADERS = ((b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"))


def event(data: bytes, kind: bytes = b"") -> bytes:
    """One event, of type `kind` if it is given. The data must not contain a line end."""
    return b"event: %b\ndata: %b\n\n" % (kind, data) if kind else b"data: %b\n\n" % data
