"""The figures of any task: what is drawn of groups, goals and horizons, read back from the artists."""

import math

import numpy as np
import pytest

from freqjax.figures import (
    Scale,
    chasing_gap,
    curriculum,
    gradient_norms,
    group_scores,
    history_of,
)
from freqjax.figures import learning_curves as draw_learning_curves
from freqjax.tasks.columns import columns_of
from tests.figures.reading import assert_good_png, headline, keep_figures, levels

COLUMNS = columns_of("person", "cross_entropy", "samples")
SCALE = Scale(
    name="cross-entropy",
    groups=("Ada", "Emmy"),
    everything="all rows",
    constant=0.7,
    constant_name="the best constant",
    goal=None,
    unit="samples",
)


def rows(losses, frozen, horizons=None):
    """Return rows of metrics.jsonl of two persons, the second of whom has twice the loss of the first."""
    found = []
    for epoch, (loss, known) in enumerate(zip(losses, frozen, strict=True), 1):
        groups = None if known is None else [known * 2 / 3, known * 4 / 3]
        row = {"epoch": epoch, "step": 10 * epoch, "loss": loss, COLUMNS.frozen: known}
        row |= {COLUMNS.loss: [loss * 2 / 3, loss * 4 / 3], COLUMNS.frozen_per_group: groups}
        if horizons:
            row[COLUMNS.horizon] = horizons[epoch - 1]
        found.append(row)
    return found


def history(*args):
    return history_of(rows(*args), 2, COLUMNS)


@pytest.fixture
def drawn(monkeypatch):
    return keep_figures(monkeypatch)


def words(figure):
    return {text.get_text() for axis in figure.axes for text in axis.texts}


def test_a_history_holds_the_columns_of_the_task():
    found = history((0.6, 0.3), (None, 0.4), (5, 20))
    np.testing.assert_array_equal(found.updates, [10, 20])
    np.testing.assert_allclose(found.losses, [[0.4, 0.8], [0.2, 0.4]])
    np.testing.assert_array_equal(np.isnan(found.frozen_losses), [[True, True], [False, False]])
    assert found.is_staged and not history((0.6,), (0.5,)).is_staged
    assert found.over_whole_blocks(None).epochs.tolist() == [2]
    assert found.over_whole_blocks(20.0).epochs.tolist() == [2]
    assert found.over_whole_blocks(40.0).epochs.tolist() == []
    assert np.isnan(found.settled_losses).all()
    with pytest.raises(ValueError, match="no rows"):
        history_of([], 2, COLUMNS)


def test_a_loss_without_a_goal_is_drawn_beside_the_constant_alone(tmp_path, drawn):
    scale = SCALE._replace(possible=[(0.05, "nearest mean")], frozen_on="validation")
    draw_learning_curves(history((0.6, 0.3), (0.65, 0.4)), scale, tmp_path)
    figure = drawn["learning_curves.png"]
    assert headline(figure) == (
        "After epoch 2: 0.3 while training, 0.4 frozen (the best constant: 0.7)"
    )
    assert [levels(axis) for axis in figure.axes] == [{0.7}, {0.7}, {0.7, 0.05}]
    assert {"Ada", "Emmy", "nearest mean, 0.05", "the best constant, 0.7"} <= words(figure)
    assert figure.axes[2].get_title("left") == "frozen weights, validation data"
    assert "goal" not in " ".join(words(figure))


def test_a_limit_of_zero_is_at_the_edge_of_a_log_axis(tmp_path, drawn):
    others = {"constant": 1.0, "limit": 0.0}
    group_scores("MSE", {"all": 1e-4}, 1e-4, others, None, False, tmp_path)
    (axis,) = drawn["group_scores.png"].axes
    assert axis.get_xscale() == "log" and axis.get_xlim()[0] < 2e-5
    (edge,) = [line for line in axis.lines if line.get_marker() == "<"]
    assert edge.get_xdata()[0] == axis.get_xlim()[0]
    assert "0, left of every log axis" in words(drawn["group_scores.png"])
    assert_good_png(drawn["group_scores.png"], tmp_path)


def test_a_goal_is_drawn_where_there_is_one(tmp_path, drawn):
    scale = SCALE._replace(goal=0.1)
    draw_learning_curves(history((0.6, 0.3), (0.65, 0.4)), scale, tmp_path)
    assert all({0.7, 0.1} <= levels(axis) for axis in drawn["learning_curves.png"].axes)
    assert "goal, 0.1" in words(drawn["learning_curves.png"])


