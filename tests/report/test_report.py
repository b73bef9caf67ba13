"""report.md, the phases of a loss curve, --mode diagnose and the escalation of the width."""

import itertools
import json
import shutil

import numpy as np
import pytest

import freqjax
from freqjax import main
from freqjax.diagnosis import Diagnosis
from freqjax.report import markdown, phases
from freqjax.run import escalation, experiment
from freqjax.system import files
from freqjax.tasks import Extraction
from freqjax.tasks.extraction.config import extraction_of
from tests.diagnosis.runs import RANKED
from tests.slow import some
from tests.twins import tiny_config


def rows_of(losses):
    """Return rows with these losses."""
    return [{"loss": loss, "epoch": k + 1} for k, loss in enumerate(losses)]


def test_phases_of_a_curve_that_falls_stands_and_rises():
    falling, standing, rising = np.geomspace(1, 0.1, 30), np.full(30, 0.1), np.geomspace(0.1, 1, 30)
    found = phases.split(rows_of([*falling, *standing, *rising]))
    assert [phase.name for phase in found] == ["falls", "stands", "rises"]
    assert found[0].first == 0 and found[-1].last == 89
    assert all(a.last == b.first for a, b in itertools.pairwise(found))
    np.testing.assert_allclose(found[0].rate, 0.1 ** (1 / 29) - 1, rtol=0.1)


def test_phases_are_few_however_the_loss_wanders():
    losses = np.exp(np.random.default_rng(0).normal(size=500))
    found = phases.split(rows_of(losses))
    assert 1 <= len(found) <= 6
    assert found[0].first == 0 and found[-1].last == 499


@pytest.mark.parametrize("losses", [[0.5], [0.5, 0.4], [0.5, None], [None, None, None], [0.0, 0.0]])
def test_phases_of_hardly_any_rows(losses):
    found = phases.split(rows_of(losses))
    assert found[0].first == 0 and found[-1].last == len(losses) - 1


@pytest.mark.parametrize(
    ("losses", "name", "rate"),
    [
        ([0.0, 0.0], "stands", 0.0),
        ([-1.0, -2.0], "falls", np.nan),
        ([0.5, 0.25], "falls", -0.5),
        ([0.5, None], "is not finite", np.nan),
    ],
)
def test_a_loss_of_zero_or_below_is_finite(losses, name, rate):
    (phase,) = phases.split(rows_of(losses))
    assert phase.name == name
    np.testing.assert_equal(phase.rate, rate)


def test_a_phase_of_a_curriculum_is_one_horizon():
    # The loss rises where the horizon is lengthened: no phase may say so.
    losses, horizons = (0.4, 0.1, 0.8, 0.2, 0.9), (1.0, 1.0, 2.0, 2.0, 4.0)
    rows = [row | {"h": h} for row, h in zip(rows_of(losses), horizons, strict=True)]
    found = phases.stages(rows, "h")
    assert [(p.first, p.last, p.name) for p in found] == [
        (0, 1, "falls"), (2, 3, "falls"), (4, 4, "one epoch"),
    ]  # fmt: skip
    np.testing.assert_allclose([p.rate for p in found], [-0.75, -0.75, np.nan])


def staged_rows(horizons):
    """Return rows of a curriculum whose loss is halved in every epoch at one horizon."""
    rows, loss = [], 0.0
    for k, horizon in enumerate(horizons):
        loss = loss / 2 if k and horizon == horizons[k - 1] else 1.0
        rows.append(
            {"epoch": k + 1, "step": k + 1, "loss": loss, "frozen_mse": None, "horizon_s": horizon}
            | {"alerts": []}
        )
    return rows


def test_the_table_of_a_curriculum_compares_within_a_horizon():
    task = Extraction(extraction_of(tiny_config()))
    lines = markdown._phases(staged_rows((1, 1, 1, 2, 2, 4)), task)
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    assert table[0] == ["epochs", "updates", "horizon", "loss", "frozen", "per epoch", ""]
    assert table[2:] == [
        ["1–3", "1–3", "1 s", "1.0000 → 0.2500", "-", "-50.00%", "falls"],
        ["4–5", "4–5", "2 s", "1.0000 → 0.5000", "-", "-50.00%", "falls"],
        ["6", "6", "4 s", "1.0000", "-", "-", "one epoch"],
    ]
    many = markdown._phases(staged_rows(range(1, 41)), task)
    rows = [line for line in many if line.startswith("| ")]
    assert len(rows) == 2 + 17 and "… 24 more" in rows[2 + 8] and "| 40 s |" in rows[-1]


