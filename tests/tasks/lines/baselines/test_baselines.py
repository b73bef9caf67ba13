"""What all estimators of a line have in common: causality, scale, streams of their own, refusals."""

from functools import partial

import numpy as np
import pytest

from freqjax.errors import UserError
from freqjax.tasks.lines.baselines import BASELINES, Line, extended_kalman

LINE = Line(hz=10.0, sampling_rate_hz=100.0, harmonics=(1, 2))
ALL = BASELINES | {"robust": partial(extended_kalman, gate=3.0, gaps=True)}


def signals(streams=3, samples=400):
    """Return noisy detuned lines [N, T]."""
    seconds = np.arange(samples) / 100
    clean = np.sin(2 * np.pi * 10.1 * seconds + np.arange(streams)[:, None])
    return clean + 0.3 * np.random.default_rng(0).normal(size=clean.shape)


@pytest.mark.parametrize("name", ALL)
def test_the_future_changes_nothing(name):
    whole = signals()
    changed = whole.copy()
    changed[:, 250:] = 7.0
    before, after = ALL[name](whole, LINE), ALL[name](changed, LINE)
    np.testing.assert_array_equal(before[:, :250], after[:, :250])
    assert np.abs(before[:, 250:] - after[:, 250:]).min(axis=1).max() > 1e-6
    np.testing.assert_allclose(ALL[name](whole[:, :250], LINE), before[:, :250], atol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_the_estimate_has_the_unit_of_the_signals(name):
    whole = signals()
    for unit in (1e-6, 1e6):
        np.testing.assert_allclose(
            ALL[name](unit * whole, LINE) / unit, ALL[name](whole, LINE), 1e-5, 1e-6
        )


@pytest.mark.parametrize("name", ALL)
def test_streams_do_not_touch_each_other(name):
    whole = signals()
    np.testing.assert_allclose(ALL[name](whole[1:2], LINE), ALL[name](whole, LINE)[1:2], atol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_silence_stays_silence(name):
    np.testing.assert_array_equal(ALL[name](np.zeros((2, 300)), LINE), 0.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hz", 0.0),
        ("hz", 25.0),
        ("sampling_rate_hz", 0.0),
        ("harmonics", (2, 3)),
        ("harmonics", (1, 1)),
        ("harmonics", ()),
        ("detuning", 0.5),
        ("frequency_drift", -1.0),
    ],
)
def test_a_line_out_of_range_is_refused_by_field_and_value(field, value):
    line = LINE._replace(**{field: value})
    for baseline in BASELINES.values():
        with pytest.raises(UserError) as refused:
            baseline(signals(1, 20), line)
        assert str(refused.value).startswith(f"The line's {field} is {value}: it must be ")


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        ("lock_in", "width", 0.0),
        ("lock_in", "width", 5.0),
        ("notch", "quality", -1.0),
        ("adaptive_notch", "width", 0.0),
        ("adaptive_notch", "tracking", -1.0),
        ("harmonic_regression", "window", 0.0),
        ("extended_kalman", "frequency_walk", -1.0),
        ("extended_kalman", "noise_variance", 0.0),
        ("extended_kalman", "gate", 1.0),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name_and_value(name, parameter, value):
    with pytest.raises(UserError) as refused:
        BASELINES[name](signals(1, 20), LINE, **{parameter: value})
    assert str(refused.value).startswith(f"The parameter {parameter} is {value}: it must be ")


def test_samples_that_are_not_finite_are_refused():
    broken = signals(1, 20)
    broken[0, 3] = np.nan
    for baseline in BASELINES.values():
        with pytest.raises(UserError, match="not finite"):
            baseline(broken, LINE)
