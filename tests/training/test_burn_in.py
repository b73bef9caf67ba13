"""`task.burn_in`: samples at the start of every sequence that no loss, no score and no choice counts."""

import json

import jax
import numpy as np
import pytest

import freqjax
from freqjax import UserError
from freqjax.checkpoints import store as checkpoints
from freqjax.config import overrides
from freqjax.training.prepared import Prepared
from tests.slow import some
from tests.twins import extraction, split_of, tiny_config

BURN_IN = 5  # samples, of 20
REGIMES = {
    "online": {},
    "tbptt": {"regime": "tbptt", "truncation": 10},
    "full": {"regime": "full", "streams": "parallel"},
    "windows": {"regime": "windows"},
    "curriculum": {"regime": "full", "streams": "parallel", "divergence_factor": None},
}


def config(regime, start="zero"):
    """The tiny task with a burn-in of a quarter of a second."""
    more = {"curriculum": {"first_horizon": 0.5}} if regime == "curriculum" else {}
    return tiny_config(
        task={"burn_in": BURN_IN / 20, "start": start},
        train=REGIMES[regime] | {"epochs": 3},
        network={"learned_carry": regime == "curriculum"},
        windows={"length": 5, "stride": 5, "batch": 8},
        **more,
    )


def counted_mse(outputs, batch):
    """MSE of the samples after the burn-in, in all and per group, in NumPy."""
    squared = np.square(np.asarray(outputs, np.float64) - batch.targets)[:, BURN_IN:, 0]
    groups = [squared[np.asarray(batch.group) == g].mean() for g in range(2)]
    return squared.mean(), groups


@pytest.mark.parametrize("regime", some(REGIMES, "online"))
def test_one_criterion_chooses_judges_and_is_told(regime, tmp_path):
    whole = config(regime)
    summary = freqjax.train(whole, tmp_path / "run", say=lambda _: None)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    prepared = Prepared(whole)
    step = checkpoints.read_meta(tmp_path / "run", warn=pytest.fail)
    kept = checkpoints.restore_params(
        tmp_path / "run" / "checkpoints" / str(step.step),
        prepared.initial_params(),
        warn=pytest.fail,
    ).params
    frozen = prepared.frozen(kept)
    for split in ("train", "test"):
        batch = frozen.batch(split)
        mse, groups = counted_mse(frozen.outputs(split), batch)
        assert summary[split]["mse"] == pytest.approx(mse, rel=1e-5)
        assert summary[split]["mse_per_frequency"] == pytest.approx(groups, rel=1e-5)
    assert min(row["frozen_mse"] for row in rows) == pytest.approx(
        summary["train"]["mse"], rel=1e-5
    )
    assert summary["score"] == summary["test"]["mse"]
    zero = counted_mse(np.zeros_like(split_of(prepared.task, "test").targets), frozen.batch("test"))
    assert summary["zero_predictor_mse"] == pytest.approx(zero[0], rel=1e-5)
    assert summary["goal"] == pytest.approx(0.02 * zero[0], rel=1e-5)
    for name, found in summary["limit"]["baselines"].items():
        outputs = extraction(whole)._judge(split_of(prepared.task, "test")).outputs[name]
        assert found["mse"] == pytest.approx(
            counted_mse(outputs[..., None], frozen.batch("test"))[0], rel=1e-5
        )


def test_targets_in_the_burn_in_do_not_matter_to_an_update(tmp_path, monkeypatch):
    whole = config("full")
    task = type(extraction(whole))
    summaries = []
    split = task.split
    for change in (0.0, 100.0):

        def changed(self, name, change=change):
            batch = split(self, name)
            if batch is None:
                return None
            targets = np.array(batch.targets)
            targets[:, :BURN_IN] += change
            return batch._replace(targets=targets)

        monkeypatch.setattr(task, "split", changed)
        folder = tmp_path / str(change)
        summaries.append(freqjax.train(whole, folder, say=lambda _: None)["train"])
    assert summaries[0] == summaries[1]


def test_random_starts_are_judged_after_the_burn_in():
    whole = config("full", start="random")
    section = extraction(whole).config
    assert section.unjudged_samples == BURN_IN
    section.burn_in = 0.0
    assert section.unjudged_samples == 0  # a stream of one second has no later sample
    section.duration = 2.0
    assert section.unjudged_samples == 20


def test_rows_of_the_burn_in_have_no_weight():
    task = extraction(config("full"))
    assert task.weighted and not extraction(tiny_config()).weighted
    weights = task.rows("train").weights
    np.testing.assert_array_equal(weights, np.tile(np.arange(20) >= BURN_IN, (2, 1)))
    drawn = jax.jit(lambda key: task.sequences(task.sample(key, 8)).weights)(jax.random.key(0))
    np.testing.assert_array_equal(drawn, np.tile(np.arange(8) >= BURN_IN, (2, 1)))


def test_a_burn_in_as_long_as_a_sequence_is_refused():
    with pytest.raises(UserError) as error:
        overrides.apply(tiny_config(), [("task.burn_in", "1")])
    assert (
        str(error.value) == "task.burn_in is 1 s: it must be below the length of a sequence, 1 s."
    )


def test_the_old_name_is_read():
    found = overrides.apply(tiny_config(), [("curriculum.burn_in", "0.25")])
    assert found.task.burn_in == 0.25
