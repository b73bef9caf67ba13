"""Native dense sensitivities against those in JAX and an einsum in NumPy, and their refusals."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import Config, UserError
from freqjax.native import library
from freqjax.networks import make_network
from freqjax.tasks import make_task
from freqjax.training import chunks
from freqjax.training.gradients import engines, native_rtrl
from freqjax.training.optimizers import make_schedule
from freqjax.training.streams import layout
from freqjax.training.update import state_of
from tests.twins import tiny_config, tiny_rows

needs_compiler = pytest.mark.skipif(
    library.compiler_command() is None, reason="no C++ compiler is installed"
)


@pytest.fixture(scope="module", autouse=True)
def built(request):
    """Build the library if needed."""
    if library.compiler_command() is not None and not library.is_built():
        library.build()


def config_of(cell="lstm", hidden=5, **train) -> Config:
    network = {"cell": cell, "hidden_size": hidden, "learned_carry": True}
    return tiny_config(network=network, train={"gradient": "rtrl", "engine": "native"} | train)


def setup(config):
    task = make_task(config.task)
    network = make_network(config.network, task)
    schedule = make_schedule(config.optimizer, 40, 40)
    streams = 2 if config.train.streams == "parallel" else 1
    state = state_of(network, task, config, network.init(jax.random.key(0)), streams)
    return (network, task, config, schedule, 2), state, layout(tiny_rows(), config)


@needs_compiler
@pytest.mark.parametrize(
    ("cell", "hidden", "train"),
    [
        ("lstm", 5, {"state_correction": True}),
        pytest.param("lstm", 17, {"streams": "parallel"}, marks=pytest.mark.slow),
        ("gru", 8, {}),
        pytest.param("rnn", 3, {"state_correction": True}, marks=pytest.mark.slow),
    ],
)
def test_updates_are_those_of_jax(cell, hidden, train):
    """Forty updates over two blocks, whose starts reset the sensitivities."""
    arguments, state, stream = setup(config_of(cell, hidden, **train))
    made = native_rtrl.make_native_chunk(*arguments), chunks.make_chunk(*arguments)
    (ours, info), (theirs, expected) = (jax.jit(chunk)(state, stream) for chunk in made)
    assert int(stream.resets.sum()) >= 2
    for a, b in zip(
        jax.tree.leaves((ours, info)), jax.tree.leaves((theirs, expected)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * np.nanmax(np.abs(b), initial=1e-6))
    assert jax.eval_shape(lambda s: s, ours) == jax.eval_shape(lambda s: s, state)


@needs_compiler
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("streams", "fields", "hidden", "rows", "place"),
    [(2, 2, 5, 7, 1), (1, 1, 16, 21, 0), (2, 3, 17, 150, 1)],
)
def test_the_recursion_is_a_sum_over_fields_and_units(
    monkeypatch, threads, streams, fields, hidden, rows, place
):
    """In double precision; sizes that fill the registers and those that do not, in place and beside."""
    monkeypatch.setattr(library, "threads", lambda: threads)
    rng = np.random.default_rng(0)
    memory, state, couplings, direct, weights = arrays = [
        rng.normal(size=(streams, *shape))
        for shape in (
            (fields, hidden, rows, hidden),
            (fields, fields, hidden),
            (fields, hidden, hidden),
            (fields, rows, hidden),
            (3, hidden),
        )
    ]
    expected = np.einsum("bfgn,bgnru->bfnru", state, memory)
    expected += np.einsum("bfjn,bjru->bfnru", couplings, memory[:, place])
    for unit in range(hidden):
        expected[:, :, unit, :, unit] += direct[..., unit]
    by_outputs = np.einsum("bon,bnru->boru", weights, expected[:, place])
    library.load()
    singles = [jnp.asarray(array, jnp.float32) for array in arrays]

    def step(*arrays):
        return jax.vmap(lambda m, s, c, d, w: native_rtrl._advance(m, s, c, d, w, place))(*arrays)

    for donated in ((), 0):
        found = jax.jit(step, donate_argnums=donated)(*(array + 0 for array in singles))
        for one, other in zip(found, (expected, by_outputs), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=3e-6 * np.abs(other).max())
    np.testing.assert_array_equal(singles[0], memory.astype(np.float32))


def chosen(config, network=None):
    task = make_task(config.task)
    return engines.choose(network or make_network(config.network, task), task, config)


@needs_compiler
def test_native_is_chosen_by_name_alone():
    config = config_of()
    assert chosen(config).name == "native"
    auto = dataclasses.replace(config, train=dataclasses.replace(config.train, engine="auto"))
    assert chosen(auto)[::2] == ("autodiff", None)


def test_refusals_are_a_sentence(monkeypatch, tmp_path):
    config = config_of(hidden=4)
    pairs = dataclasses.replace(
        config, network=dataclasses.replace(config.network, recurrence="pairs")
    )
    sentence = "^train.engine is native: network.recurrence is pairs: the native sensitivities are"
    with pytest.raises(UserError, match=sentence):
        chosen(pairs)
    film = make_network(
        dataclasses.replace(config.network, cell="gru", layers=2), make_task(config.task)
    )
    with pytest.raises(UserError, match="native: the network is a StackedNetwork: the native"):
        chosen(config, film)
    snap1 = dataclasses.replace(config, train=dataclasses.replace(config.train, gradient="snap1"))
    sentence = "snap1 × online: native computes full × examples, .*, rtrl × online, truncated"
    with pytest.raises(UserError, match=sentence):
        chosen(snap1)
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="native: the native loop is not built:"):
        chosen(config)
