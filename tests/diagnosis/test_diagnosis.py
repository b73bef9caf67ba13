"""Every cause of the diagnosis: a run that has it, and one that has not."""

import json
import shlex

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import commandline
from freqjax.config import overrides, sections, validation
from freqjax.diagnosis import (
    diagnose,
    gradients,
    losses,
    rates,
    recorded,
    starts,
    stopped,
    trial,
    tried,
)
from freqjax.diagnosis.limit import information_limit
from freqjax.tasks.extraction.datasets import write_rows
from tests.diagnosis.runs import LAYERS, RANKED, by_cause, config, examined, row
from tests.twins import extraction, split_of


def task_checks(run):
    """Return the findings of the task's own checks."""
    return run.task.checks(run.evidence)


def test_a_healthy_run_has_no_cause(tmp_path):
    found = diagnose(examined(tmp_path, outputs=lambda targets: targets + 0.01))
    assert found.healthy
    assert found.to_json() == []


def test_every_cause_is_looked_for_and_ranked(tmp_path):
    found = diagnose(
        examined(tmp_path, rows=[row(1, loss=(None, 0.5), alerts=["non-finite loss"])])
    )
    assert sorted(e.cause for e in found.examinations) == sorted(RANKED)
    listed = found.to_json()
    json.dumps(listed, allow_nan=False)
    assert [item["rank"] for item in listed] == list(range(1, len(listed) + 1))
    ranks = [RANKED.index(item["cause"]) for item in listed]
    assert ranks == sorted(ranks)
    assert set(listed[0]) == {
        "cause",
        "rank",
        "words",
        "evidence",
        "threshold",
        "experiment",
        "refuted_if",
        "advice",
    }


@pytest.mark.parametrize(("start", "streams"), [("zero", "sequential"), ("random", "parallel")])
def test_every_experiment_is_a_command_that_is_taken(tmp_path, start, streams):
    changes = {"task": {"start": start}, "train": {"streams": streams, "regime": "online"}}
    for examination in diagnose(examined(tmp_path, config(**changes), effort=0.0)).examinations:
        words = shlex.split(examination.experiment)
        assert words[:3] == ["python", "-m", "freqjax.main"]
        invocation = commandline.parse(words[3:])
        assert invocation is not None
        base = overrides.load(invocation.flags["config"])
        validation.validate_training(overrides.apply(base, invocation.overrides))


FILTER = {
    "network": {"initializer": "rotor", "learned_carry": True, "recurrence": "pairs"},
    "optimizer": {"name": "ekf"},
    "train": {
        "regime": "online",
        "streams": "sequential",
        "gradient": "rtrl",
        "state_correction": True,
        "divergence_factor": None,
    },
}


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_every_experiment_after_a_filter_is_taken(tmp_path, fill):
    run = examined(tmp_path, config(**FILTER), outputs=lambda t: np.full_like(t, fill), effort=0.0)
    found = diagnose(run).examinations
    assert any(e.found for e in found)
    for examination in found:
        invocation = commandline.parse(shlex.split(examination.experiment)[3:])
        base = overrides.load(invocation.flags["config"])
        validation.validate_training(overrides.apply(base, invocation.overrides))


# --- what the rows say -----------------------------------------------------------------------------


def test_outliers_in_the_targets_are_bad_data(tmp_path):
    def spoil(targets):
        targets[0, ::25] = 20.0
        return targets

    found = by_cause(task_checks(examined(tmp_path, train_targets=spoil)))
    assert found["bad_data"].found
    assert not found["decimated_stream"].found


def test_targets_of_another_phase_than_the_tests_are_bad_data(tmp_path):
    run = examined(tmp_path, train_targets=lambda y: np.roll(y, 10, axis=1))
    found = by_cause(task_checks(run))["bad_data"]
    assert found.found
    # Ten samples of 100 a second are half a turn at 5 Hz.
    np.testing.assert_allclose(found.evidence["train_test_phase_rad"], np.pi, rtol=1e-6)


def test_a_mixture_that_stands_still_is_bad_data(tmp_path):
    run = examined(tmp_path, train_mixture=lambda s: np.repeat(s[:, ::2], 2, axis=1))
    assert by_cause(task_checks(run))["bad_data"].found


def test_a_file_that_changed_is_bad_data(tmp_path):
    run = examined(tmp_path, changed_files=["task.train_path"])
    found = by_cause(task_checks(run))["bad_data"]
    assert found.found and "train_path changed" in found.words


