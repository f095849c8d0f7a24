"""One case put to the test: loaded as a replica does, and asked in every form, alone and among strangers."""

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
from tests.zoo.data import Row, Rows
from tests.zoo.draw import Draw
from tests.zoo.request_forms import FORMS
from tests.zoo.sent_rows import CannotCarry, Sent
from tests.zoo.served import Served, load

CONCURRENT = "only among strangers: "


@dataclass(frozen=True)
class Effort:
    """How much a case is asked."""

    rows_in_every_form: int = 3
    """Rows that are asked about alone in every form; the others in some."""
    forms: int = 4
    concurrent: int = 60
    """Requests that come at once."""


ALL = Effort()
FEW = Effort(rows_in_every_form=1, forms=1, concurrent=24)


@dataclass(frozen=True)
class Fault:
    """One way in which the server was wrong."""

    kind: str
    """What is wrong, without names and numbers: faults of one kind have perhaps one cause."""
    form: str
    rows: Rows
    told: str

    def __str__(self) -> str:
        shown = ", ".join(map(repr, self.rows[:2])) + (f" and {len(self.rows) - 2} more" if len(self.rows) > 2 else "")
        return f"{self.kind} [{self.form}] rows {shown}: {self.told}"


@dataclass
class Outcome:
    """What became of a case."""

    case: Case
    rejected: str = ""
    """At load, with this reason."""
    notes: tuple[str, ...] = ()
    batched: bool = False
    requests: int = 0
    faults: list[Fault] = field(default_factory=list)


def run_case(case: Case, effort: Effort = ALL) -> Outcome:
    """Load and ask. Never raises for what is wrong with the server."""
    outcome = Outcome(case)
    try:
        loaded = load(case)
    except (LoadError, WarmupFailed, InvalidRequest) as error:
        outcome.rejected = f"{type(error).__name__}: {error}"
        if case.must_serve:
            outcome.faults.append(Fault(f"refused at load: {generic(str(error))}", "load", (), str(error)))
        return outcome
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no reason that an operator could read
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
            told = f"{loaded.warmup.reason}; {served.signature}"
            outcome.faults.append(Fault("takes no rows though each row is alone", "load", (), told))
        if case.reference_whole is None:
            served.close()
            return
        case = case.as_whole()
    asking = CaseRunner(case, served, outcome)
    draw = Draw("asked", case.name)
    try:
        for index, row in enumerate(case.requests):
            forms = (
                list(FORMS) if index < effort.rows_in_every_form else draw.some(list(FORMS), effort.forms, effort.forms)
            )
            for form in forms:
                await asking.ask(form, [row])
        if not case.whole:
            answered = [row for row in case.requests if asking.answers([row])]
            for form in FORMS if answered else ():
                await asking.ask(form, answered)
                await asking.ask(form, draw.some(case.requests, 2, 4))
        strangers = [
            (draw.one(*FORMS), draw.shuffled(case.requests)[: 1 if case.whole else draw.one(1, 1, 1, 2)])
            for _ in range(effort.concurrent)
        ]
        await asyncio.gather(*(asking.ask(form, rows, CONCURRENT) for form, rows in strangers))
    finally:
        served.close()
    alone = {fault.kind for fault in outcome.faults}
    outcome.faults = [
        fault for fault in outcome.faults if fault.kind.removeprefix(CONCURRENT) not in alone - {fault.kind}
    ]


