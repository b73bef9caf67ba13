"""figures of clocks: curriculum, last second, phase, rotors, headline."""

import math

import numpy as np
import pytest
from matplotlib.colors import to_hex

from freqjax.figures import GROUP_COLOURS
from freqjax.tasks.extraction import figures
from freqjax.tasks.extraction.tones import tone_metrics
from tests.figures.reading import (
    assert_good_png,
    curve,
    headline,
    keep_figures,
    levels,
    visible_texts,
)
from tests.tasks.extraction.figures.test_figures import make_record, make_rows

FOUR = (1.0, 3.0, 5.0, 7.0)
ORIGINALS = {"original A, reported": 0.2847, "original B, reported": 0.30}


@pytest.fixture
def drawn(monkeypatch):
    return keep_figures(monkeypatch)


def staged_rows(horizons, frequencies=4):
    rows = make_rows(len(horizons), frequencies=frequencies)
    for i, (row, horizon_s) in enumerate(zip(rows, horizons, strict=True)):
        row["step"], row["horizon_s"], row["damping"] = i + 1, horizon_s, 1e-3
        row["settled_loss_per_frequency"] = [10.0 ** -(i % 5)] * frequencies
        row["frozen_mse_per_frequency"] = [0.5 / (i + 1) ** (j + 1) for j in range(frequencies)]
    return rows


def titles(figure):
    return [axis.get_title("left") for axis in figure.axes]


def words(figure):
    return [text.get_text() for text in visible_texts(figure)]


def test_curriculum_shows_horizons_errors_and_going_back(tmp_path, drawn):
    rows = staged_rows((0.25, 0.5, 2.0, 1.0, 2.0, 10.0))
    rows[1]["frozen_mse_per_frequency"] = None
    figures.curriculum(rows, FOUR, tmp_path)
    figure = drawn["curriculum.png"]
    assert headline(figure) == (
        "Horizon 0.25 → 10 s by update 6, gone back 1×; after update 6, "
        "2 of 4 frozen errors below 0.01"
    )
    top, *panels = figure.axes
    np.testing.assert_array_equal(top.lines[0].get_ydata(), (0.25, 0.5, 2, 1, 2, 10))
    assert top.get_yscale() == "log"
    named = {text.get_text(): text.xy for text in top.texts if text.get_text()}
    assert named == {"0.25": (1, 0.25), "0.5": (2, 0.5), "2": (3, 2), "1": (4, 1), "10": (6, 10)}
    for index, axis in enumerate(panels):
        thin, bold = sorted(axis.lines[:2], key=lambda line: line.get_linewidth())
        np.testing.assert_allclose(thin.get_ydata(), 10.0 ** -(np.arange(6) % 5))
        np.testing.assert_array_equal(bold.get_xdata(), [1, 3, 4, 5, 6])
        assert bold.get_ydata()[-1] == rows[-1]["frozen_mse_per_frequency"][index]
        assert {0.5, 0.01} <= levels(axis) and axis.get_yscale() == "log"
        (shade,) = axis.patches  # only the fourth update was below the longest horizon
        np.testing.assert_allclose(shade.get_x() + np.array([0, shade.get_width()]), [3.5, 4.5])
    assert_good_png(figure, tmp_path)


def test_curriculum_of_one_row_and_of_eight_frequencies(tmp_path, drawn):
    figures.curriculum(staged_rows((10.0,)), FOUR, tmp_path)
    said = "Horizon 10 s throughout; after update 1, 0 of 4 frozen errors below 0.01"
    assert headline(drawn["curriculum.png"]) == said
    rows = staged_rows((1.0, 10.0, 4.0), 8)  # ends below its longest horizon
    for row in rows:
        del row["settled_loss_per_frequency"]
        row["frozen_mse_per_frequency"] = None
    figures.curriculum(rows, tuple(range(1, 9)), tmp_path)
    figure = drawn["curriculum.png"]
    assert headline(figure).endswith("gone back 1×; frozen error not measured")
    assert titles(figure)[1] == "1 Hz: frozen error not measured"
    np.testing.assert_array_equal(figure.axes[2].lines[0].get_ydata(), [0.095] * 3)
    with pytest.raises(ValueError, match="horizon"):
        figures.curriculum(make_rows(), FOUR, tmp_path)


