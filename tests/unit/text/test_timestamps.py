"""Timestamps in logs."""

from modelyard.text.timestamps import utc_timestamp

A_MOMENT = 1795810374.1205


def test_a_timestamp_is_in_utc_with_milliseconds():
    assert utc_timestamp(A_MOMENT) == "2026-11-27T20:12:54.120Z"


def test_a_timestamp_has_the_wanted_precision_and_suffix():
    assert utc_timestamp(A_MOMENT, "seconds", suffix="+00:00") == "2026-11-27T20:12:54+00:00"
