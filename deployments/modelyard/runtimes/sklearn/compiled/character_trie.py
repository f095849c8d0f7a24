"""Finds the character n-grams of a vocabulary in many texts at once, with one step of NumPy for each length.

A node of the trie is the beginning of an n-gram. At each length, all positions of all texts go from their node to the next.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from modelyard.tensors import Array

MAX_BYTES = 16 * 2**20
"""The largest trie. Its tables are dense: a row for each node, a column for each character."""
CODE_POINTS = 0x110000


class CharacterTrie:
    """The n-grams of a vocabulary, of `low` to `high` characters."""

    def __init__(self, vocabulary: Mapping[str, int], low: int, high: int) -> None:
        """Raises OverflowError if the trie would be larger than MAX_BYTES."""
        self._low = low
        characters = sorted(set().union(*vocabulary))
        self._separator = next(character for character in map(chr, range(CODE_POINTS)) if character not in characters)
        self._class_of = np.zeros(max(map(ord, characters)) + 2, np.int32)  # the last one is for all higher characters
        self._class_of[[*map(ord, characters)]] = range(1, len(characters) + 1)
        width = len(characters) + 1
        nodes: dict[str, int] = {character: number for number, character in enumerate(characters, start=1)}
        self._steps: list[Array] = []
        self._indices = [_indices(nodes, vocabulary)]
        size = 0
        for length in range(2, high + 1):
            longer = sorted({term[:length] for term in vocabulary if len(term) >= length})
            size += (len(nodes) + 1) * width * 4
            if size > MAX_BYTES:
                raise OverflowError(f"the trie would be larger than {MAX_BYTES} bytes")
            step = np.zeros((len(nodes) + 1, width), np.int32)
            beginnings = [nodes[ngram[:-1]] for ngram in longer]
            step[beginnings, self._class_of[[ord(ngram[-1]) for ngram in longer]]] = range(1, len(longer) + 1)
            nodes = {ngram: number for number, ngram in enumerate(longer, start=1)}
            self._steps.append(step)
            self._indices.append(_indices(nodes, vocabulary))

    def find(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """The index of each n-gram that occurs, and the number of its text; in no particular order."""
        joined = self._separator.join(texts)
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4")
        classes = self._class_of[np.minimum(codes, len(self._class_of) - 1)]
        lengths = [*map(len, texts)]
        lengths[:-1] = [length + 1 for length in lengths[:-1]]  # with the separator
        texts_of = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
        node, found = classes, []
        for length, indices in enumerate(self._indices, start=1):
            if length > 1:
                node = self._steps[length - 2][node[:-1], classes[length - 1 :]]
            if length >= self._low:
                at = np.flatnonzero((known := indices[node]) >= 0)
                found.append((known[at], texts_of[at]))
        return np.concatenate([each for each, _ in found]), np.concatenate([text for _, text in found])


def _indices(nodes: Mapping[str, int], vocabulary: Mapping[str, int]) -> Array:
    """The index of each node's n-gram in the vocabulary; -1 for node 0 and for beginnings that are not in it."""
    return np.array([-1, *(vocabulary.get(ngram, -1) for ngram in nodes)], np.int32)
