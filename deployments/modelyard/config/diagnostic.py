"""Errors and warnings in configuration files, in the form of compiler messages, which editors can parse."""

import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

MAX_LINE_CHARS = 160
"""Characters of a source line that are quoted."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning at one place."""

    path: str
    """The file or folder, in the form that the operator used."""
    line: int
    """Counted from 1; 0 if the error is about the whole file."""
    column: int
    """Counted from 1, in characters; 0 if the error is about the whole file."""
    message: str
    source_line: str = ""
    """The line with the error, without its line end."""
    length: int = 1
    """Number of wrong characters, from `column` on."""
    suggestion: str = ""
    """A phrase such as "did you mean 'replicas'?"; may be empty."""
    severity: Literal["error", "warning"] = "error"
    """A configuration with warnings can be used."""

    def render(self) -> str:
        """Place and message, then the quoted line with the error underlined; several lines, no final newline."""
        if not self.line:
            hint = f"; {self.suggestion}" if self.suggestion else ""
            return f"{self.path}: {self.severity}: {self.message}{hint}"
        before, fault, after = self._quoted()
        number = f"{self.line:5}"
        return "\n".join(
            (
                f"{self.path}:{self.line}:{self.column}: {self.severity}: {self.message}",
                f"{number} | {before}{fault}{after}".rstrip(),
                f"{'':5} | {_spaces(before)}{'^' * max(1, _cells(fault))} {self.suggestion}".rstrip(),
            )
        )

    def as_json(self) -> dict[str, str | int]:
        """The fields, for `-o json`."""
        return asdict(self)

    def _quoted(self) -> tuple[str, str, str]:
        """The text before, at and after the error in its line, shortened to MAX_LINE_CHARS."""
        line, start, end = self.source_line, self.column - 1, self.column - 1 + self.length
        before, fault, after = line[:start], line[start:end], line[end:]
        if len(line) > MAX_LINE_CHARS:
            part = MAX_LINE_CHARS // 3
            before = before if len(before) <= part else "…" + before[-part:]
            after = "…" if len(fault) > part else after if len(after) <= part else after[:part] + "…"
            fault = fault[:part]
        return _printable(before), _printable(fault), _printable(after)


class SpecError(Exception):
    """An invalid configuration. The one argument is the tuple of its diagnostics."""

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All errors, sorted by file and place."""
        found: tuple[Diagnostic, ...] = self.args[0]
        return found

    def __str__(self) -> str:
        return "\n".join(diagnostic.render() for diagnostic in self.diagnostics)


def sorted_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Without duplicates, sorted by file and place."""
    return tuple(sorted(set(diagnostics), key=lambda d: (d.path, d.line, d.column, d.message)))


def _printable(text: str) -> str:
    """The text without control characters, which could control the terminal."""
    return "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in text)


def _cells(text: str) -> int:
    """Width in terminal columns: two for a wide character, none for a combining one."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in text)


def _spaces(text: str) -> str:
    """Spaces as wide as the text. Tabs stay, since only the terminal knows their width."""
    return "\t".join(" " * _cells(part) for part in text.split("\t"))
