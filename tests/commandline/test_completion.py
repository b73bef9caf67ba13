"""Completion: what the last word may become, and that bash asks for it as it should."""

import os
import shutil
import subprocess
import sys

import pytest

from freqjax.commandline import answer
from freqjax.commandline.completion import candidates
from freqjax.config import shipped
from freqjax.modes import MODES
from tests.root import ROOT


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([""], [*MODES, "completion"]),
        ([], [*MODES, "completion"]),
        (["tr"], ["train"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["train", "--re"], ["--recipe", "--resume"]),
        (["--mode", "evaluate", "--no"], ["--no-figures"]),
        (["train", "--out"], []),
        (["generate", "--spl"], ["--split"]),
        (["--vers"], ["--version"]),
        (["train", "--config", "orig"], ["original_a", "original_a2", "original_b", "original_b_l1"]),
        (["train", "--config=qu"], ["--config=quick"]),
        (["train", "--config", ""], shipped.config_names()),
        (["train", "--config", "no/such"], []),
        (["evaluate", "--checkpoint", ""], ["clock64", "hum50", "poems16"]),
        (["train", "--device", "g"], ["gpu"]),
        (["train", "--workdir", ""], []),
        (["train", "--config.train.trunc"], ["--config.train.truncation="]),
        (["train", "--config.windows.start=z"], ["--config.windows.start=zero"]),
        (["train", "--config.train.diagnose=f"], ["--config.train.diagnose=false"]),
        (["train", "--config.network.cell=g"], ["--config.network.cell=gru"]),
        (["train", "--recipe", "hu"], ["hum"]),
        (["train", "--config.task.name=l"], ["--config.task.name=lines"]),
        (["train", "--config.none.such="], []),
        # As bash splits them.
        (["train", "--config", "=", "qu"], ["quick"]),
        (["train", "--config.optimizer.name", "="], ["adam", "adamw", "sgd", "rmsprop", "ekf"]),
        (["train", "--config.train.seed", "=", "3", "--res"], ["--resume"]),
        (["--mode", "=", "generate", "--config", "=", "quick", "--spl"], ["--split"]),
    ],
)  # fmt: skip
def test_candidates(words, expected):
    assert candidates(words) == expected


def test_fields_are_those_of_the_config_at_hand(tmp_path):
    values = '{"task": {"name": "tests.config.toys:Toy"}}'
    (tmp_path / "config.json").write_text(values)
    words = ["train", "--config", str(tmp_path / "config.json"), "--config.task.cl"]
    assert candidates(words) == ["--config.task.classes="]
    assert candidates(["train", "--config.task.cl"]) == []
    # A user's program is not run to complete a word.
    (tmp_path / "a.py").write_text("raise SystemExit(3)\n")
    words = ["train", "--config", str(tmp_path / "a.py"), "--config.task.dur"]
    assert candidates(words) == ["--config.task.duration="]


def _shell(tmp_path, *words, **more):
    """Return a shell with a program `freqjax` on its path."""
    program = tmp_path / "freqjax"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m freqjax.main "$@"\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(f"{answer(['completion', words[0]])}\n")
    found = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}, **more,
    )  # fmt: skip
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("freqjax tra", ["train"]),
        (
            "freqjax train --config orig",
            ["original_a", "original_a2", "original_b", "original_b_l1"],
        ),
        ("freqjax train --config.optimizer.name = ada", ["adam", "adamw"]),
        ("freqjax train --config.train.epoc", ["--config.train.epochs="]),
    ],
)
def test_bash_asks_for_the_word_under_the_cursor(tmp_path, typed, expected):
    """COMP_WORDS as bash has them: split at =."""
    code = (
        f"compopt() {{ :; }}; source ./script; COMP_WORDS=({typed}); "
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _freqjax; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    assert _shell(tmp_path, "bash", "-c", code).split() == expected


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_zsh_adds_what_is_whole_and_what_goes_on(tmp_path):
    code = (
        'compdef() { : }; _files() { print files }; compadd() { print -r -- "$@" }; source ./script; '
        "words=(freqjax train --config quick --config.train.epoc) CURRENT=5; _freqjax; "
        "words=(freqjax evaluate --checkpoint cl) CURRENT=4; _freqjax; "
        "words=(freqjax train --workdir x) CURRENT=4; _freqjax"
    )
    said = [line for line in _shell(tmp_path, "zsh", "-f", "-c", code).splitlines() if line]
    assert said == ["--", "-S  -- --config.train.epochs=", "-- clock64", "-S  --", "files"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_fish_completes(tmp_path):
    code = "source ./script; complete -C 'freqjax tra'; complete -C 'freqjax train --config qu'"
    assert _shell(tmp_path, "fish", "-N", "-c", code).split() == ["train", "quick"]


def test_help_on_completion_names_the_shells():
    found = answer(["completion", "--help"])
    assert found is not None
    assert [line.split()[0] for line in found.splitlines()[3:]] == ["bash", "zsh", "fish"]
