"""Blocks that a thread computes ahead are those that would be computed in their turn."""

import json
import threading

import jax
import numpy as np
import pytest

from freqjax.native import library
from freqjax.training.filter import ahead
from freqjax.training.filter.ahead import Ahead
from freqjax.training.filter.trainer import FilterTrainer
from tests.training.filter.small import config_of, needs_compiler, prepared_and_trainer
from tests.training.filter.test_trainer import (
    assert_same,
    epoch_of,
    resumed,
    saved,
    without_seconds,
)

CASES = [
    pytest.param(fields, id=" ".join(fields.values()) or "fixed noise")
    for fields in (
        {},
        {"task__noise": "fresh"},
        {"task__reset": "epoch"},
        {"task__reset": "never"},
        {"optimizer__groups": "part"},
        {"name": "online", "curriculum__first_horizon": "0.8"},
    )
]
CASES.append(pytest.param({"train__engine": "native"}, id="native", marks=needs_compiler))


@pytest.fixture
def taken(monkeypatch):
    """Two cores, and the sequences whose blocks were computed ahead and taken."""
    found, take = [], Ahead.take

    def noted(self, sequence):
        block = take(self, sequence)
        if block is not None:
            found.append(sequence)
        return block

    monkeypatch.setattr(Ahead, "take", noted)
    monkeypatch.setattr(ahead, "usable_cores", lambda: 2)
    return found


@pytest.mark.parametrize("fields", CASES)
def test_blocks_are_the_same_ahead_and_in_turn(fields, taken, monkeypatch):
    config = config_of(**fields)
    if config.train.engine == "native" and not library.is_built():
        library.build()
    prepared, trainer = prepared_and_trainer(config)
    results = [epoch_of(trainer) for _ in range(3)]
    assert taken == [1, 1]  # not before all is compiled
    trainer.advance()  # computes the next one ahead
    other = resumed(prepared, *saved(trainer))
    results.append(epoch_of(trainer))
    monkeypatch.setattr(ahead, "usable_cores", lambda: 1)
    _, alone = prepared_and_trainer(config)
    expected = [epoch_of(alone) for _ in range(4)]
    assert len(taken) == 3
    assert [without_seconds(r) for r in results] == [without_seconds(r) for r in expected]
    assert_same(saved(trainer)[:2], saved(alone)[:2])
    assert without_seconds(epoch_of(other)) == without_seconds(expected[-1])
    assert_same(saved(other)[:2], saved(alone)[:2])


def test_a_group_that_follows_itself_waits_for_itself(taken):
    prepared, _ = prepared_and_trainer(config_of())
    rows = jax.tree.map(lambda array: array[np.array([0, 0, 1, 1])], prepared.train_rows)
    trainer = FilterTrainer(prepared.network, prepared.task, prepared.config, rows)
    for _ in range(2):
        epoch_of(trainer)
    assert taken == [2, 2]


def test_what_was_begun_before_a_restore_is_dropped(taken):
    prepared, trainer = prepared_and_trainer(config_of())
    epoch_of(trainer)
    trainer.advance()
    params, arrays, host = saved(trainer)  # before sequence 1
    epoch_of(trainer)
    trainer.advance()  # sequence 1 of the next epoch is computed ahead
    back = resumed(prepared, params, arrays, host)
    trainer.restore(params, arrays, json.loads(host))
    assert without_seconds(epoch_of(trainer)) == without_seconds(epoch_of(back))
    assert_same(saved(trainer)[:2], saved(back)[:2])


def test_work_runs_in_another_thread_and_is_taken_once():
    one: Ahead[str] = Ahead()
    one.begin(3, lambda: threading.current_thread().name)
    assert one.take(2) is None
    name = one.take(3)
    assert name is not None and name != threading.current_thread().name
    assert one.take(3) is None


def test_what_goes_wrong_ahead_is_raised_in_its_turn():
    one: Ahead[float] = Ahead()
    one.begin(1, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.take(1)


def test_it_pays_where_a_core_is_left(monkeypatch):
    monkeypatch.setattr(ahead, "usable_cores", lambda: 2)
    assert ahead.pays(288**2)
    assert not ahead.pays(1024**2)  # XLA uses all cores
    monkeypatch.setattr(ahead, "usable_cores", lambda: 1)
    assert not ahead.pays(288**2)
