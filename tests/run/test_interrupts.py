"""Signals: remembered while something would be lost, raised where nothing is, and what a run then leaves."""

import json
import os
import signal
import sys
import time

import pytest

from freqjax.report import saved
from freqjax.run import ending, escalation, experiment
from freqjax.run.interrupts import Interrupted, Interrupts, raising
from tests.processes import running
from tests.root import ROOT
from tests.twins import tiny_config

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no signals between processes")


@pytest.fixture(autouse=True)
def heard():
    """Let SIGHUP act as usual, also where the tests were started under nohup, which ignores it."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before or signal.SIG_DFL)


def silent(_):
    return None


def send(signum=signal.SIGTERM):
    os.kill(os.getpid(), signum)


@posix
@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_is_remembered_once(signum):
    before = signal.getsignal(signum)
    with Interrupts() as interrupts:
        send(signum)
        assert interrupts.signum == signum
        assert signal.getsignal(signum) == before  # a second one acts as it did
        with pytest.raises(Interrupted) as caught, interrupts.acting():
            pytest.fail("this work must not begin")
    assert caught.value.signum == signum
    assert signal.getsignal(signum) == before


@posix
@pytest.mark.parametrize("signum", SIGNALS)
def test_where_nothing_is_lost_a_signal_acts(signum):
    with pytest.raises(Interrupted) as caught, raising():
        send(signum)
        time.sleep(5)
    assert caught.value.signum == signum


@posix
def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts, interrupts.acting():
            send(signal.SIGHUP)
        assert interrupts.signum is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def at(monkeypatch, owner, name):
    """Let a signal come when a method is called, the first time."""
    original, calls = getattr(owner, name), []

    def method(*args, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            send()
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, method)
    return calls


@posix
def test_before_anything_is_written_nothing_is(tmp_path, monkeypatch):
    at(monkeypatch, experiment, "data_hashes")
    with pytest.raises(Interrupted):
        experiment.run(tiny_config(), tmp_path / "run", resume=False, say=silent)
    assert not list(tmp_path.iterdir())


@posix
def test_an_interrupted_run_is_not_evaluated(tmp_path, monkeypatch):
    calls = at(monkeypatch, experiment.Experiment, "_end_epoch")
    with monkeypatch.context() as patch:
        for name in ("sum_up", "examine"):
            patch.setattr(ending, name, lambda *_, **__: pytest.fail("too long"))
        lines = []
        config = tiny_config(train={"epochs": 3, "diagnose": True, "escalate": (8,)})
        outcome = escalation.run(config, tmp_path / "run", resume=False, say=lines.append)
    assert outcome.signum == signal.SIGTERM
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert {key: summary[key] for key in outcome.summary} == outcome.summary
    assert summary.keys() - outcome.summary.keys() == {"sha256"}
    assert saved.read(tmp_path / "run" / "summary.json", pytest.fail) == outcome.summary
    assert (summary["stop_reason"], summary["epochs"], len(calls)) == ("interrupted", 1, 1)
    row = json.loads((tmp_path / "run" / "metrics.jsonl").read_text())
    assert (summary["prequential_mse"], summary["test"]) == (row["loss"], {})
    assert any("--resume" in line for line in lines)
    assert not (tmp_path / "run" / "report.md").exists()


@posix
def test_a_signal_while_a_run_is_summed_up_ends_it_and_a_resume_does_the_rest(
    tmp_path, monkeypatch
):
    config = tiny_config(train={"epochs": 2, "diagnose": True})
    at(monkeypatch, experiment.Prepared, "frozen")
    outcome = experiment.run(config, tmp_path / "run", resume=False, say=silent)
    assert outcome.signum == signal.SIGTERM
    assert outcome.summary["stop_reason"] == "interrupted"
    outcome = experiment.run(config, tmp_path / "run", resume=True, say=silent)
    assert outcome.signum is None
    assert outcome.summary["stop_reason"] == "epochs_done"
    assert (tmp_path / "run" / "diagnosis.json").is_file()


@pytest.mark.slow
@posix
def test_a_signal_after_the_summary_leaves_it(tmp_path, monkeypatch):
    lines = []
    at(monkeypatch, ending, "examine")
    config = tiny_config(train={"epochs": 2, "diagnose": True})
    outcome = experiment.run(config, tmp_path / "run", resume=False, say=lines.append)
    assert outcome.signum == signal.SIGTERM
    assert outcome.summary["stop_reason"] == "epochs_done"
    assert not (tmp_path / "run" / "diagnosis.json").exists()
    assert "interrupted after the summary" in lines[-1]
    outcome = experiment.run(config, tmp_path / "run", resume=True, say=silent)
    assert outcome.signum is None and (tmp_path / "run" / "diagnosis.json").is_file()


@posix
def test_a_terminal_that_is_closed_costs_nothing(tmp_path):
    """Standard output goes where nobody reads, and SIGHUP comes."""
    path = tmp_path / "config.py"
    path.write_text(
        "from tests.twins import tiny_config\n"
        "def get_config():\n"
        "    return tiny_config(train={'epochs': 100000, 'divergence_factor': None})\n"
    )
    read, write = os.pipe()
    words = ["--config", path, "--workdir", tmp_path / "run"]
    command = [sys.executable, "-m", "freqjax.main", *words]
    with running(command, cwd=ROOT, stdout=write, stderr=write) as process:
        os.close(write)
        os.read(read, 1)
        os.close(read)
        metrics = tmp_path / "run" / "metrics.jsonl"
        until = time.monotonic() + 120
        while not (metrics.exists() and metrics.read_text().count("\n") > 20):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=60) == 128 + signal.SIGHUP
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["stop_reason"] == "interrupted"
    assert (tmp_path / "run" / "checkpoints" / str(summary["updates"])).is_dir()
