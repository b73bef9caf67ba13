"""The learning rate as a cause: alone, beside decay, and beside another fault that hides it."""

import numpy as np
import pytest

from freqjax import Config, NetworkConfig, OptimizerConfig, TrainConfig
from freqjax.config import validation
from freqjax.diagnosis import _rank, diagnose, rates, stopped, tried
from freqjax.diagnosis.trial import Trial, retrain
from tests.diagnosis.recall import RecallConfig
from tests.diagnosis.runs import examined, examined_of_any_task
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
    assert reached is not None and alone is not None
    assert reached.errors[0] == pytest.approx(reached.errors[1], rel=1e-3)
    assert reached.errors[0] < 0.7 * alone.errors[0]  # 20 steps of 2 % have shrunk the outputs


@pytest.mark.slow
def test_a_decay_that_is_too_strong_is_not_the_rate(tmp_path):
    run = examined(tmp_path, decaying(6.0), rows=[single(e) for e in range(1, 101)])
    assert tried.weight_decay(run).found
    assert not any(e.found for e in rates.learning_rate(run))
    weak = examined(tmp_path, decaying(1e-4), rows=[single(e) for e in range(1, 101)])
    assert tried.weight_decay(weak).found is False
    none = examined(tmp_path, repeater(0.05), rows=[single(1)])
    assert tried.weight_decay(none).found is False


def reaching(errors):
    """A stand-in for `retrain`: train and test error by (gradient through all samples, scale of the rate)."""

    def retrain(run, scales, work, *, config=None, **_):
        config = config or run.config
        whole = config.train.truncation >= run.task.samples
        base = config.optimizer.learning_rate / run.config.optimizer.learning_rate
        pairs = [errors(whole, round(base * scale, 9)) for scale in scales]
        return Trial([a for a, _ in pairs], [b for _, b in pairs], 10_000, 1.0)

    return retrain


@pytest.mark.parametrize(("alone", "first"), [(0.01, True), (0.9, False)])
def test_a_rate_that_helps_by_heart_alone_comes_after_the_cut(tmp_path, monkeypatch, alone, first):
    """A tenth of the rate learns the training rows, and not the test rows, which the whole gradient does.

    If that reaches the goal at the run's own rate, the cut is what is wrong; else both are.
    """

    def errors(whole, scale):
        if whole:
            return (1e-3, 1e-3) if scale < 1 else (alone, alone)
        return (0.02, 0.3) if scale == 0.1 else (1.0, 1.0)

    run = examined_of_any_task(tmp_path, recall(regime="tbptt", truncation=1), updates=400)
    run.task.checks = lambda evidence: []
    for module in (rates, tried, stopped):
        monkeypatch.setattr(module, "retrain", reaching(errors))
    ranked = ["gradient_truncation", "learning_rate_high"]
    assert [e.cause for e in diagnose(run).causes] == (ranked if first else ranked[::-1])


@pytest.mark.parametrize(("alone", "first"), [(0.2, True), (1.5, False)])
def test_a_rate_found_beside_a_cut_that_mends_most_alone_comes_after_it(
    tmp_path, monkeypatch, alone, first
):
    """No rate helps while the gradient is cut; whole, it leaves 0.2 of the error of 2, or hides the rate."""

    def errors(whole, scale):
        reached = (1e-3 if scale == 0.1 else alone) if whole else 2.0
        return reached, reached

    run = examined_of_any_task(tmp_path, recall(regime="tbptt", truncation=1), updates=400)
    run.task.checks = lambda evidence: []
    for module in (rates, tried, stopped):
        monkeypatch.setattr(module, "retrain", reaching(errors))
    ranked = ["gradient_truncation", "learning_rate_high"]
    assert [e.cause for e in diagnose(run).causes] == (ranked if first else ranked[::-1])


@pytest.mark.parametrize(("free", "first"), [(0.1, "weight_decay"), (0.3, "learning_rate_high")])
def test_a_rate_that_outruns_the_decay_comes_after_it(tmp_path, monkeypatch, free, first):
    """Lower, it leaves 0.2 of the error of 1; without decay the run's own rate leaves more, or less."""
    whole = recall()
    whole.optimizer.weight_decay = 0.2

    def retrain(run, scales, work, *, config=None, **_):
        freed = (config or run.config).optimizer.weight_decay == 0
        reached = [free if freed else 0.2 if scale == 0.1 else 1.0 for scale in scales]
        return Trial(reached, reached, 10_000, 1.0)

    run = examined_of_any_task(tmp_path, whole, updates=400)
    run.task.checks = lambda evidence: []
    for module in (rates, tried, stopped):
        monkeypatch.setattr(module, "retrain", retrain)
    causes = [
        e.cause for e in diagnose(run).causes if e.cause in ("weight_decay", "learning_rate_high")
    ]
    assert len(causes) == 2 and causes[0] == first


def test_what_is_placed_before_a_cause_goes_where_that_goes():
    moved = {"weight_decay": "learning_rate_high", "collapse": "weight_decay"}
    causes = ["weight_decay", "learning_rate_high", "needs_epochs", "collapse"]
    order = sorted(causes, key=lambda cause: _rank(cause, moved))
    assert order == ["needs_epochs", "collapse", "weight_decay", "learning_rate_high"]
    unmoved = sorted(causes, key=lambda cause: _rank(cause, {"collapse": "weight_decay"}))
    assert unmoved == ["needs_epochs", "learning_rate_high", "collapse", "weight_decay"]


class Recipes:
    """Trials that reach 0.01 where nothing of the recipe is wrong, and 1 where anything is."""

    def __init__(self, *, truncation, hidden, rate):
        """Take the least truncation and width, and the one rate, that are right."""
        self.truncation, self.hidden, self.rate = truncation, hidden, rate

    def __call__(self, run, scales, work, *, config=None, **_):
        """Stand in for `retrain`."""
        config = config or run.config
        wide = config.network.hidden_size >= self.hidden
        long = config.train.truncation >= self.truncation
        rates = [scale * config.optimizer.learning_rate for scale in scales]
        errors = [
            0.01 if wide and long and abs(np.log10(rate / self.rate)) < 0.2 else 1.0
            for rate in rates
        ]
        return Trial(errors, errors, 10_000, 1.0)


@pytest.mark.parametrize("rate", [3e-5, 3.0])
@pytest.mark.parametrize(
    ("other", "right"),
    [
        ("gradient_truncation", {"truncation": 5, "hidden": 1}),
        ("capacity", {"truncation": 1, "hidden": 16}),
    ],
)
def test_a_wrong_rate_and_another_fault_that_hides_it_are_both_named(
    tmp_path, monkeypatch, rate, other, right
):
    """Neither is mended alone: the rate is tried beside each of the others."""
    whole = recall(rate=rate, regime="tbptt", truncation=1)
    run = examined_of_any_task(tmp_path, whole, updates=400)
    run.task.checks = lambda evidence: []
    for module in (rates, tried, stopped):
        monkeypatch.setattr(module, "retrain", Recipes(**right, rate=0.03))
    cause = "learning_rate_high" if rate > 1 else "learning_rate_low"
    assert [e.cause for e in diagnose(run).causes] == [cause, other]
