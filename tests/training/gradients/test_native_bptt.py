"""Native scans of LSTMs against autodiff of the scan in JAX, and what refuses them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import AutoencoderConfig, NetworkConfig, UserError, load_config
from freqjax.config import overrides
from freqjax.main import main
from freqjax.native import library
from freqjax.networks import LstmCell, make_network
from freqjax.tasks import make_task
from freqjax.tasks.autoencoder import parts
from freqjax.training import chunks
from freqjax.training.gradients import engines, native, native_bptt
from freqjax.training.optimizers import make_schedule
from freqjax.training.prepared import Prepared
from freqjax.training.regimes import make_trainer
from freqjax.training.streams import layout
from freqjax.training.trainers import StreamTrainer
from freqjax.training.update import state_of
from tests.twins import tiny_config, tiny_rows

needs_compiler = pytest.mark.skipif(
    library.compiler_command() is None, reason="no C++ compiler is installed"
)


@pytest.fixture(scope="module", autouse=True)
def built(request):
    """Build and load the library if needed."""
    if library.compiler_command() is not None:
        if not library.is_built():
            library.build()
        library.load()


def point(time, streams, inputs, hidden, share=0.1):
    """Draw weights, a carry, an initial one, xs, and resets at a share of the rows."""
    rng = np.random.default_rng(time + hidden)

    def normal(*shape, scale=1.0):
        return jnp.asarray(scale * rng.normal(size=shape), jnp.float32)

    def dense(rows):
        return {
            "kernel": normal(rows, 4 * hidden, scale=rows**-0.5),
            "bias": normal(4 * hidden, scale=0.3),
        }

    cell = {"input": dense(inputs), "recurrent": dense(hidden)}
    states = [LstmCell.carry(normal(streams, hidden), normal(streams, hidden)) for _ in range(2)]
    resets = jnp.asarray(rng.random((time, streams)) < share)
    return (cell, *states, normal(time, streams, inputs)), resets


def gradients(scan, arguments, resets):
    """Return loss, states and gradients of a loss that depends on all of them, each otherwise."""

    def loss(cell, carry, initial, xs):
        last, hs = scan(cell, carry, initial, xs, resets)
        slopes = jnp.cos(jnp.arange(hs.size, dtype=jnp.float32)).reshape(hs.shape)
        total = jnp.sum(jnp.sin(slopes * hs)) + jnp.sum(jnp.cos(last.c)) + jnp.sum(last.h**2)
        return total, (last, hs)

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2, 3), has_aux=True))(*arguments)


def assert_close(ours, theirs, share):
    """Require arrays to differ by no more than a share of the largest number of each."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=share * np.max(np.abs(b), initial=1e-6))


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("kept", [0, 2**30])
@pytest.mark.parametrize(
    ("time", "streams", "inputs", "hidden"),
    [
        (0, 2, 3, 4),
        (3, 0, 3, 4),
        (1, 2, 3, 4),
        (7, 1, 3, 5),
        (30, 2, 8, 16),
        (21, 3, 17, 24),
        (12, 9, 40, 33),
    ],
)
def test_scans_are_those_of_autodiff(monkeypatch, threads, kept, time, streams, inputs, hidden):
    """Sizes that fill the registers and those that do not; gates that are stored, and computed again."""
    monkeypatch.setattr(library, "threads", lambda: threads)
    monkeypatch.setattr(native_bptt, "_KEPT", kept)
    arguments, resets = point(time, streams, inputs, hidden)
    ours = gradients(native_bptt.NativeLstmCell.scan, arguments, resets)
    assert_close(ours, gradients(LstmCell.scan_autodiff, arguments, resets), 3e-6)


@needs_compiler
@pytest.mark.parametrize("kept", [0, 2**30])
def test_long_streams_are_scanned_in_parts(monkeypatch, kept):
    """Three parts of two streams, and resets at both sides of their bounds."""
    monkeypatch.setattr(native_bptt, "_KEPT", kept)
    monkeypatch.setattr(library, "threads", lambda: 1)
    time, streams, hidden = 3500, 2, 6
    part = 2**17 // (streams * (4 * 8 + 16))
    assert 2 * part < time < 3 * part
    arguments, resets = point(time, streams, 2, hidden, share=0.0)
    resets = resets.at[part - 1, 0].set(True).at[part, 1].set(True).at[2 * part, 0].set(True)
    ours = gradients(native_bptt.NativeLstmCell.scan, arguments, resets)
    assert_close(ours, gradients(LstmCell.scan_autodiff, arguments, resets), 1e-5)


@needs_compiler
def test_what_is_not_a_number_stays_so():
    arguments, resets = point(5, 2, 3, 4, share=0.0)
    cell, carry, initial, xs = arguments
    (_, (_, hs)), _ = gradients(
        native_bptt.NativeLstmCell.scan,
        (cell, carry, initial, xs.at[2, 1, 0].set(jnp.nan)),
        resets,
    )
    assert np.isfinite(hs[:2]).all() and np.isfinite(hs[:, 0]).all()
    assert np.isnan(hs[2:, 1]).all()


