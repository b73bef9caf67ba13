"""Every config that ships runs: its rows are drawn, its program is compiled and makes updates."""

import jax
import numpy as np
import pytest

from freqjax import sweep
from freqjax.config import overrides
from freqjax.networks import make_network
from freqjax.tasks import make_task
from freqjax.training.frozen import choose_forward
from freqjax.training.regimes import make_trainer
from tests import unshipped
from tests.root import ROOT
from tests.slow import some

# Each of them trains as another does that is tried, on other rows.
REPEATED = {
    "annual", "daily", "tides", "gauss_newton", "locker", "original_a2", "original_b_l1",
    "poems_original_attention", "poems_short", "poems_token", "poems_transformer",
    "poems_codes", "sweep_codes", "sweep_coders", "heart", "original_b", "poems_original",
    "activities", "classifier_original", "classifier_synthetic", "hum",
}  # fmt: skip
PATHS = {path.stem: path for path in sorted((ROOT / "configs").glob("*.py"))}


@pytest.mark.parametrize("name", some(PATHS, *PATHS.keys() - REPEATED))
def test_every_config_makes_a_few_updates(name, monkeypatch, tmp_path):
    """One piece of work of its first replica, with the shortest chunks; the weights move and are finite."""
    if name in unshipped.CONFIGS:
        unshipped.write(tmp_path)
        monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("freqjax.training.sources.CHUNK_ROWS", 100)
    monkeypatch.setattr("freqjax.training.filter.trainer.CHUNK_ROWS", 100)
    monkeypatch.setattr("freqjax.training.sources.SHUFFLED_CHUNK_ROWS", 2000)
    config = overrides.load(PATHS[name])
    if config.sweep.axes:
        config = sweep.replicas(config)[0].config
    task = make_task(config.task)
    blocks = task.rows("train")
    network = make_network(config.network, task, lambda: task.split("train"))
    trainer = make_trainer(network, task, config, blocks, choose_forward(network, config))

    def weights():  # those that a filter changes are not its parameters until a whole block has judged them
        return trainer.device_state().block.trained if config.is_filter else trainer.params

    before = jax.device_get(weights())
    trainer.advance()
    assert trainer.step > 0
    after = jax.device_get(weights())
    moved = jax.tree.map(lambda a, b: float(np.max(np.abs(a - b))), before, after)
    assert 0 < max(jax.tree.leaves(moved)) < 1e3
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(after))
