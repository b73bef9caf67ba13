"""Causes that the classifier names: on weights and rows with one known fault, and on healthy ones."""

import jax
import numpy as np
import pytest

from freqjax.tasks.classifier import checks
from freqjax.tasks.examination import Evidence
from freqjax.training.prepared import Prepared
from tests.tasks.classifier.test_task import config_of, write

RANDOM = np.random.default_rng(5)


def examined(config, change=lambda params: params):
    """Examine the initial weights of a config, after a change, as those of a run."""
    prepared = Prepared(config)
    params = change(prepared.initial_params())
    evaluation = prepared.task.evaluate(prepared.frozen(params))
    evidence = Evidence(
        network=prepared.network,
        params=params,
        updated=True,
        train_rows=prepared.batches["train"],
        test_rows=prepared.batches["test"],
        evaluation=evaluation,
        errors=[],
        goal=0.0,
        credit=0.0,
        changed_files=(),
        command=lambda *changes: " ".join(changes),
        through_time="",
        decays=False,
        rate=0.003,
        frozen=[],
        near_start=(),
    )
    found = prepared.task.checks(evidence)
    assert tuple(e.cause for e in found) == checks.CAUSES
    return {e.cause: e for e in found}


def with_head(kernel, bias):
    """Return a change of weights to another head."""

    def change(params):
        head = params["head"]
        new = {"kernel": head["kernel"] * kernel, "bias": head["bias"] + np.asarray(bias)}
        return params | {"head": jax.tree.map(lambda a: a.astype(np.float32), new)}

    return change


def test_a_head_of_zeros_is_a_constant_and_no_better_than_a_line(tmp_path):
    config = config_of(write(tmp_path / "a.npz"))
    found = examined(config, with_head(0.0, np.zeros(3)))
    assert found["constant_predictor"].found and found["no_better_than_a_line"].found
    assert found["constant_predictor"].evidence["spread"] == pytest.approx(0, abs=1e-6)
    experiment = found["constant_predictor"].experiment
    assert "warmup_fraction=0.2" in experiment and "learning_rate=0.001" in experiment
    assert not found["leakage"].found


def test_random_weights_are_no_constant(tmp_path):
    config = config_of(write(tmp_path / "a.npz"))
    found = examined(config, with_head(20.0, np.zeros(3)))
    assert not found["constant_predictor"].found


def test_groups_on_both_sides_are_a_leak_even_in_a_healthy_run(tmp_path):
    path = write(tmp_path / "a.npz")
    arrays = dict(np.load(path))
    arrays["split"] = np.arange(len(arrays["label"])) % 3
    np.savez(path, **arrays)
    config = config_of(path, shared_groups=True)
    config.task.folds = None
    leak = examined(config)["leakage"]
    assert leak.found and leak.even_if_healthy and leak.evidence["shared_groups"] == 8


def test_a_correction_that_is_not_undone_shifts_the_probabilities(tmp_path):
    path = write(tmp_path / "a.npz", classes=2)
    arrays = dict(np.load(path))
    rare = RANDOM.random(len(arrays["label"])) < 0.25
    arrays["label"] = rare.astype(int)
    np.savez(path, **arrays)
    config = config_of(path, balance="both", noise="fresh", undo_balance=False)
    shifted = with_head(0.0, [0.0, 1.1])  # as of a network that was corrected twice
    found = examined(config, shifted)["over_correction"]
    assert found.found and found.evidence["log_odds"] > 1
    assert "task.balance=none" in found.experiment
    fair = with_head(0.0, [0.0, np.log(rare.mean() / (1 - rare.mean()))])
    assert not examined(config, fair)["over_correction"].found


def test_a_modality_that_is_noise_is_not_used(tmp_path):
    path = write(tmp_path / "a.npz")
    arrays = dict(np.load(path))
    arrays["noise"] = RANDOM.normal(size=(*arrays["motion"].shape[:2], 1))
    np.savez(path, **arrays)

    def deaf(params, flags=0.0):
        """Take the weights of the second modality away, and set those of its flags."""
        first = params["encoder"]["conv_0"]
        channels = 2 + 2 + 1, 1 + 1  # own, running means and norm; own and running mean
        inputs = sum(channels) + 2
        kernel = np.array(first["kernel"]).reshape(-1, inputs, first["kernel"].shape[1])
        kernel[:, [channels[0], channels[0] + 1]] = 0
        kernel[:, -1] *= flags
        kernel = kernel.reshape(first["kernel"].shape)
        changed = params["encoder"] | {"conv_0": first | {"kernel": kernel}}
        return with_head(20.0, np.zeros(3))(params | {"encoder": changed})

    seen = examined(config_of(path), deaf)["unused_modality"].evidence
    for probe in ("without", "shuffled"):
        assert seen[probe]["noise"] == pytest.approx(seen["score"])
        assert seen[probe]["motion"] != pytest.approx(seen["score"])
    # A network that misses the noise itself, but learns nothing from it.
    seen = examined(config_of(path), lambda params: deaf(params, 30.0))["unused_modality"].evidence
    assert seen["without"]["noise"] != pytest.approx(seen["score"])
    assert seen["shuffled"]["noise"] == pytest.approx(seen["score"])


def test_two_validation_persons_are_few(tmp_path):
    found = examined(config_of(write(tmp_path / "a.npz")))["validation_too_small"]
    assert found.found and found.evidence["groups"] == 2
    refit = examined(config_of(tmp_path / "a.npz", refit=True))["validation_too_small"]
    assert not refit.found


def test_what_is_a_fact_of_rows_or_weights_stands_in_a_run_that_beats_its_baselines(tmp_path):
    found = examined(config_of(write(tmp_path / "a.npz")))
    stands = {cause for cause, e in found.items() if e.even_if_healthy}
    # The others explain a low score, which such a run does not have.
    assert stands == set(checks.CAUSES) - {"constant_predictor", "no_better_than_a_line"}


def test_a_threshold_that_calls_all_windows_positive_is_no_gain(tmp_path):
    path = write(tmp_path / "a.npz", classes=2)
    arrays = dict(np.load(path))
    arrays["label"] = (np.random.default_rng(2).random(len(arrays["label"])) < 0.3).astype(int)
    np.savez(path, **arrays)
    found = examined(config_of(path), with_head(0.0, [1.0, 0.0]))["uncalibrated_threshold"]
    # A constant has no F1 at 0.5, and that of always calling positive at any lower threshold.
    assert found.evidence["f1"] == 0
    assert found.evidence["f1_tuned"] == found.evidence["f1_constant"] > 0.2
    assert not found.found