@needs_compiler
def test_several_networks_are_scanned_side_by_side():
    """As a sweep trains its seeds: mapped over a leading axis of the weights."""
    arguments, resets = point(6, 2, 3, 4)
    cells = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), arguments[0])

    def both(scan):
        return jax.vmap(lambda cell: gradients(scan, (cell, *arguments[1:]), resets))(cells)

    assert_close(both(native_bptt.NativeLstmCell.scan), both(LstmCell.scan), 3e-6)


@needs_compiler
@pytest.mark.parametrize(
    ("network", "train"),
    [
        ({}, {"regime": "tbptt", "truncation": 10}),
        ({"learned_carry": True, "initializer": "rotor"}, {"regime": "full"}),
        ({"layers": 2, "learned_carry": True, "dropout": 0.3}, {"regime": "full"}),
        ({"recurrence": "pairs", "hidden_size": 6}, {"regime": "tbptt", "truncation": 10}),
        ({"bidirectional": True, "conditioning": "film"}, {"regime": "full"}),
    ],
)
def test_updates_are_those_of_jax(network, train):
    config = tiny_config(network=network, train=train | {"engine": "native"})
    task = make_task(config.task)
    made = make_network(config.network, task)
    arguments = made, task, config, make_schedule(config.optimizer, 40, 40), 2
    state = state_of(made, task, config, made.init(jax.random.key(0)), 1)
    stream = layout(tiny_rows(), config)
    (ours, info), (theirs, expected) = (
        jax.jit(make(*arguments))(state, stream)
        for make in (engines.choose(made, task, config).make_chunk, chunks.make_chunk)
    )
    assert_close(ours.params, theirs.params, 3e-4)
    assert_close(info.loss_sums, expected.loss_sums, 1e-5)
    assert jax.eval_shape(lambda s: s, ours) == jax.eval_shape(lambda s: s, state)


@needs_compiler
@pytest.mark.parametrize(
    "sections",
    [
        {"train": {"regime": "windows"}, "windows": {"length": 10, "stride": 10, "batch": 3}},
        {"train": {"regime": "examples", "batch": 2}},
    ],
)
def test_shuffled_rows_train_to_the_same_weights(sections):
    found = []
    for engine in ("autodiff", "native"):
        train = sections["train"] | {"engine": engine, "gradient": "full"}
        config = tiny_config(**sections | {"train": train})
        task = make_task(config.task)
        network = make_network(config.network, task)
        trainer = StreamTrainer(network, task, config, task.rows("train"))
        while trainer.epoch < 2:
            trainer.advance()
        found.append(trainer.params)
    theirs, ours = found
    assert_close(ours, theirs, 1e-4)


def autoencoder(encoder, decoder, forcing=(1.0,)):
    task = AutoencoderConfig(
        length=6, dimensions=4, numbers=3, encoder=encoder, decoder=decoder, forcing=forcing
    )
    return parts.make(task, NetworkConfig(cell="lstm", hidden_size=8), None)


@needs_compiler
def test_an_autoencoder_trains_by_them():
    """Encoder and decoder, which reads targets; the sequences are of 6 and 3 vectors."""
    network = autoencoder("recurrent", "recurrent")
    assert network.cell is LstmCell
    params = network.init(jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (6, 2, 4))
    resets = jnp.zeros((6, 2), bool).at[3, 1].set(True)

    def gradient(network):
        def loss(params):
            passed = network.training_pass(
                params, xs, xs, resets, key=jax.random.key(2), step=jnp.int32(0)
            )
            return jnp.mean((passed.outputs - xs) ** 2) + passed.penalty

        return jax.grad(loss)

    ours = gradient(network.with_cell(native_bptt.NativeLstmCell))
    assert str(jax.make_jaxpr(ours)(params)).count(library.LSTM_BACKWARD) == 2
    assert_close(ours(params), gradient(network)(params), 1e-5)
    assert network.cell is LstmCell
    for encoder, decoder in (("linear", "linear"), ("linear", "recurrent")):
        assert autoencoder(encoder, decoder).cell is (LstmCell if decoder == "recurrent" else None)
    # A decoder of its own outputs multiplies step by step, with no scan to replace.
    assert autoencoder("linear", "recurrent", forcing=(0.5,)).cell is None


