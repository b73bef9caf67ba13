"""Pages hold the sections of the report of any task, escaped, and are no larger than they may be."""

import json
import re
import zlib

import numpy as np
import pytest

import freqjax
from freqjax.figures.history import History, Scale
from freqjax.main import main
from freqjax.page import contents, panels, traces, writing
from freqjax.page.snapshots import Snapshots
from freqjax.tasks.evaluation import Table
from tests.page.browsers import Opened, browser
from tests.twins import tiny_config

pytest.importorskip("bokeh", reason="Bokeh is not installed")

HOSTILE = "</script><script>alert(1)</script>"
SHORT = [
    "--config.network.hidden_size=6",
    "--config.train.regime=full",
    "--config.train.streams=parallel",
    "--config.train.epochs=3",
    "--config.train.diagnose=false",
]


def synthetic_traces(samples, groups=4):
    """Return traces of noisy sinusoids with so many samples in all."""
    rng, each = np.random.default_rng(0), samples // groups
    found = []
    for group in range(groups):
        sine = np.sin(0.006 * (group + 1) * np.arange(each))
        noisy = sine + rng.normal(size=each)
        output = sine + 0.02 * rng.normal(size=each)
        columns = {"input": noisy, "target": sine, "output": output}
        series = [traces.series(name, values) for name, values in columns.items()]
        found.append(traces.Trace(f"{group} Hz", series, 0))
    return found


def page_with(samples):
    """Return a page that has only signals, in the template of a run."""
    found = synthetic_traces(samples)
    made = panels.signals(found, None, "s", 1000.0)
    blank = {
        **dict.fromkeys(("name", "title", "verdict", "cause", "limit_note", "repeat"), "page"),
        **dict.fromkeys(("facts", "cards", "sections", "causes", "others", "commands"), ()),
        **dict.fromkeys(("pictures", "config"), ()),
        "groups": contents.table_of(Table(("", "loss"), [])),
        "traces": [trace.name for trace in found],
        "left_out": 0,
    }
    return writing.render("run.html", blank, made.figures, made.given)


@pytest.mark.parametrize("task", ["classifier", "regressor"])
def test_a_strangers_task_has_a_page_of_its_sections(task, tmp_path, capsys):
    folder = tmp_path / "run"
    name = f"--config.task.name=tests.strangers.{task}:Task"
    assert main([name, *SHORT, "--workdir", str(folder)]) == 0
    assert f"page: {folder / 'page.html'}" in capsys.readouterr().out
    page = (folder / "page.html").read_text()
    titles = re.findall(r"^## (.+)$", (folder / "report.md").read_text(), re.M)
    shown = re.findall(r"<h2>(.+?)</h2>", page)
    # The report's own headings of the run are the page's Loss and Losses by group.
    general = {"How the loss went", "Gradients", "What it is not", "Next"}
    own = [t for t in titles if t not in general and not re.search(" by |^Losses$", t)]
    assert [t for t in own if t not in shown] == []
    summary = json.loads((folder / "summary.json").read_text())
    assert f"<dd>{summary['parameters']:,}</dd>" in page
    # Neither classes nor one target a sequence are signals.
    assert 'id="signals"' not in page


def test_everything_that_a_user_names_is_escaped(tmp_path):
    folder = tmp_path / "a&b <i>"
    config = tiny_config(train={"epochs": 2, "diagnose": False})
    freqjax.train(config, folder, say=lambda line: None)
    page = (folder / "page.html").read_text()
    assert "<i>" not in re.sub(r"<i style", "", page) and "a&amp;b &lt;i&gt;" in page
    found = synthetic_traces(400, groups=1)
    named = [trace._replace(name=HOSTILE) for trace in found]
    made = panels.signals(named, None, HOSTILE, 10.0)
    text = writing.render(
        "live.html",
        {
            **dict.fromkeys(("name", "state", "events"), HOSTILE),
            "traces": [HOSTILE],
            "epoch": 1,
            "first": 0,
            "config": [(HOSTILE, HOSTILE)],
        },
        made.figures,
        made.given,
    )
    assert "alert(1)</script>" not in text


