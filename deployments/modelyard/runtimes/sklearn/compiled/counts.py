"""How often each term of a vocabulary occurs in each text.

Words become bytes, four for each index, so that the terms of a whole batch are joined and counted in a few calls, whatever their
number. Runs of characters are found by a trie.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from modelyard.runtimes.sklearn.compiled.analyzers import analyzer, character_preparation, words_and_ngrams
from modelyard.runtimes.sklearn.compiled.character_trie import CharacterTrie
from modelyard.runtimes.sklearn.compiled.kernels import sum_duplicates
from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows
from modelyard.tensors import Array

Codes = Callable[[str], bytes]
"""From a text to the indices of its terms, four bytes each."""

MAX_WORDS = 20_000
"""How many words a WordCodes holds: a few MB."""
FEW_TERMS = 2000
"""Up to this number of terms in a batch, SciPy's sum of duplicates takes less time than sorting all of them with NumPy."""
UNKNOWN = repeat(b"")
"""In place of the index of a term that is not in the vocabulary."""


def counts_of(vectorizer: Any) -> Callable[[Sequence[str]], SparseRows]:
    """A function from texts to the counts that this fitted CountVectorizer returns, without `binary`, as C integers."""
    if not hasattr(vectorizer, "vocabulary_"):
        vectorizer._validate_vocabulary()
    width = len(vectorizer.vocabulary_)
    if find := _character_finder(vectorizer):
        return lambda texts: _count_pairs(*find(texts), len(texts), width)
    codes = _codes_of(vectorizer)

    def count(texts: Sequence[str]) -> SparseRows:
        found = [*map(codes, texts)]
        indices = np.frombuffer(b"".join(found), np.int32)
        ends = np.cumsum([0, *map(len, found)], dtype=np.int32) // 4
        if len(indices) <= FEW_TERMS:
            return _count_few(indices, ends, width)
        return _count_pairs(indices, np.repeat(np.arange(len(texts)), np.diff(ends)), len(texts), width)

    return count


def _character_finder(vectorizer: Any) -> Callable[[Sequence[str]], tuple[Array, Array]] | None:
    """A function from texts to the indices of their n-grams and the numbers of their texts, if a trie can find them."""
    prepare = character_preparation(vectorizer)
    if prepare is None:
        return None
    try:
        trie = CharacterTrie(
            {term: int(index) for term, index in vectorizer.vocabulary_.items()}, *vectorizer.ngram_range
        )
    except OverflowError:
        return None
    return lambda texts: trie.find([*map(prepare, texts)])


def _codes_of(vectorizer: Any) -> Codes:
    code_of = {term: int(index).to_bytes(4, sys.byteorder) for term, index in vectorizer.vocabulary_.items()}.get
    join = b"".join

    def joined(terms: Iterable[str]) -> bytes:
        return join(map(code_of, terms, UNKNOWN))

    if parts := words_and_ngrams(vectorizer):
        words, ngrams = parts
        code_of_word = WordCodes(lambda word: joined(ngrams(word))).__getitem__
        return lambda text: join(map(code_of_word, words(text)))
    analyze = analyzer(vectorizer)
    return lambda text: joined(analyze(text))


class WordCodes(dict[str, bytes]):
    """The codes of words that have occurred. Texts repeat words, and a word has many n-grams."""

    def __init__(self, codes: Codes) -> None:
        super().__init__()
        self._codes = codes

    def __missing__(self, word: str) -> bytes:
        if len(self) >= MAX_WORDS:
            self.clear()
        codes = self[word] = self._codes(word)
        return codes


def _count_few(indices: Array, ends: Array, width: int) -> SparseRows:
    rows = SparseRows(ends, indices.copy(), np.ones(len(indices), np.intc), width)
    sum_duplicates(rows)
    return rows


def _count_pairs(indices: Array, texts: Array, count: int, width: int) -> SparseRows:
    """The same, from the number of each index's text. The numbers of a text and of an index together are one number, and equal
    numbers are neighbours after sorting."""
    borders = np.arange(count + 1) * width
    keys = borders[texts] + indices
    keys.sort()
    firsts = np.flatnonzero(np.concatenate((keys[:1] >= 0, keys[1:] != keys[:-1])))
    unique = keys[firsts]
    ends = np.searchsorted(unique, borders)
    found = unique - np.repeat(borders[:-1], np.diff(ends))
    counts = np.diff(firsts, append=len(keys)).astype(np.intc)
    return SparseRows(ends.astype(np.int32), found.astype(np.int32), counts, width)
