"""The page of two runs: what it says is in their files, and outputs are overlaid on the same rows alone."""

import json
import shutil

import numpy as np
import pytest

import freqjax
from freqjax.config import sections as configs
from freqjax.errors import UserError
from freqjax.main import main
from freqjax.page import traces
from freqjax.page.comparison import contents, sides, writing
from freqjax.report import saved, unfinished
from freqjax.system import files
from freqjax.text import number
from freqjax.training.prepared import Prepared
from tests.page import sweeps
from tests.page.browsers import Opened, browser
from tests.twins import tiny_config

pytest.importorskip("bokeh", reason="Bokeh is not installed")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs with the same test rows, the config of one with others, and of another kind of task."""
    root = tmp_path_factory.mktemp("runs")
    changes = {
        "first": {},
        "second <b>": {"network": {"hidden_size": 3}, "train": {"epochs": 3}},
    }
    for name, change in changes.items():
        train = {"epochs": 2, "diagnose": False, "page": False} | change.get("train", {})
        freqjax.train(tiny_config(**{**change, "train": train}), root / name, say=lambda line: None)
    others = {
        "other rows": tiny_config(task={"test_seed": 9, "noise": "fresh"}),
        "classifier": configs.default_config("tests.strangers.classifier:Task"),
    }
    for name, config in others.items():
        (root / name).mkdir()
        files.write_json(root / name / "config.json", configs.to_dict(config))
    summary = files.read_json(root / "first" / "summary.json") or {}
    saved.write(
        root / "classifier" / "summary.json",
        {key: value for key, value in summary.items() if key != "sha256"}
        | {"score_name": "accuracy"},
    )
    return root


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    """Page of the two runs with the same rows, and its file."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(writing.page_of(runs / "first", runs / "second <b>"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


def both(runs, first, second):
    return sides.read("A", runs / first), sides.read("B", runs / second)


def test_exactly_the_fields_that_differ_are_listed(runs):
    found = contents.differing(both(runs, "first", "second <b>"))
    assert found == [("network.hidden_size", "4", "3"), ("train.epochs", "2", "3")]
    assert contents.differing(both(runs, "first", "first")) == []
    of_tasks = dict(
        (name, pair) for name, *pair in contents.differing(both(runs, "first", "classifier"))
    )
    assert of_tasks["task.name"] == ["extraction", "tests.strangers.classifier:Task"]
    assert of_tasks["task.frequencies"] == ["(1.0, 3.0)", "–"]


def test_scores_are_those_of_the_summaries_beside_constants_and_limits(runs):
    two = both(runs, "first", "second <b>")
    said = contents.contents_of(two, sides.tested(*two))
    for side, card in zip(two, said["cards"], strict=True):
        summary = json.loads((side.folder / "summary.json").read_text(encoding="utf-8"))
        levels = {level.name: level.value for level in card.levels}
        assert levels["network"] == number(summary["score"])
        assert levels["constant"] == number(summary["baselines"]["constant"])
        assert levels["limit"] == number(summary["limit"]["bayes_mse"])
        others = {n: v for n, v in summary["baselines"].items() if n not in ("constant", "zero")}
        best = min(others, key=others.__getitem__)
        assert levels[best.replace("_", " ")] == number(others[best])
    assert said["comparable"].startswith("Both were tested on the same rows. Each is one run")
    assert [row[0] for row in said["groups"]["rows"]] == [*two[0].task.group_names, "all"]


def test_outputs_of_both_are_overlaid_on_the_same_rows(runs):
    two = both(runs, "first", "second <b>")
    found = sides.tested(*two)
    assert found.are_same is True and found.words == ""
    for place, name in ((0, "output"), (1, sides.SECOND)):
        trained = freqjax.load(two[place].folder)
        prepared = Prepared(trained.config)
        own = traces.traces_of(prepared.task, prepared.frozen(trained.params))
        for one, trace in zip(own, found.traces, strict=True):
            wanted = next(s for s in one.series if s.name == "output")
            shown = next(s for s in trace.series if s.name == name)
            np.testing.assert_allclose(
                shown.integers * shown.scale, wanted.integers * wanted.scale, atol=2e-4
            )


