"""Causes of the autoencoder's own, each on weights in which it was planted, and on weights without it.

The sequences are K = 3 numbers times fixed patterns, so that principal components reconstruct them.
"""

import dataclasses
import functools
import json
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from freqjax import Config
from freqjax.config import overrides, validation
from freqjax.diagnosis import CAUSES as GENERAL
from freqjax.diagnosis import RunUnderExamination, diagnose
from freqjax.tasks import make_task
from freqjax.tasks.autoencoder import checks, judged
from freqjax.tasks.autoencoder.dataset import load_dataset
from freqjax.tasks.autoencoder.leaks import Leak, check_split_leak
from freqjax.tasks.autoencoder.probes import varied
from freqjax.training.prepared import Prepared

N, T, D, K = 80, 8, 6, 3


@pytest.fixture(autouse=True, scope="module")
def untrained_linear_code():
    """Spare the training of the linear code, which is compared with: 0.9 stands for it."""

    def instead(learning, part, *sizes):
        return 0.9, [0.9] * len(part.mask)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged, "linear_cosine", instead)
        yield


def sequences(centre=0.0):
    """K numbers times patterns [T, D], a little noise, and `centre` times a pattern of all sequences."""
    random = np.random.default_rng(0)
    patterns, common = random.normal(size=(K, T, D)), random.normal(size=(T, D))
    noise = 0.05 * random.normal(size=(N, T, D))
    return np.einsum("nk,ktd->ntd", random.normal(size=(N, K)), patterns) + centre * common + noise


def one_axis():
    """One number times a pattern."""
    random = np.random.default_rng(1)
    vectors = random.normal(size=(N, 1, 1)) * random.normal(size=(1, T, D))
    return vectors + 0.01 * random.normal(size=(N, T, D))


def still():
    """Sequences whose vectors stay the same but for a little noise, K numbers each."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(N, K)) @ random.normal(size=(K, D))
    return vectors[:, None] + 0.05 * random.normal(size=(N, T, D))


ROWS = {
    "plain": sequences,
    "common": lambda: sequences(centre=1.5),
    "far": lambda: sequences(centre=3.0),
    "one": one_axis,
    "still": still,
}


@functools.cache
def prepared_of(rows, cell, fields):
    """Prepare a config once, since a network is compiled anew for each."""
    folder = Path(tempfile.mkdtemp())
    np.savez(folder / "rows.npz", sequences=ROWS[rows]())
    named = {
        "name": "autoencoder",
        "data": str(folder / "rows.npz"),
        "numbers": K,
        "encoder": "linear",
        "decoder": "linear",
        **dict(fields),
    }
    pairs = [(f"task.{name}", str(value)) for name, value in named.items()]
    pairs += [("train.regime", "examples"), ("network.hidden_size", "8"), ("network.cell", cell)]
    config = validation.validate_training(overrides.apply(Config(), pairs))
    return Prepared(config)


def run_of(change=lambda params: params, rows="plain", cell="lstm", evaluation=None, **fields):
    """Make a run of first weights, changed by `change`; `fields` are those of the task."""
    prepared = prepared_of(rows, cell, tuple(fields.items()))
    params = change(prepared.network.init(jax.random.key(0)))
    return RunUnderExamination(
        folder=Path("run"),
        prepared=prepared,
        initial_params=params,
        params=params,
        last_params=params,
        rows=[{"epoch": 1, "step": 1}],
        evaluation=evaluation or prepared.task.evaluate(prepared.frozen(params)),
        seconds=1.0,
    )


@pytest.fixture(scope="module")
def good():
    """Return a run whose code is principal components."""
    return run_of()


def beating_baselines(run):
    """Return the run, as if no other code were better."""
    baselines = dict.fromkeys(run.evaluation.baselines, 0.1)
    return dataclasses.replace(run, evaluation=run.evaluation._replace(baselines=baselines))


def examined(run):
    """Return the task's own examinations by their cause."""
    return {e.cause: e for e in run.task.checks(run.evidence)}


def found(run):
    """Return the names of the task's own causes that were found."""
    return [name for name, e in examined(run).items() if e.found]


def scaled(*path, by):
    """Return a change that multiplies the weights at a path of names."""

    def change(params, names=path):
        first, *rest = names
        inner = params[first]
        return params | {first: change(inner, rest) if rest else np.asarray(inner) * by}

    return change


def test_a_code_of_principal_components_is_healthy(good):
    assert good.evaluation.score > 0.95
    assert [e.cause for e in good.task.checks(good.evidence)] == list(checks.CAUSES)
    # Neither where another code is better, so that causes are looked for, nor where none is.
    assert not good.healthy and found(good) == []
    assert diagnose(beating_baselines(good)).healthy


