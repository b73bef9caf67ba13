"""The native filter against the one in JAX, in single and double precision, and its refusals."""

import dataclasses
import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import UserError
from freqjax.native import library
from freqjax.networks import make_network, pairs
from freqjax.system import devices
from freqjax.tasks import make_task
from freqjax.training.filter import block, native
from freqjax.training.filter.block import Settings
from freqjax.training.gradients import engines
from tests.training.filter.small import config_of, needs_compiler, prepared_and_trainer

ROWS = 200
# Pairs and inputs that are no selector: weights that fill registers and that do not, and pairs of more than
# one register.
SHAPES = {"a few": (2, 1), "of several registers": (9, 0), "of the main task": (8, 1)}


@pytest.fixture(scope="module")
def run():
    """Build the library if needed, and return the native `block.run`."""
    if not library.is_built():
        library.build()
    return native.make_run()


def problem(shape, gradient="rtrl", dtype=jnp.float32):
    """Return the arguments of `block.run` except the rows."""
    count, inputs = SHAPES[shape]
    weights = 8 * (inputs + 3) + 4
    rng = np.random.default_rng(7)
    numbers = (
        rng.normal(size=(count, 2, 4)),
        0.1,
        rng.uniform(0.01, 0.2, size=(count, weights)),
        pairs.kept(gradient, weights),
        0.5,
        1.0,
        1.0,
    )
    settings = Settings(*(jnp.asarray(part, dtype) for part in numbers), recursion=pairs.RECURSION)
    candidates = jnp.asarray(0.5 * rng.normal(size=(2, count, weights)), dtype)
    still = jnp.zeros((count, 2), dtype)
    before = pairs.PairState(still, jnp.asarray(0.2 * rng.normal(size=(count, 2)), dtype))
    begun = block.begin(candidates, 1, before, pairs.RECURSION)
    xs = jnp.asarray(rng.normal(size=(ROWS, inputs)), dtype)
    return settings, begun, xs, jnp.asarray(np.sin(0.3 * np.arange(ROWS)), dtype)


def covariance(found):
    root = np.asarray(found.root, np.float64)
    return root @ root.T


def assert_close(ours, theirs, tolerance):
    """Check that all fields are close to the largest number of each, roots by their covariances."""
    fields = [(found._replace(root=covariance(found))) for found in (ours, theirs)]
    for one, other in zip(*(jax.tree.leaves(f) for f in fields), strict=True):
        largest = np.abs(other).max(initial=0)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * largest)


@needs_compiler
@pytest.mark.parametrize("gradient", ["rtrl", "snap1"])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_filter_in_jax(run, shape, gradient):
    """One row, and many; the reference of both is the filter in JAX in double precision."""
    with jax.enable_x64(True):
        exact = [block.run(*problem(shape, gradient, jnp.float64), 0, last) for last in (1, ROWS)]
    for last, reference, tolerance in zip((1, ROWS), exact, (1e-6, 1e-5), strict=True):
        ours = run(*problem(shape, gradient), 0, last)
        theirs = block.run(*problem(shape, gradient), 0, last)
        assert_close(ours, theirs, 2 * tolerance)
        assert_close(ours, reference, tolerance)
        assert jax.tree.structure(ours) == jax.tree.structure(theirs)
        assert jax.eval_shape(lambda b: b, ours) == jax.eval_shape(lambda b: b, theirs)
        # A triangle, up to the order of the weights.
        assert np.count_nonzero(ours.root) <= ours.root.size / 2 + len(ours.root)
    assert np.abs(ours.trained - problem(shape)[1].trained).max() > 0.01


@needs_compiler
@pytest.mark.parametrize("corrected", [0.0, 1.0])
def test_a_block_in_parts_is_the_same_bit_for_bit(run, corrected):
    settings, begun, xs, targets = problem("of several registers")
    settings = settings._replace(corrected=jnp.float32(corrected))
    whole = run(settings, begun, xs, targets, 0, ROWS)
    found = problem("of several registers")[1]
    for first, last in itertools.pairwise((0, 1, 13, 14, 120, ROWS)):
        found = run(settings, found, xs, targets, first, last)
    jax.tree.map(np.testing.assert_array_equal, found, whole)


@needs_compiler
def test_the_two_may_take_turns(run):
    with jax.enable_x64(True):
        exact = block.run(*problem("a few", dtype=jnp.float64), 0, ROWS)
    settings, found, xs, targets = problem("a few")
    bounds = itertools.pairwise((0, 30, 60, 61, 150, ROWS))
    for (first, last), engine in zip(bounds, itertools.cycle((block.run, run)), strict=False):
        found = engine(settings, found, xs, targets, first, last)
    assert_close(found, exact, 1e-5)


@needs_compiler
def test_what_is_not_finite_goes_as_in_jax(run):
    settings, begun, xs, targets = problem("a few")
    bad = xs.at[17].set(jnp.nan)
    found = run(settings, begun, bad, targets, 0, 20)
    assert np.isnan(found.losses).all()
    assert np.isnan(found.trained).all()
    assert np.isnan(found.state.c).all()


@needs_compiler
def test_a_network_learns_as_in_jax(run):
    """The shadows of the second pass are of weights that the first one found."""
    found = []
    for engine in ("native", "auto"):
        _, trainer = prepared_and_trainer(config_of(train__engine=engine))
        while trainer.epoch < 2:
            result = trainer.advance()
        assert result is not None
        found.append(result.row)
    ours, theirs = found
    for name in ("shadow_per_frequency", "loss_per_frequency", "covariance_trace"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0.01)
    assert ours["step"] == theirs["step"]


def test_says_why_not(monkeypatch, tmp_path):
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path))
    config = config_of(train__engine="native")
    task = make_task(config.task)
    network = make_network(config.network, task)
    with pytest.raises(UserError) as caught:
        engines.choose(network, task, config)
    assert str(caught.value) == (
        "train.engine is native: the native loop is not built: python -m freqjax.native.build builds it."
    )
    with pytest.raises(UserError, match="the native loop is not built"):
        library.load.__wrapped__()
    auto = dataclasses.replace(config, train=dataclasses.replace(config.train, engine="auto"))
    assert engines.choose(network, task, auto).name == "filter"
    monkeypatch.setattr(devices, "default", lambda: SimpleNamespace(platform="gpu"))
    assert native.why_not(network) == "The device is a gpu: the native loop runs on the CPU."
    gru = make_network(
        dataclasses.replace(
            config.network, cell="gru", recurrence="dense", initializer="orthogonal"
        ),
        task,
    )
    assert native.why_not(gru) == (
        "The network is a SingleLayerNetwork: the native filter is that of pairs of an LSTM."
    )