def test_no_sentence_of_a_report_is_said_twice():
    for diagnosis in (None, Diagnosis(True, []), Diagnosis(False, [])):
        said = [
            markdown.cause_line(diagnosis), *markdown._ranked(diagnosis),
            *markdown._refuted(diagnosis),
        ]  # fmt: skip
        assert len(said) == len(set(said))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a run of two epochs that learned nothing, diagnosed at its end."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    # Where nothing can be known of the start, that is the cause.
    config = tiny_config(train={"diagnose": True}, task={"start": "random"})
    freqjax.train(config, folder, say=lambda line: None)
    return folder


def test_the_verdict_stands_in_the_first_three_lines(finished):
    lines = (finished / "report.md").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert "frozen weights" in lines[1]
    assert lines[2].startswith("Cause: ")
    text = "\n".join(lines)
    for title in ("How the loss went", "What is possible", "Gradients", "Causes", "What it is not"):
        assert f"## {title}" in text
    for figure in (finished / "figures").glob("*.png"):
        assert f"(figures/{figure.name})" in text


def test_a_run_lists_its_causes(finished):
    causes = json.loads((finished / "diagnosis.json").read_text())
    assert causes and causes[0]["rank"] == 1
    assert {cause["cause"] for cause in causes} <= set(RANKED)
    first = causes[0]["cause"].replace("_", " ")
    assert f"1. **{first}.**" in (finished / "report.md").read_text()


def copy_of(finished, tmp_path):
    """Return a copy of the finished run that a test may change."""
    return shutil.copytree(finished, tmp_path / "copy")