def test_before_the_first_update_only_the_split_is_examined(good):
    evidence = good.evidence._replace(updated=False)
    assert [e.cause for e in good.task.checks(evidence)] == ["split_leak"]


def test_weights_that_are_not_finite_leave_only_the_split_to_examine():
    run = run_of(scaled("encoder", "linear", "kernel", by=np.float32(np.nan)))
    assert [e.cause for e in run.task.checks(run.evidence)] == ["split_leak"]


def test_outputs_without_the_code_are_the_mean():
    run = run_of(scaled("decoder", "kernel", by=0.0))
    assert found(run) == ["mean_predictor"]
    evidence = examined(run)["mean_predictor"].evidence
    assert evidence["varied"] == pytest.approx(0, abs=1e-6) and evidence["skill"] < 0.05


def test_a_decoder_that_ignores_the_code_but_has_skill_is_named():
    """The mean of each sample has skill, which is not the code's."""
    run = run_of(scaled("decoder", "kernel", by=0.0), "common")
    assert found(run) == ["code_unused"]
    assert examined(run)["code_unused"].evidence["lost_by_swapped_codes"] == pytest.approx(0)
    assert found(run_of(rows="common")) == []


def test_an_encoder_that_gives_one_code_leaves_it_unused():
    """Zeros cost something, since the decoder counts on the constant; another's code does not."""

    def constant(params):
        linear = params["encoder"]["linear"]
        flat = {"kernel": 0 * linear["kernel"], "bias": linear["bias"] + 0.9}
        return params | {"encoder": {"linear": linear | flat}}

    run = run_of(constant, "far")
    code = examined(run)["code_unused"]
    assert code.found and code.evidence["codes_are_equal"]
    assert code.evidence["lost_by_zeroed_codes"] != pytest.approx(0, abs=1e-3)
    assert not examined(run)["latent_collapse"].found


def test_a_code_of_one_axis_has_collapsed():
    """Only the first number is left, as where all units of an encoder learned the same."""
    narrow = scaled("encoder", "linear", "kernel", by=np.array([1.0, 0.02, 0.02], np.float32))
    run = run_of(narrow)
    assert found(run) == ["latent_collapse"]
    evidence = examined(run)["latent_collapse"].evidence
    assert evidence["first_axis"] > 0.95 and evidence["participation_ratio"] < 1.1
    # A code of one axis that reaches what others reach lost nothing.
    whole = run_of(narrow, "one")
    assert examined(whole)["latent_collapse"].evidence["first_axis"] > 0.9
    assert found(whole) == []


def test_the_lengths_that_a_code_tells_are_named(good):
    probes = good.evaluation.metrics["probes"]
    told = probes | {"geometry": probes["geometry"] | {"length_r2": 0.97}}
    evaluation = good.evaluation._replace(metrics=good.evaluation.metrics | {"probes": told})
    words = examined(dataclasses.replace(good, evaluation=evaluation))["latent_collapse"].words
    assert "they tell 97% of the variance of the lengths" in words


def test_bits_that_are_too_few_are_named(good):
    coarse = run_of(bits=1)
    assert found(coarse) == ["rate"]
    evidence = examined(coarse)["rate"].evidence
    assert evidence["skill"] < 0.9 * evidence["skill_not_quantised"]
    assert "--config.task.bits=16" in examined(coarse)["rate"].experiment
    assert examined(good)["rate"].evidence["bits"] == 8


# Weights that keep tanh nearly linear.
SMALL = 0.05


def linear_cell(part):
    """Return a change to a recurrent decoder: its outputs are the vector before, or a product of the code.

    Args:
      part: "before", "code", or "states" for the mean of the encoder's states, which then are its inputs.
    """

    def change(params):
        params = jax.tree.map(np.array, params)
        decoder, encoder = params["decoder"], params["encoder"]
        kernel, read = decoder["cell"]["input"]["kernel"], decoder["read"]["out"]["kernel"]
        recurrent = encoder["recurrent"]
        biases = [
            layer["bias"]
            for layer in (
                *decoder["cell"].values(),
                *recurrent["layer_0"].values(),
                recurrent["head"],
            )
        ]
        for weights in (kernel, read, decoder["cell"]["recurrent"]["kernel"], *biases):
            weights[:] = 0
        place = slice(0, D)
        if part == "before":
            kernel[:D, :D] = SMALL * np.eye(D)
        elif part == "code":
            # The pattern of a number is the inverse of how the encoder weighs it: the axes are orthonormal.
            seen = encoder["linear"]["kernel"].sum(axis=0)
            kernel[D : D + K, :D] = SMALL * np.linalg.pinv(seen)
        else:
            place = slice(8, 8 + D)
            layer, head = encoder["recurrent"]["layer_0"], encoder["recurrent"]["head"]
            layer["input"]["kernel"][:] = SMALL * np.eye(D, 8)
            layer["recurrent"]["kernel"][:] = 0
            head["kernel"][:] = np.eye(8)
            attention = decoder["attention"]
            attention["query"]["kernel"][:] = 0
            attention["value"]["kernel"][:] = attention["out"]["kernel"][:] = np.eye(8)
        read[place] = np.eye(D) / SMALL
        return params

    return change


