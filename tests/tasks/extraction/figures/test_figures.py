"""figures: what is drawn, read back from the artists, and that every odd input is drawn."""

import math
import subprocess
import sys
import threading

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.patches import StepPatch

from freqjax.deploy.extraction.spectrum import Spectrum
from freqjax.deploy.extraction.verdict import Segments
from freqjax.figures import GROUP_COLOURS, LAYER_COLOURS, canvas, gradient_norms
from freqjax.tasks.drawing import draw_each
from freqjax.tasks.extraction import figures
from freqjax.tasks.extraction.figures import Baselines, EvaluationRecord
from freqjax.tasks.extraction.tones import tone_metrics
from tests.figures.reading import (
    assert_good_png,
    curve,
    headline,
    keep_figures,
    levels,
    visible_texts,
)
from tests.root import ROOT

RATE = 1000.0


def draw_all(*given):
    return draw_each(figures.drawings(*given))


def make_record(kind="good", frequencies_hz=(1.0, 3.0, 5.0, 7.0), samples=10_000, streams=1):
    rng = np.random.default_rng(0)
    selected = np.tile(np.arange(len(frequencies_hz)), streams)
    frequency = np.asarray(frequencies_hz)[selected][:, None]
    time = np.arange(samples) / RATE
    phase = rng.uniform(0, 2 * np.pi, (selected.size, 1)) * (streams > 1)
    targets = np.sin(2 * np.pi * frequency * time + phase)
    mixture = np.broadcast_to(rng.uniform(-1, 1, samples), targets.shape)
    if kind == "good":
        outputs = np.sin(2 * np.pi * (frequency + 0.001) * time + phase)
    elif kind == "zero":
        outputs = 1e-3 * rng.standard_normal(targets.shape)
    else:  # "broken": constant, lost half way, never finite, diverged
        outputs = np.zeros_like(targets)
        outputs[1:] = np.where(time < time.mean(), targets[1:], np.nan)
        outputs[2:] = np.inf
        outputs[3:] = 1e6 * targets[3:]
    tones = tuple(
        tone_metrics(outputs[selected == i], targets[selected == i], f, RATE)
        for i, f in enumerate(frequencies_hz)
    )
    return EvaluationRecord(tuple(frequencies_hz), RATE, mixture, targets, outputs, selected, tones)


def make_rows(count=5, losses=(0.277, 0.368, 0.39, 0.405, 0.41), frozen=0.501, frequencies=4):
    """Return rows of the strict online loop: the loss looks good, the frozen error does not."""
    return [
        {
            "epoch": i + 1,
            "step": 40_000 * (i + 1),
            "loss": losses[min(i, len(losses) - 1)],
            "loss_per_frequency": [0.0007, 0.095, 0.504, 0.508, 0.5, 0.5, 0.5, 0.5][:frequencies],
            "grad_norm": 0.4,
            "lr": 1e-3,
            "seconds": 2.0,
            "grad_norm_per_layer": {"cell": 0.35, "head": 0.2},
            "grad_norm_max_per_layer": {"cell": 3.0, "head": 1.1},
            "update_ratio_per_layer": {"cell": 2e-4, "head": 8e-4},
            "frozen_mse": frozen,
            "frozen_mse_per_frequency": None if frozen is None else [frozen] * frequencies,
        }
        for i in range(count)
    ]


@pytest.fixture
def drawn(monkeypatch):
    return keep_figures(monkeypatch)