@pytest.mark.parametrize(
    ("losses", "frozen", "goal", "said"),
    [
        (
            (0.6, 0.1),
            (0.6, 0.5),
            None,
            "The weights chase the target: 0.1 while training, 0.5 frozen",
        ),
        ((0.6, 0.3), (0.6, 0.3), None, "No chasing, frozen weights keep what the loss shows: 0.3"),
        ((0.7, 0.7), (0.7, 0.7), None, "No gap, but nothing learned: 0.7"),
        ((0.6, 0.01), (0.6, 0.012), 0.1, "Frozen weights know the task after epoch 2: 0.01"),
        ((0.6, 0.01), (None, None), None, "Frozen error not measured in training; loss 0.01"),
    ],
)
def test_the_gap_is_told_with_and_without_a_goal(losses, frozen, goal, said, tmp_path, drawn):
    chasing_gap(history(losses, frozen), SCALE._replace(goal=goal), None, tmp_path)
    figure = drawn["chasing_gap.png"]
    assert headline(figure).startswith(said)
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["Ada", "Emmy"]
    assert ("goal" in figure.axes[1].get_xlabel()) == (goal is not None)


def test_a_gap_is_drawn_only_of_epochs_on_whole_blocks(tmp_path, drawn):
    # The ratio at a short horizon, 0.6 / 0.001, compares different samples.
    losses, frozen, horizons = (0.001, 0.2, 0.1), (0.6, 0.15, 0.09), (5, 40, 40)
    chasing_gap(history(losses, frozen, horizons), SCALE._replace(block=40.0), None, tmp_path)
    figure = drawn["chasing_gap.png"]
    left, right = figure.axes
    epochs = {x for line in left.lines if line.get_marker() == "o" for x in line.get_xdata()}
    assert epochs == {2, 3}
    assert "not drawn: 1 epochs on shorter horizons" in left.get_title("left")
    # Without a gap the last epoch is shown, not the one whose ratio happens to be largest.
    assert right.get_title("left").startswith("epoch 3:")
    assert headline(figure).startswith("No chasing, frozen weights keep what the loss shows: 0.1 ")


def test_without_an_epoch_on_whole_blocks_the_figure_says_why(tmp_path, drawn):
    found = history((0.3, 0.1), (0.6, 0.65), (5, 20))
    chasing_gap(found, SCALE._replace(block=40.0), 0.6, tmp_path)
    figure = drawn["chasing_gap.png"]
    assert headline(figure) == (
        "No gap can be measured: no epoch was on whole blocks of 40 samples"
    )
    (reason,) = [text for text in figure.texts if "\n" in text.get_text()]
    assert "at most the first 20 samples of every block" in reason.get_text()
    assert not figure.axes


def layer_rows(**layers):
    """Return two rows in which every layer has the norms given, largest the same as mean."""
    return [
        {"epoch": i + 1, "grad_norm_per_layer": {k: v[i] for k, v in layers.items()},
         "grad_norm_max_per_layer": {k: v[i] for k, v in layers.items()},
         "update_ratio_per_layer": {k: 1e-3 * (j + 1) for j, k in enumerate(layers)}}
        for i in range(2)
    ]  # fmt: skip


def test_layers_that_coincide_share_a_line_with_all_their_names(tmp_path, drawn):
    rows = layer_rows(kernel=(1.0, 0.1), bias=(1.0, 0.1001), head=(0.01, 0.02))
    gradient_norms(rows, tmp_path)
    left, right = drawn["gradient_norms.png"].axes
    lines = [tuple(line.get_ydata()) for line in left.lines if line.get_linestyle() == "-"]
    assert lines == [(1.0, 0.1), (0.01, 0.02)]  # the largest, which equals the mean, is not drawn
    labels = {text.get_text(): text.get_color() for text in left.texts}
    assert {"kernel", "= bias", "head"} <= labels.keys() and "bias" not in labels
    assert labels["kernel"] == labels["= bias"] != labels["head"]
    assert left.get_title("left") == "mean over the epoch"
    assert {text.get_text() for text in right.texts} >= {"kernel", "bias", "head"}
    assert_good_png(drawn["gradient_norms.png"], tmp_path)


