"""The lane's request on a connection, as uvicorn sees it."""


class RequestCycle:
    """The lane's request on a connection, with the attributes that uvicorn looks at on its own request cycles."""

    __slots__ = ("disconnected", "keep_alive", "more_body", "response_complete")

    def __init__(self) -> None:
        self.response_complete = True
        self.more_body = False
        self.keep_alive = True
        self.disconnected = False

    @property
    def message_event(self) -> "RequestCycle":
        """uvicorn wakes whoever waits for the body; nobody does here."""
        return self

    def set(self) -> None:
        """See `message_event`."""
