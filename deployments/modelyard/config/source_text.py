"""The text of one configuration file, and diagnostics at places in it."""

import codecs
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modelyard.config.diagnostic import Diagnostic, SpecError

MAX_FILE_BYTES = 2**20
"""A larger file is not a configuration file."""

# Characters that are not printable in YAML 1.2 (5.1), and three that libyaml, like YAML 1.1, treats as line ends: its line
# numbers would differ from an editor's.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LINE_END = re.compile("\r\n|\r|\n")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Source:
    """One file's name and text."""

    path: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """The lines, without their ends. At least one."""
        return _LINE_END.split(self.text)

    def diagnostic(self, line: int, column: int, message: str, *, length: int = 1, suggestion: str = "") -> Diagnostic:
        """An error at a place, counted from 0. A place after the end of the text becomes its last character."""
        if line >= len(self.lines) or (line == len(self.lines) - 1 and not self.lines[line] and line > 0):
            line = max((n for n, text in enumerate(self.lines) if text.strip()), default=0)
            column, length = max(len(self.lines[line].rstrip()) - 1, 0), 1
        return Diagnostic(self.path, line + 1, column + 1, message, self.lines[line], length, suggestion)


@dataclass(frozen=True, slots=True)
class Span:
    """The place of a key or value in its source. Lines and columns are counted from 0, and the end is exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def is_empty(self) -> bool:
        """Whether the text is empty, such as the value of `replicas:`."""
        return self.line == self.end_line and self.column == self.end_column

    def diagnostic(self, message: str, suggestion: str = "") -> Diagnostic:
        """An error that underlines this span, or its part on the first line."""
        end = self.end_column if self.line == self.end_line else len(self.source.lines[self.line].rstrip())
        length = max(1, end - self.column)
        return self.source.diagnostic(self.line, self.column, message, length=length, suggestion=suggestion)


def read(path: Path) -> Source:
    """The file's text. Raises SpecError if it is no regular file, too large, not UTF-8, or has characters that YAML forbids."""
    name = str(path)
    try:
        if not path.is_file():
            raise SpecError((Diagnostic(name, 0, 0, "not a regular file"),))
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SpecError((Diagnostic(name, 0, 0, f"cannot be read: {error.strerror}"),)) from error
    return decode(name, content)


def decode(name: str, content: bytes) -> Source:
    """The text of a file's bytes. Raises SpecError as `read` does."""
    if len(content) > MAX_FILE_BYTES:
        raise SpecError((Diagnostic(name, 0, 0, f"larger than {MAX_FILE_BYTES // 2**20} MiB"),))
    if content.startswith(_UTF16_MARKS):
        raise SpecError((Diagnostic(name, 0, 0, "written as UTF-16", suggestion="save it as UTF-8"),))
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        source = Source(name, content.decode())
    except UnicodeDecodeError as error:
        source = Source(name, content.decode(errors="replace"))
        before = content[: error.start].decode()
        message = f"not UTF-8: byte 0x{content[error.start]:02x}"
        raise SpecError((_at_offset(source, before, message, "save the file as UTF-8"),)) from error
    if bad := _NOT_PRINTABLE.search(source.text):
        message = f"character U+{ord(bad.group()):04X} is not allowed here"
        hint = f'in double quotes, write it as "\\u{ord(bad.group()):04x}"'
        raise SpecError((_at_offset(source, source.text[: bad.start()], message, hint),))
    return source


def _at_offset(source: Source, before: str, message: str, suggestion: str) -> Diagnostic:
    *_, last = lines = _LINE_END.split(before)
    return source.diagnostic(len(lines) - 1, len(last), message, suggestion=suggestion)
