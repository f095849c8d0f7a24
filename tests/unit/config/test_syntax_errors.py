"""Errors of the parser that no message of ours describes, and those without a place."""

import pytest
from yaml import MarkedYAMLError

from modelyard.config.source_text import Source
from modelyard.config.syntax_errors import syntax_error

SOURCE = Source("f.yaml", "a: 1\nb: 2\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MarkedYAMLError(problem="an odd thing"), "not YAML: an odd thing"),
        (MarkedYAMLError(context="while doing a thing"), "not YAML: while doing a thing"),
        (MarkedYAMLError(context="while doing a thing", problem="an odd thing"), "not YAML: an odd thing"),
        (ValueError("chr() arg not in range(0x110000)"), "not YAML: syntax error"),
    ],
)
def test_an_unknown_error_has_the_words_of_the_parser_at_the_start_of_the_file(error, message):
    found = syntax_error(SOURCE, error)
    assert (found.line, found.column, found.message) == (1, 1, message)