RECURRENT = {"encoder": "both", "decoder": "recurrent", "forcing": "1.0"}


def recurrent(part, **fields):
    """Make a run of a recurrent decoder without gates."""
    return run_of(linear_cell(part), "still", "rnn", **RECURRENT | fields)


def test_a_decoder_that_lives_on_targets_has_exposure_bias():
    run = recurrent("before")
    assert found(run)[0] == "exposure_bias"
    evidence = examined(run)["exposure_bias"].evidence
    assert evidence["forced_skill"] > 0.7 and evidence["cosine"] == pytest.approx(0, abs=1e-6)
    assert examined(run)["answer_leak"].evidence["own_target"] == 0
    # The same weights without targets in training were not misled by any.
    task: Any = run.task
    unforced = dataclasses.replace(task.config, forcing=())
    checked = checks.checks(unforced, task.judge.leak, run.evidence)
    assert not next(e.found for e in checked if e.cause == "exposure_bias")
    assert found(recurrent("code")) == []


def test_a_decoder_that_is_fed_the_answer_is_named():
    run = recurrent("before", forcing_input="current")
    checked = examined(run)
    assert checked["answer_leak"].found and checked["answer_leak"].evidence["own_target"] > 0.9
    assert checked["exposure_bias"].found is None
    assert found(run)[0] == "answer_leak"
    # A decoder that does not read what it is fed has no use for the answer.
    assert found(recurrent("code", forcing_input="current")) == []


def test_a_decoder_that_reads_the_encoder_is_named_though_its_score_is_good():
    run = recurrent("states", decoder="encoder", forcing="")
    assert found(run) == ["encoder_leak", "code_unused"]
    evidence = examined(run)["encoder_leak"].evidence
    assert evidence["lost_by_states"] > 0.5 and evidence["skill"] > 0.9
    assert evidence["lost_by_swapped_codes"] == pytest.approx(0, abs=1e-6)
    better = beating_baselines(run)
    assert better.healthy
    reported = diagnose(better)
    assert not reported.healthy and [e.cause for e in reported.causes] == ["encoder_leak"]
    # A decoder that could read the states and reads the code is no leak.
    assert found(recurrent("code", decoder="encoder", forcing="")) == []


def split_of(folder, good, **arrays):
    """Return the examination of the split of an .npz, and what a diagnosis of a good run then says."""
    np.savez(folder / "rows.npz", **arrays)
    leak = check_split_leak(load_dataset(str(folder / "rows.npz")))
    found = checks.checks(good.task.config, leak, good.evidence)[0]
    assert found.cause == "split_leak"
    return found


def copied(repeated):
    """Return arrays of a split in which `repeated` of 16 test sequences are copies of training ones."""
    vectors = sequences()
    vectors[N - 16 : N - 16 + repeated] = vectors[:repeated]
    return {"sequences": vectors, "split": np.repeat(["train", "test"], [N - 16, 16])}


def test_copies_of_training_sequences_are_named(tmp_path, good):
    leak = split_of(tmp_path, good, **copied(3))
    assert leak.found and leak.before == GENERAL[0]
    assert leak.evidence["identical"] == 3 and leak.evidence["sequences"] == 16
    assert "test sequence 0" in leak.words and "repeats train sequence 0" in leak.words
    assert not split_of(tmp_path, good, **copied(0)).found


def test_a_leaking_split_stands_in_a_run_that_is_better_than_others(good, monkeypatch):
    monkeypatch.setitem(vars(good.task.judge), "leak", Leak(4, 16, 4, ""))
    better = beating_baselines(good)
    reported = diagnose(better)
    assert better.healthy and not reported.healthy
    assert [e.cause for e in reported.causes] == ["split_leak"]


