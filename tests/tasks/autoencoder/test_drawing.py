"""`Autoencoder.draw` on a network with fresh weights and sequences of a file."""

import jax
import numpy as np
import pytest

from freqjax import AutoencoderConfig, NetworkConfig
from freqjax.tasks.autoencoder import figures
from freqjax.tasks.autoencoder.figures import record_of
from freqjax.tasks.autoencoder.judged import Judge
from freqjax.tasks.autoencoder.network.encoders import resets_of
from freqjax.tasks.autoencoder.probes import Geometry, Probes
from freqjax.tasks.autoencoder.task import Autoencoder
from tests.figures.reading import headline, keep_figures

N, T, D, K = 12, 4, 3, 2
LENGTHS = np.array([4, 2, 3, 1] * 3)
PROBES = Probes(
    0.4, 0.3, 0.2, 0.4, 0.1, {32: 0.4, 8: 0.4, 4: 0.3}, None, None, 0.1, Geometry(1.5, 0.8, None)
)


class Fresh:
    """Network with fresh weights, as `freqjax.tasks.evaluation.Frozen`."""

    def __init__(self, task):
        self.task = task
        self.network = task.network(NetworkConfig(cell="gru", hidden_size=4), None)
        self.params = jax.jit(self.network.init)(jax.random.key(0))
        self._unroll = jax.jit(self.network.unroll)

    def initial_params(self):
        return self.params

    def batch(self, split):
        return self.task.split(split)

    def outputs(self, split):
        return self.run(self.batch(split), "sequence")

    def run(self, batch, reset):
        xs = np.swapaxes(np.asarray(batch.inputs["vectors"]), 0, 1)
        outputs = self._unroll(self.params, (), xs, resets_of(np.asarray(batch.mask)))[1]
        return np.swapaxes(np.asarray(outputs), 0, 1)


@pytest.fixture
def task(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "sequences.npz",
        sequences=rng.normal(size=(N, T, D)),
        lengths=LENGTHS,
        split=np.repeat([0, 1, 2], 4),
    )
    # Training and the programs of probes take seconds, and have tests of their own.
    monkeypatch.setattr(Judge, "linear", (0.5, [0.5] * 4))
    monkeypatch.setattr(Judge, "probes", lambda judge, frozen: PROBES)
    config = AutoencoderConfig(
        data=str(tmp_path / "sequences.npz"), length=T, dimensions=D, numbers=K, heads=2,
        encoder="recurrent", decoder="encoder", forcing=(0.5, 0.1), phase_updates=3,
    )  # fmt: skip
    return Autoencoder(config)


def test_a_decoder_that_attends_to_the_encoder_is_drawn(task, tmp_path, monkeypatch):
    drawn, frozen = keep_figures(monkeypatch), Fresh(task)
    evaluation, kept = task.evaluate(frozen), []

    def keep(*given):
        kept.append(record_of(*given))
        return kept[0]

    monkeypatch.setattr(figures, "record_of", keep)
    paths = task.draw(frozen, evaluation, [], tmp_path)
    assert [path.name for path in paths] == [
        "group_scores.png", "reconstructions.png", "cosine_by_position.png", "bits.png", "code.png",
        "latent.png", "attention.png", "forcing.png",
    ]  # fmt: skip
    assert "leak" in headline(drawn["attention.png"])
    record = kept[0]
    assert record.labels == () and list(record.others) == ["mean vector", "pca", "dct"]
    assert list(record.scores) == ["mean vector", "pca", "dct", "linear"]
    # The weights of one sequence are those of all sequences at once.
    shown, network = record.attention, frozen.network
    test = task.dataset.test
    xs = np.swapaxes(test.vectors, 0, 1)

    def together(params, xs, resets):
        codes, beside = network.encode(params, xs, resets)
        quantised = network.code.quantised(codes)
        return codes, network.decoder.attended(params["decoder"], quantised, T, beside)[1]

    codes, every = jax.jit(together)(frozen.params, xs, resets_of(test.mask))
    np.testing.assert_allclose(record.codes, codes, atol=1e-6)
    length = int(test.mask[shown.sequence].sum())
    expected = np.asarray(every)[:length, shown.sequence, :length]
    np.testing.assert_allclose(shown.weights, expected, atol=1e-6)
    np.testing.assert_allclose(shown.weights.sum(axis=1), 1, atol=1e-5)
