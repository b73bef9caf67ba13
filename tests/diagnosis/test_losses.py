"""Causes that show in losses: a run that has each, and one that has not."""

import jax
import numpy as np
import pytest

from freqjax.diagnosis import losses
from freqjax.training.seeds import noise_key
from tests.diagnosis.runs import config, examined, row


def test_weight_chasing(tmp_path):
    online = config(train={"regime": "online", "streams": "sequential"})
    run = examined(tmp_path, online, rows=[row(1, loss=(0.02, 0.5), frozen=(0.5, 0.5))])
    found = losses.weight_chasing(run)
    assert found.found and found.evidence["component"] == "2 Hz"
    np.testing.assert_allclose(found.evidence["ratio"], 25)
    steady = examined(tmp_path, online, rows=[row(1, loss=(0.35, 0.5), frozen=(0.4, 0.5))])
    assert not losses.weight_chasing(steady).found
    # With one update a block, nothing moves while the block is read.
    whole = examined(tmp_path, rows=[row(1, loss=(0.02, 0.5), frozen=(0.5, 0.5))])
    assert not losses.weight_chasing(whole).found
    # A loss that never looked good has nothing that needs explaining.
    poor = examined(tmp_path, online, rows=[row(1, loss=(0.49, 0.5), frozen=(0.9, 0.9))])
    assert not losses.weight_chasing(poor).found


def trained_on_the_last(targets):
    """Outputs right for the second component alone."""
    outputs = np.zeros_like(targets)
    outputs[1] = targets[1]
    return outputs


def test_forgetting(tmp_path):
    sequential = config(train={"streams": "sequential", "regime": "tbptt", "truncation": 20})
    rows = [row(1, loss=(0.1, 0.05), frozen=(0.6, 0.01))]
    run = examined(tmp_path, sequential, rows=rows)
    run.last_train_errors = [0.6, 0.01]
    assert losses.forgetting(run).found
    assert not losses.weight_chasing(run).found  # the loss of the last one was true
    never = examined(tmp_path, sequential, rows=[row(1, loss=(0.5, 0.05), frozen=(0.6, 0.01))])
    never.last_train_errors = [0.6, 0.01]
    assert not losses.forgetting(never).found  # the first one was never known
    both = examined(tmp_path, sequential, rows=rows)
    both.last_train_errors = [0.6, 0.5]
    assert not losses.forgetting(both).found
    assert losses.forgetting(examined(tmp_path)).found is None  # side by side, none is last


def test_overfitting(tmp_path):
    run = examined(tmp_path, train_outputs=lambda y: y + 0.05, outputs=np.zeros_like)
    assert losses.overfitting(run).found
    assert not losses.overfitting(examined(tmp_path)).found


def online(**task):
    """A config whose weights move at every sample."""
    return config(train={"regime": "online", "streams": "sequential"}, task=task)


def test_one_early_epoch_is_no_chasing(tmp_path):
    early = [row(1, loss=(0.1, 0.3), frozen=(0.5, 0.5))]
    later = [row(e, loss=(0.3, 0.35), frozen=(0.32, 0.36)) for e in range(2, 8)]
    assert not losses.weight_chasing(examined(tmp_path, online(), rows=early + later)).found
    lasting = [row(e, loss=(0.1, 0.35), frozen=(0.5, 0.36)) for e in range(2, 8)]
    found = losses.weight_chasing(examined(tmp_path, online(), rows=early + lasting))
    assert found.found and found.evidence["component"] == "2 Hz"
    np.testing.assert_allclose(found.evidence["ratio"], 5.0)


def test_chasing_is_judged_on_the_rows_that_were_trained_on(tmp_path):
    """The weights put out zero: on fresh rows, too, their loss is the power of the sines, not 40."""
    rows = [row(3, loss=(0.45, 0.35), frozen=(40.0, 40.0))]
    run = examined(tmp_path, online(noise="fresh", start="random", starts=4), rows=rows)
    run.last_params = jax.tree.map(np.zeros_like, run.params)
    found = losses.weight_chasing(run)
    drawn = run.task.sample(jax.random.fold_in(noise_key(run.config.train.seed), 2), 200)
    power = [float(np.square(drawn.targets[drawn.group == g]).mean()) for g in (0, 1)]
    np.testing.assert_allclose(found.evidence["ratio"], power[1] / 0.35, rtol=1e-3)
    assert not found.found


def test_an_epoch_of_some_rows_tells_nothing_of_chasing(tmp_path):
    whole = online()
    whole.train.steps_per_epoch = 50
    run = examined(tmp_path, whole, rows=[row(1, loss=(0.02, 0.5), frozen=(0.5, 0.5))])
    found = losses.weight_chasing(run)
    assert found.found is False and "all rows once" in found.words


def test_one_unlucky_draw_of_the_test_rows_is_no_overfitting(tmp_path):
    """The outputs are those of the first weights but on the test rows, where they are said to be worse."""
    run = examined(tmp_path, config(task={"start": "random", "starts": 8}))
    own = run.prepared.frozen(run.params)
    train = float(np.square(own.outputs("train") - run.prepared.batches["train"].targets).mean())
    metrics = dict(run.evaluation.metrics)
    metrics["train"] = metrics["train"] | {"mse": train}
    metrics["test"] = metrics["test"] | {"mse": 3 * train}
    run.evaluation = run.evaluation._replace(metrics=metrics)
    found = losses.overfitting(run)
    assert found.evidence["test_draws"] == 5
    np.testing.assert_allclose(found.evidence["ratio"], 1.4, rtol=0.1)  # (3 + 4) / 5
    assert found.found is False


def test_rows_that_are_drawn_for_every_update_are_not_learned_by_heart(tmp_path):
    fresh = config(task={"noise": "fresh"})
    run = examined(tmp_path, fresh, train_outputs=lambda y: y + 0.05, outputs=np.zeros_like)
    assert losses.overfitting(run).found is False


@pytest.mark.parametrize(("size", "found"), [(0.0, True), (1.0, False)])
def test_a_few_test_rows_that_lie_far_off_are_chance(tmp_path, size, found):
    """Of eight test blocks from a file either all are wrong, or one alone is."""
    whole = config(task={"start": "random", "starts": 4})
    run = examined(tmp_path, whole, train_outputs=lambda y: y + 0.3, outputs=np.zeros_like)
    run.config.task.test_path = "rows.npz"
    test = run.prepared.rows("test")
    answers = np.array(test.targets) * size
    if size:
        answers[0] += 6.0
    run.prepared.forward = lambda params, rows, reset: answers
    assert losses.overfitting(run).found is found
