"""Runs whose files were damaged or whose end was cut short: what is lost is named, and nothing else is."""

import json
import os
import shutil

import pytest

import freqjax
from freqjax.checkpoints import rows
from freqjax.checkpoints.records import Record, ReplicaRecord
from freqjax.main import main
from freqjax.report import saved
from freqjax.run import ending, resuming
from freqjax.run.workdir import Workdir
from freqjax.tasks import Extraction
from freqjax.training.stopping import Stopping
from tests.twins import tiny_config

EPOCHS = 3


def config(epochs=EPOCHS, **optimizer):
    return tiny_config(train={"epochs": epochs, "checkpoint_every": 1}, optimizer=optimizer)


def resume(folder, epochs=EPOCHS, **optimizer):
    """Resume a run; return its summary and what was said."""
    said = []
    summary = freqjax.train(config(epochs, **optimizer), folder, resume=True, say=said.append)
    return summary, said


def epochs_of(folder):
    return [row["epoch"] for row in rows.read(folder / "metrics.jsonl", lambda _: None)]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def damage_training(folder, epoch):
    """Flip a bit of what training needs, and weights do not, of the step at the end of `epoch`."""
    step = folder / "checkpoints" / str(40 * epoch)
    victim = next((step / "training").rglob("*ocdbt.process_0/d/*"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)


def damage_row(folder, line):
    path = folder / "metrics.jsonl"
    lines = path.read_bytes().splitlines(True)
    lines[line - 1] = lines[line - 1].replace(b'"loss": 0.', b'"loss": 1.')
    path.write_bytes(b"".join(lines))


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr(Extraction, "draw", lambda *_: [])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of a run, and of one that is an epoch longer."""
    place = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Extraction, "draw", lambda *_: [])
        for name, epochs in (("short", EPOCHS), ("long", EPOCHS + 1)):
            freqjax.train(config(epochs), place / name, say=lambda _: None)
    return place


@pytest.fixture
def run(runs, tmp_path):
    return shutil.copytree(runs / "short", tmp_path / "run")


def test_a_damaged_row_is_named_and_the_others_stay(run):
    damage_row(run, 2)
    _, said = resume(run, EPOCHS + 1)
    path = run / "metrics.jsonl"
    assert f"{path} is damaged in line 2: its checksum does not fit what it holds; " in said[1]
    assert said[2] == f"{path} has no row of epoch 2: the results do without."
    assert epochs_of(run) == [1, 3, 4]
    assert path.read_bytes().count(b"\n") == 4  # the line is there for whoever wants to look at it
    assert "metrics.jsonl has no whole row of 1 epochs: 2." in (run / "report.md").read_text()


def test_a_finished_run_tells_of_damage_and_stays_as_it_is(run):
    damage_row(run, 1)
    before = contents(run)
    _, said = resume(run)
    assert "is damaged in line 1" in said[0] and "has no row of epoch 1" in said[1]
    assert "is finished (epochs_done after epoch 3)" in said[2]
    assert contents(run) == before


def test_the_last_loss_is_unknown_where_its_row_is_damaged(run):
    damage_row(run, EPOCHS)
    (run / "summary.json").unlink()
    summary, _ = resume(run)
    assert summary["prequential_mse"] is None and summary["epochs"] == EPOCHS


@pytest.mark.parametrize(
    "change", [("epochs_done", "target_reached"), ('"epochs": 3', '"epochs": 4')]
)
def test_a_damaged_summary_is_told_and_made_again(run, change):
    path = run / "summary.json"
    before = saved.read(path, pytest.fail)
    path.write_text(path.read_text().replace(*change))
    summary, said = resume(run)
    assert said[0] == (
        f"{path} is damaged: its checksum does not fit what it holds; what it says is found anew."
    )
    assert before is not None and summary | {"wall_seconds": 0} == before | {"wall_seconds": 0}
    assert saved.read(path, pytest.fail) == summary


def test_diagnose_tells_of_damage_and_does_without(run, capsys):
    (run / "summary.json").write_text("[]")
    damage_row(run, 2)
    assert main(["--mode", "diagnose", "--workdir", str(run)]) == 0
    said = capsys.readouterr().out
    assert f"{run / 'summary.json'} is damaged: " in said and "is damaged in line 2: " in said
    phases = ["evaluating the weights, the baselines and the limit …", "diagnosing …"]
    assert [line for line in said.splitlines() if line.endswith(" …")] == phases
    assert (run / "report.md").read_text().startswith("# Worse than predicting zero")


def test_a_run_ends_after_its_optimizer_was_changed_for_a_worse_one(run):
    best = min(rows.read(run / "metrics.jsonl", pytest.fail), key=lambda row: row["frozen_mse"])
    changed = {"name": "sgd", "learning_rate": 30.0}
    summary, said = resume(run, EPOCHS + 1, **changed)
    assert any("with fresh moments" in line for line in said)
    assert rows.read(run / "metrics.jsonl", pytest.fail)[-1]["frozen_mse"] > best["frozen_mse"]
    assert (summary["weights"], summary["stop_reason"]) == ("best", "epochs_done")
    assert summary["train"]["mse"] == pytest.approx(best["frozen_mse"], rel=1e-5)
    assert freqjax.load(run).weights == "best"
    again, said = resume(run, EPOCHS + 1, **changed)
    assert "is finished" in said[-1] and again == saved.read(run / "summary.json", pytest.fail)


def test_a_damaged_training_state_gives_way_to_that_of_the_step_before(run, runs):
    damage_training(run, EPOCHS)
    _, said = resume(run, EPOCHS + 1)
    assert [line for line in said if "is damaged" in line] == [said[0]]
    assert f"resumed at update {40 * (EPOCHS - 1)}, epoch {EPOCHS - 1}" in said
    measured = dict.fromkeys(("seconds", "memory_mb"))
    assert [row | measured for row in rows.read(run / "metrics.jsonl", pytest.fail)] == [
        row | measured for row in rows.read(runs / "long" / "metrics.jsonl", pytest.fail)
    ]


def test_the_step_before_may_be_of_another_optimizer(run):
    changed = {"name": "sgd", "learning_rate": 0.1}
    resume(run, EPOCHS + 1, **changed)
    damage_training(run, EPOCHS + 1)
    (run / "summary.json").unlink()
    summary, said = resume(run, EPOCHS + 1, **changed)
    assert f"resumed at update {40 * EPOCHS}, epoch {EPOCHS}" in said
    assert any("with fresh moments" in line for line in said)
    assert (summary["epochs"], epochs_of(run)) == (EPOCHS + 1, [1, 2, 3, 4])


@pytest.mark.parametrize(
    "error", [MemoryError("Unable to allocate 1.82 TiB\nfor an array"), ValueError()]
)
def test_figures_that_fail_cost_nothing_else(tmp_path, monkeypatch, error):
    def draw(*_):
        raise error

    monkeypatch.setattr(Extraction, "draw", draw)
    said = []
    summary = freqjax.train(config(1), tmp_path / "run", say=said.append)
    assert saved.read(tmp_path / "run" / "summary.json", pytest.fail) == summary
    assert "None was drawn." in (tmp_path / "run" / "report.md").read_text()
    reason = "MemoryError: Unable to allocate 1.82 TiB" if str(error) else "ValueError"
    assert f"no figures: they could not be drawn ({reason}); all else is as it should be." in said


def test_figures_that_fail_cost_no_evaluation(run, tmp_path, monkeypatch, capsys):
    def draw(*_):
        raise MemoryError

    monkeypatch.setattr(Extraction, "draw", draw)
    words = ["--mode", "evaluate", "--checkpoint", str(run), "--workdir", str(tmp_path / "seen")]
    assert main(words) == 0
    assert "no figures: they could not be drawn (MemoryError)" in capsys.readouterr().err
    assert json.loads((tmp_path / "seen" / "evaluation.json").read_text())["parameters"] > 0


def test_a_run_that_was_killed_between_summary_and_report_gets_its_report(run):
    (run / "report.md").unlink()
    before = saved.read(run / "summary.json", pytest.fail)
    summary, _ = resume(run)
    assert (run / "report.md").exists()
    assert before is not None and summary | {"wall_seconds": 0} == before | {"wall_seconds": 0}


@pytest.mark.skipif(os.name == "nt", reason="such names are not allowed there")
def test_names_in_a_report_are_no_markup(tmp_path):
    folder = tmp_path / "<b onclick=x>`id`\n```\n\x1b[31m"
    said = []
    freqjax.train(config(1), folder, say=said.append)
    text = (folder / "report.md").read_text()
    assert "\x1b" not in text + "".join(said)
    fence = "````"
    assert text.count(f"\n{fence}") == 2  # of which the second is its end
    block = text[text.index(f"\n{fence}sh\n") :]
    assert "<b onclick" in block[: block.index(f"\n{fence}\n")]
    assert "<b" not in text.replace(block, "")


def test_no_report_of_an_earlier_end_stands_beside_a_later_summary(run, monkeypatch):
    class Killed(Exception):
        pass

    def kill(*_):
        raise Killed

    of_an_end = ("diagnosis.json", "page.html", "CARD.md", "report.md")
    for name in of_an_end:
        (run / name).write_text("of epoch 3", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(ending.documents, "write", kill)
        with pytest.raises(Killed):
            resume(run, EPOCHS + 1)
    summary = saved.read(run / "summary.json", pytest.fail)
    assert summary is not None and summary["epochs"] == EPOCHS + 1
    assert [name for name in of_an_end if (run / name).exists()] == []
    resume(run, EPOCHS + 1)
    assert f"{summary['updates']} updates" in (run / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("diagnose", "left", "is_finished"),
    [
        (True, ("report.md",), False),  # killed while it was diagnosed
        (True, ("report.md", "diagnosis.json"), True),
        (False, ("report.md",), True),
        (False, (), False),
    ],
)
def test_a_run_that_lacks_its_diagnosis_is_not_finished(
    runs, tmp_path, diagnose, left, is_finished
):
    shutil.copy(runs / "short" / "summary.json", tmp_path)
    for name in ("config.json", *left):
        (tmp_path / name).touch()
    begun = Record({}, [ReplicaRecord(0, {}, Stopping(), None, None)])
    state = resuming.Saved(tiny_config(train={"diagnose": diagnose}), begun)
    with Workdir(tmp_path, resume=True) as folder:
        assert (resuming.finished(folder, state, lambda _: None) is not None) is is_finished
