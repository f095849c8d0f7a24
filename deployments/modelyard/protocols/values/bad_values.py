"""Errors for the invalid values of a request, each with a JSON pointer (RFC 6901)."""

from collections.abc import Collection, Iterable

from modelyard.errors import BadValue, InvalidRequest
from modelyard.text.nearest_name import nearest
from modelyard.text.quoting import quoted, shortened

MAX_LISTED = 100
"""Bad values that a response lists; the rest are only counted."""
MAX_COUNTED = 10_000
"""Reading stops after so many bad values."""
MAX_SUGGESTIONS = 10
"""Unknown names that get a suggestion. Each costs a comparison with every known name."""


class BadValues:
    """Collects the bad values of a request, so that the client gets all of them in one response."""

    def __init__(self) -> None:
        self.count = 0
        self._listed: list[BadValue] = []
        self._suggestions = MAX_SUGGESTIONS

    def add(self, pointer: str, message: str) -> None:
        """Add a bad value. Raises InvalidRequest after MAX_COUNTED of them."""
        self.count += 1
        if self.count <= MAX_LISTED:
            self._listed.append(BadValue(pointer, message))
        elif self.count == MAX_COUNTED:
            raise self._error()

    def add_unknown(self, pointer: str, what: str, name: str, known: Iterable[str]) -> None:
        """Add a name that is not one of the known names. `what` says what it should name, such as "input"."""
        near = None
        if self._suggestions:
            self._suggestions -= 1
            near = nearest(name, known)
        self.add(pointer, f"unknown {what} {quoted(name)}" + (f"; did you mean {quoted(near)}?" if near else ""))

    def raise_if_any(self) -> None:
        """Raise InvalidRequest with all bad values, if there are any."""
        if self.count:
            raise self._error()

    def _error(self) -> InvalidRequest:
        error = InvalidRequest.at(self._listed)
        if self.count > MAX_LISTED:
            more = f"{self.count - 1} more" if self.count < MAX_COUNTED else f"at least {self.count - 1} more"
            first = InvalidRequest.at(self._listed[:1])
            error.args = (f"{first.message} (and {more}, of which {MAX_LISTED - 1} are listed)",)
        return error


def invalid_value(pointer: str, message: str) -> InvalidRequest:
    """The error for a bad value after which reading cannot continue."""
    return InvalidRequest.at([BadValue(pointer, message)])


def unknown_name_message(what: str, name: str, known: Collection[str], similar: Iterable[str] = ()) -> str:
    """One line about a name that is not one of the known names. `what` says what it should name, such as "input".

    `similar` are further names that are suggested but not listed.
    """
    near = nearest(name, [*known, *similar])
    hint = f"did you mean {near!r}?" if near else f"the model has {', '.join(map(repr, known))}"
    return f"unknown {what} {shortened(name)!r}; {hint}"
