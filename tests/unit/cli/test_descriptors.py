"""Connections, and the files that a process may open."""

import resource

import pytest

from deployments.cli.descriptors import needed, too_few


def test_haproxy_gets_what_it_asked_for_when_it_was_refused():
    """It named 10272 for 4000 connections, and would not start with less."""
    assert 10_272 <= needed(4000) <= 11_000


@pytest.mark.parametrize("most", [needed(4000), 1_048_576, resource.RLIM_INFINITY])
def test_enough_is_enough(most: int):
    assert too_few(4000, most) == ""


def test_too_few_are_told_with_both_numbers_and_both_ways_out():
    told = too_few(4000, 256)
    for word in ("256 files", "4000 connections", "10500", "LimitNOFILE", "`connections` in server.yaml"):
        assert word in told
    assert too_few(40, 1024) == ""
