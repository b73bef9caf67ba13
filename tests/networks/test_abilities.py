"""Abilities of networks: each network has those of its methods, and no others."""

import jax
import numpy as np
import pytest

from freqjax import NetworkConfig, TaskConfig
from freqjax.config.names import CELLS
from freqjax.networks import (
    Cell,
    Filterable,
    HiddenCarry,
    Linearizable,
    LstmNetwork,
    Paddable,
    RealTime,
    Restricted,
    SingleLstm,
    Streams,
    TurningPairs,
    can_pad,
    make_network,
)
from freqjax.tasks import make_task

ABILITIES = (
    Streams,
    Linearizable,
    Paddable,
    RealTime,
    Restricted,
    SingleLstm,
    TurningPairs,
    Filterable,
)
ONE_LSTM = set(ABILITIES) - {TurningPairs, Filterable}
ROTORS = {"initializer": "rotor", "learned_carry": True}


@pytest.mark.parametrize(
    ("fields", "able"),
    [
        ({}, ONE_LSTM),
        ({"recurrence": "pairs"}, ONE_LSTM),
        (ROTORS, set(ABILITIES)),
        ({"initializer": "constructed"}, ONE_LSTM),
        ({"cell": "lru"}, {Streams, Paddable, RealTime, TurningPairs, Filterable}),
        ({"cell": "gru"}, {Streams, Paddable, RealTime}),
        ({"layers": 2}, {Streams, Paddable}),
        ({"cell": "gru", "conditioning": "film"}, {Streams, Paddable}),
        ({"cell": "gru", "bidirectional": True}, {Paddable}),
    ],
)
def test_a_network_has_the_abilities_of_its_kind(fields, able):
    network = make_network(NetworkConfig(**fields), make_task(TaskConfig()))
    assert {ability for ability in ABILITIES if isinstance(network, ability)} == able


class Wrapped:
    """A network of somebody else's that is no subclass of ours: it has the methods, and that is all."""

    def __init__(self, inner, names):
        for name in names.split():
            setattr(self, name, getattr(inner, name))


def test_methods_make_an_ability_and_no_class_does():
    inner = make_network(NetworkConfig(hidden_size=4), make_task(TaskConfig()))
    assert isinstance(inner, LstmNetwork)
    plain = "dropout init init_carry unroll"
    for names, able in (
        (plain, set()),
        (f"{plain} step", {Streams}),
        (f"{plain} step setting weights tree", {Streams, SingleLstm}),
        ("step setting weights tree", set()),  # not a network
    ):
        wrapped = Wrapped(inner, names)
        assert {ability for ability in ABILITIES if isinstance(wrapped, ability)} == able


def test_weights_and_tree_undo_each_other():
    network = make_network(
        NetworkConfig(hidden_size=4, learned_carry=True), make_task(TaskConfig())
    )
    assert isinstance(network, SingleLstm)
    params = network.init(jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, network.tree(network.weights(params)), params)


class OffsetCell(Cell):
    """A cell that leaves zero by itself, so that units of weights zero are not inert."""

    gates = "h"

    @staticmethod
    def combine(carry, driven, recurrent):
        """Compute a cosine, which is 1 at 0."""
        return HiddenCarry(jax.numpy.cos(driven + recurrent))


def test_a_cell_that_leaves_zero_cannot_be_padded(monkeypatch):
    monkeypatch.setitem(CELLS, "offset", f"{__name__}:OffsetCell")
    assert not can_pad(NetworkConfig(cell="offset"))
    assert all(can_pad(NetworkConfig(cell=cell)) for cell in ("lstm", "gru", "rnn", "lru"))
