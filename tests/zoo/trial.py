"""Runs one case: loads it as a replica does, and sends requests in every form, one at a time and concurrently."""

import asyncio
import re
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelyard.errors import InvalidRequest, ModelyardError, NotAcceptable
from modelyard.inference.warmup import WarmupFailed
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.runtimes.base import LoadError
from modelyard.tensors import Tensors
from tests.zoo.case import Case, ModelRaised
from tests.zoo.compare import Equality, difference
from tests.zoo.draw import Draw
from tests.zoo.request_forms import FORMS
from tests.zoo.sent_rows import CannotCarry, Sent
from tests.zoo.served import Served, load
from tests.zoo.tables import Row, Rows

CONCURRENT = "only with concurrent requests: "


@dataclass(frozen=True)
class Effort:
    """How many requests a case gets."""

    rows_in_every_form: int = 3
    """Rows that are sent alone in every form."""
    forms: int = 4
    """How many forms the other rows are sent in."""
    concurrent: int = 60
    """Concurrent requests."""


ALL = Effort()
FEW = Effort(rows_in_every_form=1, forms=1, concurrent=24)


@dataclass(frozen=True)
class Fault:
    """One wrong result of the server."""

    kind: str
    """What is wrong, without names and numbers: faults of one kind probably have one cause."""
    form: str
    rows: Rows
    details: str

    def __str__(self) -> str:
        shown = ", ".join(map(repr, self.rows[:2])) + (f" and {len(self.rows) - 2} more" if len(self.rows) > 2 else "")
        return f"{self.kind} [{self.form}] rows {shown}: {self.details}"


@dataclass
class Outcome:
    """The outcome of a case."""

    case: Case
    rejected: str = ""
    """The reason of a rejection at load, else ""."""
    notes: tuple[str, ...] = ()
    batched: bool = False
    requests: int = 0
    faults: list[Fault] = field(default_factory=list)


def run_case(case: Case, effort: Effort = ALL) -> Outcome:
    """Load a case and send requests. Never raises for errors of the server."""
    outcome = Outcome(case)
    try:
        loaded = load(case)
    except (LoadError, WarmupFailed, InvalidRequest) as error:
        outcome.rejected = f"{type(error).__name__}: {error}"
        if case.must_serve:
            outcome.faults.append(Fault(f"rejected at load: {generic(str(error))}", "load", (), str(error)))
        return outcome
    except Exception as error:  # noqa: BLE001 - it is not a reason that an operator can read
        place = traceback.format_exception(error)[-2].strip().splitlines()[0]
        outcome.rejected = f"{type(error).__name__}: {error}"
        outcome.faults.append(
            Fault(f"crash at load: {generic(outcome.rejected)}", "load", (), f"{outcome.rejected} ({place})")
        )
        return outcome
    outcome.notes, outcome.batched = loaded.model.notes, loaded.warmup.batchable
    asyncio.run(_asked(case, loaded, outcome, effort))
    return outcome


async def _asked(case: Case, loaded: LoadedVersion, outcome: Outcome, effort: Effort) -> None:
    served = Served(case, loaded)
    if not served.signature.rowwise:
        if case.rows_alone:
            details = f"{loaded.warmup.reason}; {served.signature}"
            outcome.faults.append(Fault("takes no rows although its rows are independent", "load", (), details))
        if case.reference_whole is None:
            served.close()
            return
        case = case.as_whole()
    runner = CaseRunner(case, served, outcome)
    draw = Draw("asked", case.name)
    try:
        for index, row in enumerate(case.requests):
            forms = (
                list(FORMS) if index < effort.rows_in_every_form else draw.some(list(FORMS), effort.forms, effort.forms)
            )
            for form in forms:
                await runner.send(form, [row])
        if not case.whole:
            accepted = [row for row in case.requests if runner.accepts([row])]
            for form in FORMS if accepted else ():
                await runner.send(form, accepted)
                await runner.send(form, draw.some(case.requests, 2, 4))
        concurrent = [
            (draw.one(*FORMS), draw.shuffled(case.requests)[: 1 if case.whole else draw.one(1, 1, 1, 2)])
            for _ in range(effort.concurrent)
        ]
        await asyncio.gather(*(runner.send(form, rows, CONCURRENT) for form, rows in concurrent))
    finally:
        served.close()
    sequential = {fault.kind for fault in outcome.faults}
    outcome.faults = [
        fault for fault in outcome.faults if fault.kind.removeprefix(CONCURRENT) not in sequential - {fault.kind}
    ]


