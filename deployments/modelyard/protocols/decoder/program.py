"""The program of the process that decodes large bodies: one after the other, from its standard input to its standard output."""

import gc
import os
import pickle
import resource
import sys

from modelyard.protocols.codecs import codecs_of
from modelyard.protocols.decoder.job import read, write


def main() -> None:
    """Decode until the replica closes the pipe, or dies."""
    gc.disable()  # JSON makes no cycles, and the collector would go through millions of new lists again and again
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no answer
    most_bytes, *version = pickle.load(questions)  # noqa: S301 - the replica wrote it
    _limit_memory(most_bytes)
    codecs = codecs_of(*version)
    write(answers, "ready", codecs)
    while True:
        try:
            decoding = read(questions, codecs)
        except EOFError:
            return
        try:
            outcome = decoding.run(codecs)
        except Exception as error:  # noqa: BLE001 - it is the request's, and goes to whoever asked
            outcome = error
        del decoding
        write(answers, outcome, codecs)
        del outcome


def _limit_memory(most_bytes: int) -> None:
    """Beyond it, allocations fail. A replica's own limit holds here too, where it is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = [limit for limit in (most_bytes, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(allowed), hard))


if __name__ == "__main__":
    main()
