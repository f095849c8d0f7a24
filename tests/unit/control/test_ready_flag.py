"""The flag that reports to the supervisor that the server's process has been up."""

import os

from modelyard.control.restart_policy import ReadyFlag


def test_a_flag_that_one_process_sets_is_set_in_the_other():
    supervisors = ReadyFlag()
    servers = ReadyFlag(os.dup(supervisors.descriptor))
    assert (supervisors.is_set(), servers.is_set()) == (False, False)
    servers.set()
    servers.set()
    assert (supervisors.is_set(), servers.is_set()) == (True, True)
    servers.close()
    assert supervisors.is_set(), "the process has ended, and was up before"
    supervisors.close()


def test_the_descriptor_is_not_inherited_by_models_processes():
    flag = ReadyFlag()
    assert not os.get_inheritable(flag.descriptor)
    passed = os.dup(flag.descriptor)
    os.set_inheritable(passed, True)
    assert ReadyFlag(passed).descriptor == passed
    assert not os.get_inheritable(passed)
    os.close(passed)
    flag.close()


def inode(descriptor: int) -> int | None:
    """The file of a descriptor; None if it is closed."""
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return None


def test_a_flag_that_is_closed_holds_no_file():
    flag = ReadyFlag()
    before = inode(flag.descriptor)
    assert before is not None
    flag.close()
    assert inode(flag.descriptor) != before
