"""Texts that are chosen to show a difference between two text vectorizers."""

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from modelyard.runtimes.sklearn.parts import parts

MAX_TERMS = 10_000
"""How many terms of each vocabulary are used."""
TERMS_PER_TEXT = (1, 2, 3, 5, 9, 20, 60)
WORDS = (
    "the",
    "a",
    "of",
    "no-such-word",
    "good",
    "naïve",
    "Straße",
    "don't",
    "e-mail",
    "x",
    "42",
    "3.14",
    "2026-11-30",
)
"""For models without a vocabulary."""
FIXED = (
    "",
    " ",
    "\t\r\n",
    "\x00",
    ".",
    "?!…—",
    "a",
    "ab",
    "A b C",
    "  two  spaces\tand a tab\n",
    "no\xa0break\u2003wide\u2028line\u3000cjk",
    "zero\u200bwidth\ufeffmark",
    "don't can't l'été naïve café cafe\u0301 Ångström",
    "STRASSE Straße straße İstanbul \u0131I ΣΑΣ ς ﬁn ﬀ",
    "数学 は 楽しい 한국어 العربية עברית हिन्दी",
    "emoji 👍🏽 👩\u200d👩\u200d👧 🏳️\u200d🌈",
    "1 22 333 3.14 1e10 ٣٤ ²³ ½ 0x1F",
    "user@example.com https://example.com/a?b=c&d=e#f <b>bold</b> C++ C# snake_case camelCase",
    "lone \ud800 surrogate",
    "a" * 5000,
    "word " * 3000,
)


def hard_texts(estimator: Any) -> list[str]:
    """Terms of the vocabularies, alone and together, in other cases, between unknown words, punctuation and strange white space,
    and texts that are empty, long or in other scripts."""
    random = np.random.default_rng(0)
    terms: list[str] = [*WORDS]
    for part in parts(estimator):
        if isinstance(part, CountVectorizer):
            known = sorted(getattr(part, "vocabulary_", ()))
            terms += known[:: max(1, len(known) // MAX_TERMS)]
    made = [*FIXED]
    joints = (" ", " ", " ", "  ", "\n", ", ", ". ", "-", "'", "\xa0", " unknownword ", "")
    changes = (str, str, str, str.upper, str.title, str.swapcase)
    for count in TERMS_PER_TEXT:
        for _ in range(24):
            joint = joints[random.integers(len(joints))]
            change = changes[random.integers(len(changes))]
            made.append(joint.join(change(terms[index]) for index in random.integers(len(terms), size=count)))
    made += [" ".join(terms[start : start + 200]) for start in range(0, len(terms), 200)]  # every term that is used
    return made