def test_other_cells_are_refused_with_a_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(library, "is_built", lambda: True)
    flags = ["train.regime=full", "train.engine=native", "network.cell=gru"]
    code = main(
        ["--config", "configs/original_a.py", "--workdir", str(tmp_path / "run")]
        + [f"--config.{flag}" for flag in flags]
    )
    assert code == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith(
            "train.engine is native: the cell is GruCell: the native scans are those of LSTM layers."
        )
    )
    assert not (tmp_path / "run").exists()


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("time", "streams", "inputs", "hidden"),
    [(1, 2, 3, 4), (7, 1, 3, 5), (30, 2, 8, 16), (12, 9, 40, 33), (3500, 2, 2, 6)],
)
def test_linearisations_are_those_of_jax(monkeypatch, threads, time, streams, inputs, hidden):
    """Whole and partial registers; scans in one part and in three."""
    monkeypatch.setattr(library, "threads", lambda: threads)
    (cell, start, _, xs), resets = point(time, streams, inputs, hidden, share=0.0)
    (change, moved, _, _), _ = point(time + 1, streams, inputs, hidden)
    zero = jnp.zeros_like(start.h)

    def states(cell, c):
        return LstmCell.scan_autodiff(cell, LstmCell.carry(c, zero), start, xs, resets)[1]

    def derivatives(linear):
        return linear.outputs, linear.tangent((change, moved.c)), linear.adjoint(jnp.cos(hs))

    hs, pushed = jax.jvp(states, (cell, start.c), (change, moved.c))
    pulled = jax.vjp(states, cell, start.c)[1](jnp.cos(hs))
    for implementation in (LstmCell, native_bptt.NativeLstmCell):
        linearized = jax.jit(
            lambda cell, c, own=implementation: derivatives(own.linearize(cell, c, xs))
        )
        assert_close(linearized(cell, start.c), (hs, pushed, pulled), 1e-5)


@needs_compiler
@pytest.mark.parametrize("count", [1, 2100, 3500])
def test_a_scan_up_to_a_sample_is_that_of_the_samples_before(count):
    """Its outputs, carry and derivatives, in one part and in two; what is behind it does not count."""
    (cell, start, initial, xs), resets = point(3500, 2, 2, 6)
    (change, moved, _, _), _ = point(4, 2, 2, 6)
    beyond = jnp.arange(3500)[:, None, None] >= count
    weights = jnp.where(beyond, 0.0, jnp.cos(jnp.arange(3500.0)[:, None, None]))

    def derivatives(own, xs, resets, weights):
        def loss(cell, carry, xs):
            last, hs = own.scan(cell, carry, initial, xs, resets)
            return jnp.sum(weights * hs) + jnp.sum(last.c * last.h), hs

        linear = own.linearize(cell, start.c, xs)
        steps = linear.outputs, linear.tangent((change, moved.c))
        found = jax.value_and_grad(loss, (0, 1, 2), has_aux=True)(cell, start, xs)
        return found, *steps, linear.adjoint(weights * jnp.ones_like(steps[0]))

    @jax.jit
    def ended(samples, xs):
        return derivatives(native_bptt.NativeLstmCell.up_to(samples), xs, resets, weights)

    found = ended(jnp.int32(count), jnp.where(beyond, jnp.nan, xs))
    wanted = derivatives(LstmCell, xs[:count], resets[:count], weights[:count])

    def longer(leaf):  # arrays of the samples before have zeros behind them
        grows = leaf.ndim == 3 and leaf.shape[0] == count
        return jnp.pad(leaf, ((0, 3500 - count), (0, 0), (0, 0))) if grows else leaf

    assert_close(found, jax.tree.map(longer, wanted), 1e-5)


@needs_compiler
@pytest.mark.parametrize("recurrence", ["dense", "pairs"])
def test_gauss_newton_steps_are_those_of_jax(recurrence):
    trained = []
    for engine in ("auto", "native"):
        flags = [
            ("task.sampling_rate", "100"),
            ("task.duration", "2"),
            ("network.hidden_size", "16"),
        ]
        flags += [("task.frequencies", "2,5"), ("train.engine", engine)]
        # Few iterations, since each makes the difference by rounding larger.
        flags += [("network.recurrence", recurrence), ("curriculum.solver_steps", "5")]
        config = overrides.apply(load_config("configs/gauss_newton.py"), flags)
        prepared = Prepared(config)
        network, task, rows = prepared.network, prepared.task, prepared.train_rows
        engines.choose(network, task, config)
        trainer = make_trainer(network, task, config, rows, prepared.forward)
        results = [trainer.advance() for _ in range(2)]
        trained.append((trainer.params, [result.loss for result in results if result]))
    (ours, losses), (theirs, expected) = trained
    assert len(losses) == 2
    np.testing.assert_allclose(losses, expected, rtol=5e-4)
    assert_close(ours, theirs, 1e-4)


def test_networks_without_a_cell_are_refused(monkeypatch):
    monkeypatch.setattr(library, "is_built", lambda: True)
    config = tiny_config(network={"cell": "lru"}, train={"regime": "full", "engine": "native"})
    task = make_task(config.task)
    network = make_network(config.network, task)
    with pytest.raises(UserError, match="the network is a LruNetwork: the native scans are those"):
        engines.choose(network, task, config)
    with pytest.raises(ValueError, match="The network is a LruNetwork"):
        native.make_native_chunk(network, task, config, make_schedule(config.optimizer, 40, 40), 2)
    monkeypatch.setattr(library, "is_built", lambda: False)
    lstm = dataclasses.replace(config, network=dataclasses.replace(config.network, cell="lstm"))
    with pytest.raises(UserError, match="the native loop is not built: python -m freqjax"):
        engines.choose(make_network(lstm.network, task), task, lstm)
