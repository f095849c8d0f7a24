"""Server-sent events, as bytes. Pure.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

HEADERS = ((b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"))


def event(data: bytes, kind: bytes = b"") -> bytes:
    """One event; the data holds no line's end, as JSON on one line does not."""
    return b"event: %b\ndata: %b\n\n" % (kind, data) if kind else b"data: %b\n\n" % data
