"""The trainer by a filter: its shadows are frozen losses, and it resumes anywhere."""

import itertools
import json
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.native import library
from freqjax.networks import Filterable
from freqjax.networks.filtered import CARRY
from freqjax.training.filter import judgement, state
from freqjax.training.filter import trainer as filtering
from freqjax.training.filter.block import Settings, begin, run
from freqjax.training.filter.judgement import END
from tests.training.filter.small import config_of, needs_compiler, prepared_and_trainer


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    """Make blocks of 200 rows in three parts."""
    monkeypatch.setattr(filtering, "CHUNK_ROWS", 70)


def epoch_of(trainer) -> Any:
    """Advance to the end of an epoch."""
    result = None
    while result is None:
        result = trainer.advance()
    return result


def saved(trainer) -> tuple[Any, Any, str]:
    """Return parameters, arrays and host state as a checkpoint would hold them, the last as JSON."""
    arrays = jax.device_get((trainer.params, trainer.device_state()))
    return *arrays, json.dumps(trainer.host_state(), allow_nan=False)


def resumed(prepared, params, arrays, host):
    """Return a new trainer that goes on from what `saved` returned."""
    trainer = filtering.FilterTrainer(
        prepared.network, prepared.task, prepared.config, prepared.train_rows
    )
    trainer.restore(params, jax.tree.map(jnp.asarray, arrays), json.loads(host))
    return trainer