class CaseRunner:
    """Asks one served case, and holds the answers against its own."""

    def __init__(self, case: Case, served: Served, outcome: Outcome) -> None:
        self._case = case
        self._served = served
        self._outcome = outcome
        self._own: dict[tuple[Row, ...], Tensors | ModelRaised] = {}

    def answers(self, rows: Rows) -> bool:
        """Whether the model itself answers."""
        return not isinstance(self.own(rows), ModelRaised)

    def own(self, rows: Rows) -> Tensors | ModelRaised:
        """The model's own answers to these rows in one call, or what it raises."""
        key = tuple(map(repr, rows))
        if key not in self._own:
            try:
                self._own[key] = self._case.reference(rows)
            except ModelRaised as error:
                self._own[key] = error
        return self._own[key]

    async def ask(self, form: str, rows: list[Row], among: str = "") -> None:
        """One request; a fault is added to the outcome."""
        expected = self.own(rows)
        try:
            told = await FORMS[form](
                self._served, Sent(self._served.signature, self._case.table, rows, self._case.whole)
            )
        except (CannotCarry, NotAcceptable):  # an answer that does not fit into a table, or one array
            return
        except InvalidRequest as error:
            if not isinstance(expected, ModelRaised) and self._unambiguous(rows):
                self._fault(f"refused though right: {generic(error.message)}", form, rows, error.message)
            return
        except Exception as error:  # noqa: BLE001 - it is what this looks for
            shown = f"{type(error).__name__}: {error}" + (f" ({error.__cause__!r})" if error.__cause__ else "")
            kind = "internal error" if isinstance(error, ModelyardError) else f"crash {generic(shown)}"
            where = (
                f" where the object raises {str(expected).partition(':')[0]}"
                if isinstance(expected, ModelRaised)
                else ""
            )
            self._fault(f"{kind}{where}", form, rows, f"{shown}{f'; the object: {expected}' if where else ''}")
            return
        finally:
            self._outcome.requests += 1
        if isinstance(expected, ModelRaised):
            expected = next(iter(self._read_otherwise(rows)), expected)
        if isinstance(expected, ModelRaised):
            self._fault(
                f"answers what the object refuses: {generic(str(expected))}",
                form,
                rows,
                f"{told!r:.300}; the object: {expected}",
            )
            return
        equality = Equality(self._served.signature, self._case.classes, self._case.tolerance)
        wrong = difference(told, expected, lambda: self._otherwise(rows), equality)
        if wrong:
            self._fault(f"{among}wrong answer in {wrong.partition(':')[0]}", form, rows, wrong)

    def _otherwise(self, rows: list[Row]) -> list[Tensors]:
        """The object's own answers to the same rows in other company."""
        others = self._read_otherwise(rows)
        if not self._case.whole and not self._case.mixes_rows:
            alone = [self.own([row]) for row in rows]
            if not any(isinstance(each, ModelRaised) for each in alone):
                others.append({name: np.concatenate([each[name] for each in alone]) for name in alone[0]})  # type: ignore[index]
            answered = [row for row in self._case.requests if self.answers([row])]
            # A kernel of BLAS adds up the last rows of a block otherwise than the first, so the place of a row may matter too.
            companies = [
                ([], 2 * rows),
                ([], answered[:6]),
                ([], 3 * answered),
                (answered[:1], []),
                (answered[:3], rows),
            ]
            for before, after in companies:
                among = self.own([*before, *rows, *after])
                if not isinstance(among, ModelRaised):
                    start = len(before)
                    others.append({name: value[start : start + len(rows)] for name, value in among.items()})
        return others

    def _unambiguous(self, rows: Rows) -> bool:
        return self._case.whole or self._case.table.is_unambiguous(rows)

    def _read_otherwise(self, rows: Rows) -> list[Tensors]:
        """The object's own answers to rows that can be read in several ways."""
        if self._unambiguous(rows):
            return []
        answers = []
        for answer in self._case.other_references:
            with suppress(ModelRaised):
                answers.append(answer(rows))
        return answers

    def _fault(self, kind: str, form: str, rows: Rows, told: Any) -> None:
        self._outcome.faults.append(Fault(kind, form, rows, str(told)))


def generic(message: str) -> str:
    """A message without what differs from model to model."""
    first = re.sub(r" \(and \d+ more\)", "", " ".join(message.split())[:240])
    first = re.sub(r"\b(true|false)\b", "a boolean", first)
    first = re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", first)
    first = re.sub(r" at /.*", " at /...", first)
    return re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "0", first)