def test_draw_all_writes_small_legible_pngs(tmp_path, monkeypatch):
    monkeypatch.setattr(canvas, "save", assert_good_png)
    rows, rng = make_rows(300), np.random.default_rng(1)
    for i, row in enumerate(rows):
        row["loss"] *= math.exp(0.3 * rng.standard_normal())
        row["horizon_s"] = (0.3, 1.0, 3.3, 10.0)[i // 75]
        row["settled_loss_per_frequency"] = row["loss_per_frequency"]
    paths = draw_all(make_record(frequencies_hz=(1.0, 7.0)), rows, 0.5, tmp_path / "figures")
    assert [path.name for path in paths] == [
        "all_frequencies.png", "last_second.png", "one_frequency_1Hz.png", "one_frequency_7Hz.png",
        "learning_curves.png", "curriculum.png", "chasing_gap.png", "error_over_time.png",
        "phase_drift.png", "error_distribution.png", "spectra.png", "gradient_norms.png",
    ]  # fmt: skip
    assert all(path.parent == tmp_path / "figures" and path.is_file() for path in paths)


def test_one_row_is_drawn(tmp_path, drawn):
    rows = make_rows(1)
    figures.learning_curves(rows, (1.0, 3.0, 5.0, 7.0), tmp_path)
    figures.chasing_gap(rows, (1.0, 3.0, 5.0, 7.0), None, tmp_path)
    gradient_norms(rows, tmp_path)
    assert_good_png(drawn["learning_curves.png"], tmp_path)
    axis = drawn["learning_curves.png"].axes[0]
    low, high = axis.get_xlim()
    assert [tick for tick in axis.get_xticks() if low <= tick <= high] == [1]


def test_broken_outputs_are_named_instead_of_failing(tmp_path, drawn):
    draw_all(make_record("broken", samples=3000), [], None, tmp_path)
    assert len(drawn) == 10
    assert "worst: 3 Hz, not finite" in headline(drawn["error_over_time.png"])
    titles = [axis.get_title("left") for axis in drawn["spectra.png"].axes]
    assert titles[:3] == ["1 Hz: no line in the output", "3 Hz: not finite", "5 Hz: not finite"]
    words = [text.get_text() for text in visible_texts(drawn["error_distribution.png"])]
    assert "output not finite\nin 50 % of the samples" in words
    assert "output not finite\nin all samples" in words
    for name in ("error_distribution.png", "error_over_time.png", "phase_drift.png"):
        assert_good_png(drawn[name], tmp_path)


@pytest.mark.parametrize("samples", [2, 50, 300])
def test_very_short_streams_are_drawn(samples, tmp_path, drawn):
    record = make_record(frequencies_hz=(3.0,), samples=samples)
    draw_all(record, [], None, tmp_path)
    assert "last_second.png" not in drawn and "phase_drift.png" not in drawn
    assert len(drawn["one_frequency_3Hz.png"].axes) == 1
    assert drawn["spectra.png"].axes[0].get_title("left") == "3 Hz: too short to measure"


def test_eight_frequencies_of_three_streams_are_drawn(tmp_path, drawn):
    record = make_record(frequencies_hz=(1, 2, 3, 5, 7, 11, 13, 17.5), streams=3)
    figures.all_frequencies(record, tmp_path)
    figures.spectra(record, tmp_path)
    colours = [to_hex(axes.lines[-1].get_color()) for axes in drawn["spectra.png"].axes]
    assert [colour.upper() for colour in colours] == list(GROUP_COLOURS)
    figures.chasing_gap(make_rows(frequencies=8), record.frequencies_hz, 0.5, tmp_path)
    for name in ("spectra.png", "chasing_gap.png"):
        assert_good_png(drawn[name], tmp_path)


def test_one_frequency_shows_the_stream_as_it_is(tmp_path, drawn):
    record = make_record(streams=2)
    figures.one_frequency(record, 2, tmp_path)
    figure = drawn["one_frequency_5Hz.png"]
    # 1 − sin(2πΔfT) / (2πΔfT) at Δf = 1 mHz, T = 10 s
    assert headline(figure) == "5 Hz: MSE 0.00066 over 2 streams, in phase after 10 s"
    for axis, cut in zip(figure.axes, (slice(0, 600), slice(9400, 10_000)), strict=True):
        time, output = curve(axis, GROUP_COLOURS[2])
        np.testing.assert_allclose(time, np.arange(cut.start, cut.stop) / RATE)
        np.testing.assert_array_equal(output, record.outputs[2, cut])
    with pytest.raises(ValueError, match="index 4"):
        figures.one_frequency(record, 4, tmp_path)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (lambda t: np.sin(2 * np.pi * 3.002 * t), "in phase after 10 s"),
        (lambda t: np.sin(2 * np.pi * 3.02 * t), "gains 1.3 rad of phase in 10 s"),
        (lambda t: np.sin(2 * np.pi * 2.98 * t), "loses 1.3 rad of phase in 10 s"),
        (lambda t: np.sin(2 * np.pi * 5 * t), "strongest tone at 5 Hz instead"),
        (lambda t: 0.5 * np.sin(2 * np.pi * 3 * t), "right frequency, correlation 1.00, amp"),
        (lambda t: 1e-6 * np.cos(40 * t**2), "MSE 0.5, no better than predicting zero"),
        (lambda t: 0 * t, "the output is constant"),
        (lambda t: t * np.nan, "the output is not finite"),
    ],
)
def test_titles_say_the_finding(output, said, tmp_path, drawn):
    time = np.arange(10_000) / RATE
    targets, outputs = np.sin(2 * np.pi * 3 * time)[None], output(time)[None]
    tones = (tone_metrics(outputs, targets, 3.0, RATE),)
    record = EvaluationRecord((3.0,), RATE, targets, targets, outputs, np.array([0]), tones)
    figures.one_frequency(record, 0, tmp_path)
    assert said in headline(drawn["one_frequency_3Hz.png"])