def test_good_rows_are_not_bad_data(tmp_path):
    found = by_cause(task_checks(examined(tmp_path)))
    assert found["bad_data"].found is False
    assert found["decimated_stream"].found is False
    np.testing.assert_allclose(
        found["decimated_stream"].evidence["step_ratio_per_frequency"], 1.0, rtol=1e-3
    )


@pytest.mark.parametrize("streams", [4, 8])
def test_a_stream_dealt_out_to_a_batch_is_decimated(tmp_path, streams):
    def deal(targets):
        return targets.reshape(2, -1, streams, 1).swapaxes(1, 2).reshape(targets.shape)

    found = by_cause(task_checks(examined(tmp_path, train_targets=deal)))
    assert found["decimated_stream"].found
    assert not found["bad_data"].found


def test_a_shuffled_stream_is_decimated(tmp_path):
    order = np.random.default_rng(0).permutation(200)
    run = examined(tmp_path, train_targets=lambda y: y[:, order])
    assert by_cause(task_checks(run))["decimated_stream"].found


def test_an_output_that_runs_a_whole_number_of_times_too_fast_is_decimated(tmp_path):
    def fast(targets):
        time = np.arange(200) / 100
        return np.stack([np.sin(2 * np.pi * 4 * f * time) for f in (2.0, 5.0)])[..., None]

    found = by_cause(task_checks(examined(tmp_path, outputs=fast)))["decimated_stream"]
    assert found.found
    assert found.evidence["runs_times_too_fast"] == 4


# --- what the output says --------------------------------------------------------------------------


def off_by(hertz, amplitude=1.0):
    """Return outputs of the right shape, each frequency off by `hertz`."""
    time = np.arange(200) / 100
    return lambda targets: (
        amplitude
        * np.stack([np.sin(2 * np.pi * (f + hertz) * time) for f in (2.0, 5.0)])[..., None]
    )


def test_a_frequency_out_of_its_basin(tmp_path):
    run = examined(tmp_path, outputs=off_by(0.8))
    found = by_cause(task_checks(run))["frequency_basin"]
    assert found.found
    np.testing.assert_allclose(found.evidence["turns_off_per_frequency"], 1.6, rtol=0.03)


def test_a_frequency_inside_of_its_basin(tmp_path):
    rows = [row(e, frozen=0.3) for e in range(1, 41)]
    found = by_cause(task_checks(examined(tmp_path, outputs=off_by(0.2), rows=rows)))
    assert found["frequency_basin"].found is False


def test_the_basin_ends_where_the_error_stops_falling_towards_the_frequency():
    from freqjax.tasks.extraction.symptoms import BASIN

    turns = np.linspace(0.01, 1.0, 100_000)
    error = 1 - np.sinc(2 * turns)  # NumPy's sinc(x) is sin(πx) / (πx)
    assert abs(turns[error.argmax()] - BASIN) < 1e-3


def test_an_amplitude_that_has_collapsed(tmp_path):
    found = by_cause(task_checks(examined(tmp_path, outputs=lambda y: 0.3 * y)))
    assert found["amplitude_collapse"].found
    assert not found["frequency_basin"].found


def test_a_collapse_is_what_a_larger_output_would_mend(tmp_path):
    """An output of 0.85 has an error of 0.15² / 2 = 0.011, above the goal, which scaling takes away."""
    found = by_cause(task_checks(examined(tmp_path, outputs=lambda y: 0.85 * y)))
    assert found["amplitude_collapse"].found, found["amplitude_collapse"].words

    def noisy(y):
        """Add to 0.75 of the target noise of its power: a smaller output would be better."""
        return 0.75 * y + np.random.default_rng(0).normal(scale=0.7, size=y.shape)

    found = by_cause(task_checks(examined(tmp_path, outputs=noisy)))
    assert found["amplitude_collapse"].found is False


@pytest.mark.parametrize("outputs", [np.zeros_like, off_by(0.8, 0.3), lambda y: y + 0.5])
def test_other_failures_are_no_collapse(tmp_path, outputs):
    found = by_cause(task_checks(examined(tmp_path, outputs=outputs)))
    assert found["amplitude_collapse"].found is False


# --- what was recorded -----------------------------------------------------------------------------