def test_windows_that_overlap_are_named(tmp_path, good):
    """Windows of 16 every 4 vectors of one long series, split at random."""
    series = np.random.default_rng(5).normal(size=(400, D))
    windows = np.stack([series[first : first + 16] for first in range(0, 384, 4)])
    leak = split_of(tmp_path, good, sequences=windows)
    assert leak.found and leak.evidence["identical"] == 0 and leak.evidence["shared_share"] > 0.9
    assert not split_of(tmp_path, good, sequences=windows[::4]).found


def test_test_sequences_of_another_file_may_leak_too(tmp_path, good):
    np.savez(tmp_path / "same.npz", sequences=good.task.dataset.train.vectors[:20])
    same = run_of(test_path=str(tmp_path / "same.npz"), evaluation=good.evaluation)
    leak = examined(same)["split_leak"]
    assert leak.found and "--config.task.test_path=" in leak.experiment


def test_groups_of_a_test_file_do_not_replace_those_of_the_data(tmp_path):
    rows, names = sequences(), np.array([f"person {n // 4}" for n in range(N)])
    np.savez(tmp_path / "rows.npz", sequences=rows, group=names)
    fields = {"name": "autoencoder", "data": str(tmp_path / "rows.npz"), "numbers": str(K)}
    plain = dataset_from(fields)
    same = np.flatnonzero(plain.train.group == plain.train.group[0])
    np.savez(
        tmp_path / "more.npz",
        sequences=np.concatenate([plain.train.vectors[same], plain.validation.vectors[:1]]),
        group=np.array([plain.group_names[plain.train.group[0]]] * len(same) + ["guest"]),
    )
    found = dataset_from(fields | {"test_path": str(tmp_path / "more.npz")})
    count = len(plain.group_names)
    first = plain.group_names[plain.train.group[0]]
    assert found.group_names == (*plain.group_names, "guest", f"{first} of more")
    assert found.test.group.tolist() == [count + 1] * len(same) + [count]
    assert len(found.test.mask) == len(same) + 1
    example = check_split_leak(found).example
    assert re.fullmatch(
        rf"test sequence \d+ \({first} of more\) repeats train sequence \d+ \({first}\)", example
    )


def dataset_from(fields):
    """Return the dataset of an autoencoder of `fields` of its task."""
    pairs = [(f"task.{name}", value) for name, value in fields.items()]
    config = overrides.apply(Config(), [*pairs, ("train.regime", "examples")])
    task: Any = make_task(config.task)
    return task.dataset


def test_a_text_that_quotes_itself_does_not_leak(good):
    leak = check_split_leak(load_dataset())
    assert 0 < leak.count < leak.of / 10
    assert checks.checks(good.task.config, leak, good.evidence)[0].found is False


def test_ranks_are_in_the_order_of_the_table(good):
    found = examined(good).values()
    places = [GENERAL.index(e.before) if e.before else len(GENERAL) for e in found]
    assert places == sorted(places)
    lasting = {e.cause for e in found if e.even_if_healthy}
    assert lasting == {"split_leak", "encoder_leak", "answer_leak"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"code_noise": 0.1, "divergence": 0.1, "code_penalty": 0.1},
        RECURRENT | {"positions": 4},
        RECURRENT | {"decoder": "encoder", "encoder": "recurrent"},
    ],
)
def test_experiments_are_commands_that_the_program_accepts(good, fields):
    run = run_of(evaluation=good.evaluation, **fields)
    for examination in examined(run).values():
        changes = [
            word.removeprefix("--config.")
            for word in shlex.split(examination.experiment)
            if word.startswith("--config.")
        ]
        assert changes, examination.cause
        run.changed(changes)  # raises if they contradict each other
        json.dumps(examination.evidence)
        assert examination.words[-1] == "." and examination.advice[-1] == "."


def test_the_variance_of_outputs_is_a_share_of_the_targets():
    random = np.random.default_rng(7)
    targets = random.normal(size=(N, T, D)).astype(np.float32)
    mask = np.arange(T) < random.integers(1, T + 1, N)[:, None]
    assert varied(3 * targets, targets, mask) == pytest.approx(1)
    means = np.broadcast_to(targets.mean(axis=0), targets.shape)
    assert varied(means, targets, mask) == pytest.approx(0, abs=1e-6)
    # By hand, sample by sample.
    outputs = (targets + 2).astype(np.float32)
    sums = []
    for vectors in (outputs, targets):
        unit = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
        sums.append(sum(mask[:, t].sum() * unit[mask[:, t], t].var(axis=0).sum() for t in range(T)))
    assert varied(outputs, targets, mask) == pytest.approx(sums[0] / sums[1], rel=1e-5)