def test_chasing_gap_shows_the_ratio(tmp_path, drawn):
    figures.chasing_gap(make_rows(), (1, 3, 5, 7), 0.5, tmp_path)
    figure = drawn["chasing_gap.png"]
    assert headline(figure) == (
        "The weights chase the target: 0.277 while training, 0.501 frozen (1.8× at epoch 1)"
    )
    words = [text.get_text() for text in visible_texts(figure)]
    assert "frozen = 1.8× training" in words and "716×" in words and "frozen, test" in words
    assert {0.5, 0.01} <= levels(figure.axes[0])


@pytest.mark.parametrize(
    ("losses", "frozen", "test_mse", "said"),
    [
        ((0.466,), 0.501, None, "chase the target: 0.0007 while training, 0.501 frozen (716×"),
        ((0.004,), 0.0045, 0.005, "Frozen weights know the task after epoch 5: 0.004"),
        ((0.004,), 0.0045, 0.3, "fit the training data alone: 0.004 while training"),
        ((0.2,), None, 0.5, "Frozen error not measured in training; loss 0.2, frozen on test"),
        ((None,), None, None, "Frozen error not measured in training; loss not finite"),
    ],
)
def test_chasing_gap_verdicts(losses, frozen, test_mse, said, tmp_path, drawn):
    figures.chasing_gap(make_rows(5, losses, frozen), (1, 3, 5, 7), test_mse, tmp_path)
    assert said in headline(drawn["chasing_gap.png"])


@pytest.mark.parametrize(
    ("level", "said"),
    [(0.5, "No gap, but nothing learned: 0.5"), (0.1, "No chasing, frozen weights keep")],
)
def test_no_gap_is_not_called_chasing(level, said, tmp_path, drawn):
    rows = [row | {"loss": level, "loss_per_frequency": [level] * 4}
            for row in make_rows(frozen=level)]  # fmt: skip
    figures.chasing_gap(rows, (1, 3, 5, 7), None, tmp_path)
    assert said in headline(drawn["chasing_gap.png"])


def test_a_short_horizon_is_not_called_chasing(tmp_path, drawn):
    # Solved over 0.3 s and not yet over 10 s: only the last row compares like with like.
    rows = make_rows(3, (0.001, 0.002, 0.4), 0.5)
    for row, horizon_s in zip(rows, (0.3, 1.0, 10.0), strict=True):
        row["horizon_s"], row["loss_per_frequency"] = horizon_s, [row["loss"]] * 4
    figures.chasing_gap(rows, (1, 3, 5, 7), None, tmp_path)
    assert headline(drawn["chasing_gap.png"]).startswith("No gap, but nothing learned: 0.4")