def test_non_finite(tmp_path):
    run = examined(
        tmp_path, rows=[row(1), row(2, (None, 0.5), alerts=["non-finite loss at step 7"])]
    )
    found = recorded.non_finite(run)
    assert found.found and "step 7" in found.words
    assert not recorded.non_finite(examined(tmp_path)).found
    broken = examined(tmp_path, outputs=lambda y: np.full_like(y, np.nan))
    assert recorded.non_finite(broken).found


def test_the_information_limit(tmp_path):
    unknown = config(task={"start": "random", "phase_scale": 1.0})
    task = extraction(unknown)
    run = examined(tmp_path, unknown, limit=task.limits(split_of(task, "test")))
    assert information_limit(run).found
    task = extraction(config())
    known = information_limit(examined(tmp_path, limit=task.limits(split_of(task, "test"))))
    assert known.found is False and known.evidence["bayes_mse"] == 0


def test_exploding_and_vanishing_gradients(tmp_path):
    spike = [row(1, norms=(1.0, 250.0, 1.0)), row(2)]
    loud = examined(tmp_path, rows=spike)
    found = recorded.exploding_gradient(loud)
    assert found.found and found.evidence["layer"] == "cell/recurrent/kernel"
    assert not recorded.exploding_gradient(examined(tmp_path)).found
    # One spike among many epochs is clipped and passes.
    rare = examined(tmp_path, rows=[*spike, *(row(e) for e in range(3, 10))])
    assert not recorded.exploding_gradient(rare).found
    dead = examined(tmp_path, rows=[row(e, norms=(1e-9, 0.0, 1.0)) for e in (1, 2, 3)])
    found = recorded.vanishing_gradient(dead)
    assert found.found
    assert set(found.evidence["share_of_epochs_per_layer"]) == set(LAYERS[:2])
    once = examined(tmp_path, rows=[row(1, norms=(1e-9, 1.0, 1.0)), row(2), row(3)])
    assert not recorded.vanishing_gradient(once).found


# --- what is tried ---------------------------------------------------------------------------------


def test_a_gradient_that_is_cut_cannot_mend_a_clock(tmp_path):
    online = config(train={"regime": "online", "streams": "sequential"})
    found = tried.gradient_truncation(examined(tmp_path, online))
    assert found.found
    # What a window of K samples sees of a slope that gathers over T is of the order of K / T.
    assert all(0 < share < 0.02 for share in found.evidence["clock_slope_share"])
    nearly = config(train={"regime": "tbptt", "truncation": 100})
    assert not tried.gradient_truncation(examined(tmp_path, nearly)).found
    whole = tried.gradient_truncation(examined(tmp_path))
    assert whole.found is False and whole.evidence == {}


def test_the_whole_gradient_is_what_jax_gives(tmp_path):
    run = examined(tmp_path, config(train={"regime": "tbptt", "truncation": 20}))
    same = gradients.compare(run.network, run.task, run.params, run.train_rows, 200)
    assert same.cosine == pytest.approx(1.0) and same.norm_ratio == pytest.approx(1.0)
    xs, targets = (
        jnp.swapaxes(jnp.asarray(a), 0, 1) for a in (run.train_rows.inputs, run.train_rows.targets)
    )

    def loss(params):
        carry = run.network.init_carry(params, 2)
        outputs = run.network.unroll(params, carry, xs, jnp.zeros(xs.shape[:2], bool))[1]
        return ((outputs - targets) ** 2).mean()

    expected = np.concatenate([np.ravel(g) for g in jax.tree.leaves(jax.grad(loss)(run.params))])
    whole = gradients.cut_and_whole(run.network, run.task, run.params, run.train_rows, 200)[1]
    np.testing.assert_allclose(whole, expected, rtol=1e-4, atol=1e-7)


def repeater(rate, **network):
    """Return a task that a network without memory solves: the target is the input, one clean sine."""
    return config(
        task={
            "frequencies": (5.0,),
            "phase_scale": 0.0,
            "amplitude_range": (1.0, 1.0),
            "duration": 0.2,
        },
        network={"hidden_size": 4, **network},
        optimizer={"learning_rate": rate, "clip_norm": 1.0},
    )


def single(epoch):
    """Return a row of a task of one component."""
    return row(epoch) | {"loss_per_frequency": [0.5], "frozen_mse_per_frequency": [0.5]}


@pytest.mark.parametrize(
    ("rate", "cause"), [(3e-4, "learning_rate_low"), (8.0, "learning_rate_high"), (0.1, None)]
)
def test_the_learning_rate(tmp_path, rate, cause):
    run = examined(tmp_path, repeater(rate), rows=[single(e) for e in range(1, 101)])
    found = by_cause(rates.learning_rate(run))
    assert {name for name, e in found.items() if e.found} == ({cause} if cause else set())
    assert found["learning_rate_low"].evidence["updates"] == 100


