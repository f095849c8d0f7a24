"""Triton's sequence extension, which is not supported: no model here keeps anything from one request to the next. Pure.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_sequence.md
"""

from collections.abc import Iterable

from modelyard.errors import InvalidRequest

PARAMETERS = ("sequence_id", "sequence_start", "sequence_end")
"""Of a request. 0, "" and false say that it belongs to no sequence."""


def check_no_sequence(given: Iterable[tuple[str, object]]) -> None:
    """Refuse a request that is part of a sequence: a model would answer it as if none had come before.

    `given` are its parameters. Raises InvalidRequest.
    """
    for name, value in given:
        if name in PARAMETERS and value:
            raise InvalidRequest(
                f"parameter {name!r}: sequences are not supported; models here keep no state between requests"
            )
