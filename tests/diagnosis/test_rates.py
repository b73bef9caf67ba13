"""The learning rate as a cause: alone, beside decay, and beside another fault that hides it."""

import numpy as np
import pytest

from freqjax import Config, NetworkConfig, OptimizerConfig, TrainConfig
from freqjax.config import validation
from freqjax.diagnosis import diagnose, rates, tried
from freqjax.diagnosis.trial import retrain
from tests.diagnosis.recall import RecallConfig
from tests.diagnosis.runs import by_cause, examined, examined_of_any_task
from tests.diagnosis.test_diagnosis import repeater, single

RECALL = "tests.diagnosis.recall:Recall"


def recall(*, hidden=8, rate=0.03, **train):
    """The config of a run that is to recall two signs after five samples."""
    fields = {"regime": "full", "streams": "parallel", "epochs": 200} | train
    return validation.validate_training(
        Config(
            task=RecallConfig(name=RECALL),
            network=NetworkConfig(hidden_size=hidden, initializer="unit_forget"),
            optimizer=OptimizerConfig(learning_rate=rate),
            train=TrainConfig(**fields),
        )
    )


def decaying(decay):
    """A task that is learned at a rate of 0.05 without decay."""
    whole = repeater(0.05)
    whole.optimizer.name, whole.optimizer.weight_decay = "adamw", decay
    return whole


def test_another_rate_is_tried_at_the_same_decay_a_step(tmp_path):
    """Without a gradient weights shrink by (1 − rate · decay) a step, whatever the rate."""
    run = examined(tmp_path, decaying(0.4), rows=[single(e) for e in range(1, 21)])
    run.prepared.batches["train"] = run.prepared.batches["train"]._replace(
        targets=np.zeros_like(run.prepared.batches["train"].targets)
    )
    run.prepared._rows.clear()
    still = run.initial_params  # whose gradient moves them, at the rate; so rates as good as zero
    reached = retrain(run, (1e-6, 1e-7), 1e9, begin=still)
    alone = retrain(run, (1e-6,), 1e9, begin=still, config=decaying(0.0))
    assert reached.errors[0] == pytest.approx(reached.errors[1], rel=1e-3)
    assert reached.errors[0] < 0.7 * alone.errors[0]  # 20 steps of 2 % have shrunk the outputs


def test_a_decay_that_is_too_strong_is_not_the_rate(tmp_path):
    run = examined(tmp_path, decaying(6.0), rows=[single(e) for e in range(1, 101)])
    assert tried.weight_decay(run).found
    assert not any(e.found for e in rates.learning_rate(run))
    weak = examined(tmp_path, decaying(1e-4), rows=[single(e) for e in range(1, 101)])
    assert tried.weight_decay(weak).found is False
    none = examined(tmp_path, repeater(0.05), rows=[single(1)])
    assert tried.weight_decay(none).found is False


@pytest.mark.parametrize(
    ("rate", "cause"), [(1e-5, "learning_rate_low"), (20.0, "learning_rate_high")]
)
def test_a_wrong_rate_and_a_cut_gradient_are_both_named(tmp_path, rate, cause):
    """Online at either rate neither mends anything alone: the first sample is out of the gradient's reach."""
    whole = recall(rate=rate, regime="tbptt", truncation=1)
    run = examined_of_any_task(tmp_path, whole, updates=400)
    run.task.checks = lambda evidence: []
    found = [e.cause for e in diagnose(run).causes][:3]
    assert {cause, "gradient_truncation"} <= set(found)


def test_a_wrong_rate_and_too_few_units_are_both_named(tmp_path):
    run = examined_of_any_task(tmp_path, recall(hidden=1, rate=1e-4), updates=300)
    run.task.checks = lambda evidence: []
    found = by_cause(diagnose(run).causes)
    assert {"capacity", "learning_rate_low"} <= set(found)