def test_the_largest_gradient_is_drawn_where_it_differs(tmp_path, drawn):
    rows = layer_rows(kernel=(1.0, 0.1))
    rows[1]["grad_norm_max_per_layer"] = {"kernel": 5.0}
    gradient_norms(rows, tmp_path)
    left = drawn["gradient_norms.png"].axes[0]
    faint = [tuple(line.get_ydata()) for line in left.lines if line.get_alpha() == 0.4]
    assert faint == [(1.0, 5.0)]
    assert left.get_title("left") == "mean over the epoch (faint: largest)"


def test_of_steps_of_second_order_the_largest_gradient_is_named(tmp_path, drawn):
    rows = layer_rows(kernel=(300.0, 0.1), head=(0.01, 0.02))  # they shrink
    gradient_norms(rows, tmp_path, second_order=True)
    assert headline(drawn["gradient_norms.png"]) == (
        "Largest gradient norm 300 (kernel); Gauss-Newton steps do not follow its size"
    )


def test_every_horizon_is_named_once(tmp_path, drawn):
    horizons = (5, 5, 5, 8, 8, 8, 5, 5, 8, 20, 20, 20)
    found = history((0.5,) * 12, (0.6,) * 12, horizons)
    draw_learning_curves(found, SCALE, tmp_path)
    named = [
        [t.get_text() for t in axis.texts if t.get_text() in ("5", "8", "20")]
        for axis in drawn["learning_curves.png"].axes
    ]
    assert named == [[], ["5", "8", "20"], []]
    curriculum(found, SCALE, tmp_path)
    top, first, second = drawn["curriculum.png"].axes
    names = {t.get_text(): t.xy for t in top.texts if t.get_text()}
    # Updates are 10, 20, … 120: the middle of the first step at each horizon.
    assert names == {"5": (20, 5), "8": (50, 8), "20": (110, 20)}
    assert {"thin: at the horizon", "bold: whole block, frozen"} <= {
        t.get_text() for t in first.texts
    }
    assert not second.texts


def test_a_curriculum_is_told_in_the_unit_of_the_task(tmp_path, drawn):
    curriculum(history((0.6, 0.3), (0.65, 0.4), (5, 20)), SCALE, tmp_path)
    figure = drawn["curriculum.png"]
    assert headline(figure).startswith(
        "Horizon 5 → 20 samples by update 20; after update 20, frozen"
    )
    assert figure.axes[0].get_ylabel() == "horizon (samples)"
    assert figure.axes[1].get_title("left") == "Ada: 0.267 frozen"
    with pytest.raises(ValueError, match="no row has a horizon"):
        curriculum(history((0.6,), (0.65,)), SCALE, tmp_path)


def test_scores_of_groups_stand_above_those_of_other_methods(tmp_path, drawn):
    groups, others = {"Ada": 0.8, "Emmy": 0.9}, {"constant": 0.5, "nearest mean": 0.7}
    group_scores("accuracy", groups, 0.85, others, 0.75, True, tmp_path)
    figure = drawn["group_scores.png"]
    assert_good_png(figure, tmp_path)
    (axis,) = figure.axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["Ada", "Emmy", "network, all", "constant", "nearest mean"]
    dots = [line.get_xdata()[0] for line in axis.lines if line.get_marker() == "o"]
    assert dots == [0.8, 0.9, 0.85, 0.5, 0.7]
    assert headline(figure) == "accuracy 0.85; best of the others: nearest mean, 0.7"
    assert axis.get_xlabel().endswith("higher is better; dotted: goal 0.75")


@pytest.mark.parametrize(
    ("score", "others", "scale", "said"),
    [
        (
            1e-4,
            {"constant": 1.0, "limit": 1e-5},
            "log",
            "MSE 0.0001; best of the others: limit, 1e-05",
        ),
        (0.9, {"constant": 1.0}, "linear", "MSE 0.9; best of the others: constant, 1"),
        (math.nan, {"constant": 1.0}, "linear", "The output is not finite: it has no score"),
        (-0.2, {"constant": 0.0}, "linear", "MSE -0.2; best of the others: constant, 0"),
    ],
)
def test_scores_of_one_group_of_any_size_are_drawn(score, others, scale, said, tmp_path, drawn):
    group_scores("MSE", {"all": score}, score, others, None, False, tmp_path)
    (axis,) = drawn["group_scores.png"].axes
    assert axis.get_xscale() == scale and headline(drawn["group_scores.png"]) == said
    low, high = axis.get_xlim()
    shown = [line.get_xdata()[0] for line in axis.lines if line.get_marker() in ("o", "x")]
    assert len(shown) == 1 + len(others) and all(low <= x <= high for x in shown)
