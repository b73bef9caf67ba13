"""Sweeps whose values are drawn: the points, their replicas, and how their results are shown."""

import csv
import json
import shlex
from typing import Any

import numpy as np
import pytest
from scipy import stats

from freqjax import SweepConfig, UserError, sweep
from freqjax.config import overrides, validation
from freqjax.config import sections as configs
from freqjax.config.laws import Law
from freqjax.main import main
from freqjax.sweep import draws, figure, lines, results
from freqjax.sweep import sweep as sweeping
from freqjax.sweep.axes import buckets, replicas
from freqjax.sweep.page import reading
from freqjax.sweep.page.contents import contents_of
from freqjax.sweep.page.settings import settings_of
from freqjax.sweep.standards import names_of
from freqjax.training.prepared import assemble
from tests.page import sweeps
from tests.twins import tiny_config

RATE, WIDTH = "optimizer.learning_rate", "network.hidden_size"
LAWS = {
    RATE: Law("loguniform", 1e-4, 1e-2, False),
    WIDTH: Law("uniform", 8, 64, True),
}
# The first points of seed 0.
THREE = [{RATE: 0.001116, WIDTH: 23}, {RATE: 0.006667, WIDTH: 59}, {RATE: 0.0005437, WIDTH: 56}]


def silent(_line):
    return None


def swept(axes, count, seed=0, **sections):
    config = tiny_config(**sections)
    config.sweep = SweepConfig(axes=axes, draws=count, seed=seed)
    return overrides.apply(config, [])


DRAWN = {RATE: "loguniform(1e-4,1e-2)", WIDTH: "uniform(3,4)", "train.seed": (0, 1)}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A sweep of two draws with two seeds each: its config, its folder, and its text."""
    config, said = swept(DRAWN, 2), []
    folder = tmp_path_factory.mktemp("drawn") / "sweep"
    assert sweep.run(config, folder, resume=False, figures=True, say=said.append) is None
    return config, folder, said[-1]


def found(folder):
    return json.loads((folder / "sweep.json").read_text(encoding="utf-8"))


def test_fewer_draws_are_the_first_of_more():
    many = draws.points(LAWS, 50, 0)
    for count in (1, 2, 20):
        assert draws.points(LAWS, count, 0) == many[:count]
    assert draws.points(LAWS, 50, 1)[0] != many[0]
    alone = draws.points({RATE: LAWS[RATE]}, 50, 0)
    assert [point[RATE] for point in alone] == [point[RATE] for point in many]
    turned = draws.points(dict(reversed(LAWS.items())), 50, 0)
    assert turned == many


def test_the_numbers_of_a_seed_are_these():
    """Computed once: a draw must be the same on every version and machine."""
    assert draws.points(LAWS, 3, 0) == THREE


def test_draws_have_the_distribution_of_their_law():
    """Kolmogorov's distance of 3,000 draws is below its 99.9 % quantile, 1.95 / √n, in each law alone."""
    count, found = 3000, draws.points(LAWS, 3000, 5)
    rates = np.log([point[RATE] for point in found])
    low, width = np.log(1e-4), np.log(100)
    assert stats.kstest(rates, stats.uniform(low, width).cdf).statistic < 1.95 / np.sqrt(count)
    sizes = np.array([point[WIDTH] for point in found])
    assert (sizes.min(), sizes.max()) == (8, 64)
    assert stats.chisquare(np.bincount(sizes, minlength=65)[8:]).pvalue > 1e-3
    assert abs(np.corrcoef(rates, sizes)[0, 1]) < 3.3 / np.sqrt(count)


def test_no_point_is_drawn_twice_and_too_many_are_refused():
    law = {"train.seed": Law("uniform", 3, 6, True)}
    assert sorted(point["train.seed"] for point in draws.points(law, 4, 0)) == [3, 4, 5, 6]
    with pytest.raises(UserError, match=r"^sweep.draws is 5: it must be at most 4, the different"):
        draws.points(law, 5, 0)


def test_a_law_without_as_many_numbers_says_how_many_it_has(monkeypatch):
    monkeypatch.setattr(draws, "_MOST_REPEATS", 1000)
    law = {RATE: Law("uniform", 1.0, 1.0 + 2**-51, False)}
    with pytest.raises(UserError, match=r"it must be at most [23], the different points"):
        draws.points(law, 20, 0)


