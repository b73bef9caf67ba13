"""Synthesis against closed forms."""

import jax
import numpy as np
import pytest

from freqjax import TaskConfig, UserError
from freqjax.tasks import make_task
from freqjax.tasks.extraction.limits.law import noise_variance
from freqjax.tasks.extraction.synthesis import common_period, make_synthesizer, starting_at


def task(**fields):
    return make_task(TaskConfig(**{"sampling_rate": 100.0, "duration": 4.0, **fields}))


def test_targets_are_the_selected_sines():
    blocks = make_task(TaskConfig()).rows("train")
    assert blocks.inputs.shape == (4, 10_000, 5)
    seconds = np.arange(10_000) / 1000
    for b, frequency in enumerate((1, 3, 5, 7)):
        expected = np.sin(2 * np.pi * frequency * seconds)
        np.testing.assert_allclose(blocks.targets[b, :, 0], expected, atol=1e-6)
        np.testing.assert_array_equal(blocks.inputs[b, :, 1:], np.eye(4)[[b] * 10_000])


def test_every_block_hears_the_same_mixture():
    mixture = task().rows("train").inputs[..., 0]
    assert (mixture == mixture[0]).all()


def test_without_noise_the_mixture_is_the_mean_of_the_components():
    blocks = task(amplitude_range=(1.0, 1.0), phase_scale=0.0).rows("train")
    np.testing.assert_allclose(
        blocks.inputs[0, :, 0], blocks.targets[..., 0].mean(axis=0), atol=1e-6
    )


@pytest.mark.parametrize("scale", [0.0, 0.1, 0.5, 1.0])
def test_noise_has_the_mean_and_variance_of_its_law(scale):
    config = TaskConfig(phase_scale=scale, train_seed=5)
    mixture = np.asarray(make_task(config).rows("train").inputs[0, :, 0], np.float64)
    seconds = np.arange(10_000) / 1000
    # E[sin(θ + φ)] with φ uniform on [0, 2πs] is sinc(s) sin(θ + πs).
    mean = np.mean(
        [np.sinc(scale) * np.sin(2 * np.pi * f * seconds + np.pi * scale) for f in (1, 3, 5, 7)],
        axis=0,
    )
    noise = mixture - mean
    assert abs(noise.mean()) < 4 * noise.std() / 100
    assert abs(noise.var() / noise_variance(config) - 1) < 0.06


def test_noise_is_drawn_anew_at_every_sample():
    noise = make_task(TaskConfig()).rows("train").inputs[0, :, 0]
    correlation = np.corrcoef(noise[:-1], noise[1:])[0, 1]
    assert abs(correlation) < 4 / 100


def test_rows_of_one_shape_are_drawn_by_one_program():
    compiled = []

    def listen(event, duration_secs, **kwargs):
        compiled.append(event)

    task(duration=3.17).split("train")
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for fields in ({"phase_scale": 0.3}, {"train_seed": 9}, {"frequencies": (2, 4, 6, 9.5)}):
            task(duration=3.17, **fields).split("train")
    finally:
        jax.monitoring.clear_event_listeners()
    assert not [event for event in compiled if "compile" in event]


def test_seeds_give_the_same_rows_again_and_others_give_others():
    first, again = (task(train_seed=3).rows("train") for _ in range(2))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    assert np.abs(first.inputs - task(train_seed=4).rows("train").inputs).max() > 0.1


def test_random_starts_lie_on_the_grid_and_targets_follow_them():
    config = TaskConfig(sampling_rate=100.0, duration=2.0, start="random", starts=5)
    blocks = make_task(config).rows("test")
    assert blocks.targets.shape == (64 * 4, 200, 1)
    seconds = np.arange(200) / 100
    starts = set()
    for n in range(64):
        phase = [
            np.angle(np.sum(blocks.targets[4 * n + i, :, 0] * np.exp(-2j * np.pi * f * seconds)))
            + np.pi / 2
            for i, f in enumerate((1, 3, 5, 7))
        ]
        start = round(phase[0] / (2 * np.pi) * 100) % 100
        starts.add(start)
        for i, f in enumerate((1, 3, 5, 7)):
            expected = np.sin(2 * np.pi * f * (seconds + start / 100))
            np.testing.assert_allclose(blocks.targets[4 * n + i, :, 0], expected, atol=1e-5)
    assert len(starts) > 30


def test_a_start_takes_no_memory_however_late():
    config = TaskConfig(sampling_rate=1e9, duration=1e-8)
    synthesizer = make_synthesizer(config)
    for start in (0, 7, 10**15 + 123_456_789):
        expected = np.array([f * start % 10**9 for f in (1, 3, 5, 7)]) / 1e9  # of whole numbers
        found = starting_at(synthesizer, config, start).start_cycles
        apart = np.mod(found.astype(np.float64) - expected + 0.5, 1) - 0.5
        np.testing.assert_allclose(apart, np.zeros((1, 4)), atol=1e-6)


@pytest.mark.parametrize(
    ("frequencies", "rate", "expected"),
    [((1, 3, 5, 7), 1000, 1000), ((2, 4.5, 6, 9.3), 500, 5000), ((2, 4), 100, 50), ((3,), 100, 34)],
)
def test_common_period(frequencies, rate, expected):
    assert common_period(frequencies, rate) == expected


def test_a_period_without_end_is_refused():
    with pytest.raises(UserError, match=r"task\.frequencies .* common period"):
        task(start="random", frequencies=(1.0, 2**0.5))


def test_fresh_noise_differs_by_key_and_keeps_the_targets():
    t = task(noise="fresh")
    a, b = (t.sample(jax.random.key(k), 400) for k in (0, 1))
    np.testing.assert_array_equal(a.targets, b.targets)
    assert np.abs(np.asarray(a.inputs["signal"] - b.inputs["signal"])).max() > 0.1