def test_last_second_shows_the_last_second(tmp_path, drawn):
    record = make_record(streams=2)
    record.outputs[5] = 0  # the second stream of 3 Hz: MSE 0.5, shown only in the mean
    figures.last_second(record, tmp_path)
    figure = drawn["last_second.png"]
    for index, axis in enumerate(figure.axes):
        time, output = curve(axis, GROUP_COLOURS[index])
        np.testing.assert_allclose(time, np.arange(9000, 10_000) / 1000)
        np.testing.assert_array_equal(output, record.outputs[index, 9000:])
    # 1 − cos(2πΔft) at Δf = 1 mHz, t = 9.5 s; for 3 Hz its mean with 0.5
    assert titles(figure)[:2] == [
        "1 Hz: MSE 0.0018 over 2 streams",
        "3 Hz: MSE 0.251 over 2 streams",
    ]
    assert "From 9 to 10 s, 3 of 4 outputs" in headline(figure)
    assert headline(figure).endswith("worst: 3 Hz, 0.251")
    assert_good_png(figure, tmp_path)


def test_last_second_of_broken_outputs_keeps_the_target_in_view(tmp_path, drawn):
    figures.last_second(make_record("broken", samples=3000), tmp_path)
    figure = drawn["last_second.png"]
    assert titles(figure) == ["1 Hz: MSE 0.5", "3 Hz: MSE not finite", "5 Hz: MSE not finite",
                              "7 Hz: MSE 5e+11"]  # fmt: skip
    assert figure.axes[3].get_ylim()[1] < 4 and "reaches ±1e+06" in words(figure)
    assert "output not finite\nin all samples" in words(figure)


def measured(record):
    """Return the record with the metrics of outputs that were changed."""
    tones = tuple(
        tone_metrics(record.outputs[own], record.targets[own], f, record.sampling_rate_hz)
        for f, own in zip(
            record.frequencies_hz,
            np.eye(len(record.tones), dtype=bool)[:, record.selected],
            strict=True,
        )
    )
    return record._replace(tones=tones)


def test_phase_drift_of_detuned_and_of_silent_outputs(tmp_path, drawn):
    record = make_record(streams=3)  # 1 mHz too fast: 2π · 0.001 · t
    time = np.arange(10_000) / 1000
    record.outputs[0::4] = np.sin(2 * np.pi * 0.96 * time)
    record.targets[0::4] = np.sin(2 * np.pi * time)
    record.outputs[3::4] = 1e-3
    figures.phase_drift(measured(record), tmp_path)
    figure = drawn["phase_drift.png"]
    for index, error_hz in ((0, -0.04), (1, 0.001)):
        middle, phase = curve(figure.axes[0], GROUP_COLOURS[index])
        np.testing.assert_allclose(phase, 2 * np.pi * error_hz * middle, atol=0.03)
    said = headline(figure)
    assert said.startswith("2 of 4 phases stay within ±0.14 rad; widest: 1 Hz, 2.")
    assert titles(figure) == ["no phase:\n7 Hz: the output is constant"]
    assert_good_png(figure, tmp_path)
    heights = [patch.get_y() for patch in figure.axes[0].patches]
    assert heights == [pytest.approx(-math.acos(0.99))]  # 1 − cos p = 0.01


def make_pairs():
    before = np.array([0.5, 2.0, 3.3, 9.0, 4.0, 6.0, 0.0, 8.0])
    after = np.array([0.99, 2.2, 3.001, 9.5, 4.5, np.nan, 1.0, 8.0])
    owner = np.array([0, 0, 1, 1, 2, 2, 0, -1])
    return before, after, owner


def test_rotors_move_from_before_to_after(tmp_path, drawn):
    figures.rotors(*make_pairs(), FOUR, tmp_path)
    figure = drawn["rotors.png"]
    assert headline(figure) == "3 of 4 lines have a pair within 15 % after training (8 pairs)"
    assert titles(figure) == [
        "1 Hz: 1 of 2 pairs near the line, nearest 0.99 Hz; 1 without rotation, not drawn",
        "3 Hz: 1 of 2 pairs near the line, nearest 3.001 Hz",
        "5 Hz: 1 of 1 pair near the line, nearest 4.5 Hz; 1 without rotation, not drawn",
        "7 Hz: no pair",
        "no selector: 1 pair",
    ]
    axis = figure.axes[1]
    dots = {float(line.get_xdata()[0]): line for line in axis.lines if line.get_marker() == "o"}
    assert set(dots) == {3.3, 3.001, 9.0, 9.5} and axis.get_xscale() == "log"
    assert dots[3.001].get_markersize() > dots[9.5].get_markersize()
    marked = [line.get_xdata()[0] for line in axis.lines if line.get_marker() != "o"]
    assert marked == list(FOUR)
    arrows = {(note.xyann[0], note.xy[0]) for note in axis.texts}
    assert arrows == {(3.3, 3.001), (9.0, 9.5)}
    assert_good_png(figure, tmp_path)