@pytest.mark.parametrize(
    "other, reason, scores",
    [
        ("other rows", "The test rows of the two runs differ", "The test rows differ"),
        ("classifier", "no axis has", "The scores are of two kinds, MSE and accuracy"),
    ],
)
def test_what_cannot_be_compared_is_said_and_not_drawn(runs, other, reason, scores):
    text = writing.page_of(runs / "first", runs / other)
    assert reason in text and 'id="signals"' not in text
    assert "no outputs are overlaid" in text
    two = both(runs, "first", other)
    said = contents.contents_of(two, sides.tested(*two))
    assert said["comparable"].startswith(scores)


def test_a_run_that_trains_has_no_score_yet(runs, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    config = (runs / "first" / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_text(config, encoding="utf-8")
    text = writing.page_of(runs / "first", folder)
    assert "B has no score yet" in text and "A run without a checkpoint has no outputs" in text


def test_a_run_that_a_signal_ended_shows_its_training_and_no_score(runs, tmp_path):
    folder = tmp_path / "new"
    shutil.copytree(runs / "first", folder)
    two = both(runs, "first", folder)
    values = unfinished.assemble(
        two[0].task,
        freqjax.load(folder).params,
        two[0].rows,
        initializer="pytorch",
        epochs=2,
        updates=80,
        wall_seconds=1.0,
        distinct_rows=None,
    )
    saved.write(folder / "summary.json", values)
    assert saved.read(folder / "summary.json", pytest.fail) == values
    two = both(runs, "first", folder)
    said = contents.contents_of(two, sides.tested(*two))
    assert (said["waiting"], len(said["cards"]), said["groups"]) == (["B"], 1, None)
    training = {name: shown for name, _, shown in said["training"]["rows"]}
    assert (training["weights"], training["stopped by"]) == ("last", "interrupted")
    text = writing.page_of(runs / "first", folder)
    assert "B has no score yet" in text


def test_what_is_no_run_is_refused(runs, tmp_path):
    with pytest.raises(UserError, match=r"holds no config\.json of a run"):
        writing.page_of(runs / "first", tmp_path)
    sweeps.write(tmp_path / "sweep")
    with pytest.raises(UserError, match="is a sweep: two runs are compared"):
        writing.page_of(runs / "first", tmp_path / "sweep")


def test_the_mode_writes_a_new_file_alone(runs, tmp_path, capsys):
    words = ["compare", "--workdir", str(runs / "first"), "--with", str(runs / "second <b>")]
    path = tmp_path / "two.html"
    assert main([*words, "--output", str(path)]) == 0
    assert f"wrote {path}" in capsys.readouterr().out
    assert "What differs in their configs" in path.read_text(encoding="utf-8")
    refused = {
        "it exists already, and is left as it is": [*words, "--output", str(path)],
        "it must end in .html": [*words, "--output", str(tmp_path / "two.txt")],
        "there is no folder": [*words, "--output", str(tmp_path / "none" / "two.html")],
        "--output is missing": words,
        "--with is missing: it must be the folder of a run": [*words[:3], "--output", str(path)],
    }
    for sentence, command in refused.items():
        assert main(command) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_in_a_browser(runs, page, chromium, width, theme):
    text = page.read_text(encoding="utf-8")
    assert "second <b>" not in text and "second &lt;b&gt;" in text
    size = {"width": width, "height": 800}
    opened = Opened(chromium, page, viewport=size, color_scheme=theme)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.evaluate("document.documentElement.dataset.theme") == theme
    # Losses of both, those of metrics.jsonl, and one kind a panel.
    for place, name in enumerate(("first", "second <b>")):
        lines = (runs / name / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        for kind, key in (("frozen", "frozen_mse"), ("prequential", "loss")):
            data = f"freqjax.state.given.compared.{kind}[{place}].data.loss"
            wanted = [json.loads(line)[key] for line in lines]
            assert opened.page.evaluate(f"Array.from({data})") == pytest.approx(wanted)
    opened.page.click("[data-trace='1']")
    opened.settle()
    shown = {name: np.array(opened.shown(name)) for name in ("output", "second", "target")}
    np.testing.assert_allclose(opened.shown("error"), shown["output"] - shown["target"], atol=1e-5)
    np.testing.assert_allclose(
        opened.shown("error second"), shown["second"] - shown["target"], atol=1e-5
    )
    opened.page.fill("#filter", "hidden")
    assert len(opened.page.locator("#config tbody tr:visible").all()) == 1
    assert opened.complaints == [] and opened.outside == []