def assert_same(one, other):
    """Check that two trees hold the same bits."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def without_seconds(result):
    return {key: value for key, value in result.row.items() if key != "seconds"}


CONFIGS: dict[str, dict[str, str]] = {
    "reset at each block": {},
    "reset at each epoch": {"task__reset": "epoch"},
    "never reset": {"task__reset": "never"},
    "fresh noise": {"task__noise": "fresh"},
    "parts apart": {"optimizer__groups": "part"},
    "no whole cycles": {"task__duration": "2.15"},
    "growing": {"name": "online", "curriculum__first_horizon": "0.8"},
    "a linear recurrent unit": {"name": "online_lru", "task__reset": "never"},
}


CASES = [pytest.param(v, id=k) for k, v in CONFIGS.items()]
CASES.append(pytest.param({"train__engine": "native"}, id="native", marks=needs_compiler))


@pytest.mark.parametrize("fields", CASES)
def test_a_resume_within_a_block_changes_nothing(fields):
    config = config_of(**fields)
    if config.train.engine == "native" and not library.is_built():
        library.build()
    prepared, whole = prepared_and_trainer(config)
    results = [epoch_of(whole) for _ in range(2)]
    _, trainer = prepared_and_trainer(config)
    found, rows = [], []
    for part in itertools.count():
        if part in (1, 3, 6, 8):
            trainer = resumed(prepared, *saved(trainer))
            rows.append(trainer.host_state()["row"])
        result = trainer.advance()
        found += [] if result is None else [result]
        if len(found) == 2:
            break
    assert 70 in rows
    assert [without_seconds(r) for r in found] == [without_seconds(r) for r in results]
    assert [r.judged for r in found] == [r.judged for r in results]
    assert_same(saved(trainer)[:2], saved(whole)[:2])
    assert trainer.distinct_rows == whole.distinct_rows
    assert (whole.distinct_rows is None) == (config.task.noise == "fixed")


@pytest.mark.parametrize(
    ("name", "reset", "seed"),
    [
        ("online_stream", "block", 3),
        ("online_stream", "epoch", 3),
        ("online_stream", "never", 3),
        ("online_lru", "epoch", 2),
    ],
)
def test_the_shadow_losses_are_the_frozen_losses_of_the_weights_that_are_kept(name, reset, seed):
    config = config_of(name, task__reset=reset, train__target_mse="1e-9", train__seed=str(seed))
    prepared, trainer = prepared_and_trainer(config)
    lowest = [math.inf, math.inf]
    for _ in range(3):
        result = epoch_of(trainer)
        frozen = prepared.frozen_losses(trainer.params)
        np.testing.assert_allclose(result.judged, frozen.per_group, rtol=2e-4, atol=1e-7)
        ranked = prepared.losses_after(result, trainer.params)
        assert ranked is not None
        assert ranked.mean == pytest.approx(frozen.mean, rel=2e-4)
        assert all(new <= old for new, old in zip(result.judged, lowest, strict=True))
        lowest = result.judged
    assert min(lowest) < 0.01  # of 0.5: better weights were found and kept


def test_the_first_shadow_is_of_the_initial_weights():
    prepared, trainer = prepared_and_trainer(config_of())
    expected = prepared.frozen_losses(prepared.initial_params()).per_group
    result = epoch_of(trainer)
    np.testing.assert_allclose(result.row["shadow_per_frequency"], expected, rtol=1e-5)
    assert_same(trainer.params, prepared.initial_params())


def test_the_prequential_loss_is_of_each_row_before_its_update():
    """Almost without a prior the weights stay, so that it is the frozen loss of the initial weights."""
    prepared, trainer = prepared_and_trainer(config_of(optimizer__observation_noise="1e12"))
    expected = prepared.frozen_losses(prepared.initial_params())
    result = epoch_of(trainer)
    np.testing.assert_allclose(result.row["loss_per_frequency"], expected.per_group, rtol=1e-4)
    assert result.loss == pytest.approx(expected.mean, rel=1e-4)
    _, learning = prepared_and_trainer(config_of())
    assert epoch_of(learning).loss < 0.7 * expected.mean


def test_a_block_changes_the_weights_of_its_own_group_alone():
    _, trainer = prepared_and_trainer(config_of())
    before = saved(trainer)[1]
    while trainer.host_state()["sequence"] == 0:
        trainer.advance()
    after = saved(trainer)[1]
    for name in ("candidates", "best"):
        np.testing.assert_array_equal(getattr(before, name)[1], getattr(after, name)[1])
    assert_same([part[1] for part in before.carried], [part[1] for part in after.carried])
    assert not np.array_equal(before.block.trained, after.block.trained)
    epoch_of(trainer)
    last = saved(trainer)[1]
    for name in ("candidates", "best"):
        np.testing.assert_array_equal(getattr(after, name)[0], getattr(last, name)[0])
    assert not np.array_equal(after.block.trained, last.block.trained)


def test_the_end_is_the_state_after_the_last_whole_cycle(monkeypatch):
    """Blocks of 190 rows hold 3.8 cycles of 2 Hz and 9.5 of 5 Hz, those of 200 hold 4 and 10."""
    monkeypatch.setattr(judgement, "_LOST", math.inf)  # no block is discarded
    for duration, rows in (("1.9", (150, 180)), ("2", (200, 200))):
        prepared, trainer = prepared_and_trainer(config_of(task__duration=duration))
        assert isinstance(prepared.network, Filterable)
        parts, params = prepared.network.parts(), prepared.initial_params()
        trained, scales = parts.gather(params), parts.scales(params, 0.15)
        kept = parts.recursion.kept("rtrl", parts.weights)
        for group, last in enumerate(rows):
            while trainer.host_state()["sequence"] == group:
                if trainer.advance() is not None:
                    break
            numbers = parts.constants(params)[group], parts.bias(params), scales[group], kept
            arrays = (jnp.asarray(part, jnp.float32) for part in (*numbers, 1.0, 1.0, 1.0))
            settings = Settings(*arrays, recursion=parts.recursion)
            both = jnp.stack([jnp.asarray(trained[group], jnp.float32)] * 2)
            inputs = jnp.asarray(prepared.train_rows.inputs[group])[:, np.array(parts.others)]
            targets = jnp.asarray(prepared.train_rows.targets[group])[:, 0]
            block = run(settings, begin(both, END, None, parts.recursion), inputs, targets, 0, last)
            state = trainer.device_state()
            np.testing.assert_allclose(state.repeated, block.state.c, rtol=0, atol=1e-5)
            assert_same(state.candidates[group, END][:, CARRY], state.repeated)


def settle(config, group):
    """Return a trainer after an epoch in which `group` is said to have settled."""
    prepared, trainer = prepared_and_trainer(config)
    epoch_of(trainer)
    params, arrays, host = saved(trainer)
    host = json.loads(host)
    host["progress"][group]["best"] = 0.0
    return resumed(prepared, params, arrays, json.dumps(host))


def test_a_group_that_has_settled_is_passed_over():
    trainer = settle(config_of(), 0)
    before = trainer.host_state()["progress"][0], saved(trainer)[1]
    result = epoch_of(trainer)
    assert trainer.step == 400 + 200
    assert trainer.host_state()["progress"][0] == before[0]
    np.testing.assert_array_equal(saved(trainer)[1].candidates[0], before[1].candidates[0])
    assert result.judged[0] == 0
    assert result.row["loss_per_frequency"][0] == before[0]["prequential"]  # that of its last block


def test_an_epoch_of_groups_that_have_all_settled_is_empty():
    config = config_of(train__target_mse="100")
    _, trainer = prepared_and_trainer(config)
    first, second = epoch_of(trainer), epoch_of(trainer)
    assert trainer.step == 400
    assert (second.loss, second.judged) == (first.loss, first.judged)


def test_rows_that_are_passed_over_end_the_hidden_state_of_the_group_before(monkeypatch):
    """As frozen weights are run: a pair's h is 0 while another group holds it."""
    trainer = settle(config_of(task__reset="never", train__seed="3"), 1)
    epoch_of(trainer)
    begun, begin = [], state.next_block

    def noted(*given, **named):
        block = begin(*given, **named)
        begun.append(jax.device_get(block))  # a run reuses its memory
        return block

    monkeypatch.setattr(state, "next_block", noted)
    trainer.advance()
    (block,) = begun
    carried = trainer.device_state().carried
    assert float(jnp.abs(carried.h[0]).max()) > 0.1
    np.testing.assert_array_equal(block.state.c, carried.c[0])
    np.testing.assert_array_equal(block.state.h, 0)