def test_rotors_of_a_linear_recurrence_are_units_that_no_tanh_slows(tmp_path, drawn):
    figures.rotors(*make_pairs(), FOUR, tmp_path, linear=True)
    figure = drawn["rotors.png"]
    assert headline(figure) == "3 of 4 lines have a unit within 15 % after training (8 units)"
    assert titles(figure)[2:] == [
        "5 Hz: 1 of 1 unit near the line, nearest 4.5 Hz; 1 without rotation, not drawn",
        "7 Hz: no unit",
        "no selector: 1 unit",
    ]
    labels = [figure.axes[-1].get_xlabel(), figure.get_supylabel()]
    assert labels == [
        "frequency (Hz): before training ○ → after ●",
        "units of a selector, slow to fast",
    ]


def test_rotors_refuse_what_they_cannot_draw(tmp_path):
    before, after, owner = make_pairs()
    with pytest.raises(ValueError, match=r"got \(7,\), \(8,\)"):
        figures.rotors(before[1:], after, owner, FOUR, tmp_path)
    with pytest.raises(ValueError, match=r"owner must be in -1 … 1"):
        figures.rotors(before, after, owner, FOUR[:2], tmp_path)


def test_headline_compares_with_the_originals(tmp_path, drawn):
    record = make_record()
    figures.headline(record, staged_rows((1.0, 10.0)), 0.5, ORIGINALS, tmp_path)
    figure = drawn["headline.png"]
    assert headline(figure) == (
        "4 of 4 frequencies below MSE 0.01, frozen over 10 s; mean 0.00066, "
        "433× below the best reported (0.285)"
    )
    right = figure.axes[-1]
    assert right.get_title("left") == "this run after update 2" and right.get_xscale() == "log"
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names == ["1 Hz", "3 Hz", "5 Hz", "7 Hz", *ORIGINALS, "predicting zero"]
    dots = [line for line in right.lines if line.get_marker() == "o"]
    expected = np.array([*(tone.mse for tone in record.tones), 0.2847, 0.3, 0.5], float)
    np.testing.assert_allclose([dot.get_xdata()[0] for dot in dots], expected)
    colours = [to_hex(dot.get_color()).upper() for dot in dots[:4]]
    assert colours == list(GROUP_COLOURS[:4])
    assert "goal 0.01" in words(figure)
    assert_good_png(figure, tmp_path)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            ("broken", FOUR, 3000),
            "0 of 4 frequencies below MSE 0.01, frozen over 3 s; mean not finite",
        ),
        (("zero", (3.0,), 50), "0 of 1 frequencies below MSE 0.01, frozen over 0.05 s; mean 0."),
        (("good", tuple(range(1, 9)), 1000), "8 of 8 frequencies below MSE 0.01, frozen over 1 s"),
    ],
)
def test_headline_of_anything(record, said, tmp_path, drawn):
    record = make_record(*record)
    figures.headline(record, [], 0.5, ORIGINALS, tmp_path)
    assert headline(drawn["headline.png"]).startswith(said)
    # Diverged and not finite ones stay on the page.
    right = drawn["headline.png"].axes[-1]
    dots = [line.get_xdata()[0] for line in right.lines if line.get_marker() in ("o", "x")]
    assert len(dots) == len(record.tones) + 3
    assert all(right.get_xlim()[0] <= x <= right.get_xlim()[1] for x in dots)


def reasons(figure):
    """Return the lines of the text inside an empty figure of phases."""
    (box,) = [t.get_text() for t in figure.axes[0].texts if "No phase can be" in t.get_text()]
    return box.splitlines()[1:]


def test_an_empty_figure_of_phases_says_why(tmp_path, drawn):
    record = make_record(frequencies_hz=(1.0, 3.0, 5.0), samples=3000)
    time = np.arange(3000) / 1000
    record.outputs[0] = 0.02 * np.sin(2 * np.pi * time)
    record.outputs[1] = np.nan
    record.outputs[2] = 0.3
    figures.phase_drift(measured(record), tmp_path)
    figure = drawn["phase_drift.png"]
    assert reasons(figure) == [
        "1 Hz: the output's amplitude there is 0.02 of the target's, a phase needs 0.1",
        "3 Hz: the output is not finite",
        "5 Hz: the output is constant",
    ]
    assert_good_png(figure, tmp_path)


def test_short_streams_have_no_phase_but_are_drawn(tmp_path, drawn):
    for samples in (2, 50):
        record = make_record(frequencies_hz=(3.0,), samples=samples)
        figures.last_second(record, tmp_path)
        figures.phase_drift(record, tmp_path)
        assert headline(drawn["phase_drift.png"]) == "No output has a measurable phase"
        assert "3 Hz: the stream is shorter than a period" in reasons(drawn["phase_drift.png"])
        (axis,) = drawn["last_second.png"].axes
        assert len(curve(axis, GROUP_COLOURS[0])[0]) == samples
