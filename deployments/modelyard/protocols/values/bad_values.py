"""What is wrong with a request: every bad value, with a JSON pointer to it (RFC 6901)."""

from collections.abc import Collection, Iterable

from modelyard.errors import BadValue, InvalidRequest
from modelyard.text.nearest_name import nearest
from modelyard.text.quoting import quoted, shortened

LISTED = 100
"""Bad values that an answer lists; the rest are only counted."""
COUNTED = 10_000
"""After so many the request is not looked at any further."""
SUGGESTED = 10
"""Unknown names that get a suggestion; each costs a comparison with every known name."""


class BadValues:
    """The bad values found so far. Reading goes on after each, so that a client learns of all at once."""

    def __init__(self) -> None:
        self.count = 0
        self._listed: list[BadValue] = []
        self._suggestions = SUGGESTED

    def add(self, pointer: str, message: str) -> None:
        """One more. Raises InvalidRequest where nobody would read on."""
        self.count += 1
        if self.count <= LISTED:
            self._listed.append(BadValue(pointer, message))
        elif self.count == COUNTED:
            raise self._error()

    def unknown(self, pointer: str, what: str, name: str, known: Iterable[str]) -> None:
        """A name that is not among the known ones; `what` says what it would be the name of."""
        near = None
        if self._suggestions:
            self._suggestions -= 1
            near = nearest(name, known)
        self.add(pointer, f"unknown {what} {quoted(name)}" + (f"; did you mean {quoted(near)}?" if near else ""))

    def raise_if_any(self) -> None:
        """Raise InvalidRequest for all of them, if there are any."""
        if self.count:
            raise self._error()

    def _error(self) -> InvalidRequest:
        error = InvalidRequest.at(self._listed)
        if self.count > LISTED:
            more = f"{self.count - 1} more" if self.count < COUNTED else f"at least {self.count - 1} more"
            shown = InvalidRequest.at(self._listed[:1])
            error.args = (f"{shown.message} (and {more}, of which {LISTED - 1} are listed)",)
        return error


def refuse(pointer: str, message: str) -> InvalidRequest:
    """The error for one bad value that nothing can be read beside."""
    return InvalidRequest.at([BadValue(pointer, message)])


def unknown_name(what: str, name: str, known: Collection[str], meant: Iterable[str] = ()) -> str:
    """What is said of a name that is not among the known ones, in one line; `what` says what it would be the name of.

    `meant` are others that it may be a mistake for.
    """
    near = nearest(name, [*known, *meant])
    hint = f"did you mean {near!r}?" if near else f"the model has {', '.join(map(repr, known))}"
    return f"unknown {what} {shortened(name)!r}; {hint}"
