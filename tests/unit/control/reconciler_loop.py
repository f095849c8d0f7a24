"""The reconciler with fake files, a fake Serve and a fake operator."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.config.load import MODELS_FOLDER
from modelyard.control.apply import Applier
from modelyard.control.apply_queue import Done, RequestedApplies
from modelyard.control.desired import DesiredState
from modelyard.control.file_watcher import Reading
from modelyard.control.loop_snapshot import LoopSnapshot
from modelyard.control.metrics import ControlMetrics
from modelyard.control.node import NodeDied
from modelyard.control.notices import Notices
from modelyard.control.plan import Action
from modelyard.control.reconciler import Reconciler
from modelyard.control.removals import REMOVAL_DELAY_S
from modelyard.control.rollback import Rollback
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import ModelStatus, Running
from tests.unit.control.models import resolved
from tests.unit.control.serve import URLS, FakeServe, desired

MISTAKE = SpecError((Diagnostic("models/a.yaml", 1, 1, "unknown key"),))
ABC = desired(*map(resolved, "abc"))
ABCD = desired(*map(resolved, "abcd"))
NOTHING = desired(missing=(MODELS_FOLDER,))
LONG = [None] * (int(REMOVAL_DELAY_S) + 2)
"""More cycles than a removal waits."""


class Operator:
    """Implements `reports.Report`, with one line for each call."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def starting(self, what: str) -> None:
        self.read.append(what)

    def progress(self, statuses: Sequence[ModelStatus]) -> None:
        self.read.append(f"progress {len(statuses)}")

    def started(self, statuses: Sequence[ModelStatus], curl: str = "", metrics: str = "") -> None:
        self.read.append(f"started {' '.join(status.name for status in statuses)}")

    def mistakes(self, error: SpecError) -> None:
        self.read.append("mistakes")

    def applied(self, actions: Sequence[Action]) -> None:
        self.read += [f"{action.kind} {action.model}" for action in actions]

    def awaits(self, actions: Sequence[Action], withheld: str) -> None:
        self.read += [f"waits: {action.kind} {action.model}" for action in actions]
        self.read += [withheld] if withheld else []

    def changed(self, status: ModelStatus) -> None:
        self.read.append(f"{status.name} {status.state}")

    def trouble(self, what: str) -> None:
        self.read.append(what)


class Loop:
    """Runs the reconciler through a list of events, one for each cycle, and stops."""

    def __init__(self, first: DesiredState = ABC, *, approve: bool = False) -> None:
        self.serve = FakeServe()
        self.operator = Operator()
        self.metrics = ControlMetrics()
        self.notices = Notices(self.operator.trouble)
        self.stop = threading.Event()
        self.turns: list[LoopSnapshot] = []
        self.asked = threading.Event()
        self.requested = RequestedApplies(self.asked.set)
        self.clock = 0.0
        self.silent = False
        self.events: list[Reading | Callable[[], None] | None] = []
        self.died = ""
        self.is_watching = False
        self.observations: list[Running] = []
        self.timeouts: list[float] = []
        """The longest wait for changed files, in seconds, for each cycle."""
        self.edge: list[Exception] = []
        """The errors of the next changes of the edge's files."""
        self.applier = Applier(self.serve, Rollback(), URLS, server=first.config.server, on_target=self.write_edge)
        self.reconciler = Reconciler(
            self,
            first,
            self.applier,
            self.operator,
            self.stop,
            notices=self.notices,
            metrics=self.metrics,
            checks=(self.check,),
            observed=self.observations.append,
            on_started=self.operator.started,
            on_turn=self.turns.append,
            requested=self.requested,
            approve=approve,
            now=lambda: self.clock,
        )

    def write_edge(self, _desired: DesiredState, _target: ServeConfig) -> None:
        if self.edge:
            raise self.edge.pop(0)

    def check(self) -> None:
        if self.died:
            raise NodeDied(self.died)

    def start(self) -> None:
        """See `reconciler.Files`."""
        self.is_watching = True

    def is_silent(self) -> bool:
        return self.silent

    def next(self, timeout_s: float) -> Reading | None:
        """Each cycle takes a second."""
        self.clock += 1.0
        self.timeouts.append(timeout_s)
        if not self.events:
            self.stop.set()
            return None
        event = self.events.pop(0)
        if callable(event):
            event()
            return None
        return event

    def run(self, *events: Reading | Callable[[], None] | None) -> list[str]:
        """What the operator reads during these events, without the progress."""
        self.events, self.operator.read = [*events], []
        self.stop.clear()
        self.reconciler.run()
        return [line for line in self.operator.read if not line.startswith("progress")]

    def apply(self, desired: DesiredState, *, allow_removals: bool = False) -> "Future[Done]":
        """A request at the control socket, which the next cycle applies."""
        with ThreadPoolExecutor(1) as pool:
            request = pool.submit(
                self.requested.request, desired, allow_removals=allow_removals, read_from=self.clock, timeout_s=30
            )
            assert self.asked.wait(30)
            self.asked.clear()
            self.reported = self.run(None, None)
        return request

    def gauge(self, name: str) -> float:
        return self.metrics.snapshot().gauges[(name,)]


def started(*, approve: bool = False) -> Loop:
    """A loop that runs the models a, b and c. With `approve`, changes wait for an apply."""
    loop = Loop(approve=approve)
    assert loop.run() == ["add a", "add b", "add c", "started a b c"]
    return loop