def test_no_rate_is_tried_where_none_decided(tmp_path):
    curriculum = config(
        curriculum={"first_horizon": 0.25},
        network={"initializer": "rotor", "learned_carry": True},
        train={"divergence_factor": None},
    )
    found = rates.learning_rate(examined(tmp_path, curriculum, rows=[]))
    assert [e.found for e in found] == [None, None]


def test_a_cut_gradient_is_blamed_however_narrow_the_network(tmp_path):
    online = config(train={"regime": "online", "streams": "sequential"}, network={"hidden_size": 3})
    assert tried.gradient_truncation(examined(tmp_path, online)).found


def test_where_no_clock_would_do_a_network_without_memory_tells_nothing_of_the_cut(tmp_path):
    online = config(train={"regime": "online", "streams": "sequential"}, task={"start": "random"})
    deaf = examined(tmp_path, online, effort=0.0)
    forgets = jax.tree.map(np.array, deaf.params)
    forgets["cell"]["recurrent"]["kernel"][:] = 0
    forgets["cell"]["recurrent"]["bias"][8:16] = -30  # the forget gates
    deaf.last_params = forgets
    found = tried.gradient_truncation(deaf)
    assert found.evidence["cosine"] > 0.9 and found.found is None


def test_what_is_not_finite_refutes_nothing(tmp_path):
    broken = examined(
        tmp_path,
        config(train={"regime": "tbptt", "truncation": 20}, optimizer={"learning_rate": 1e30}),
        outputs=lambda y: np.full_like(y, np.nan),
        rows=[
            row(e, (None, None), norms=(None, None, None), alerts=["non-finite loss"])
            for e in (1, 2)
        ],
    )
    broken.last_params = jax.tree.map(lambda a: np.full_like(a, np.nan), broken.params)
    found = by_cause(diagnose(broken).examinations)
    assert found["non_finite"].found
    for cause in ("overfitting", "vanishing_gradient", "information_limit"):
        assert found[cause].found is None, cause
    # The first weights can still be examined: nothing exploded there.
    assert found["exploding_gradient"].found is False
    assert 0 < found["exploding_gradient"].evidence["first_norm"] < 100
    assert found["gradient_truncation"].evidence["cosine"] is None


def test_before_the_first_update_only_the_rows_are_examined(tmp_path):
    found = diagnose(examined(tmp_path, rows=[]))
    assert not found.healthy and found.causes == []
    assert {e.cause for e in found.examinations} == {
        "decimated_stream", "bad_data", "data_mismatch", "information_limit",
    }  # fmt: skip


def test_a_trial_too_short_to_tell_refutes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "_MANY_UPDATES", 10**9)
    long = [row(e) | {"step": 10**6 * e} for e in (1, 2)]
    found = rates.learning_rate(examined(tmp_path, rows=long))
    assert found[0].evidence["updates"] < 10**6
    assert all(e.found is not False for e in found)


def test_a_trial_makes_the_updates_of_the_run_in_parts_of_one_size(tmp_path, monkeypatch):
    """Parts of 160 rows, which do not divide 33 updates of 20: two more are made."""
    monkeypatch.setattr(trial, "_ROWS_AT_ONCE", 160)
    assert trial.even_parts(33, 20) == [(0, 7), (7, 14), (14, 21), (21, 28), (28, 35)]
    whole = config(
        task={"frequencies": (2.0, 5.0, 7.0)},
        train={"regime": "tbptt", "truncation": 20, "streams": "sequential"},
    )
    run = examined(tmp_path, whole, rows=[row(1) | {"step": 33, "frozen_mse_per_frequency": None}])
    reached = trial.retrain(run, (1.0,), 1e9)
    assert reached is not None
    assert (
        reached.updates == 35 and reached.rows_seen == 1.0
    )  # three blocks of 200 rows: 30 updates


def test_capacity_is_refuted_by_a_clock_that_fits(tmp_path):
    found = tried.capacity(examined(tmp_path))
    assert found.found is False
    assert found.evidence["constructed_mse"] < 1e-8


def test_capacity_where_more_units_do_better(tmp_path):
    narrow = config(
        task={"duration": 0.5},
        network={"hidden_size": 1},
        optimizer={"learning_rate": 0.03},
    )
    run = examined(tmp_path, narrow, rows=[row(e) for e in range(1, 301)])
    found = tried.capacity(run)
    assert found.found, found.words
    assert found.evidence["wider"] == 8