class CaseRunner:
    """Sends the requests of one served case, and compares the responses with its own outputs."""

    def __init__(self, case: Case, served: Served, outcome: Outcome) -> None:
        self._case = case
        self._served = served
        self._outcome = outcome
        self._own: dict[tuple[Row, ...], Tensors | ModelRaised] = {}

    def accepts(self, rows: Rows) -> bool:
        """Whether the model itself accepts the rows."""
        return not isinstance(self.own(rows), ModelRaised)

    def own(self, rows: Rows) -> Tensors | ModelRaised:
        """The model's own outputs for these rows in one call, or what it raises."""
        key = tuple(map(repr, rows))
        if key not in self._own:
            try:
                self._own[key] = self._case.reference(rows)
            except ModelRaised as error:
                self._own[key] = error
        return self._own[key]

    async def send(self, form: str, rows: list[Row], prefix: str = "") -> None:
        """Send one request, and add a fault to the outcome."""
        expected = self.own(rows)
        try:
            decoded = await FORMS[form](
                self._served, Sent(self._served.signature, self._case.table, rows, self._case.whole)
            )
        except (CannotCarry, NotAcceptable):  # the response does not fit a table or one array
            return
        except InvalidRequest as error:
            if not isinstance(expected, ModelRaised) and self._unambiguous(rows):
                self._fault(f"valid request rejected: {generic(error.message)}", form, rows, error.message)
            return
        except Exception as error:  # noqa: BLE001 - any exception is a fault
            shown = f"{type(error).__name__}: {error}" + (f" ({error.__cause__!r})" if error.__cause__ else "")
            kind = "internal error" if isinstance(error, ModelyardError) else f"crash {generic(shown)}"
            where = (
                f" where the model raises {str(expected).partition(':')[0]}"
                if isinstance(expected, ModelRaised)
                else ""
            )
            self._fault(f"{kind}{where}", form, rows, f"{shown}{f'; the model: {expected}' if where else ''}")
            return
        finally:
            self._outcome.requests += 1
        if isinstance(expected, ModelRaised):
            expected = next(iter(self._in_other_readings(rows)), expected)
        if isinstance(expected, ModelRaised):
            self._fault(
                f"accepts what the model rejects: {generic(str(expected))}",
                form,
                rows,
                f"{decoded!r:.300}; the model: {expected}",
            )
            return
        equality = Equality(self._served.signature, self._case.classes, self._case.tolerance)
        wrong = difference(decoded, expected, lambda: self._in_other_batches(rows), equality)
        if wrong:
            self._fault(f"{prefix}wrong output in {wrong.partition(':')[0]}", form, rows, wrong)

    def _in_other_batches(self, rows: list[Row]) -> list[Tensors]:
        """The model's own outputs for the same rows in other batches."""
        others = self._in_other_readings(rows)
        if not self._case.whole and not self._case.mixes_rows:
            alone = [self.own([row]) for row in rows]
            if not any(isinstance(each, ModelRaised) for each in alone):
                others.append({name: np.concatenate([each[name] for each in alone]) for name in alone[0]})  # type: ignore[index]
            accepted = [row for row in self._case.requests if self.accepts([row])]
            # A BLAS kernel adds the last rows of a block in another order than the first, so the position of a row may matter too.
            batches = [
                ([], 2 * rows),
                ([], accepted[:6]),
                ([], 3 * accepted),
                (accepted[:1], []),
                (accepted[:3], rows),
            ]
            for before, after in batches:
                outputs = self.own([*before, *rows, *after])
                if not isinstance(outputs, ModelRaised):
                    start = len(before)
                    others.append({name: value[start : start + len(rows)] for name, value in outputs.items()})
        return others

    def _unambiguous(self, rows: Rows) -> bool:
        return self._case.whole or self._case.table.is_unambiguous(rows)

    def _in_other_readings(self, rows: Rows) -> list[Tensors]:
        """The model's own outputs for rows that can be read in several ways."""
        if self._unambiguous(rows):
            return []
        outputs = []
        for reference in self._case.other_references:
            with suppress(ModelRaised):
                outputs.append(reference(rows))
        return outputs

    def _fault(self, kind: str, form: str, rows: Rows, details: Any) -> None:
        self._outcome.faults.append(Fault(kind, form, rows, str(details)))


def generic(message: str) -> str:
    """A message without the parts that differ between models."""
    first = re.sub(r" \(and \d+ more\)", "", " ".join(message.split())[:240])
    first = re.sub(r"\b(true|false)\b", "a boolean", first)
    first = re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", first)
    first = re.sub(r" at /.*", " at /...", first)
    return re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "0", first)
