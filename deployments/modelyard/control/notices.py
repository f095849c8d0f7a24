"""Problems that last: each is reported once for as long as it is the same, and is in the status until it ends."""

from collections.abc import Callable, Mapping


class Notices:
    """For the reconciler's thread."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._texts: dict[str, str] = {}

    @property
    def texts(self) -> Mapping[str, str]:
        """A copy of what lasts, by key."""
        return dict(self._texts)

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def set_silently(self, key: str, text: str) -> None:
        """Note a problem that the operator has read of already."""
        self._texts[key] = text

    def end(self, key: str) -> bool:
        """Whether there was such a problem; it is over."""
        return self._texts.pop(key, None) is not None

    def set(self, key: str, text: str) -> None:
        """Report a problem, unless it was reported in the same words; "" ends it."""
        if not text:
            self.end(key)
        elif self._texts.get(key) != text:
            self._texts[key] = text
            self._report(text)

    def set_all(self, kind: str, texts: Mapping[str, str]) -> None:
        """All problems of a kind, by a key for each; those of this kind that are not among them have ended."""
        for key in [key for key in self._texts if key.startswith(kind) and key.removeprefix(kind) not in texts]:
            del self._texts[key]
        for key, text in texts.items():
            self.set(f"{kind}{key}", text)
