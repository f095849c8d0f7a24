"""The program of the decoder process: it decodes jobs from standard input, one after the other, and writes to standard output."""

import gc
import os
import pickle
import resource
import sys

from modelyard.protocols.codecs import codecs_of
from modelyard.protocols.decoder.job import read, write


def main() -> None:
    """Decode until the replica closes the pipe or dies."""
    gc.disable()  # JSON has no reference cycles, and the collector would traverse millions of lists repeatedly
    requests, responses = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # `print` must not write between the responses
    max_bytes, *version = pickle.load(requests)  # noqa: S301 - the replica wrote it
    _limit_memory(max_bytes)
    codecs = codecs_of(*version)
    write(responses, "ready", codecs)
    while True:
        try:
            job = read(requests, codecs)
        except EOFError:
            return
        try:
            outcome = job.run(codecs)
        except Exception as error:  # noqa: BLE001 - it is the error of the request, and is sent to the replica
            outcome = error
        del job
        write(responses, outcome, codecs)
        del outcome


def _limit_memory(max_bytes: int) -> None:
    """Make allocations beyond the limit fail. The replica's own limit applies if it is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = [limit for limit in (max_bytes, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(allowed), hard))


if __name__ == "__main__":
    main()
