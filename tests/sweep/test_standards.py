"""Standards: what the losses and scores of a sweep's replicas are held against, with numbers by hand."""

import numpy as np
import pytest

from freqjax.config import validation
from freqjax.config.sections import default_config
from freqjax.sweep.standards import Standard, goal_words, is_solved, names_of
from freqjax.training.frozen import FrozenLosses
from freqjax.training.prepared import Prepared
from tests.diagnosis.runs import FixedOutputs
from tests.twins import tiny_config


def prepared(name):
    """Rows of one of the strangers' tasks."""
    config = default_config(f"tests.strangers.{name}:Task")
    return Prepared(validation.validate(config))


def standard_of(found, outputs):
    """The standard of `found`, and its network putting out `outputs(targets)`."""
    splits = {name: outputs(found.task.rows(name).targets) for name in found.batches}
    frozen = FixedOutputs(found.network, found.batches, splits)
    return Standard(found.task, frozen), frozen


def losses(mean, per_group):
    return FrozenLosses(mean=mean, worst=max(per_group), per_group=per_group)


def test_a_goal_of_the_score_binds_the_worst_group():
    found = prepared("classifier")
    for flipped, accuracy, worst, solved in ((None, 1.0, 1.0, True), (1, 2 / 3, 0.0, False)):

        def outputs(targets, flipped=flipped):
            said = 9.0 * targets
            return said if flipped is None else said * (np.arange(3) != flipped)

        standard, frozen = standard_of(found, outputs)
        row = standard.judge(losses(0.5, [0.5, 0.5, 0.5]), frozen)
        assert row["test_accuracy"] == pytest.approx(accuracy, abs=0.01)
        assert row["worst_test_accuracy"] == pytest.approx(worst, abs=0.01)
        assert row["solved"] is solved is is_solved(row, names_of(found.task))
    assert goal_words([], names_of(found.task)) == "every class above 0.9000 in accuracy"


def test_without_a_goal_the_best_baseline_is_to_be_beaten():
    found = prepared("regressor")
    standard, frozen = standard_of(found, np.zeros_like)
    batch, train = found.batches["test"], found.batches["train"]
    mean = np.average(train.targets, axis=0, weights=train.weight)
    squared = np.square(batch.targets - mean).sum(axis=1)
    constant = np.average(squared, weights=batch.weight)
    for factor, solved in ((0.99, True), (1.01, False)):
        row = standard.judge(losses(factor * constant, [factor * constant]), frozen)
        assert row["best_baseline"] == pytest.approx(constant, rel=1e-5)
        assert row["solved"] is solved is is_solved(row, names_of(found.task))


def test_a_goal_as_a_share_needs_no_baselines():
    found = Prepared(tiny_config())
    standard, frozen = standard_of(found, np.zeros_like)
    row = standard.judge(losses(0.3, [0.1, 0.5]), frozen)
    power = np.square(found.batches["test"].targets).mean()
    assert row == {"zero_predictor_mse": pytest.approx(power, rel=1e-6)}
    names = names_of(found.task)
    goal = names.goal_share * row["zero_predictor_mse"]
    for worst, solved in ((0.9 * goal, True), (1.1 * goal, False), (None, False)):
        assert is_solved(row | {"worst_test_mse": worst}, names) is solved
