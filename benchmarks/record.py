"""Writes reports into RESULTS.md: each has a chapter of its own, which the next run of the same report replaces."""

import re
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")


def record(title: str, text: str, path: Path = RESULTS) -> None:
    """Write the chapter with this title."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(with_chapter(before, title, text), encoding="utf-8")


def with_chapter(document: str, title: str, text: str) -> str:
    """The document with this chapter in place of the one with the same title, or at its end."""
    chapter = f"# {title}\n\n{text.strip()}\n"
    chapters = [each for each in re.split(r"^(?=# )", document, flags=re.MULTILINE) if each.strip()]
    known = [index for index, each in enumerate(chapters) if each.splitlines()[0] == f"# {title}"]
    if known:
        chapters[known[0]] = chapter
    else:
        chapters.append(chapter)
    return "\n".join(f"{each.strip()}\n" for each in chapters)
