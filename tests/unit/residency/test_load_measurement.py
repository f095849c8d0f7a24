"""What a load allocates, and what disturbs the measurement."""

from modelyard.residency.load_measurement import LoadMeasurements

MB = 2**20


def test_a_load_is_measured_from_its_begin_to_its_end() -> None:
    allocated = [10 * MB]
    measurement = LoadMeasurements(lambda: allocated[0]).begin()
    allocated[0] = 13 * MB
    assert measurement.end() == 3 * MB
    assert not (measurement.shared or measurement.released)


def test_loads_at_the_same_time_disturb_each_other() -> None:
    measurements = LoadMeasurements(lambda: 0)
    first, second = measurements.begin(), measurements.begin()
    assert first.shared
    assert second.shared
    first.cancel()
    second.end()
    assert not measurements.begin().shared


def test_a_release_during_a_load_disturbs_its_measurement() -> None:
    measurements = LoadMeasurements(lambda: 0)
    first = measurements.begin()
    measurements.released()
    assert first.released
    assert not measurements.begin().released
