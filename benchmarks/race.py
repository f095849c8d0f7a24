"""Rounds of load over the subjects, one subject at a time."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import wrk
from benchmarks.farm import SubjectError, free_port, running
from benchmarks.processes import Group, Process, cpu_spent, descendants, pss_bytes, snapshot
from benchmarks.subjects import SUBJECTS, Artefacts, Subject
from benchmarks.wrk import Load

CONNECTIONS = (1, 16, 64)
WARM_UP_S = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One subject under one load, once."""

    subject: str
    connections: int
    load: Load
    cpu_us: Mapping[Group, float]
    """CPU microseconds a request."""
    pss_bytes: int
    """Memory of all the subject's processes, right after the load."""


def run(names: Sequence[str], artefacts: Artefacts, folder: Path, *, rounds: int, seconds: float) -> list[Sample]:
    """Samples of every subject in every round: A, B, C, A, B, C, so that a slow spell of the machine meets them all.

    Each is started anew for its turn and stopped after it, for an idle Ray takes part of a core from its rivals.
    """
    samples: list[Sample] = []
    for turn in range(rounds):
        for name in names:
            place = folder / f"{turn}-{len(samples)}"
            place.mkdir()
            subject = SUBJECTS[name](place, free_port(), artefacts)
            print(f"round {turn + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            with running(subject, place) as root:
                samples += [measure(name, subject, root, connections, seconds) for connections in CONNECTIONS]
    return samples


def measure(name: str, subject: Subject, root: int, connections: int, seconds: float) -> Sample:
    """One load, after a short one that is not counted."""
    wrk.run(subject.url, connections=connections, seconds=WARM_UP_S)
    before = family(root)
    load = wrk.run(subject.url, connections=connections, seconds=seconds)
    after = family(root)
    print(f"  {connections} connections: {load.requests_per_s:,.0f} requests/s", file=sys.stderr, flush=True)
    spent = cpu_spent(before, after, model_pid=root if subject.root_is_replica else 0)
    return Sample(
        subject=name,
        connections=connections,
        load=load,
        cpu_us={group: us / load.requests for group, us in spent.items()},
        pss_bytes=sum(pss_bytes(process.pid) or 0 for process in after),
    )


def family(root: int) -> list[Process]:
    """The process and all that it started. Raises SubjectError where it is gone."""
    processes = snapshot()
    if root not in processes:
        raise SubjectError("the subject stopped under load")
    return [processes[root], *descendants(processes, root)]