def test_a_page_is_no_reason_for_a_run_to_fail(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(writing, "_draw", lambda run: 1 / 0)
    config = tiny_config(train={"epochs": 1, "diagnose": False})
    freqjax.train(config, tmp_path / "run", say=said.append)
    assert any("no page.html: it could not be made (ZeroDivisionError" in line for line in said)
    monkeypatch.setattr(writing, "is_possible", lambda: False)
    freqjax.train(config, tmp_path / "other", say=said.append)
    assert writing.MISSING in said and not (tmp_path / "other" / "page.html").exists()
    off = tiny_config(train={"epochs": 1, "diagnose": False, "page": False})
    said.clear()
    freqjax.train(off, tmp_path / "off", say=said.append)
    assert not any(line.startswith(("page", "no page")) for line in said)
    assert not (tmp_path / "off" / "page.html").exists()


def test_all_groups_have_a_card_and_each_that_has_test_rows():
    from freqjax.page.cards import cards_of
    from freqjax.training.prepared import Prepared

    prepared = Prepared(tiny_config())
    evaluation = prepared.task.evaluate(prepared.frozen(prepared.initial_params()))
    cards = cards_of(evaluation, prepared.task)
    assert [card.title for card in cards] == ["all, MSE", *prepared.task.group_names]
    assert [level.name for level in cards[0].levels][:2] == ["network", "constant"]
    assert all(0 <= level.width <= 1 for card in cards for level in card.levels)
    without = evaluation._replace(per_group=[np.nan, *evaluation.per_group[1:]])
    assert cards_of(without, prepared.task) == [cards[0], *cards[2:]]


def test_a_loss_that_was_never_measured_has_no_line_unless_it_may_follow():
    rows, groups = 3, ("here", "never")
    found = np.full((rows, 2), np.nan)
    found[1:, 0] = 0.5
    blank = np.full(rows, np.nan)
    count = np.arange(1, rows + 1)
    history = History(count, count, np.ones(rows), found, blank, found, found, blank)
    scale = Scale("MSE", groups, "all", 1.0, "constant", None, "s")

    def lines(*, has_ended):
        panel = panels.losses(history, scale, has_ended=has_ended).figures["losses"]
        return [item.label.value for item in panel.legend[0].items]

    assert lines(has_ended=True) == ["while training", "frozen, here"]
    everything = ["while training", "frozen, all", "frozen, here", "frozen, never"]
    assert lines(has_ended=False) == everything


def test_columns_of_words_are_told_from_those_of_numbers():
    rows = [("a", "left", None, 1.0), ("b", None, 2, 3.0)]
    assert contents.table_of(Table(("", "word", "count", "loss"), rows))["words"] == [0, 1]


@pytest.mark.parametrize("samples, megabytes, seconds", [(40_000, 4, 1.0), (1_000_000, 8, 2.0)])
def test_a_page_is_small_and_is_seen_soon(samples, megabytes, seconds, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page_with(samples))
    # Figures, report and config of a run take 2 MB at most: PNGs 1.5 MB as they are.
    others = 2e6 if samples == 40_000 else 0
    assert path.stat().st_size + others < megabytes * 1e6
    with browser() as chromium:
        painted = "performance.getEntriesByType('paint').find(({name}) => name === 'first-paint').startTime"
        # The least of three: other tests run beside this one.
        pages = [Opened(chromium, path) for _ in range(3)]
        assert min(each.page.evaluate(painted) for each in pages) < 1000 * seconds
        opened = pages[0]
        assert len(opened.shown("x")) <= 4_000
        # The least and the greatest are those of all samples.
        output = synthetic_traces(samples)[0].series[2]
        values = output.integers * output.scale
        shown = opened.shown("output")
        assert min(shown) == pytest.approx(values.min(), abs=1e-6)
        assert max(shown) == pytest.approx(values.max(), abs=1e-6)
        assert opened.complaints == []


def test_snapshots_take_a_megabyte_at_most():
    from freqjax.page import snapshots

    rng = np.random.default_rng(0)
    integers = rng.integers(-32_767, 32_767, (snapshots._MOST // 4_000, 4, 1_000), dtype=np.int16)
    assert len(zlib.compress(integers.tobytes())) < 1.01e6
    kept = Snapshots(
        np.arange(len(integers)), integers, np.ones((len(integers), 4)), 0,
        integers[0], np.ones(4), np.arange(4),
    )  # fmt: skip
    made = panels.signals(synthetic_traces(4_000), kept, "s", 1000.0)
    assert made.given["snapshots"]["samples"] == 1_000