def test_a_dear_run_is_not_tried(tmp_path):
    run = examined(tmp_path, effort=0.0)
    assert [e.found for e in rates.learning_rate(run)] == [None, None]


def test_rows_of_a_file_reach_the_examination(tmp_path):
    whole = config()
    task = extraction(whole)
    path = tmp_path / "rows.npz"
    write_rows(path, task.dataset(split_of(task, "train")), 100.0, 200)
    from_file = config(task={"train_path": str(path)})
    assert by_cause(task_checks(examined(tmp_path, from_file)))["bad_data"].found is False


# --- what was mended ---------------------------------------------------------------------------------


def test_an_explosion_at_the_first_weights_comes_before_its_bad_numbers(tmp_path):
    bad = row(1, (None, None), norms=(None, None, None), alerts=["non-finite loss at step 1"])
    run = examined(tmp_path, rows=[bad | {"grad_norm": None}], outputs=lambda y: y + np.nan)
    run.initial_params = jax.tree.map(np.array, run.initial_params)
    run.initial_params["head"]["kernel"][:] = 1e25
    found = [e.cause for e in diagnose(run).causes]
    assert found[:2] == ["exploding_gradient", "non_finite"]
    # A rate that blew up good weights is no explosion.
    calm = examined(tmp_path, rows=[bad | {"grad_norm": None}], outputs=lambda y: y + np.nan)
    exploding = recorded.exploding_gradient(calm)
    assert exploding.found is False and 0 < exploding.evidence["first_norm"] < 100


@pytest.mark.parametrize(("size", "first"), [(1e4, "exploding_gradient"), (1.0, "non_finite")])
def test_an_explosion_that_blows_up_the_numbers_later_comes_before_them(tmp_path, size, first):
    """The first epoch's mean is finite and too large, by the first weights or by the first steps."""
    bad = row(3, (None, None), norms=(None, None, None), alerts=["non-finite loss at step 9"])
    run = examined(tmp_path, rows=[row(1, norms=(1.0, 250.0, 1.0)), bad])
    run.initial_params = jax.tree.map(np.array, run.initial_params)
    run.initial_params["head"]["kernel"][:] *= size
    found = [e.cause for e in diagnose(run).causes]
    assert found[0] == first and {"exploding_gradient", "non_finite"} <= set(found)


@pytest.mark.parametrize(("uncut", "found"), [(0.3, False), (0.02, True)])
def test_a_cut_is_judged_by_what_the_whole_gradient_reaches(tmp_path, monkeypatch, uncut, found):
    """A listener's cut gradient may be far off at its own weights, where it learned well with it."""
    cut = config(
        task={"start": "random", "starts": 4, "phase_scale": 0.01, "duration": 0.4},
        train={"regime": "tbptt", "truncation": 4},
    )
    run = examined(tmp_path, cut)

    def retrain(run, scales, work, *, config, **_):
        error = uncut if config.train.truncation == 40 else 0.3
        return trial.Trial([error], [error], 1000, 1.0)

    monkeypatch.setattr(tried, "retrain", retrain)
    monkeypatch.setattr(gradients, "compare", lambda *_: gradients.Comparison(-0.4, 0.05, 4, 40))
    examination = tried.gradient_truncation(run)
    assert examination.evidence["cosine"] == -0.4
    assert examination.found is found


def test_an_exact_gradient_in_real_time_is_not_cut(tmp_path):
    """And what is tried instead has a gradient of its own regime, in a command that can be run."""
    online = {"regime": "online", "streams": "sequential", "state_correction": True}
    run = examined(tmp_path, config(train=online | {"gradient": "rtrl"}))
    examination = tried.gradient_truncation(run)
    assert run.window == run.task.samples
    assert examination.found is False and "not truncated" in examination.words
    assert "--config.train.gradient=auto --config.train.state_correction=false" in run.through_time
    assert not losses.weight_chasing(run).words.startswith("No update comes between")
    part = examined(tmp_path, config(train=online | {"gradient": "snap1"}))
    assert part.window == 1
    other = tried.uncut(part)
    validation.validate_training(other.config)
    assert other.changes[2:] == ("train.gradient=auto", "train.state_correction=false")


