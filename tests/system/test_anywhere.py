"""A training on a system that has nothing of POSIX, as far as Linux can be made to look like one."""

import json
import os
import subprocess
import sys

import pytest

import freqjax
from tests.root import ROOT
from tests.twins import tiny_config

# Takes away what Windows lacks, before anything else is imported; text is ASCII unless a file says otherwise.
_BARE = """
import os, shutil, signal, sys, warnings

for name in ("fcntl", "resource", "pwd", "grp", "termios", "uvloop"):
    sys.modules[name] = None
for name in ("sched_getaffinity", "getuid", "geteuid", "getgid", "fork", "register_at_fork"):
    delattr(os, name)
for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGALRM", "SIGQUIT"):
    delattr(signal, name)
# Since Python 3.13 this is there without an affinity too, and then the number of all cores.
os.process_cpu_count = os.cpu_count

def refuse_folders(path, flags, *rest, open=os.open, **named):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    return open(path, flags, *rest, **named)

os.open, shutil._use_fd_functions = refuse_folders, False
warnings.filterwarnings("error", category=EncodingWarning, module="freqjax")
assert __import__("locale").getencoding() != "UTF-8"
"""


def run(code, folder):
    """Run `code` where POSIX is missing; its standard output."""
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-c", f"{_BARE}\nFOLDER = {str(folder)!r}\n{code}"],
        cwd=ROOT, env=os.environ | bare, check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace")


def rows(folder):
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["frozen_mse"] for line in lines]


@pytest.mark.slow
def test_a_run_from_its_command_to_its_report(tmp_path):
    here = tmp_path / "here"
    freqjax.train(tiny_config(train={"epochs": 3}), here, say=lambda line: None)
    said = run(
        "from freqjax.main import main\n"
        "def say(*words):\n"
        "    assert main([word.replace('@', FOLDER) for word in words]) == 0, words\n"
        "say('--config=@/here/config.json', '--workdir=@/run', '--config.train.epochs=2')\n"
        "say('--resume', '--workdir=@/run', '--config.train.epochs=3')\n"
        "say('--mode=diagnose', '--workdir=@/run')\n"
        "say('--mode=evaluate', '--checkpoint=@/run', '--workdir=@/seen')\n"
        "say('--help')\n",
        tmp_path,
    )
    assert "usage:" in said
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {
        "summary.json",
        "report.md",
        "CARD.md",
        "figures",
        "checkpoints",
        "diagnosis.json",
    } <= names
    assert (tmp_path / "seen" / "evaluation.json").is_file()
    assert rows(tmp_path / "run") == rows(here)
