"""Scores of sequences that are no words: the cosine of a mean near 0, and the share that is explained."""

from pathlib import Path

import jax
import numpy as np
import pytest

from freqjax import Config
from freqjax.config import overrides, validation
from freqjax.tasks.autoencoder import judged
from freqjax.tasks.autoencoder.baselines import explained, skill
from freqjax.tasks.evaluation import Section
from freqjax.training.prepared import Prepared
from tests.tasks.autoencoder.made import write_text

N, T, D, K = 60, 8, 4, 3


@pytest.fixture(autouse=True, scope="module")
def untrained_linear_code():
    """Spare the training of the linear code, which is compared with: 0.9 stands for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged, "linear_cosine", lambda _, part, *__: (0.9, [0.9] * len(part.mask)))
        yield


def centred() -> np.ndarray:
    """Draw sequences of which the training rows, the first two thirds, have the mean 0 exactly."""
    random = np.random.default_rng(0)
    patterns, level = random.normal(size=(K, T, D)), np.array([0.5, 0, 0, 0])
    codes = random.exponential(size=(N, K)) - 0.7
    vectors = np.einsum("nk,ktd->ntd", codes, patterns) + level
    vectors += 0.05 * random.normal(size=vectors.shape)
    return vectors - vectors[: 2 * N // 3].mean(axis=(0, 1))


def evaluation_of(folder: Path, data: dict[str, str], **fields):
    """Evaluate principal components as a network."""
    pairs = {"name": "autoencoder", "numbers": K, "encoder": "linear", "decoder": "linear"}
    named = [(f"task.{name}", str(value)) for name, value in {**pairs, **data, **fields}.items()]
    config = overrides.apply(Config(), [*named, ("train.regime", "examples")])
    prepared = Prepared(validation.validate_training(config))
    params = prepared.network.init(jax.random.key(0))
    return prepared.task.evaluate(prepared.frozen(params))


def own(folder: Path) -> dict[str, str]:
    """Write the sequences with their parts."""
    split = np.repeat([0, 1, 2], [2 * N // 3, N // 6, N // 6])
    np.savez(folder / "own.npz", sequences=centred(), split=split)
    return {"data": str(folder / "own.npz")}


def sections(evaluation) -> dict[str, Section]:
    """Return the sections by title."""
    return {found.title: found for found in evaluation.sections}


def test_what_is_explained_is_1_of_the_targets_0_of_the_mean_and_less_of_what_is_worse():
    random = np.random.default_rng(1)
    targets, mask = random.normal(size=(5, T, D)), random.random((5, T)) < 0.7
    mean = targets[mask].mean(axis=0)
    assert explained(np.where(mask[..., None], targets, 9), targets, mask, mean) == 1
    assert explained(np.broadcast_to(mean, targets.shape), targets, mask, mean) == 0
    assert explained(2 * mean - targets, targets, mask, mean) == pytest.approx(-3)
    same = np.broadcast_to(mean, targets.shape)
    assert explained(targets, same, mask, mean) == 0


@pytest.mark.parametrize("loss", ["cosine", "squared_error", "mixed"])
def test_the_mean_vector_of_a_centred_series_is_the_constant_of_the_highest_cosine(loss, tmp_path):
    found = evaluation_of(tmp_path, own(tmp_path), loss=loss)
    test, mean = found.metrics["test"], found.baselines["constant"]
    assert mean == pytest.approx(found.metrics["baselines"]["mean"]["cosine"])
    assert test["skill"] == pytest.approx(skill(found.score, mean), abs=1e-6)
    train = centred()[: 2 * N // 3].reshape(-1, D)
    best = (train / np.linalg.norm(train, axis=1, keepdims=True)).mean(axis=0)
    rows = centred()[-N // 6 :].reshape(-1, D)
    cosines = rows @ best / np.linalg.norm(best) / np.linalg.norm(rows, axis=1)
    assert mean == pytest.approx(cosines.mean(), abs=1e-5)


def test_the_explained_share_stands_beside_the_cosine_of_sequences(tmp_path):
    found = evaluation_of(tmp_path, own(tmp_path), loss="squared_error")
    train, test = np.split(centred(), [2 * N // 3])[0], centred()[-N // 6 :]
    share = found.metrics["test"]["explained"]
    whole = np.mean(np.sum((test - train.mean(axis=(0, 1))) ** 2, axis=-1))
    assert share == pytest.approx(1 - found.metrics["test"]["mse"] / whole, abs=1e-4)
    components = found.metrics["baselines"]["pca"]["explained"]
    # The network's codes are bounded softly, which costs a little.
    assert 0.8 < share < components < 1
    assert "explained" not in found.metrics["baselines"]["linear"]
    squares = sections(found)["Squared error"]
    assert squares.table is not None and list(squares.table.rows[0]) == ["network", share]
    assert "task.loss" not in " ".join(squares.words)


def test_a_loss_that_leaves_the_lengths_free_is_said(tmp_path):
    squares = sections(evaluation_of(tmp_path, own(tmp_path)))["Squared error"]
    assert "task.loss=squared_error" in squares.words[-1]


def test_words_have_the_cosine_alone(tmp_path):
    found = evaluation_of(tmp_path, write_text(tmp_path), length="6")
    assert "Squared error" not in sections(found)
    assert "explained" not in found.metrics["test"]