def test_a_clock_that_shrank_to_nothing_is_trapped(tmp_path):
    found = by_cause(task_checks(examined(tmp_path, outputs=np.zeros_like)))["frequency_basin"]
    assert found.found and "shrunk towards zero" in found.words
    heard = config(task={"start": "random", "phase_scale": 0.1})  # which needs no clock
    assert not by_cause(task_checks(examined(tmp_path, heard)))["frequency_basin"].found


@pytest.mark.parametrize(("before", "found"), [(0.5, None), (0.3, False)])
def test_a_component_that_was_at_zero_in_most_epochs_may_have_been_trapped(tmp_path, before, found):
    """The error of zero is 0.5; at the end the output follows its target, within its basin."""
    rows = [row(e, frozen=(before, 0.01)) for e in range(1, 31)]
    rows += [row(e, frozen=(0.2, 0.01)) for e in range(31, 41)]
    run = examined(tmp_path, rows=rows, outputs=off_by(0.1))
    basin = by_cause(task_checks(run))["frequency_basin"]
    assert basin.found is found
    assert ("2 Hz the output was no better than zero in most epochs" in basin.words) is (
        found is None
    )
    assert basin.mend == ("network.initializer=spectral", "network.learned_carry=true")
    assert run.changed(basin.mend).network.initializer == "spectral"


@pytest.mark.parametrize(
    ("fields", "has_one"),
    [
        ({}, True),
        ({"task": {"rotor_high": 50.0}}, False),  # from Nyquist on, which only rotors mind
        ({"network": {"hidden_size": 3}}, False),
        ({"network": {"cell": "gru"}}, False),
        ({"network": {"initializer": "spectral", "learned_carry": True}}, False),
    ],
)
def test_a_start_is_tried_only_where_it_can_be_had(tmp_path, fields, has_one):
    run = examined(tmp_path, config(**fields))
    assert bool(run.near_start) is has_one


@pytest.mark.parametrize("outputs", [np.zeros_like, off_by(0.1)])
@pytest.mark.parametrize(("near", "first"), [(0.005, "frequency_basin"), (0.2, "needs_epochs")])
def test_a_start_that_reaches_the_goal_in_time_is_the_cause(
    tmp_path, monkeypatch, outputs, near, first
):
    """More epochs reach it as well; if another start does not, they are what is missing."""

    def retrain(run, scales, work, *, config=None, begin=None, **_):
        spectral = config is not None and config.network.initializer == "spectral"
        reached = near if spectral else 1e-3 if begin is not None else 0.5
        return trial.Trial([reached] * len(scales), [reached] * len(scales), 1000, 1.0)

    for module in (rates, starts, stopped, tried):
        monkeypatch.setattr(module, "retrain", retrain)
    found = diagnose(examined(tmp_path, outputs=outputs))
    assert next(e.cause for e in found.causes) == first
    basin = by_cause(found.examinations)["frequency_basin"]
    assert basin.evidence["near_start_mse"] == near
    assert ("initializer=spectral" in basin.experiment) is (first == "frequency_basin")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"network": {"initializer": "orthogonal"}},
        {"train": {"regime": "online", "streams": "sequential"}},
        {"optimizer": {"learning_rate": 1e-3, "clip_norm": 1.0}},
        {"optimizer": {"name": "adamw", "weight_decay": 0.01}},
        {"task": {"start": "random", "noise": "fresh"}},
    ],
)
def test_no_experiment_repeats_the_run(tmp_path, fields):
    """What repeats the run ends as the run did: it can refute nothing."""
    whole = config(**fields)
    run = examined(tmp_path, whole, effort=0.0)
    for examination in diagnose(run).examinations:
        if examination.found is False:
            continue  # it is refuted already
        words = shlex.split(examination.experiment)[3:]
        invocation = commandline.parse(words)
        base = overrides.load(invocation.flags["config"])
        changed = overrides.apply(base, invocation.overrides)
        assert sections.differing_fields(changed, whole), examination.cause


def test_where_the_mixture_can_be_followed_no_clock_accuses_the_cut(tmp_path):
    """With little noise a known start is no reason to keep time: the trial decides, and here none is made."""
    online = config(train={"regime": "online", "streams": "sequential"}, task={"phase_scale": 0.02})
    heard = tried.gradient_truncation(examined(tmp_path, online, effort=0.0))
    assert heard.found is None and "clock_slope_share" not in heard.evidence
    found = by_cause(task_checks(examined(tmp_path, online, outputs=np.zeros_like)))
    assert found["frequency_basin"].found is False
