"""The limit of a linear Gaussian line against conditioning of the joint Gaussian, and simulation."""

import numpy as np
import pytest

from freqjax.errors import UserError
from freqjax.tasks.lines.limits import GaussianLine, kalman, line_limit

LAW = GaussianLine(hz=3.0, sampling_rate_hz=40.0, variances={1: 0.8, 3: 0.2}, noise_variance=0.7)
LAWS = {
    "white": LAW,
    "autoregressive": LAW._replace(noise_coefficient=0.9),
    "alternating": LAW._replace(noise_coefficient=-0.6),
    "walking": LAW._replace(walk_variances={1: 0.01, 3: 0.003}),
    "everything": LAW._replace(
        noise_coefficient=0.8, walk_variances={1: 0.02}, offset_variance=2.0
    ),
    "beside others": LAW._replace(
        others_hz=(3.3, 5.0), walk_variances={3: 0.003}, offset_variance=0.3
    ),
}


def covariances(law, samples):
    """Return the covariance of the line and that of the input, [T, T], from their kernels alone."""
    t = np.arange(samples)
    lag, least = np.abs(t[:, None] - t), np.minimum(t[:, None], t)
    noise = law.noise_variance * law.noise_coefficient**lag + law.offset_variance
    lines = []
    for hz in (law.hz, *law.others_hz):
        lines.append(np.zeros((samples, samples)))
        for order, variance in law.variances.items():
            turned = np.cos(2 * np.pi * order * hz * lag / law.sampling_rate_hz)
            lines[-1] += (variance + law.walk_variances.get(order, 0.0) * least) * turned
    return lines[0], sum(lines) + noise


def conditioned(law, signals):
    """Return conditional means [N, T] and variances [T] of the line, given all samples so far."""
    line, total = covariances(law, signals.shape[1])
    means, variances = np.empty(signals.shape), np.empty(signals.shape[1])
    for t in range(signals.shape[1]):
        seen = slice(0, t + 1)
        weights = np.linalg.solve(total[seen, seen], line[t, seen])
        means[:, t] = signals[:, seen] @ weights
        variances[t] = line[t, t] - line[t, seen] @ weights
    return means, variances


@pytest.mark.parametrize("name", LAWS)
def test_the_filter_and_its_curve_are_those_of_gaussian_conditioning(name):
    law = LAWS[name]
    signals = np.random.default_rng(0).normal(size=(2, 60))
    means, variances = conditioned(law, signals)
    np.testing.assert_allclose(line_limit(law, 60).curve, variances, atol=1e-12)
    np.testing.assert_allclose(kalman(law, signals), means, atol=1e-12)


def draw(law, streams, samples, seed):
    """Draw lines and inputs [N, T] by the definition of the law, sample by sample."""
    random = np.random.default_rng(seed)
    orders = np.array(list(law.variances))
    spread = np.sqrt(list(law.variances.values()))[:, None]
    walk = np.sqrt([law.walk_variances.get(order, 0.0) for order in orders])[:, None]
    x = random.normal(size=(streams, len(orders), 2)) * spread
    noise = np.sqrt(law.noise_variance) * random.normal(size=streams)
    offset = np.sqrt(law.offset_variance) * random.normal(size=streams)
    lines, inputs = np.empty((2, streams, samples))
    for t in range(samples):
        if t:
            x = x + walk * random.normal(size=x.shape)
            fresh = np.sqrt(law.noise_variance * (1 - law.noise_coefficient**2))
            noise = law.noise_coefficient * noise + fresh * random.normal(size=streams)
        angle = 2 * np.pi * orders * law.hz * t / law.sampling_rate_hz
        lines[:, t] = x[..., 0] @ np.cos(angle) + x[..., 1] @ np.sin(angle)
        inputs[:, t] = lines[:, t] + noise + offset
    return lines, inputs


def test_the_curve_is_the_error_of_the_filter_on_streams_of_the_law():
    law, streams = LAWS["everything"], 4000
    lines, inputs = draw(law, streams, 80, 1)
    squared = np.square(kalman(law, inputs) - lines)
    limit = line_limit(law, 80, 20)
    off = (squared.mean(0) - limit.curve) / (squared.std(0) / np.sqrt(streams))
    assert np.abs(off).max() < 4.5
    assert squared[:, 20:].mean() == pytest.approx(limit.mean, rel=0.03)


def test_the_error_is_that_of_two_parameters_when_there_is_much_data():
    """The variance of a least-squares sine after n samples is 2 r / n in white noise."""
    limit = line_limit(GaussianLine(5.0, 100.0, {1: 1.0}, 0.5), 3_000)
    assert limit.curve[-1] == pytest.approx(2 * 0.5 / 3_000, rel=1e-2)
    dense = line_limit(GaussianLine(5.0, 100.0, {1: 1.0}, 0.5, 0.9), 3_000)
    # Autoregressive noise counts with its density at the line alone.
    density = 0.5 * (1 - 0.9**2) / abs(1 - 0.9 * np.exp(-2j * np.pi * 0.05)) ** 2
    assert dense.curve[-1] == pytest.approx(2 * density / 3_000, rel=1e-2)


def test_the_limit_of_nearly_constant_noise_stays_a_variance():
    law = LAW._replace(noise_coefficient=0.999999, noise_variance=1e-6, walk_variances={1: 1e-9})
    curve = line_limit(law, 2000).curve
    assert np.all(curve > 0)
    assert curve[-1] < 1e-9


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"noise_variance": 0.0}, "noise_variance"),
        ({"noise_coefficient": 1.0}, "noise_coefficient"),
        ({"hz": 7.0}, "hz"),
        ({"variances": {1: 0.0}}, "variances"),
        ({"walk_variances": {2: 0.1}}, "walk_variances"),
        ({"offset_variance": -1.0}, "offset_variance"),
        ({"others_hz": (5.0, 5.0)}, "others_hz"),
        ({"others_hz": (3.0,)}, "others_hz"),
    ],
)
def test_a_law_out_of_range_is_refused_by_field_and_value(changed, named):
    (value,) = changed.values()
    with pytest.raises(UserError) as refused:
        line_limit(LAW._replace(**changed), 10)
    assert str(refused.value).startswith(f"The law's {named} is {value}: it must be ")


def test_no_judged_samples_are_refused():
    with pytest.raises(UserError, match="judged_from is 10: it must be 0 to 9"):
        line_limit(LAW, 10, 10)