def test_learning_curves_hold_the_rows(tmp_path, drawn):
    rows = make_rows(5)
    rows[2]["frozen_mse"] = rows[2]["frozen_mse_per_frequency"] = None
    figures.learning_curves(rows, (1, 3, 5, 7), tmp_path)
    figure = drawn["learning_curves.png"]
    for axis in figure.axes:
        assert {0.5, 0.01} <= levels(axis) and axis.get_yscale() == "log"
    epochs, loss = curve(figure.axes[1], GROUP_COLOURS[1])
    np.testing.assert_array_equal(epochs, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(loss, [0.095] * 5)
    epochs, frozen = curve(figure.axes[2], GROUP_COLOURS[0])
    np.testing.assert_array_equal(epochs, [1, 2, 4, 5])
    np.testing.assert_array_equal(frozen, [0.501] * 4)
    assert headline(figure) == (
        "After epoch 5: 0.41 while training, 0.501 frozen (predicting zero: 0.5)"
    )
    for draw in (figures.learning_curves, lambda r, f, d: figures.chasing_gap(r, f, None, d)):
        with pytest.raises(ValueError, match="no rows"):
            draw([], (1,), tmp_path)


def test_error_over_time_of_a_detuned_sine(tmp_path, drawn):
    figures.error_over_time(make_record(frequencies_hz=(5.0,)), tmp_path)
    figure = drawn["error_over_time.png"]
    time, mse = curve(figure.axes[0], GROUP_COLOURS[0])
    # Whole periods: <(sin a − sin b)²> = 1 − cos(2πΔft), slowly varying.
    np.testing.assert_allclose(mse, 1 - np.cos(2 * np.pi * 0.001 * time), rtol=0.05, atol=2e-6)
    assert {0.5, 0.01} <= levels(figure.axes[0])
    assert headline(figure).startswith("After 10 s, 1 of 1 frequencies are below 0.01")


def with_baselines(record, scale=0.1, **fields):
    """Return a baseline whose error is a share of the target, and one that predicts zero."""
    outputs = {"Kalman": (1 - scale) * record.targets, "Silence": 0 * record.targets}
    baselines = Baselines(
        outputs,
        bayes_mse=2e-4,
        bayes_mse_per_frequency=[1e-4] * len(record.frequencies_hz),
        linear_mmse=3e-3,
        settled=0,
    )
    return record._replace(baselines=baselines._replace(**fields))


def test_baselines_are_drawn_beside_the_network(tmp_path, drawn):
    least = np.array([1, 500, 10_000]), np.array([0.3, 1e-3, 0.0])
    record = with_baselines(make_record(streams=2), bayes_over_time=least)
    draw_all(record, make_rows(), None, tmp_path)
    figure = drawn["error_over_time.png"]
    words = [text.get_text() for text in visible_texts(figure)]
    assert {"Kalman", "Silence", "least possible"} <= set(words)
    seconds, mse = curve(figure.axes[0], canvas.INK.upper(), least=3)
    np.testing.assert_allclose(seconds, [0.001, 0.5, 10])
    np.testing.assert_allclose(mse, [0.3, 1e-3, 1e-15])
    assert (
        figure.axes[0].get_ylim()[0] > 1e-8
    )  # a limit of next to nothing must not squash the rest
    curves = [np.asarray(line.get_ydata()) for line in figure.axes[0].lines]
    for level in (0.005, 0.5):  # (0.1)²/2 and 1/2
        assert any(y.size == 10 and np.allclose(y, level, rtol=1e-3) for y in curves)
    assert_good_png(figure, tmp_path)
    frozen = drawn["learning_curves.png"].axes[2]
    assert {2e-4, 3e-3} <= levels(frozen) and not {2e-4, 3e-3} & levels(
        drawn["learning_curves.png"].axes[1]
    )
    assert_good_png(drawn["learning_curves.png"], tmp_path)


def dots_of(axis, place, kinds=("o",)):
    """Return the dots of a row of a figure of methods: x, in the order of the frequencies."""
    found = [
        line for line in axis.lines if line.get_marker() in kinds and len(line.get_xdata()) == 1
    ]
    mine = [line for line in found if abs(line.get_ydata()[0] - place) < 0.5]
    return [
        float(line.get_xdata()[0]) for line in sorted(mine, key=lambda line: line.get_ydata()[0])
    ]


def rows_of(axis):
    return [label.get_text() for label in axis.get_yticklabels()]


def test_standing_shows_every_method_best_first(tmp_path, drawn):
    record = with_baselines(make_record(), settled=1000)
    assert record.baselines is not None
    figures.standing(record, record.baselines, tmp_path)
    figure = drawn["standing.png"]
    (axis,) = figure.axes
    assert rows_of(axis) == ["least possible", "network", "Kalman", "Silence", "predicting zero"]
    np.testing.assert_allclose(dots_of(axis, 0), 1e-4)
    np.testing.assert_allclose(dots_of(axis, 2), 0.005, rtol=1e-2)
    np.testing.assert_allclose(dots_of(axis, 4), 0.5, rtol=1e-2)
    # No dot covers another: every one has a place of its own.
    heights = [line.get_ydata()[0] for line in axis.lines if line.get_marker() == "o"
               and len(line.get_xdata()) == 1]  # fmt: skip
    assert len(heights) == 20 and np.diff(sorted(heights)).min() > 0.1
    said = headline(figure)
    assert said.startswith("Network 0.00073, 7.3× the least possible (0.0001); best baseline: Kal")
    assert axis.get_xlabel() == "MSE after 1 s (no unit); right: mean over the frequencies"
    assert_good_png(figure, tmp_path)


def test_a_limit_of_zero_is_drawn_at_the_edge_with_words(tmp_path, drawn):
    fields = {"bayes_mse": 0.0, "linear_mmse": 0.5, "bayes_mse_per_frequency": [0.0] * 4}
    record = with_baselines(make_record(), **fields)
    assert record.baselines is not None
    figures.standing(record, record.baselines, tmp_path)
    (axis,) = drawn["standing.png"].axes
    assert rows_of(axis)[:2] == ["least possible", "network"]
    edge = axis.get_xlim()[0]
    assert dots_of(axis, 0, ("<",)) == [edge] * 4
    assert min(dots_of(axis, 1)) > 4 * edge
    assert "0, left of every log axis" in [text.get_text() for text in axis.texts]
    assert_good_png(drawn["standing.png"], tmp_path)


def test_a_limit_of_zero_or_unknown_is_said(tmp_path, drawn):
    for least, said in (([0.0] * 4, "least possible 0 (the start is known)"), (None, "Network 0")):
        fields = {"bayes_mse": 0.0, "linear_mmse": 0.5, "bayes_mse_per_frequency": least}
        record = with_baselines(make_record(), scale=1.0, **fields)
        draw_all(record, make_rows(), None, tmp_path)
        assert said in headline(drawn["standing.png"])
        assert levels(drawn["learning_curves.png"].axes[2]) == {0.5, 0.01}
        words = [text.get_text() for text in visible_texts(drawn["error_over_time.png"])]
        assert "Kalman and Silence" in words
    assert "least possible" not in headline(drawn["standing.png"])
    broken = with_baselines(make_record("broken"))
    assert broken.baselines is not None
    figures.standing(broken, broken.baselines, tmp_path)
    assert headline(drawn["standing.png"]) == "The output is not finite"
    assert_good_png(drawn["standing.png"], tmp_path)


def limit_row(scale, bayes, linear, start="random"):
    half = None if bayes is None else [0.1 * value for value in bayes]
    low, high = (None, None) if bayes is None else (half, [2 * value for value in bayes])
    return {
        "phase_scale": scale, "start": start, "samples_seen": [1, 10, 100], "bayes_mse": bayes,
        "low": low, "high": high, "linear_mmse": linear,
    }  # fmt: skip


def test_limit_curves_hold_the_rows(tmp_path, drawn):
    rows = [
        limit_row(1.0, [0.0] * 3, [0.5] * 3, start="zero"),
        limit_row(1.0, [0.5] * 3, [0.5] * 3),
        limit_row(0.1, [0.3, 0.03, 0.0], [0.4, 0.2, 0.01]),
    ]
    figures.limit_curves(rows, tmp_path)
    figure = drawn["limits.png"]
    said = "The least possible MSE after 100 samples: below 1e-06 at phase_scale 0.1, 0.5 at phase_scale 1"
    assert headline(figure) == said
    seen, mse = curve(figure.axes[0], LAYER_COLOURS[1])
    np.testing.assert_array_equal(seen, [1, 10, 100])
    np.testing.assert_array_equal(mse, [0.4, 0.2, 0.01])
    assert 0.5 in levels(figure.axes[0])
    words = [text.get_text() for text in visible_texts(figure)]
    assert {"scale 0.1, limit → 0", "scale 1, limit", "predicting zero, 0.5"} <= set(words)
    assert_good_png(figure, tmp_path)
    # No band hides a curve: an interval is a bar, one that begins below the axis a triangle at its end.
    assert not any(isinstance(c, PolyCollection) for c in figure.axes[0].collections)
    above = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert [list(line.get_ydata()) for line in above if len(line.get_ydata())] == []
    rows[2]["high"][2] = 3e-4
    figures.limit_curves(rows, tmp_path)
    above = [line for line in drawn["limits.png"].axes[0].lines if line.get_marker() == "v"]
    assert [list(line.get_ydata()) for line in above if len(line.get_ydata())] == [[3e-4]]
    figures.limit_curves([limit_row(0.1, None, [0.4, 0.2, 0.01])], tmp_path)
    assert headline(drawn["limits.png"]).startswith("No limit is known")
    assert_good_png(drawn["limits.png"], tmp_path)


def densities(axis):
    """Return the values and edges of the network's histogram and of the outlines, by label."""
    return {p.get_label(): p.get_data()[:2] for p in axis.patches if isinstance(p, StepPatch)}


def test_error_density_integrates_to_one_and_zero_output_fills_the_outline(tmp_path, drawn):
    # Frequencies off the sampling grid, so that the samples fill the sine's range evenly.
    figures.error_distribution(make_record("zero", (2.3718, 3.1173)), tmp_path)
    for axis in drawn["error_distribution.png"].axes:
        found = densities(axis)
        for values, edges in found.values():
            assert np.sum(values * np.diff(edges)) == pytest.approx(1, abs=1e-6)
        # Both errors are a sine's, the filled one blurred by 0.001.
        (filled, edges), (outline, _) = found["network"], found["predicting zero"]
        assert np.sum(np.abs(filled - outline) * np.diff(edges)) < 0.1
    assert headline(drawn["error_distribution.png"]) == (
        "95 % of the errors lie within ±1; at the goal ±0.2, predicting zero ±1"
    )
    assert_good_png(drawn["error_distribution.png"], tmp_path)


def test_the_axis_of_an_error_is_as_wide_as_the_error(tmp_path, drawn):
    record = make_record(frequencies_hz=(2.0, 3.0))
    rng = np.random.default_rng(3)
    sizes = (0.1, 1e-4)  # the first is a network at the goal, the second far below it
    record.outputs[:] = record.targets + rng.standard_normal((2, 10_000)) * np.array(sizes)[:, None]
    record.outputs[1, 0] += 5.0  # one large error must not make a spike of the others
    figures.error_distribution(record, tmp_path)
    figure = drawn["error_distribution.png"]
    for axis, size in zip(figure.axes, sizes, strict=True):
        assert 3 * size < axis.get_xlim()[1] < 9 * size
        density, edges = densities(axis)["network"]
        assert np.sum(density > 0.05 * density.max()) > 15
        # A normal density has its peak of 1 / (σ √(2π)) at 0.
        assert density[density.size // 2] == pytest.approx(0.4 / size, rel=0.15)
    found = densities(figure.axes[0])
    goal, edges = found["a network at the goal, MSE 0.01"]
    assert np.sum(np.abs(found["network"][0] - goal) * np.diff(edges)) < 0.1
    assert "0.01 % beyond" in [text.get_text() for text in figure.axes[1].texts]
    titles = [axis.get_title("left") for axis in figure.axes]
    assert titles == ["2 Hz: 95 % within ±0.2", "3 Hz: 95 % within ±0.00019"]
    figure.draw_without_rendering()
    for axis in figure.axes:
        # Whole numbers, since the power of an axis would touch its label.
        assert not axis.xaxis.get_offset_text().get_text()
        names = [text.get_text() for text in axis.xaxis.get_ticklabels()]
        assert len(names) <= 5 and "e" not in "".join(names)
        values = [float(name.replace("−", "-")) for name in names]
        np.testing.assert_allclose(values, axis.xaxis.get_majorticklocs(), atol=1e-12)


def test_spectrum_of_a_unit_sine_peaks_at_zero_decibels(tmp_path, drawn):
    record = make_record()
    record.outputs[1] *= 0.5
    figures.spectra(record, tmp_path)
    figure = drawn["spectra.png"]
    for index, (axis, level_db) in enumerate(zip(figure.axes, (0, -6.02, 0, 0), strict=True)):
        frequencies, amplitude = curve(axis, GROUP_COLOURS[index], least=100)
        peak = np.argmax(amplitude)
        assert frequencies[peak] == pytest.approx(record.frequencies_hz[index], abs=0.026)
        assert amplitude[peak] == pytest.approx(level_db, abs=0.05)
        assert axis.get_xlim() == (0, 20)
        marked = {line.get_xdata()[0] for line in axis.lines if len(line.get_xdata()) == 2}
        assert marked == {1, 3, 5, 7}
    assert headline(figure) == "4 of 4 outputs have their strongest line at the selected one"


def extracted(off=0.0, left=0.1, samples=40_000, **changes):
    """Return what the figure of an extraction of 2 Hz shows; `left` is the share of the amplitude left."""
    time = np.arange(samples) / RATE
    line = np.sin(2 * np.pi * 2 * (1 + off) * time)
    recording = line + np.sin(2 * np.pi * time) + np.sin(10 * np.pi * time)
    component = (1 - left) * line
    whole = [Spectrum(1.0, RATE) for _ in range(2)]
    segments = Segments(2.0, RATE, (1.0, 5.0))
    for spectrum, signal in zip(whole, (recording, component), strict=True):
        spectrum.add(signal)
    segments.add(recording, component, recording - component, component)
    segments.finish()
    verdict = segments.verdict()
    fields = {
        "selected_hz": 2.0,
        "others_hz": (1.0, 5.0),
        "colour_index": 1,
        "part": "",
        "verdict": verdict.words,
        "stands": verdict.stands,
        "source": "",
        "channel": "",
        "unit": "s",
        "sampling_rate": RATE,
        "begin": 5.0,
        "waveforms": (recording[5000:10_000], component[5000:10_000]),
        "recording": whole[0].amplitude(),
        "component": whole[1].amplitude(),
        "near": segments.spectra(),
        "found_hz": 2 * (1 + off),
    }
    return figures.Drawn(**fields | changes)


@pytest.mark.parametrize(
    ("off", "left", "said"),
    [
        (0.0, 0.1, "2 Hz: the line was taken out: 1 % of its power is left"),
        (0.01, 0.728, "2 Hz: 53 % of the line's power is left: do not use this output"),
    ],
)
def test_an_extraction_is_drawn_before_and_after_on_one_scale(off, left, said, tmp_path, drawn):
    figures.extraction(extracted(off, left), tmp_path / "x.png")
    figure = drawn["x.png"]
    wave, rest, whole, before, after = figure.axes
    assert headline(figure) == said
    assert wave.get_ylim() == rest.get_ylim() and wave.get_xlim() == rest.get_xlim()
    assert whole.get_ylim() == before.get_ylim() == after.get_ylim()
    assert before.get_xlim() == after.get_xlim() == pytest.approx((1.9, 2.1), abs=0.01)
    # The recording is the component and the residual.
    recording, component = (line.get_ydata() for line in wave.lines)
    np.testing.assert_allclose(rest.lines[0].get_ydata(), recording - component, atol=1e-12)
    heights = [max(curve(axis, (canvas.INK if axis is after else canvas.GREY).upper())[1])
               for axis in (before, after)]  # fmt: skip
    assert heights[0] == pytest.approx(0, abs=1.5)  # a line between two bins loses up to 1.4 dB
    assert heights[1] - heights[0] == pytest.approx(20 * np.log10(left), abs=0.1)
    (mark,) = [line.get_xdata()[0] for line in before.lines if line.get_linestyle() == "--"]
    assert mark == pytest.approx(2 * (1 + off))
    assert_good_png(figure, tmp_path)


def test_an_extraction_of_nothing_is_drawn(tmp_path, drawn):
    zeros = np.linspace(0, 50, 501), np.zeros(501)
    near = (np.linspace(1.8, 2.2, 5), *np.zeros((3, 5)))
    nothing = extracted(
        samples=1000, waveforms=None, recording=zeros, component=zeros, near=near,
        found_hz=math.nan, source="a clock", channel="channel 2", verdict="no line", stands=False,
    )  # fmt: skip
    figures.extraction(nothing, tmp_path / "x.png")
    figure = drawn["x.png"]
    assert headline(figure) == "2 Hz in channel 2, by a clock: no line"
    words = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert words.count("the recording is shorter than five periods of the line") == 2
    assert words[-1] == "no line of the recording here"
    assert_good_png(figure, tmp_path)


def test_gradient_guides_only_where_they_are_near(tmp_path, drawn):
    def words(**layers):
        rows = [row | {"grad_norm_per_layer": layers, "grad_norm_max_per_layer": layers}
                for row in make_rows()]  # fmt: skip
        gradient_norms(rows, tmp_path)
        figure = drawn["gradient_norms.png"]
        return headline(figure), [text.get_text() for text in visible_texts(figure)]

    said, texts = words(cell=0.3, head=0.2)
    assert said.startswith("Gradients neither vanish nor explode: 0.2 (head) to 0.3 (cell)")
    assert "usual, 0.001" in texts and not any("vanishing" in text for text in texts)
    said, texts = words(cell=3e-9, head=0.2)
    assert said.startswith("Vanishing gradient: cell falls to 3e-09")
    assert "vanishing, 1e-07" in texts
    said, texts = words(cell=900.0, head=0.2)
    assert said.startswith("Exploding gradient: cell reaches 9e+02") and "exploding, 100" in texts


def test_rows_without_layers_show_the_whole_norm(tmp_path, drawn):
    rows = [{"epoch": 1, "loss": 0.4, "grad_norm": 0.7}, {"epoch": 2, "loss": None}]
    gradient_norms(rows, tmp_path)
    figures.learning_curves(rows, (1.0, 3.0), tmp_path)
    figures.chasing_gap(rows, (1.0, 3.0), None, tmp_path)
    assert "0.7 (all)" in headline(drawn["gradient_norms.png"])


def test_threads_draw_what_one_thread_draws(tmp_path, pictures):
    record = make_record(frequencies_hz=(5.0,), samples=1000)
    alone = figures.error_over_time(record, tmp_path / "alone").read_bytes()
    threads = [
        threading.Thread(target=figures.error_over_time, args=(record, tmp_path / str(i)))
        for i in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((tmp_path / str(i) / "error_over_time.png").read_bytes() == alone for i in range(2))


def test_pyplot_is_never_imported(tmp_path):
    code = (
        "import sys\n"
        "sys.modules['matplotlib.pyplot'] = None  # importing it is an error now\n"
        f"from {__name__} import figures, make_record\n"
        "record = make_record(frequencies_hz=(5.0,))\n"
        "assert figures.phase_drift(record, sys.argv[1]).is_file()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
