"""Runs that ended too soon: by a rule, by a schedule, by their epochs, and those that did not."""

import numpy as np
import pytest

from freqjax.diagnosis.stopped import stopped_early
from freqjax.diagnosis.trial import Trial
from tests.diagnosis.runs import by_cause, config, examined, row
from tests.diagnosis.test_diagnosis import repeater, single


def ended(tmp_path, *, epochs=25, rate=0.03, last=None, **fields):
    """A run of `epochs` on a task that takes some fifty of them; `fields` are of its config."""
    whole = repeater(rate)
    for name, value in fields.items():
        section, field = name.split("__")
        setattr(getattr(whole, section), field, value)
    rows = [single(e) for e in range(1, epochs + 1)]
    rows[-1] |= last or {}
    return examined(tmp_path, whole, rows=rows)


def found(run, *, wrong_rows=False):
    """Whether the run was stopped, and whether it needed more epochs."""
    examinations = by_cause(stopped_early(run, wrong_rows=wrong_rows))
    return examinations["schedule_stopped"], examinations["needs_epochs"]


def test_a_run_that_would_have_learned_with_more_epochs(tmp_path):
    stopped, short = found(ended(tmp_path, train__epochs=25))
    assert short.found and stopped.found is False, short.words
    assert short.evidence["updates"] == 400
    assert short.evidence["continued_mse"] < 0.25
    assert "--config.train.epochs=425" in short.experiment  # 400 updates more


@pytest.mark.parametrize(("made", "more"), [(5, 400), (25, 400), (300, 600)])
def test_a_run_of_few_updates_goes_on_for_as_many_as_show_what_it_can_learn(
    tmp_path, monkeypatch, made, more
):
    """Twice five updates would tell nothing."""
    asked = []

    def retrain(run, scales, work, *, more, **_):
        asked.append(more * run.updates)
        return Trial([0.001], [0.001], 400, 1.0)

    monkeypatch.setattr("freqjax.diagnosis.stopped.retrain", retrain)
    assert found(ended(tmp_path, epochs=made, train__epochs=made))[1].found
    assert asked == [pytest.approx(more)]


def test_more_epochs_do_not_mend_steps_of_no_size(tmp_path):
    stopped, short = found(ended(tmp_path, rate=1e-6, train__epochs=25))
    assert short.found is False and stopped.found is False


@pytest.mark.parametrize(
    ("rule", "fields", "last"),
    [
        ("train.patience", {"train__patience": 2}, {}),
        ("train.target_mse", {"train__target_mse": 0.6}, {}),
        (
            "optimizer.schedule",
            {"optimizer__schedule": "plateau", "train__epochs": 25},
            {"lr": 3e-4},
        ),
    ],
)
def test_the_rule_that_ended_a_run_is_named(tmp_path, rule, fields, last):
    run = ended(tmp_path, last=last, **({"train__epochs": 100} | fields))
    stopped, short = found(run)
    assert stopped.found and short.found is False
    assert stopped.evidence.get("rule", "optimizer.schedule") == rule
    assert rule.split(".")[1] in stopped.experiment


@pytest.mark.parametrize("rule", [{}, {"train__patience": 2}])
def test_what_is_too_dear_to_try_stays_open(tmp_path, monkeypatch, rule):
    monkeypatch.setattr("freqjax.diagnosis.stopped.retrain", lambda *_, **__: None)
    stopped, short = found(ended(tmp_path, train__epochs=100 if rule else 25, **rule))
    open_one, shut = (stopped, short) if rule else (short, stopped)
    assert (open_one.found, shut.found, shut.evidence) == (None, False, {})
    assert open_one.words.endswith("need more than is spent on it.")
    assert open_one.words.startswith(
        "train.patience=2 stopped the run after 25 of 100 epochs. Too dear" if rule else "Too dear"
    )
    assert (stopped.threshold, stopped.refuted_if) == (short.threshold, short.refuted_if)


def test_a_schedule_that_slowed_nothing_is_not_blamed(tmp_path):
    run = ended(tmp_path, optimizer__schedule="plateau", train__epochs=25, last={"lr": 0.03})
    stopped, short = found(run)
    assert stopped.found is False and short.found


def test_a_run_that_learns_its_rows_by_heart_needs_no_epochs(tmp_path):
    """More updates make the training error smaller, and the test error, which stands at 0, larger."""
    run = ended(tmp_path, train__epochs=25)
    run.test_error = 0.0
    assert found(run)[1].found is False
    assert found(run, wrong_rows=True)[1].found  # of test rows that are no judge


def test_a_curriculum_whose_horizon_still_grew_needs_epochs(tmp_path):
    curriculum = config(
        curriculum={"first_horizon": 0.25},
        network={"initializer": "rotor", "learned_carry": True},
        train={"divergence_factor": None},
    )
    grew = [row(e) | {"horizon_s": h} for e, h in enumerate(np.linspace(0.25, 1.2, 40), 1)]
    assert found(examined(tmp_path, curriculum, rows=grew))[1].found
    stuck = [
        row(e) | {"horizon_s": min(h, 0.5)} for e, h in enumerate(np.linspace(0.25, 1.2, 40), 1)
    ]
    assert found(examined(tmp_path, curriculum, rows=stuck))[1].found is False