def test_horizons_grow_once_the_shadow_has_settled():
    config = config_of("online", curriculum__first_horizon="0.2", curriculum__settled_mse="10")
    _, trainer = prepared_and_trainer(config)
    results = [epoch_of(trainer) for _ in range(5)]
    horizons = [result.row["horizon_s"] for result in results]
    assert horizons == [0.4, 0.8, 1.6, 2.0, 2.0]
    # Weights are judged by whole blocks alone: the fifth epoch is the first of 2 s.
    assert [result.judged for result in results[:4]] == [[None, None]] * 4
    assert None not in results[4].judged
    assert trainer.step == 2 * (20 + 40 + 80 + 160 + 200)


def test_a_loss_that_is_no_number_is_saved_as_none_and_ends_training():
    prepared, trainer = prepared_and_trainer(config_of())
    rows = trainer._rows
    trainer._rows = rows._replace(targets=np.full_like(rows.targets, np.nan))
    while trainer.host_state()["sequence"] == 0:
        trainer.advance()
    assert json.loads(saved(trainer)[2])["epoch_losses"] == [[None], []]
    result = epoch_of(resumed(prepared, *saved(trainer)))
    assert math.isnan(result.loss)
    assert result.row["loss"] is None
    assert result.row["loss_per_frequency"][0] is None
    assert result.row["loss_per_frequency"][1] > 0


def test_the_initial_weights_may_be_given():
    prepared, first = prepared_and_trainer(config_of())
    params = jax.tree.map(lambda leaf: leaf * 1.01, prepared.initial_params())
    rows = prepared.train_rows
    trainer = filtering.FilterTrainer(prepared.network, prepared.task, config_of(), rows, params)
    assert_same(trainer.params, params)
    assert not np.array_equal(first.params["carry"], trainer.params["carry"])
