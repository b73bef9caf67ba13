"""Windows: where they lie, how they are shuffled, learned from and combined, each against a plain twin."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import freqjax
from freqjax import UserError, WindowsConfig, sweep
from freqjax.config import overrides, validation
from freqjax.config.sections import Context
from freqjax.main import main
from freqjax.networks import make_network
from freqjax.system import files
from freqjax.tasks import Extraction, make_task
from freqjax.tasks.extraction.config import extraction_of
from freqjax.tasks.extraction.limits import NoBayesLimit, bayes_curve
from freqjax.tasks.extraction.limits.windows import context_samples, window_limit
from freqjax.tasks.windows import covering, first_samples, owners, window_count
from freqjax.training.chunks import make_chunk
from freqjax.training.combination import make_windows_forward
from freqjax.training.gradients import make_estimator
from freqjax.training.optimizers import Optimizer, make_schedule
from freqjax.training.shuffled import gather, shuffled
from freqjax.training.sources import make_source
from freqjax.training.trainers import StreamTrainer
from freqjax.training.update import make_update, state_of
from tests.networks.test_stack import torch_twin
from tests.twins import lstm_step, tiny_config

PLAIN_SGD = {"name": "sgd", "momentum": 0.0, "clip_norm": None, "learning_rate": 1.0}


def windows_config(windows=None, train=None, **sections):
    """Return a config with two blocks of 20 rows, and windows of 6 at 0, 4, 8, 12 and 14."""
    config = tiny_config(
        train={"regime": "windows", "divergence_factor": None} | (train or {}),
        windows={"length": 6, "stride": 4, "batch": 3} | (windows or {}),
        **sections,
    )
    return validation.validate_training(config)


def parts(config):
    task = make_task(config.task)
    return task, make_network(config.network, task), task.rows("train")


def places(samples, length, stride):
    """Return the first samples of windows, one by one."""
    found, at = [], 0
    while at + length <= samples:
        found.append(at)
        at += stride
    return found if found[-1] + length == samples else [*found, samples - length]


SHAPES = [(20, 6, 4), (20, 6, 1), (20, 20, 3), (7, 1, 1), (23, 5, 5), (9, 8, 7)]


@pytest.mark.parametrize(("samples", "length", "stride"), SHAPES)
def test_windows_cover_a_block_and_each_sample_is_taken_from_the_right_one(samples, length, stride):
    windows = WindowsConfig(length=length, stride=stride)
    expected = places(samples, length, stride)
    assert first_samples(samples, windows).tolist() == expected
    assert window_count(samples, windows) == len(expected)
    holding = [[w for w, f in enumerate(expected) if f <= t < f + length] for t in range(samples)]
    assert covering(samples, windows).tolist() == [len(h) for h in holding]
    assert owners(samples, windows).tolist() == [h[0] for h in holding]
    centred = WindowsConfig(length=length, stride=stride, combine="centre")
    nearest = [
        min(h, key=lambda w, t=t: (abs(2 * t - 2 * expected[w] - length + 1), w))
        for t, h in enumerate(holding)
    ]
    assert owners(samples, centred).tolist() == nearest


def numpy_outputs(params, inputs, first, length, warm):
    """Compute the outputs [length, O] of one window of one block [T, D], sample by sample."""
    begin = max(first - warm, 0)
    c = h = np.zeros((1, 4))
    outputs = []
    for x in inputs[begin : first + length]:
        c, h, y = lstm_step(params, c, h, np.asarray(x, np.float64)[None])
        outputs.append(y[0])
    return np.array(outputs)[first - begin :]


@pytest.mark.parametrize("combine", ["last", "mean", "centre"])
@pytest.mark.parametrize("warm", [0, 5])
def test_combined_outputs_equal_a_loop_over_the_samples(combine, warm, monkeypatch):
    monkeypatch.setattr("freqjax.training.combination._WINDOWS", 4)  # ten windows in three goes
    extra = {"start": "warm", "warm_up": warm} if warm else {}
    config = windows_config(windows={"combine": combine, **extra})
    _, network, blocks = parts(config)
    params = network.init(jax.random.key(3))
    found = make_windows_forward(network, config.windows)(params, blocks, "block")
    starts = places(20, 6, 4)
    for block, outputs in zip(blocks.inputs, found, strict=True):
        of = [numpy_outputs(params, block, first, 6, warm) for first in starts]
        for t in range(20):
            there = [
                (first, of[w][t - first])
                for w, first in enumerate(starts)
                if first <= t < first + 6
            ]
            expected = {
                "last": there[0][1],
                "mean": np.mean([y for _, y in there], axis=0),
                "centre": min(there, key=lambda pair, t=t: (abs(t - pair[0] - 2.5), pair[0]))[1],
            }[combine]  # fmt: skip
            np.testing.assert_allclose(outputs[t], expected, atol=1e-6)


def test_a_network_in_both_directions_sees_its_window_alone():
    config = windows_config(
        windows={"combine": "mean"},
        network={"bidirectional": True, "cell": "gru", "hidden_size": 3},
    )
    _, network, blocks = parts(config)
    params = network.init(jax.random.key(1))
    found = make_windows_forward(network, config.windows)(params, blocks, "never")
    total, count = np.zeros((2, 20, 1)), np.zeros((20, 1))
    unroll = jax.jit(network.unroll)
    for first in places(20, 6, 4):
        rows = slice(first, first + 6)
        xs = jnp.swapaxes(jnp.asarray(blocks.inputs[:, rows]), 0, 1)
        resets = jnp.zeros((6, 2), bool)
        _, ys = unroll(params, network.init_carry(params, 2), xs, resets)
        total[:, rows] += np.swapaxes(ys, 0, 1)
        count[rows] += 1
    np.testing.assert_allclose(found, total / count, atol=1e-6)


def test_an_epoch_holds_every_window_once_in_an_order_of_its_own():
    orders = [np.asarray(shuffled(jax.random.key(k), 10, 3)) for k in (0, 0, 1)]
    assert orders[0].shape == (4, 3)
    assert sorted(orders[0].ravel().tolist()) == [-1, -1, *range(10)]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert (orders[0] != orders[2]).any()


@pytest.mark.parametrize("loss", ["all", "last"])
def test_gathered_windows_equal_slices_of_the_blocks(loss):
    windows = WindowsConfig(length=6, stride=4, start="warm", warm_up=5, loss=loss)
    _, _, blocks = parts(windows_config())
    gathered = jax.jit(lambda blocks, order: gather(blocks, order, windows, groups=2))
    stream = gathered(blocks, jnp.array([[7, 0], [1, -1]]))
    stream = jax.tree.map(np.asarray, stream)
    assert stream.inputs.shape == (2, 11, 2, 3)
    assert stream.targets.shape == (2, 6, 2, 1)
    for (u, b), (block, first) in {(0, 0): (1, 8), (0, 1): (0, 0), (1, 0): (0, 4)}.items():
        begin = max(first - 5, 0)
        inputs = stream.inputs[u, 11 - (first + 6 - begin) :, b]
        np.testing.assert_array_equal(inputs, blocks.inputs[block, begin : first + 6])
        np.testing.assert_array_equal(
            stream.targets[u, :, b], blocks.targets[block, first : first + 6]
        )
        assert np.flatnonzero(stream.resets[u, :, b]).tolist() == [5 - min(first, 5)]
        counted = [block] * 6 if loss == "all" else [2] * 5 + [block]
        assert stream.groups[u, :, b].tolist() == counted
    assert (
        stream.groups[1, :, 1].tolist() == [2] * 6
    )  # what the last batch lacks counts for nothing


def one_update(config):
    """Return the state before and after an epoch of one update, its stream, and the report of the chunk."""
    task, network, blocks = parts(config)
    source = make_source(task, config, blocks)
    assert source.updates == 1
    state = state_of(network, task, config, network.init(jax.random.key(0)), source.streams)
    chunk = make_chunk(network, task, config, make_schedule(config.optimizer, 10, 1), 2)
    stream = source.part(0, 0)
    after, info = jax.jit(chunk)(state, stream)
    return state, after, stream, info


def test_windows_as_long_as_the_blocks_are_full_backpropagation():
    both = {"optimizer": PLAIN_SGD, "network": {"learned_carry": True, "cell": "rnn"}}
    full = tiny_config(train={"regime": "full", "streams": "parallel"}, **both)
    windows = windows_config(windows={"length": 20, "stride": 20, "batch": 2}, **both)
    (_, ours, _, our_info), (_, theirs, _, info) = one_update(windows), one_update(full)
    for a, b in zip(jax.tree.leaves(ours.params), jax.tree.leaves(theirs.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(our_info.loss_sums, info.loss_sums, rtol=1e-6)
    np.testing.assert_array_equal(our_info.row_counts, info.row_counts)
    np.testing.assert_allclose(our_info.norm_max, info.norm_max, rtol=1e-5)


def test_a_warm_start_is_a_state_without_a_gradient():
    """One step of plain descent moves by the gradient of the loss from carries that NumPy warmed up."""
    config = windows_config(
        windows={"start": "warm", "warm_up": 5, "batch": 10}, optimizer=PLAIN_SGD
    )
    task, network, blocks = parts(config)
    state, after, stream, info = one_update(config)
    starts, carries = places(20, 6, 4), []
    order = np.asarray(stream.targets[0, :, :, 0]).T
    named = [(b, f) for b in range(2) for f in starts]
    chosen = [
        next(n for n in named if np.array_equal(blocks.targets[n[0], n[1] : n[1] + 6, 0], window))
        for window in order
    ]
    for block, first in chosen:
        c = h = np.zeros((1, 4))
        for x in blocks.inputs[block, max(first - 5, 0) : first]:
            c, h, _ = lstm_step(state.params, c, h, np.asarray(x, np.float64)[None])
        carries.append((c[0], h[0]))
    empty = network.init_carry(state.params, 10)
    carry = type(empty)(**{
        name: jnp.asarray(np.array([pair[k] for pair in carries]), jnp.float32)
        for k, name in enumerate(("c", "h"))
    })  # fmt: skip

    def loss(params):
        xs = jnp.stack([blocks.inputs[b, f : f + 6] for b, f in chosen], axis=1)
        ys = jnp.stack([blocks.targets[b, f : f + 6] for b, f in chosen], axis=1)
        outputs = network.unroll(params, carry, xs, jnp.zeros((6, 10), bool))[1]
        return jnp.mean(task.objective.row_loss(outputs, ys))

    value, grads = jax.jit(jax.value_and_grad(loss))(state.params)
    for old, new, grad in zip(
        *map(jax.tree.leaves, (state.params, after.params, grads)), strict=True
    ):
        np.testing.assert_allclose(old - new, grad, atol=1e-6)
    np.testing.assert_allclose(info.loss_sums.sum() / 60, value, rtol=1e-6)


def test_an_update_of_a_stacked_lstm_equals_pytorch(float64):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    config = windows_config(
        windows={"batch": 10, "loss": "last"}, network={"layers": 2}, optimizer=PLAIN_SGD
    )
    config.task.frequencies = (1.0, 2.0, 3.0, 4.0)  # the twin has five inputs
    task, network, blocks = parts(config)
    params = jax.tree.map(lambda a: a.astype(jnp.float64), network.init(jax.random.key(2)))
    module, head, pairs = torch_twin(torch, network, "lstm", params, 2, False)
    order = shuffled(jax.random.key(5), 20, 10)
    gathered = jax.jit(lambda order: gather(blocks, order, config.windows, groups=4))(order)
    stream = jax.tree.map(lambda a: a[0], gathered)
    outputs, _ = module(torch.from_numpy(np.array(stream.inputs, np.float64)))
    last = head(outputs[-1]) - torch.from_numpy(np.array(stream.targets[-1], np.float64))
    last.square().mean().backward()
    state = state_of(network, task, config, network.init(jax.random.key(0)), 10)._replace(
        params=params
    )
    optimizer = Optimizer(config.optimizer, make_schedule(config.optimizer, 10, 2))
    update = make_update(make_estimator(network, task, config), optimizer)
    after, _ = jax.jit(update)(state, stream)
    for tensor, ours in pairs:
        step = (ours(params) - ours(after.params)).T
        np.testing.assert_allclose(step, tensor.grad.numpy(), atol=1e-9)


def test_training_goes_on_in_mid_epoch_and_does_not_depend_on_chunks(monkeypatch):
    config = windows_config(task={"noise": "fresh"}, network={"cell": "rnn"})
    task, network, blocks = parts(config)

    def trainer(rows):
        monkeypatch.setattr("freqjax.training.sources.SHUFFLED_CHUNK_ROWS", rows)
        return StreamTrainer(network, task, config, blocks)

    whole, cut = trainer(10_000), trainer(36)  # four updates an epoch: in one chunk, or in two
    for _ in range(3):
        cut.advance()
    assert (cut.epoch, cut.step, cut.distinct_rows) == (1, 6, 80)
    saved = jax.device_get((cut.params, cut.device_state())), cut.host_state()
    ends = []
    for _ in range(2):
        ends.append((cut.advance(), jax.device_get(cut.params)))
        cut.advance()  # on into the next epoch, and back
        params, state = jax.tree.map(jnp.asarray, saved[0])
        cut.restore(params, state, saved[1])
    whole.advance()
    ends.append((whole.advance(), whole.params))
    assert whole.step == 8
    for result, params in ends[1:]:
        assert result is not None
        np.testing.assert_allclose(result.loss, ends[0][0].loss, rtol=1e-6)
        for a, b in zip(*map(jax.tree.leaves, (params, ends[0][1])), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_run_a_sweep_and_an_evaluation_put_windows_together_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(Extraction, "draw", lambda *_: [])
    row = {"probe": "none", "mse": 0.5, "mse_per_frequency": [0.5, 0.5]}
    judged = {"verdict": "nothing", "words": "Not probed.", "table": [row]}
    monkeypatch.setattr(Extraction, "probe", lambda *_: judged)
    config = windows_config(
        windows={"combine": "mean"},
        network={"cell": "rnn", "bidirectional": True},
        task={"phase_scale": 0.5},
    )
    summary = freqjax.train(config, tmp_path / "run", say=lambda line: None)
    assert summary["limit"]["bayes_mse"] is None
    assert "network.bidirectional" in summary["limit"]["note"]
    trained, blocks = freqjax.load(tmp_path / "run"), make_task(config.task).rows("test")

    def test_mse(windows):
        outputs = make_windows_forward(trained.network, windows)(trained.params, blocks, "block")
        return float(np.mean(np.square(outputs - blocks.targets)))

    np.testing.assert_allclose(summary["test"]["mse"], test_mse(config.windows), rtol=1e-5)
    flags = ["--mode", "evaluate", "--checkpoint", str(tmp_path / "run"), "--no-figures"]
    flags += ["--workdir", str(tmp_path / "again"), "--config.windows.stride=1"]
    assert main(flags) == 0
    found = files.read_json(tmp_path / "again" / "evaluation.json")
    assert found is not None
    denser = dataclasses.replace(config.windows, stride=1)
    np.testing.assert_allclose(found["test"]["mse"], test_mse(denser), rtol=1e-5)
    config.sweep.axes = {"network.hidden_size": (4, 3)}
    sweep.run(config, tmp_path / "sweep", resume=False, figures=False, say=lambda line: None)
    table = files.read_json(tmp_path / "sweep" / "sweep.json")
    assert table is not None
    swept = table["rows"]
    assert swept[0]["network.hidden_size"] == 4
    np.testing.assert_allclose(swept[0]["test_mse"], summary["test"]["mse"], rtol=1e-6)


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ({"windows.length": "21"}, "windows.length is 21: it must be at most 20"),
        ({"windows.stride": "7"}, r"windows.stride is 7: it must be at most windows.length \(6\)"),
        ({"windows.stride": "0"}, "windows.stride is 0: it must be at least 1"),
        ({"windows.combine": "first"}, "windows.combine is 'first': it must be one of last, mean"),
        ({"windows.start": "cold"}, "windows.start is 'cold': it must be one of zero, warm"),
        ({"task.reset": "never"}, "task.reset is never: it must be block"),
        (
            {"windows.start": "warm", "network.bidirectional": "true"},
            "windows.start is warm: it must be zero where network.bidirectional is True",
        ),
    ],
)
def test_bad_windows_are_named(pairs, sentence):
    with pytest.raises(UserError, match=sentence):
        overrides.apply(windows_config(), list(pairs.items()))


def test_a_batch_must_be_filled(tmp_path):
    config = windows_config(windows={"batch": 11})
    with pytest.raises(UserError, match=r"windows.batch is 11: it must be at most 10, the windows"):
        freqjax.train(config, tmp_path / "run", say=lambda line: None)
    assert not (tmp_path / "run").exists()


def limit(windows, **task):
    config = windows_config(windows=windows, task={"phase_scale": 0.3, **task})
    section = extraction_of(config)
    return section, window_limit(section, Context(config.windows, both_ways=False))


def test_what_is_heard_of_a_window():
    last = WindowsConfig(length=6, stride=4)
    # Windows begin at 0, 4, 8, 12 and 14; the first over a sample has heard it longest.
    assert context_samples(20, last).tolist() == [
        1,
        2,
        3,
        4,
        5,
        6,
        3,
        4,
        5,
        6,
        3,
        4,
        5,
        6,
        3,
        4,
        5,
        6,
        5,
        6,
    ]
    warm = WindowsConfig(length=6, stride=4, start="warm", warm_up=5)
    expected = [*range(1, 11), 8, 9, 10, 11, 8, 9, 10, 11, 10, 11]
    assert context_samples(20, warm).tolist() == expected
    centre = WindowsConfig(length=6, stride=1, combine="centre")
    assert context_samples(20, centre).tolist() == [1, 2, 3, *[4] * 15, 5, 6]


def test_the_limit_of_windows_is_the_mean_over_what_they_hear():
    task, found = limit({"stride": 4}, start="random")
    curve = bayes_curve(task, range(1, 7))
    heard = context_samples(20, WindowsConfig(length=6, stride=4))
    np.testing.assert_allclose(found.mse, curve.mse[heard - 1].mean())
    np.testing.assert_allclose(
        found.mse_per_frequency, curve.mse_per_frequency[heard - 1].mean(axis=0)
    )
    assert found.low < found.mse < found.high
    assert "the last 1 to 6 samples" in found.note


def test_of_a_known_start_only_the_first_window_knows():
    task, found = limit({"stride": 1}, duration=2.0)
    curve = bayes_curve(dataclasses.replace(task, start="random"), [6])
    np.testing.assert_allclose(found.mse, curve.mse[0] * 34 / 40)
    assert "The first 6 samples" in found.note
    assert limit({"length": 20, "stride": 20})[1].mse == 0
    with pytest.raises(NoBayesLimit, match=r"windows.stride is 4: the windows of a block have"):
        limit({"stride": 4})
    with pytest.raises(NoBayesLimit, match=r"network.bidirectional is True"):
        window_limit(task, Context(WindowsConfig(length=6, stride=1), both_ways=True))
