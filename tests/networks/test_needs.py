"""Networks and tasks that do not fit are refused in a sentence, before rows are read; others work."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import NetworkConfig, TaskConfig, UserError
from freqjax.networks import Needs, RotorNetwork, RotorSetting, make_network, needs_of
from freqjax.tasks import make_task


class Plain:
    """A task that gives networks nothing but sizes."""

    input_size, output_size, selectors, longest = 3, 2, (), 50


class Oscillating(Plain):
    """A task with a band, and no selector."""

    def rotors(self):
        """Return an arbitrary band."""
        return RotorSetting(band=(0.01, 0.2))


def unread():
    raise AssertionError("no rows are to be read")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"cell": "rnn", "initializer": "chrono"},
            "network.initializer is chrono: it must be one of orthogonal, pytorch where network.cell is rnn",
        ),
        (
            {"cell": "gru", "initializer": "rotor", "learned_carry": True},
            "network.cell is 'gru': it must be 'lstm' where network.initializer is rotor",
        ),
        (
            {"layers": 2, "initializer": "constructed"},
            "network.layers is 2: it must be 1 where network.initializer is constructed",
        ),
        (
            {"conditioning": "film", "initializer": "spectral"},
            "network.conditioning is 'film': it must be 'input' where network.initializer is spectral",
        ),
        (
            {"initializer": "rotor"},
            "network.learned_carry is false: it must be true where network.initializer is rotor",
        ),
        (
            {"initializer": "rotor", "learned_carry": True, "hidden_size": 7},
            "network.hidden_size is 7: it must be at least 8 where network.initializer is rotor",
        ),
        (
            {"initializer": "constructed", "hidden_size": 11},
            "network.hidden_size is 11: it must be at least 12 where network.initializer is constructed",
        ),
    ],
)  # fmt: skip
def test_networks_that_cannot_be_are_refused(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        make_network(NetworkConfig(**fields), make_task(TaskConfig()), unread)


@pytest.mark.parametrize(
    ("initializer", "why"),
    [
        ("rotor", "has no band of oscillations"),
        ("spectral", "has no peaks to read from its targets"),
        ("constructed", "has no weights that are known to solve it"),
    ],
)
def test_initializers_that_a_task_cannot_serve_are_refused(initializer, why):
    config = NetworkConfig(initializer=initializer, learned_carry=True)
    allowed = "chrono, orthogonal, pytorch, unit_forget"
    sentence = (
        f"network.initializer is {initializer}: it must be one of {allowed} where the task {why}."
    )
    with pytest.raises(UserError, match=sentence):
        make_network(config, Plain(), unread)


def test_what_a_task_can_serve_is_named():
    config = NetworkConfig(initializer="spectral", learned_carry=True)
    with pytest.raises(
        UserError, match="one of chrono, orthogonal, pytorch, rotor, unit_forget where"
    ):
        make_network(config, Oscillating(), unread)


def test_film_needs_a_selector():
    with pytest.raises(UserError, match=r"network\.conditioning is film: it must be input where"):
        make_network(NetworkConfig(conditioning="film"), Plain())


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_task_without_abilities_has_networks_all_the_same(cell):
    network = make_network(NetworkConfig(cell=cell, hidden_size=4), Plain(), unread)
    params = network.init(jax.random.key(0))
    carry = network.init_carry(params, 2)
    ys = network.unroll(params, carry, jnp.ones((5, 2, 3)), jnp.zeros((5, 2), bool))[1]
    assert ys.shape == (5, 2, 2)


def test_rotors_without_a_selector_turn_in_the_band():
    config = NetworkConfig(initializer="rotor", learned_carry=True, hidden_size=8)
    network = make_network(config, Oscillating(), unread)
    assert isinstance(network, RotorNetwork)
    cycles = network.pair_cycles(network.init(jax.random.key(0)))
    assert ((cycles > 0.0099) & (cycles < 0.201)).all()


def test_rows_are_read_for_spectral_alone():
    task = make_task(TaskConfig(frequencies=(1.0, 3.0), sampling_rate=50.0, duration=4.0))
    fields = {"learned_carry": True, "hidden_size": 8}
    for name in ("pytorch", "rotor", "constructed"):
        needs_of(NetworkConfig(initializer=name, **fields), task, unread)
    config = NetworkConfig(initializer="spectral", **fields)
    needs = needs_of(config, task, lambda: task.split("train"))
    assert needs.rotors is not None
    np.testing.assert_allclose(needs.rotors.peaks, (0.02, 0.06))
    network = make_network(config, task, lambda: task.split("train"))
    assert isinstance(network, RotorNetwork)
    cycles = network.pair_cycles(network.init(jax.random.key(0)))
    np.testing.assert_allclose(cycles[:2], (0.02, 0.06), rtol=1e-4)


def test_needs_are_compared_by_value():
    """So that tasks which differ in their rows alone share a compiled program of first weights."""
    a, b = (needs_of(NetworkConfig(), make_task(TaskConfig(train_seed=s))) for s in (1, 5))
    assert isinstance(a, Needs)
    assert a == b
    assert hash(a) == hash(b)
    other = make_task(TaskConfig(frequencies=(1.0, 3.0, 5.0, 8.0)))
    assert needs_of(NetworkConfig(), other) != a
