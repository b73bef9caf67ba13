"""Recipes for other frequencies and rates."""

import pytest

from freqjax import Config, CurriculumConfig, ExtractionConfig, LinesConfig
from freqjax.config import validation
from freqjax.errors import UserError
from freqjax.tasks.lines.config import lines_of
from freqjax.tasks.lines.recipe import rescaled


def recipe():
    """Return a config with a value in every field that has a unit of time."""
    return Config(
        task=LinesConfig(
            duration=2.0, burn_in=0.5, burst_rate=2.0, frequency_drift=0.004, rotor_leak=150.0
        ),
        curriculum=CurriculumConfig(first_horizon=1.0),
    )


def test_times_grow_as_periods_do():
    found = rescaled(recipe(), (12.5, 25.0), None)
    task = lines_of(found)
    assert task.frequencies == (12.5, 25.0)
    assert task.sampling_rate == 250.0  # as many samples a period as before
    assert (task.duration, task.burn_in) == (8.0, 2.0)
    assert found.curriculum.first_horizon == 4.0
    assert (task.burst_rate, task.rotor_leak) == (0.5, 37.5)
    # A walk of 0.004 per √s makes 0.002 per √(¼ s), which has become a second.
    assert task.frequency_drift == 0.002
    assert task.rotor_low is None
    validation.validate(found)


def test_a_rate_that_is_given_is_kept_and_blocks_are_whole():
    found = rescaled(recipe(), (16.7,), 2000.0)
    task = lines_of(found)
    samples = task.duration * 2000.0
    assert task.sampling_rate == 2000.0
    assert samples == pytest.approx(round(samples), abs=1e-9)
    assert task.duration * 16.7 == pytest.approx(2.0 * 50, rel=1e-3)
    validation.validate(found)


def test_counts_of_samples_follow_those_of_a_period():
    config = recipe()
    config.train.regime, config.train.truncation = "tbptt", 40
    config.windows.length, config.windows.stride = 200, 3
    found = rescaled(config, (16.7,), 2000.0)
    # 2000 / 16.7 samples a period in place of 1000 / 50.
    assert found.train.truncation == round(40 * 2 * 50 / 16.7)
    assert (found.windows.length, found.windows.stride) == (round(200 * 2 * 50 / 16.7), 18)
    assert found.task.samples % found.train.truncation == 0
    validation.validate(found)
    same = rescaled(config, (5.0,), None)
    assert (same.train.truncation, same.windows) == (40, config.windows)


def test_the_recipe_itself_is_not_changed():
    config = recipe()
    rescaled(config, (1.0,), 10.0)
    assert config == recipe()


@pytest.mark.parametrize(("hz", "rate", "flag"), [((0.0,), None, "hz"), ((1.0,), -1.0, "rate")])
def test_values_that_are_not_above_zero_are_refused(hz, rate, flag):
    with pytest.raises(UserError, match=rf"--{flag} is .*: it must be above 0, in Hz"):
        rescaled(recipe(), hz, rate)


def test_a_config_of_another_task_is_no_recipe():
    with pytest.raises(UserError, match=r"task\.name is extraction: it must be lines"):
        rescaled(Config(task=ExtractionConfig()), (1.0,), None)
