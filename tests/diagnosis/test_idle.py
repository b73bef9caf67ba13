"""Schedules that never act within a run, told by the rates that the run had."""

import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import commandline
from freqjax.diagnosis.idle import schedule_idle
from freqjax.training.optimizers import Plateau, make_schedule
from tests.diagnosis.runs import config, examined, row

UPDATES = 7


def found(tmp_path, epochs, **optimizer):
    """Examine a run of 7 updates an epoch."""
    rows = [row(e) | {"step": UPDATES * e} for e in range(1, epochs + 1)]
    whole = config(optimizer=optimizer, train={"epochs": epochs})
    return schedule_idle(examined(tmp_path, whole, rows=rows)), whole


@pytest.mark.parametrize("epochs", [1, 3, 4, 5])
@pytest.mark.parametrize("factor", [1, 2])
def test_restarts_are_idle_where_the_rate_never_rises(tmp_path, epochs, factor):
    idle, whole = found(
        tmp_path, epochs, schedule="warm_restarts", restart_epochs=4, restart_factor=factor
    )
    schedule = make_schedule(whole.optimizer, epochs * UPDATES, UPDATES)
    rates = [float(schedule(jnp.asarray(n), jnp.asarray(0))) for n in range(epochs * UPDATES)]
    assert idle.found == (not np.any(np.diff(rates) > 0)) == (epochs <= 4)
    assert idle.evidence["first_action_update"] == 28
    assert idle.evidence["updates"] == epochs * UPDATES


@pytest.mark.parametrize("epochs", [1, 4, 5, 6, 9])
def test_a_plateau_is_idle_where_no_loss_could_make_the_rate_fall(tmp_path, epochs):
    idle, whole = found(tmp_path, epochs, schedule="plateau", plateau_patience=3)
    plateau = Plateau(0.5, whole.optimizer.plateau_patience, whole.optimizer.plateau_min_delta)
    used = [1.0]  # the factor of the first epoch
    for _ in range(epochs):
        used.append(plateau.observe(1.0))
    assert idle.found == all(scale == 1.0 for scale in used[:epochs]) == (epochs <= 5)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_other_schedules_have_nothing_to_wait_for(tmp_path, schedule):
    idle, _ = found(tmp_path, 3, schedule=schedule)
    assert idle.found is False and idle.evidence == {}


@pytest.mark.parametrize("schedule", ["warm_restarts", "plateau"])
@pytest.mark.parametrize("epochs", [1, 2, 4])
def test_the_experiment_is_a_run_whose_schedule_acts(tmp_path, schedule, epochs):
    idle, _ = found(tmp_path, epochs, schedule=schedule)
    assert idle.found
    parsed = commandline.parse(idle.experiment.split()[3:])
    assert parsed is not None
    changes = dict(parsed.overrides)
    assert len(changes) == 1
    (name, value), *_ = changes.items()
    if name == "optimizer.schedule":
        assert value == "cosine"
    else:
        section, field = name.split(".")
        again, _ = found(tmp_path, epochs, schedule=schedule, **{field: int(value)})
        assert section == "optimizer" and again.found is False
