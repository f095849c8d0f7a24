"""What waits for `modelyard apply`, and when it ends to wait."""

from modelyard.control.apply import Applier
from modelyard.control.approval import Approval
from modelyard.control.rollback import Rollback
from tests.unit.control.models import refused, resolved
from tests.unit.control.serve import URLS, FakeServe, desired

ONE, TWO = desired(resolved("a")), desired(resolved("a"), resolved("b"))


class Waiting:
    """An approval in front of a server that runs `ONE`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.applier = Applier(FakeServe(), Rollback(), URLS)
        self.applier.apply(ONE)
        self.approval = Approval(self.applier, lambda: self.now)

    @property
    def models(self) -> list[str]:
        """The models whose changes wait."""
        self.approval.check()
        return [action.model for action in self.approval.actions]


def test_a_state_that_changes_something_waits():
    waiting = Waiting()
    assert waiting.approval.check() is None, "no file has changed"
    waiting.approval.receive(TWO)
    assert waiting.approval.check() is None
    assert waiting.models == ["b"]
    assert waiting.approval.withheld == ""


def test_a_state_that_changes_nothing_is_returned_once():
    waiting = Waiting()
    waiting.approval.receive(TWO)
    waiting.approval.check()
    waiting.applier.apply(TWO)
    assert waiting.approval.check() is TWO
    assert waiting.approval.actions == ()
    assert waiting.approval.check() is None


def test_a_model_that_is_rejected_needs_no_approval():
    waiting, rejected = Waiting(), desired(resolved("a"), refused("no folder", "b"))
    waiting.approval.receive(rejected)
    assert waiting.approval.check() is rejected


def test_what_was_received_after_an_approved_state_still_waits():
    waiting = Waiting()
    waiting.approval.receive(TWO)
    waiting.approval.forget(received_before=waiting.now - 0.1)
    assert waiting.models == ["b"]
    waiting.approval.forget(received_before=waiting.now)
    assert waiting.models == []


def test_files_that_cannot_be_read_leave_nothing_that_waits():
    waiting = Waiting()
    waiting.approval.receive(TWO)
    waiting.approval.forget()
    assert waiting.models == []
    assert waiting.approval.check() is None


def test_what_is_missing_waits_until_it_was_missing_for_a_while():
    waiting = Waiting()
    waiting.applier.apply(TWO)
    waiting.approval.receive(ONE)
    assert waiting.models == []
    waiting.now += 3.0
    assert waiting.models == ["b"]
