"""Names that people give to times and rates."""

import pytest

from freqjax.recordings.names import has_unit, rate_of, seconds_per_unit, stated_rate, unit_of_size


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("t", 1), ("T", 1), ("# t", 1), ("time", 1), ("TIME", 1), ("Time (s)", 1), ("t [s]", 1),
        ("timestamp", 1), ("seconds", 1), ("Elapsed Time (sec)", 1), ("unix time", 1), ('"Time"', 1),
        ("time_ms", 1e-3), ("t/ms", 1e-3), ("Time [ms]", 1e-3), ("ms", 1e-3), ("time in ms", 1e-3),
        ("Time (µs)", 1e-6), ("time_us", 1e-6), ("Timestamp (ns)", 1e-9), ("Time (min)", 60),
        ("time_h", 3600),
    ],
)  # fmt: skip
def test_names_of_times(name, seconds):
    assert seconds_per_unit(name) == seconds


@pytest.mark.parametrize(
    "name", ["S", "s", "x", "target", "C1", "temp", "min", "max", "tone", "h", "times2", ""]
)
def test_names_of_something_else(name):
    assert seconds_per_unit(name) is None


def test_a_unit_is_in_the_name_or_follows_from_the_size():
    assert has_unit("time_ms") and has_unit("seconds") and not has_unit("timestamp")
    for first, unit in [(0, 1), (1.7e9, 1), (1.7e12, 1e-3), (1.7e15, 1e-6), (1.7e18, 1e-9)]:
        assert unit_of_size(first) == pytest.approx(unit)


@pytest.mark.parametrize(
    "name", ["sampling_rate", "fs", "Fs", "sr", "rate", "sample_rate", "samplerate", "fs_hz"]
)
def test_names_of_rates(name):
    assert rate_of(name, 250.0) == 250
    assert rate_of("dt", 0.004) == pytest.approx(250)
    assert rate_of("heart", 250.0) is None


@pytest.mark.parametrize(
    ("line", "rate"),
    [
        ("# fs = 500", 500), ("# sampling rate: 44.1 kHz", 44_100), ("Sample Interval,0.002", 500),
        ("% sr=8000Hz", 8000), ("# dt = 2 ms", 500), ("# fs (kHz): 2", 2000),
    ],
)  # fmt: skip
def test_rates_that_comments_state(line, rate):
    found = stated_rate(line)
    assert found is not None and found.sampling_rate == pytest.approx(rate)


@pytest.mark.parametrize("line", ["# fs", "# gain = 3", "# fs = 0", "# fs = 1.2.3", "# fs = 5 V"])
def test_comments_that_state_none(line):
    assert stated_rate(line) is None
