"""Serial replicas share what is compiled where they differ by their seed alone, and nothing else."""

import jax
import numpy as np
import pytest

from freqjax import SweepConfig
from freqjax.config import overrides
from freqjax.sweep import workers
from freqjax.sweep.axes import replicas
from freqjax.sweep.serial import Alike, SerialReplica
from tests.twins import tiny_config

WINDOWS = {
    "task": {"noise": "fresh"},
    "network": {"layers": 2, "dropout": 0.5},
    "train": {"regime": "windows"},
    "windows": {"length": 6, "stride": 2, "batch": 4},
}
CURRICULUM = {
    "task": {"sampling_rate": 50.0, "noise": "fresh"},
    "network": {"initializer": "rotor", "learned_carry": True, "hidden_size": 8},
    "train": {"regime": "full", "streams": "parallel", "divergence_factor": None},
    "curriculum": {"first_horizon": 0.2},
}


def members_of(sections):
    """Return the replicas of two seeds."""
    config = tiny_config(**sections)
    config.sweep = SweepConfig(axes={"train.seed": (0, 1)})
    return replicas(overrides.apply(config, []))


def trained(replica, alike):
    """Train a replica to its end; return its rows of metrics, its weights and its result."""
    member, rows = SerialReplica(replica, alike), []
    while member.log.is_active:
        rows += member.advance(jax.devices()[0])
    return [row["loss"] for row in rows], member.best, member.result()


@pytest.mark.parametrize("sections", [WINDOWS, CURRICULUM], ids=["windows", "curriculum"])
def test_a_seed_compiles_nothing_after_another_one_and_has_its_own_numbers(sections):
    first, second = members_of(sections)
    compiled, alike = [], Alike()

    def listen(event, duration_secs, **kwargs):
        compiled.append(event)

    others, _, _ = trained(first, alike)
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        losses, best, result = trained(second, alike)
    finally:
        jax.monitoring.clear_event_listeners()
    assert not [event for event in compiled if "compile" in event]
    alone, best_alone, result_alone = trained(second, Alike())
    assert losses == alone != others
    jax.tree.map(np.testing.assert_array_equal, best, best_alone)
    assert result["test_mse"] == result_alone["test_mse"]


def test_what_differs_by_more_than_the_seed_is_prepared_anew():
    first, second = members_of(WINDOWS)
    alike, other = Alike(most=1), tiny_config(**WINDOWS, optimizer={"learning_rate": 0.5})
    kept, sibling = alike.prepare(first.config), alike.prepare(second.config)
    assert sibling.train_rows is kept.train_rows and sibling.jitted is kept.jitted
    assert (kept.config.train.seed, sibling.config.train.seed) == (0, 1)
    assert alike.prepare(other).jitted is not kept.jitted
    assert alike.prepare(first.config).jitted is not kept.jitted  # only the last is kept


def test_what_is_compiled_is_given_up_with_the_last_sibling():
    first, second = members_of(WINDOWS)
    alike = Alike()
    jitted = alike.prepare(first.config).jitted
    assert alike.prepare(second.config).jitted is jitted
    made = jitted.get("chunk", object)
    alike.release(first.config)
    assert jitted.get("chunk", object) is made
    alike.release(second.config)
    assert jitted.get("chunk", object) is not made


def test_a_worker_shares_nothing_between_sweeps():
    kept = workers._alike("one")
    assert workers._alike("one") is kept
    assert workers._alike("another") is not kept
    assert workers._alike("one") is not kept  # it was given up
