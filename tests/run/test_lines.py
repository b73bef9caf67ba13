"""Lines of progress: what is said of the time left, and the lines before long phases."""

import pytest

import freqjax
from freqjax.run import lines
from freqjax.run.lines import EpochLines, TimeLeft
from freqjax.tasks import Extraction
from freqjax.tasks.extraction.config import extraction_of
from tests.twins import tiny_config


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(lines.time, "monotonic", lambda: self.now)


def epoch_row(epoch, seconds, horizon=None):
    row = {"epoch": epoch, "loss": 0.25, "loss_per_frequency": [0.25, 0.25], "seconds": seconds}
    row |= {"frozen_mse": None, "frozen_mse_per_frequency": None, "alerts": []}
    return row if horizon is None else row | {"horizon_s": horizon}


def test_the_first_epoch_counts_without_its_compilation(monkeypatch):
    clock, said = Clock(monkeypatch), []
    shown = EpochLines(Extraction(extraction_of(tiny_config())), 11, said.append)
    with shown.training(0):
        clock.now += 40  # of which the updates took 2 s
        shown.show(epoch_row(1, 2.0), last=False)
        assert said[-1].endswith("2.00 s  20 s left at most at recent speed")
        clock.now += 3  # an update and an evaluation
        shown.show(epoch_row(2, 2.0), last=False)
        assert said[-1].endswith("2.00 s  27 s left at most at recent speed")
        clock.now += 3
        shown.show(epoch_row(3, 2.0), last=True)
        assert said[-1].endswith("2.00 s")


def test_an_alert_that_goes_on_is_printed_once(monkeypatch):
    clock, said = Clock(monkeypatch), []
    shown = EpochLines(Extraction(extraction_of(tiny_config())), 9, said.append)
    with shown.training(0):
        many = [
            ["vanishing gradient in b: 1e-9 up to step {}"],
            ["spike: {}", "vanishing gradient in b: {}"],
        ]
        for epoch, alerts in enumerate([many[0], many[1], many[0], [], many[0]], 1):
            clock.now += 1
            row = epoch_row(epoch, 1.0) | {"alerts": [alert.format(epoch) for alert in alerts]}
            shown.show(row, last=False)
        printed = [line.strip() for line in said if "alert" in line]
        assert printed == [
            "alert: vanishing gradient in b: 1e-9 up to step 1",
            "alert: spike: 2",
            "alert: vanishing gradient in b: 1e-9 up to step 5",
        ]
        assert sum(line.startswith("epoch") for line in said) == 5


def test_a_group_without_rows_is_left_out_and_a_loss_that_is_not_finite_is_told():
    said = []
    shown = EpochLines(Extraction(extraction_of(tiny_config())), 9, said.append)
    names = shown._names
    with shown.training(0):
        frozen = {"frozen_mse": 0.25, "frozen_mse_per_frequency": [None, 0.25]}
        shown.show(epoch_row(1, 1.0) | frozen, last=True)
        assert f"frozen 0.2500 ({names[1]} 0.2500)" in said[-1]
        lost = {"loss": None, "loss_per_frequency": [None, 0.25]}
        shown.show(epoch_row(2, 1.0) | lost, last=True)
        assert f"loss not finite ({names[0]} not finite, {names[1]} 0.2500)" in said[-1]


def test_the_time_of_a_curriculum_is_said_once_its_pace_is_known():
    # Two epochs at each horizon, an epoch takes 0.1 s per second of horizon, the last horizon is 16 s.
    left = TimeLeft(300, 16.0, "horizon_s")
    horizons = [h for h in (1.0, 2.0, 4.0, 8.0, 16.0) for _ in range(2)]
    said = [left.after(epoch_row(k + 1, 0.1 * h, h), 0.0) for k, h in enumerate(horizons)]
    assert said[:4] == [None] * 4 and said[8:] == [None] * 2
    # What remains at the end of 8 s: two epochs of 1.6 s.
    assert said[7] is not None and said[7] == pytest.approx(6, abs=0.5)
    # At 4 s: two epochs each of 0.8 s and of 1.6 s are 4.8 s. 6 / ln 4 epochs per factor e for 12 s more.
    assert said[5] == pytest.approx(8, abs=0.5)


def test_the_estimate_of_a_curriculum_is_at_most_what_its_epochs_allow():
    left = TimeLeft(4, 16.0, "horizon_s")
    said = [left.after(epoch_row(k + 1, 2 * h, h), 0.0) for k, h in enumerate((1.0, 2.0, 4.0))]
    assert said[-1] == pytest.approx(32)  # a single epoch, of 16 s at most


def test_the_line_of_a_curriculum_names_the_longest_horizon(monkeypatch):
    Clock(monkeypatch)
    said = []
    task = Extraction(extraction_of(tiny_config()))
    for longest, named in (
        (None, f"horizon 0.25 of {task.samples / task.time.samples:g} s"),
        (0.5, "horizon 0.25 of 0.5 s"),
    ):
        shown = EpochLines(task, 11, said.append, longest)
        with shown.training(0):
            shown.show(epoch_row(1, 2.0, 0.25), last=False)
            assert named in said[-1] and "left" not in said[-1]


def test_a_line_stands_before_every_long_phase_and_nothing_else_is_shown(tmp_path, capfd):
    said = []
    freqjax.train(tiny_config(train={"diagnose": True}), tmp_path / "run", say=said.append)
    assert capfd.readouterr() == ("", "")
    phases = [line for line in said if line.endswith(" …")]
    assert phases == [
        "compiling …",
        "evaluating the best weights, the baselines and the limit …",
        "drawing the figures …",
        "diagnosing …",
    ]
    first = next(i for i, line in enumerate(said) if line.startswith("epoch 1/"))
    assert said.index("compiling …") < first < said.index(phases[1])
    assert len([line for line in said if "Cause" in line or "wrong" in line]) == 1
