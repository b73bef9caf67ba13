"""Real-time recurrent learning: whole streams, weights of rows, resumes, corrections, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import UserError
from freqjax.config import validation
from freqjax.networks import LstmCarry, RealTime, make_network
from freqjax.networks.weights import coupled_mask
from freqjax.run import experiment
from freqjax.system import capacity
from freqjax.tasks import make_task
from freqjax.training import footprint
from freqjax.training.gradients import make_estimator
from freqjax.training.prepared import Prepared
from freqjax.training.streams import layout
from freqjax.training.trainers import StreamTrainer
from freqjax.training.update import state_of
from tests.twins import tiny_config

PAIRS = {"recurrence": "pairs", "learned_carry": True}
NOW = jnp.zeros((), jnp.int32)


def parts(network=PAIRS, **train):
    config = tiny_config(train=train, network=network)
    task = make_task(config.task)
    return config, task, make_network(config.network, task)


def summed(estimator, network, params, stream):
    """Return the sum of the gradients over the windows of a stream, and the losses [U, K, B]."""

    def one(state, window):
        carry, memory, total = state
        found = estimator.gradient(params, carry, memory, window, NOW)
        total = jax.tree.map(jnp.add, total, found.grads)
        return (found.carry, found.memory, total), found.losses

    @jax.jit
    def run(params, stream):
        streams = stream.inputs.shape[2]
        begin = network.init_carry(params, streams), estimator.init(params, streams)
        zeros = jax.tree.map(jnp.zeros_like, params)
        (_, _, total), losses = jax.lax.scan(one, (*begin, zeros), stream)
        return total, losses

    return jax.device_get(run(params, stream))


@pytest.mark.parametrize("network", [PAIRS, {"cell": "gru", "hidden_size": 3}])
def test_the_gradients_of_side_by_side_blocks_sum_to_the_full_one(network):
    config, task, built = parts(network, gradient="rtrl", streams="parallel")
    params = built.init(jax.random.key(1))
    stream = layout(task.rows("train"), config)
    ours, losses = summed(make_estimator(built, task, config), built, params, stream)
    config.train.gradient, config.train.regime = "auto", "full"
    whole = layout(task.rows("train"), config)
    theirs, same = summed(make_estimator(built, task, config), built, params, whole)
    np.testing.assert_allclose(losses[:, 0], same[0], rtol=1e-5)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a / len(losses), b, atol=1e-6)


def test_rows_count_by_their_weight():
    config, task, network = parts(gradient="rtrl", streams="parallel")
    params, stream = network.init(jax.random.key(1)), layout(task.rows("train"), config)
    window = jax.tree.map(lambda a: a[0], stream)._replace(weights=jnp.array([[0.0, 0.25]]))
    estimator = make_estimator(network, task, config)
    begin = network.init_carry(params, 2), estimator.init(params, 2)
    alone = jax.tree.map(lambda a: a[:, 1:], window)._replace(weights=None)
    first = jax.tree.map(lambda a: a[1:], begin)
    gradient = jax.jit(estimator.gradient)
    ours = gradient(params, *begin, window, NOW).grads
    theirs = gradient(params, *first, alone, NOW).grads
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)
    nothing = window._replace(weights=jnp.zeros((1, 2)), targets=jnp.full((1, 2, 1), 9.0))
    for leaf in jax.tree.leaves(gradient(params, *begin, nothing, NOW).grads):
        np.testing.assert_array_equal(leaf, 0)


def test_the_state_is_corrected_if_that_is_asked_for():
    config, task, network = parts(gradient="rtrl", state_correction=True)
    params = network.init(jax.random.key(1))
    assert isinstance(network, RealTime)
    carry, memory = network.init_carry(params, 1), network.sensitivities(params, 1, exact=True)
    change = jax.tree.map(lambda a: jnp.full(a.shape, 0.25), params)
    # At the start only the learned carry acts: each c moves by the change of its own.
    corrected = make_estimator(network, task, config).correct(carry, memory, change)
    assert isinstance(carry, LstmCarry) and isinstance(corrected, LstmCarry)
    np.testing.assert_allclose(corrected.c, carry.c + 0.25)
    np.testing.assert_array_equal(corrected.h, carry.h)
    config.train.state_correction = False
    assert make_estimator(network, task, config).correct(carry, memory, change) is carry


def test_a_run_goes_on_bitwise_from_the_middle_of_an_epoch(monkeypatch):
    monkeypatch.setattr("freqjax.training.sources.CHUNK_ROWS", 7)
    config, task, network = parts(gradient="rtrl", state_correction=True)
    validation.validate_training(config)

    def trainer():
        return StreamTrainer(network, task, config, task.rows("train"))

    whole = trainer()
    for _ in range(3):
        whole.advance()
    host = whole.host_state()
    assert host["next_chunk"] > 0
    saved = jax.device_get((whole.params, whole.device_state()))
    assert np.abs(saved[1].memory).max() > 0
    resumed = trainer()
    params, state = jax.tree.map(jnp.asarray, saved)
    resumed.restore(params, state, host)
    for _ in range(5):
        whole.advance()
        resumed.advance()
    assert whole.epoch == resumed.epoch == 1
    for a, b in zip(
        jax.tree.leaves((whole.params, whole.device_state())),
        jax.tree.leaves((resumed.params, resumed.device_state())),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    kernel = np.asarray(whole.params["cell"]["recurrent"]["kernel"])
    moved = kernel - saved[0]["cell"]["recurrent"]["kernel"]
    between = ~coupled_mask(4, 4, 2)
    assert (kernel[between] == 0).all()
    assert (moved[~between] != 0).all()


@pytest.mark.parametrize("gradient", ["snap1", "rtrl"])
def test_more_credit_than_the_truncated_gradient(gradient):
    """A first update is the same; a second one has the effect of the weights at the first row as well."""
    found = {}
    for name in ("truncated", gradient):
        config, task, network = parts(gradient=name)
        stream = layout(task.rows("train"), config)
        params = network.init(jax.random.key(1))
        estimator = make_estimator(network, task, config)
        found[name] = [
            summed(estimator, network, params, jax.tree.map(lambda a: a[:n], stream))[0]  # noqa: B023
            for n in (1, 2)
        ]
    once, twice = (
        [
            np.abs(a - b).max()
            for a, b in zip(*(jax.tree.leaves(f[n]) for f in found.values()), strict=True)
        ]
        for n in (0, 1)
    )
    np.testing.assert_allclose(once, 0, atol=1e-7)
    assert max(twice) > 1e-3


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        (
            {"train": {"state_correction": True}},
            "train.state_correction is true: it must be false where train.gradient is auto, since only "
            "snap1 and rtrl know the derivative of the state.",
        ),
        (
            {"train": {"gradient": "full", "regime": "full", "state_correction": True}},
            "train.state_correction is true: it must be false where train.gradient is full, since only "
            "snap1 and rtrl know the derivative of the state.",
        ),
        (
            {"train": {"gradient": "rtrl"}, "network": {"layers": 2}},
            "network.layers is 2: it must be 1 where train.gradient is rtrl, which carries the derivative of "
            "one layer's state forward.",
        ),
        (
            {"train": {"gradient": "snap1"}, "network": {"conditioning": "film"}},
            "network.conditioning is film: it must be input where train.gradient is snap1, which carries the "
            "derivative of one layer's state forward.",
        ),
        (
            {"train": {"gradient": "rtrl", "regime": "tbptt", "truncation": 5}},
            "train.gradient is rtrl: it must be one of auto, truncated where train.regime is tbptt.",
        ),
        (
            {"network": {"recurrence": "pairs", "cell": "gru"}},
            "network.cell is 'gru': it must be 'lstm' where network.recurrence is pairs, which one LSTM "
            "layer has.",
        ),
        (
            {"network": {"recurrence": "pairs", "layers": 2}},
            "network.layers is 2: it must be 1 where network.recurrence is pairs, which one LSTM layer has.",
        ),
        (
            {"network": {"recurrence": "pairs", "hidden_size": 5}},
            "network.hidden_size is 5: it must be even where network.recurrence is pairs.",
        ),
        (
            {"network": {"recurrence": "pairs", "hidden_size": 6, "initializer": "constructed"}},
            "network.initializer is constructed: it must be another one where network.recurrence is pairs, "
            "since its weights couple three units.",
        ),
        (
            {"network": {"recurrence": "pairs"}, "train": {"escalate": (6, 9), "diagnose": True}},
            "train.escalate is (6, 9): its sizes must be even where network.recurrence is pairs.",
        ),
    ],
)
def test_what_has_no_sensitivities_or_no_pairs_is_refused(sections, sentence):
    with pytest.raises(UserError) as caught:
        validation.validate_training(tiny_config(**sections))
    assert str(caught.value) == sentence


def test_a_network_of_another_without_sensitivities_is_refused():
    config, task, _ = parts({}, gradient="rtrl")
    config.network.layers = 2
    network = make_network(config.network, task)
    with pytest.raises(UserError) as caught:
        state_of(network, task, config, network.init(jax.random.key(0)), 1)
    assert str(caught.value) == (
        "train.gradient is rtrl: it must be auto or truncated where the network is a StackedNetwork, which "
        "cannot carry sensitivities forward."
    )


@pytest.mark.parametrize(
    ("train", "room", "sentence"),
    [
        (
            {"gradient": "rtrl"},
            10**9,
            "train.gradient is rtrl and network.hidden_size is 512: the sensitivities of the state need at "
            "least 8.67 GB of memory, and this process may use 1 GB; network.recurrence=pairs, "
            "train.gradient=snap1 or a smaller network.hidden_size needs less.",
        ),
        (
            {"gradient": "snap1", "streams": "parallel"},
            10**7,
            "train.gradient is snap1 and network.hidden_size is 512: the sensitivities of the state need at "
            "least 0.0339 GB of memory, and this process may use 0.01 GB; a smaller network.hidden_size "
            "needs less.",
        ),
    ],
)
def test_sensitivities_that_are_too_large_are_refused(tmp_path, monkeypatch, train, room, sentence):
    monkeypatch.setattr(capacity, "available", lambda: room)
    config = tiny_config(network={"hidden_size": 512}, train=train)
    with pytest.raises(UserError) as caught:
        experiment.run(config, tmp_path / "run", resume=False, say=print)
    assert str(caught.value) == sentence
    assert not list(tmp_path.iterdir())


def test_sensitivities_are_counted_as_xla_takes_them():
    train = {"gradient": "rtrl", "streams": "parallel"}
    config = tiny_config(network={"hidden_size": 32}, train=train)
    prepared = Prepared(config)
    trainer = StreamTrainer(prepared.network, prepared.task, config, prepared.train_rows)
    part = trainer._source.part(0, 0)
    found = trainer._chunk.lower(trainer._state, part, trainer._seed).compile().memory_analysis()
    assert found is not None
    needs = footprint.needs(config, prepared.network, *prepared.train_rows.inputs.shape[:2])
    assert needs[-1].bytes == 2 * trainer._state.memory.nbytes
    taken = found.temp_size_in_bytes + found.output_size_in_bytes
    assert needs[-1].bytes < taken < 3 * sum(need.bytes for need in needs)
