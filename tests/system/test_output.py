"""What a command says where standard output is closed, full, or read no further."""

import errno
import os
import subprocess
import sys

import pytest

from freqjax.system import output
from tests.root import ROOT

posix = pytest.mark.skipif(os.name != "posix", reason="the shell of the test is POSIX's")

# A little work that says something before it leaves a file.
WORK = """
import pathlib, sys
from freqjax.system import output
output.prepare()
for _ in range(3):
    output.tell("working")
pathlib.Path({path!r}).write_text("whole")
"""


def shell(line, **environment):
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=ROOT, env=os.environ | {"PYTHON": sys.executable} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@posix
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-", "| true", "2>&1 | true"])
def test_work_goes_on_without_a_reader(tmp_path, closed):
    work = tmp_path / "work.py"
    work.write_text(WORK.format(path=str(tmp_path / "result")))
    # `sleep` gives a reader that reads nothing the time to go.
    done = shell(f"(sleep 0.2; PYTHONPATH=. exec $PYTHON {work}) {closed}")
    assert (tmp_path / "result").read_text() == "whole"
    assert (done.stdout, done.stderr) == ("", "")


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_under_standard_output_is_told_and_the_work_goes_on(tmp_path):
    work = tmp_path / "work.py"
    work.write_text(WORK.format(path=str(tmp_path / "result")))
    done = shell(f"PYTHONPATH=. $PYTHON {work} > /dev/full")
    assert (tmp_path / "result").read_text() == "whole"
    assert done.returncode == 0
    assert done.stderr == (
        "freqjax: standard output cannot be written any more (No space left on device); the work goes on.\n"
    )


@posix
def test_an_answer_that_nobody_reads_ends_as_other_programs_do(tmp_path):
    line = f"(sleep 0.2; $PYTHON -m freqjax.main --help; echo $? > {tmp_path}/code) | true"
    done = shell(line)
    assert (tmp_path / "code").read_text() == "141\n"
    assert done.stderr == ""


@posix
@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-"])
def test_a_closed_descriptor_is_no_traceback(closed):
    done = shell(f"$PYTHON -m freqjax.main --version {closed}")
    assert done.returncode == 0
    assert done.stderr == ""
    assert shell(f"$PYTHON -m freqjax.main --mode x {closed}").returncode == 2


@posix
@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C"}, {"PYTHONUTF8": "0"}]
)
def test_signs_that_an_encoding_lacks_are_replaced(tmp_path, environment):
    done = shell(
        "$PYTHON -m freqjax.main train --config quick --config.train.seed=σ; "
        "$PYTHON -m freqjax.main train --help",
        **environment,
    )
    assert done.stderr.startswith("freqjax: train.seed is ")
    assert "Traceback" not in done.stderr
    assert "usage: freqjax train" in done.stdout


def test_what_a_terminal_would_obey_is_shown(capsys):
    output.tell("a\x1b[2Jb\nö 中 \u202e")
    output.warn("two\nlines \x07")
    said = capsys.readouterr()
    assert said.out == "a\\x1b[2Jb\nö 中 \\u202e\n"
    assert said.err == "freqjax: two lines \\x07\n"


def test_a_stream_without_a_descriptor_is_let_go(monkeypatch, capsys):
    class Full:
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

        def fileno(self):
            raise OSError("no descriptor")

    monkeypatch.setattr(sys, "stdout", Full())
    output.tell("lost")
    assert "the work goes on" in capsys.readouterr().err
    with pytest.raises(OSError, match="No space left"):
        output.answer("lost")