def everything_but(folder, *names):
    """Return the bytes of every file in `folder` that is not one of `names`."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in names
    }


def test_diagnose_gives_what_the_run_gave_and_changes_nothing_else(finished, tmp_path, capsys):
    folder = copy_of(finished, tmp_path)
    before = everything_but(folder, "diagnosis.json", "CARD.md", "report.md")
    (folder / "diagnosis.json").unlink()
    assert main.main(["--mode", "diagnose", "--workdir", str(folder)]) == 0
    assert everything_but(folder, "diagnosis.json", "CARD.md", "report.md") == before
    again, at_the_end = (
        [c["cause"] for c in json.loads((place / "diagnosis.json").read_text())]
        for place in (folder, finished)
    )
    assert again == at_the_end
    assert at_the_end[0].replace("_", " ") in capsys.readouterr().out


@pytest.mark.parametrize(
    "left",
    some(
        ["config.json", "config.json metrics.jsonl", "all but the summary"],
        "config.json",
        "all but the summary",
    ),
)
def test_a_run_that_was_killed_has_a_report(finished, tmp_path, left):
    folder = copy_of(finished, tmp_path)
    if left == "all but the summary":
        (folder / "summary.json").unlink()
        (folder / "report.md").unlink()
    else:
        for path in folder.iterdir():
            if path.name not in left.split():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert main.main(["--mode", "diagnose", "--workdir", str(folder)]) == 0
    text = (folder / "report.md").read_text()
    assert "has no end yet" in text
    assert ("No epoch was completed." in text) == (left == "config.json")


def test_weights_that_were_never_trained_have_no_cause(tmp_path, monkeypatch):
    monkeypatch.setattr(Extraction, "draw", lambda *_: [])
    folder = tmp_path / "run"
    freqjax.train(tiny_config(train={"diagnose": True, "epochs": 0}), folder, say=lambda line: None)
    for _ in ("at its end", "again, from its folder"):
        assert json.loads((folder / "diagnosis.json").read_text()) == []
        assert "learning rate" not in (folder / "report.md").read_text()
        assert main.main(["--mode", "diagnose", "--workdir", str(folder)]) == 0


@pytest.mark.slow
def test_a_run_of_before_the_limits_has_a_report(finished, tmp_path):
    folder = copy_of(finished, tmp_path)
    values = json.loads((folder / "summary.json").read_text())
    del values["limit"]
    files.write_json(folder / "summary.json", values)
    assert main.main(["--mode", "diagnose", "--workdir", str(folder)]) == 0
    assert "## What is possible" in (folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--mode", "diagnose"], "--workdir is missing"),
        (["--mode", "diagnose", "--workdir", "nowhere"], "holds no config.json"),
        (["--mode", "diagnose", "--workdir", "x", "--checkpoint", "y"], "--checkpoint"),
    ],
)
def test_diagnose_refuses_what_is_no_run(words, named, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.main(words) == 2
    assert named in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


class Runs:
    """Substitute for `experiment.run` that writes a config and the given causes; no diagnosis for None."""

    def __init__(self, *verdicts, stop_reason="epochs_done", signum=None):
        self.waiting, self.stop_reason, self.signum = list(verdicts), stop_reason, signum

    def __call__(self, config, folder, *, resume, say, on_row):
        folder.mkdir(exist_ok=True)
        files.write_json(folder / "config.json", freqjax.config.sections.to_dict(config))
        verdict = self.waiting.pop(0)
        if verdict is not None:
            causes = [{"cause": cause, "rank": rank} for rank, cause in enumerate(verdict, 1)]
            files.write_json(folder / "diagnosis.json", causes)
        summary = {"test": {"mse": 0.5}, "stop_reason": self.stop_reason}
        return experiment.Outcome(summary, self.signum)


@pytest.mark.parametrize(
    ("verdicts", "sizes", "said"),
    [
        ([["capacity"], ["capacity"], []], [4, 5, 6], "no cause was found"),
        ([["capacity"], ["bad_data", "capacity"]], [4, 5], "the cause is bad data"),
        ([["capacity"], ["capacity"], ["capacity"]], [4, 5, 6], "no larger size"),
        ([["weight_chasing"]], [4], "the cause is weight chasing"),
    ],
)
def test_the_width_grows_only_where_capacity_is_the_cause(
    tmp_path, monkeypatch, verdicts, sizes, said
):
    monkeypatch.setattr(escalation, "run_once", Runs(*verdicts))
    config = tiny_config(train={"diagnose": True, "escalate": (5, 6)})
    lines = []
    escalation.run(config, tmp_path, resume=False, say=lines.append)
    decided = json.loads((tmp_path / "escalation.json").read_text())
    assert [step["hidden_size"] for step in decided] == sizes
    assert [step["goes_on"] for step in decided] == [True] * (len(sizes) - 1) + [False]
    assert said in decided[-1]["why"] and any(said in line for line in lines)
    for step in decided:
        saved = files.read_json(tmp_path / step["folder"] / "config.json")
        assert saved is not None
        assert saved["network"]["hidden_size"] == step["hidden_size"]


@pytest.mark.parametrize(
    ("verdict", "ended", "said"),
    [
        (["capacity"], {"stop_reason": "interrupted"}, "interrupted"),
        (["capacity"], {"signum": 15}, "interrupted"),  # after the summary and the diagnosis
        (None, {"signum": 15}, "interrupted"),  # between them
        (None, {}, "no diagnosis.json"),
    ],
)
def test_a_run_that_was_interrupted_or_not_diagnosed_does_not_escalate(
    tmp_path, monkeypatch, verdict, ended, said
):
    monkeypatch.setattr(escalation, "run_once", Runs(verdict, **ended))
    config = tiny_config(train={"diagnose": True, "escalate": (5,)})
    outcome = escalation.run(config, tmp_path, resume=False, say=lambda line: None)
    assert outcome.signum == ended.get("signum")
    (step,) = json.loads((tmp_path / "escalation.json").read_text())
    assert said in step["why"] and step["goes_on"] is False


@pytest.mark.slow
def test_a_width_that_is_missing_is_escalated(tmp_path, monkeypatch):
    """One unit cannot hold two sines that eight units learn; then the first network that can is kept."""
    config = freqjax.Config(
        task=freqjax.TaskConfig(
            frequencies=(2.0, 5.0), sampling_rate=100.0, duration=0.5, noise="fresh"
        ),
        network=freqjax.NetworkConfig(hidden_size=1),
        optimizer=freqjax.OptimizerConfig(learning_rate=0.03),
        train=freqjax.TrainConfig(
            regime="full",
            streams="parallel",
            epochs=300,
            evaluate_every=50,
            divergence_factor=None,
            escalate=(8,),
        ),
    )
    monkeypatch.setattr(Extraction, "draw", lambda *_: [])
    outcome = escalation.run(config, tmp_path / "run", resume=False, say=lambda line: None)
    decided = json.loads((tmp_path / "run" / "escalation.json").read_text())
    assert [step["hidden_size"] for step in decided] == [1, 8]
    assert outcome.summary["test"]["mse"] < decided[0]["test_mse"]
    # What is finished is passed over.
    again = escalation.run(config, tmp_path / "run", resume=True, say=lambda line: None)
    assert again.summary == outcome.summary


@pytest.mark.parametrize("value", ["4", "3,5", "5,5", "6,5", "5.5", "-1"])
def test_sizes_that_do_not_grow_are_refused(value, tmp_path, capsys):
    config = tmp_path / "config.json"
    files.write_json(config, freqjax.config.sections.to_dict(tiny_config(train={"diagnose": True})))
    words = ["--config", str(config), f"--config.train.escalate={value}", "--workdir", "run"]
    assert main.main(words) == 2
    assert "train.escalate" in capsys.readouterr().err
