"""Loads the subjects in rounds, one subject at a time."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import h2load, wrk
from benchmarks.load import Load
from benchmarks.processes import Group, Process, cpu_spent, descendants, pss_bytes, snapshot
from benchmarks.subject_process import SubjectError, free_port, running
from benchmarks.subjects import SUBJECTS, Artefacts, Subject, Target

WARM_UP_S = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One load of one target."""

    target: str
    connections: int
    load: Load
    cpu_us: Mapping[Group, float]
    """CPU microseconds per request."""
    pss_bytes: int
    """Memory of all processes of the subject right after the load."""


def run(names: Sequence[str], artefacts: Artefacts, folder: Path, *, rounds: int, seconds: float) -> list[Sample]:
    """Samples of every subject in every round.

    The order is A, B, C, A, B, C, so that slow phases of the machine affect all subjects.
    Each subject is started for its load and stopped after it, because even an idle Ray uses part of a core.
    """
    samples: list[Sample] = []
    for number in range(rounds):
        for name in names:
            subject_folder = folder / f"{number}-{len(samples)}"
            subject_folder.mkdir()
            subject = SUBJECTS[name](subject_folder, free_port(), artefacts)
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            with running(subject, subject_folder) as server:
                samples += [
                    measure(subject, target, server.pid, connections, seconds)
                    for target in subject.targets
                    for connections in target.connections
                ]
    return samples


def measure(subject: Subject, target: Target, root: int, connections: int, seconds: float) -> Sample:
    """One load after a warm-up."""
    program = h2load if target.request.grpc else wrk
    program.run(target.url, target.request, connections=connections, seconds=WARM_UP_S)
    before = process_tree(root)
    load = program.run(target.url, target.request, connections=connections, seconds=seconds)
    after = process_tree(root)
    print(
        f"  {target.name}, {connections} connections: {load.requests_per_s:,.0f} requests/s",
        file=sys.stderr,
        flush=True,
    )
    spent = cpu_spent(before, after, model_pid=root if subject.root_is_replica else 0)
    return Sample(
        target=target.name,
        connections=connections,
        load=load,
        cpu_us={group: us / load.requests for group, us in spent.items()},
        pss_bytes=sum(pss_bytes(process.pid) or 0 for process in after),
    )


def process_tree(root: int) -> list[Process]:
    """The process and all its descendants. Raises SubjectError if it does not exist."""
    processes = snapshot()
    if root not in processes:
        raise SubjectError("the subject stopped under load")
    return [processes[root], *descendants(processes, root)]