def test_replicas_are_draws_times_the_grid():
    config = swept(DRAWN | {"task.phase_scale": (0.5, 1.0, 2.0)}, 4)
    members = replicas(config)
    assert [member.index for member in members] == list(range(4 * 2 * 3))
    assert list(members[0].values) == [RATE, WIDTH, "train.seed", "task.phase_scale"]
    points = [(m.values[RATE], m.values[WIDTH]) for m in members]
    assert all(len(set(points[6 * n : 6 * n + 6])) == 1 for n in range(4)) and len(set(points)) == 4
    grid = [(m.values["train.seed"], m.values["task.phase_scale"]) for m in members]
    assert grid == [(seed, scale) for seed in (0, 1) for scale in (0.5, 1.0, 2.0)] * 4
    for member in members:
        assert member.config.optimizer.learning_rate == member.values[RATE]
        assert member.config.network.hidden_size == member.values[WIDTH]
        assert member.config.sweep == SweepConfig()
    # More draws add replicas, and leave the index of those that were there.
    more = replicas(swept(DRAWN | {"task.phase_scale": (0.5, 1.0, 2.0)}, 7))
    assert [m.values for m in more[: len(members)]] == [m.values for m in members]


def test_twenty_drawn_rates_share_one_program():
    axes = {RATE: "loguniform(1e-4,1e-2)", "optimizer.weight_decay": "uniform(1e-6,1e-3)"}
    config = swept(axes, 20)
    (bucket,) = buckets(replicas(config), config.sweep.widest_padding)
    assert len(bucket.replicas) == 20


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (["axes=optimizer.learning_rate=uniform(0,1)", "draws=3"], "0 is no value of the field"),
        (["axes=optimizer.learning_rate=uniform(1,2)"], "sweep.draws is 0"),
        (["axes=train.seed=0..3", "draws=3"], "sweep.draws is 3: it must be 0"),
        (
            ["axes=optimizer.learning_rate=uniform(1,2);train.seed=0..99", "draws=101"],
            "sweep.axes and sweep.draws give 10100 replicas: at most 10000 are allowed",
        ),
        (["axes=train.truncation=uniform(2,9);train.regime=tbptt", "draws=5"], "it must divide the"),
        (["axes=network.layers=uniform(1,4)", "draws=5"], "sweep.draws is 5: it must be at most 4"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_one_sentence_before_anything_is_written(
    flags, part, tmp_path, capsys
):
    (tmp_path / "config.json").write_text(json.dumps(configs.to_dict(tiny_config())))
    words = ["--mode", "sweep", "--config", str(tmp_path / "config.json")]
    words += [f"--config.sweep.{flag}" for flag in flags]
    assert main([*words, "--workdir", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert part in said and said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_draw_that_is_trained_alone_has_the_same_numbers(ended, tmp_path):
    """By the flags that the text of the sweep prints for the best replica."""
    config, folder, said = ended
    (line,) = [line for line in said.splitlines() if line.startswith("its values: ")]
    flags = shlex.split(line.removeprefix("its values: "))
    (tmp_path / "config.json").write_text(json.dumps(configs.to_dict(config)))
    words = ["--config", str(tmp_path / "config.json"), *flags]
    words += ["--config.sweep.axes=", "--config.sweep.draws=0"]
    assert main([*words, "--workdir", str(tmp_path / "alone")]) == 0
    best = found(folder)["rows"][found(folder)["best_replica"]]
    summary = json.loads((tmp_path / "alone" / "summary.json").read_text())
    assert summary["test"]["mse"] == pytest.approx(best["test_mse"], rel=1e-5)
    own, alone = (
        validation.from_dict(json.loads((place / "config.json").read_text()), "config.json")
        for place in (folder / "best", tmp_path / "alone")
    )
    assert configs.differing_fields(own, alone) == []
    assert own.optimizer.learning_rate == best[RATE]


def test_the_files_of_a_sweep_hold_the_laws_and_what_was_drawn(ended):
    config, folder, _ = ended
    saved = found(folder)
    assert saved["laws"] == {RATE: "loguniform(0.0001,0.01)", WIDTH: "uniform(3,4)"}
    assert saved["axes"] == [RATE, WIDTH, "train.seed"]
    values = [member.values for member in replicas(config)]
    assert [{axis: row[axis] for axis in saved["axes"]} for row in saved["rows"]] == values
    table = list(csv.DictReader((folder / "sweep.csv").read_text().splitlines()))
    assert [float(row[RATE]) for row in table] == [value[RATE] for value in values]
    read = validation.from_dict(json.loads((folder / "config.json").read_text()), "config.json")
    assert configs.differing_fields(read, config) == []


class Killed(Exception):
    pass


def test_a_drawn_sweep_resumes_and_other_draws_are_refused(ended, tmp_path, monkeypatch):
    config, folder, _ = ended
    monkeypatch.setattr(sweeping, "_SAVE_SECONDS", 0.0)
    monkeypatch.setattr(lines, "LINE_SECONDS", 0.0)

    def kill(line):
        if line.startswith("epoch 1"):
            raise Killed

    with pytest.raises(Killed):
        sweep.run(config, tmp_path / "cut", resume=False, figures=False, say=kill)
    for other, part in (
        (swept(DRAWN, 3), r"^sweep\.draws differ"),
        (swept(DRAWN, 2, seed=1), r"^sweep\.seed differ"),
        (swept(DRAWN | {WIDTH: "uniform(3,5)"}, 2), r"^sweep\.axes differ"),
    ):
        with pytest.raises(UserError, match=part):
            sweep.run(other, tmp_path / "cut", resume=True, figures=False, say=silent)
    sweep.run(config, tmp_path / "cut", resume=True, figures=False, say=silent)
    assert found(tmp_path / "cut") == found(folder)


def made_up(config) -> list[dict[str, Any]]:
    """Return rows of sweep.json for every replica, of losses that were drawn; one is not finite."""
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = [
        {"replica": member.index, **member.values, "test_mse": float(rng.lognormal(-2, 1))}
        | {"train_mse": 0.1, "worst_test_mse": 0.2, "zero_predictor_mse": 0.5}
        | {"stop_reason": "epochs_done"}
        for member in replicas(config)
    ]
    rows[5]["test_mse"] = None
    return rows


def test_a_draw_counts_once_in_a_mean():
    """The interval is Student's over the means of draws; replicas of a draw are not independent."""
    config = swept(DRAWN, 12)
    rows = made_up(config)
    aggregates = results.aggregate(rows, list(DRAWN), "test_mse", {RATE: LAWS[RATE]})
    parts = [a for a in aggregates if a["axis"] == RATE]
    assert sum(part["draws"] for part in parts) == 12
    assert sum(part["replicas"] for part in parts) == 24
    edges = np.geomspace(1e-4, 1e-2, 5)
    for part in parts:
        place = int(np.searchsorted(edges, part["value"][1] * 0.999)) - 1
        np.testing.assert_allclose(part["value"], edges[place : place + 2], rtol=1e-3)
        inside = [row for row in rows if part["value"][0] <= row[RATE] <= part["value"][1]]
        assert part["replicas"] == len(inside)
        by_draw: dict[float, list[float]] = {}
        for row in inside:
            if row["test_mse"] is not None:
                by_draw.setdefault(row[RATE], []).append(row["test_mse"])
        means = [np.mean(losses) for losses in by_draw.values()]
        assert part["draws"] == len(means)
        assert part["test_mse_mean"] == pytest.approx(np.mean(means))
        if len(means) > 1:
            expected = stats.t.interval(0.95, len(means) - 1, np.mean(means), stats.sem(means))
            assert (part["test_mse_low"], part["test_mse_high"]) == pytest.approx(expected)
    seeds = [a for a in aggregates if a["axis"] == "train.seed"]
    assert [(a["value"], a["replicas"]) for a in seeds] == [(0, 12), (1, 12)]
    assert "draws" not in seeds[0] and sum(a["not_finite"] for a in seeds) == 1


def test_the_text_names_parts_of_a_law_and_the_best_draw(ended):
    _, folder, said = ended
    best = found(folder)["rows"][found(folder)["best_replica"]]
    assert "optimizer.learning_rate = 0.0001 to 0.0003162" in said or "= 0.001 to 0.003162" in said
    assert f"--config.{RATE}={best[RATE]} --config.{WIDTH}={best[WIDTH]}" in said
    assert "train.seed = 1" in said and "network.hidden_size = 3\n" not in said


def test_the_figure_has_an_axis_of_numbers_for_each_law(tmp_path, monkeypatch):
    config = swept(DRAWN | {"optimizer.epsilon": "uniform(1e-8,1e-3)"}, 12)
    rows, laws = (
        made_up(config),
        {RATE: LAWS[RATE], "optimizer.epsilon": Law("uniform", 1e-8, 1e-3, False)},
    )
    axes = [RATE, "optimizer.epsilon", "train.seed"]
    aggregates = results.aggregate(rows, axes, "test_mse", laws)
    drawn = []
    monkeypatch.setattr(figure.canvas, "save", lambda made, *_: drawn.append(made) or tmp_path)
    names = names_of(assemble(replicas(config)[0].config).task)
    figure.sweep(rows, aggregates, axes, laws, names, tmp_path)
    rate, epsilon, seed = drawn[0].axes
    assert [panel.get_xscale() for panel in drawn[0].axes] == ["log", "linear", "linear"]
    known = [row for row in rows if row["test_mse"] is not None]
    for panel, field in ((rate, RATE), (epsilon, "optimizer.epsilon")):
        dots = next(line for line in panel.lines if line.get_label() == "replica")
        np.testing.assert_allclose(dots.get_xdata(), [row[field] for row in known])
        np.testing.assert_allclose(dots.get_ydata(), [row["test_mse"] for row in known])
        (lost,) = [line for line in panel.lines if line.get_label() == "not finite"]
        np.testing.assert_allclose(lost.get_xdata(), [rows[5][field]])
    low, high = rate.get_xlim()
    assert 5e-5 < low < 1e-4 and 1e-2 < high < 2e-2
    assert [label.get_text() for label in seed.get_xticklabels()] == ["0", "1"]


def test_the_page_has_a_setting_for_each_draw_and_an_axis_of_numbers(tmp_path):
    pytest.importorskip("bokeh", reason="Bokeh is not installed")
    axes = {"train.seed": (0, 1, 2), RATE: "loguniform(1e-4,1e-2)", WIDTH: "uniform(8,64)"}
    wrote = sweeps.write(tmp_path / "sweep", axes=axes, draws=4)
    page = reading.read(tmp_path / "sweep")
    settings = settings_of(page)
    assert len(settings) == 4 and all(len(one.replicas) == 3 for one in settings)
    for one in settings:
        rows = [wrote["rows"][replica] for replica in one.replicas]
        assert {row["train.seed"] for row in rows} == {0, 1, 2}
        assert one.name == f"learning_rate {rows[0][RATE]}, hidden_size {rows[0][WIDTH]}"
    said = contents_of(page, settings)
    assert f"{RATE}: 4 draws of loguniform(0.0001,0.01); {WIDTH}: 4 draws of" in said["swept"]
    seed, rate, width, *_ = said["coordinates"]["axes"]
    assert seed["texts"] == ["0", "1", "2"] and rate["texts"] is None
    assert (rate["ends"], rate["log"]) == ([1e-4, 1e-2], True)
    assert (width["ends"], width["log"]) == ([8, 64], False)
    assert rate["values"] == [row[RATE] for row in wrote["rows"]]


def test_a_drawn_sweep_that_trains_has_a_page(tmp_path):
    pytest.importorskip("bokeh", reason="Bokeh is not installed")
    config = {"train.seed": (0, 1, 2), RATE: "loguniform(1e-4,1e-2)"}
    sweeps.write(tmp_path / "sweep", ended=False, axes=config, draws=4)
    page = reading.read(tmp_path / "sweep")
    assert [row[RATE] for row in page.rows[::3]] == [
        p[RATE] for p in draws.points({RATE: LAWS[RATE]}, 4, 0)
    ]
