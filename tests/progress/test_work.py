"""What runs, sweeps and extractions report, compared with what they wrote."""

import json

import numpy as np

import freqjax
from freqjax import progress, sweep
from freqjax.config.sections import SweepConfig
from freqjax.deploy import extraction
from freqjax.deploy.component_stream import ComponentStreams
from freqjax.deploy.extraction.found import Extracted
from freqjax.tasks import Extraction
from tests import twins
from tests.progress.views import Recorder
from tests.root import ROOT


def silent(_line):
    return None


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_a_run_reports_the_phases_that_its_folder_tells_of(tmp_path):
    seen = Recorder()
    config = twins.tiny_config(train={"diagnose": True, "epochs": 3})
    with progress.reporting_to(seen):
        freqjax.train(config, tmp_path / "run", say=silent)
    begun = list(dict.fromkeys(seen.begun()))
    outermost = [path for path in begun if "/" not in path]
    assert outermost == [
        "reading the data", "setting up", "training", "evaluating", "figures", "causes",
    ]  # fmt: skip
    assert "training/compiling" in begun and "evaluating/probes" in begun
    trained = seen.of("training")
    rows = [json.loads(line) for line in lines_of(tmp_path / "run" / "metrics.jsonl")]
    assert {done for _, done, _, _ in trained} >= {0, *(row["epoch"] for row in rows)}
    assert trained[-1][1:3] == (3, 3)
    assert trained[-1][3] == f"loss {rows[-1]['loss']:.4f}"
    drawn = [told[-1] for told in seen.told if told and told[-1][0] == "figures" and told[-1][2]]
    pngs = len(list((tmp_path / "run" / "figures").glob("*.png")))
    assert [done for _, done, _, _ in drawn] == list(range(pngs + 1))
    assert {of for _, _, of, _ in drawn} == {pngs}
    causes = seen.of("causes")
    assert causes[-1][1] == causes[-1][2]  # as many searches as were announced
    assert seen.told[-1] == []


def test_a_sweep_says_how_many_are_done(tmp_path, monkeypatch):
    monkeypatch.setattr("freqjax.sweep.lines.LINE_SECONDS", 0.0)
    config = twins.tiny_config(train={"epochs": 2})
    config.sweep = SweepConfig(axes={"train.seed": (0, 1), "network.hidden_size": (3, 9)})
    seen, said = Recorder(), []
    with progress.reporting_to(seen):
        sweep.run(config, tmp_path / "sweep", resume=False, figures=False, say=said.append)
    found = json.loads((tmp_path / "sweep" / "sweep.json").read_text(encoding="utf-8"))["rows"]
    told = [(done, of, item) for _, done, of, item in seen.of("training")]
    assert told[-1] == (8, 8, "4 of 4 replicas done")
    assert told[-1][0] == sum(row["epochs"] for row in found)
    assert [item for _, _, item in dict.fromkeys(told) if item.startswith("2 of 4")]  # a program
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    epochs = [line for line in said if line.startswith("epoch")]
    assert ["0 of 4 done" in line for line in epochs] == [True, False, False, False]
    assert "2 of 4 done" in epochs[1] and "4 of 4 done" in epochs[-1]
    assert any("left at most at recent speed" in line for line in epochs[:-1])
    # A resume counts what was done before.
    again = Recorder()
    with progress.reporting_to(again):
        sweep.run(config, tmp_path / "sweep", resume=True, figures=False, say=silent)
    assert again.of("training")[-1][1:] == (8, 8, "4 of 4 replicas done")


def test_an_extraction_says_where_it_is(tmp_path):
    samples = 200_000
    trained = freqjax.load(ROOT / "checkpoints" / "clock64")
    task = twins.extraction(trained.config)
    assert isinstance(task, Extraction)
    np.save(tmp_path / "in.npy", np.sin(2 * np.pi * 3 * np.arange(samples) / 1000))
    source, output = str(tmp_path / "in.npy"), str(tmp_path / "out.npy")
    planned = extraction.plan(task, (1,), source, output, figures=False)
    streams = ComponentStreams(trained, task, planned.groups, len(planned.signals))
    seen = Recorder()
    with progress.reporting_to(seen):
        done = extraction.run(streams, planned, silent)
    assert isinstance(done, Extracted) and done.samples == samples
    for name in ("measuring the level", "extracting"):
        told = [(count, of) for _, count, of, _ in seen.of(name)]
        assert told[0] == (0, samples) and told[-1] == (samples, samples)
        assert len(told) > 2
    assert len(np.load(tmp_path / "out.npy")) == samples
