"""Progress as a reader has it: in a pipe, on a terminal with and without rich, and after Ctrl-C."""

import io
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from freqjax import progress
from freqjax.progress import lines, terminal
from freqjax.progress.phases import Phase, Reporter
from tests.progress.views import Clock
from tests.root import ROOT

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no pseudo-terminals")

# Work of a second and a half, in which lines of something else are printed too.
# A shell lets what it starts in the background ignore Ctrl-C: the program takes it again.
WORK = """
import signal, sys, time
import freqjax.progress.lines
from freqjax import progress
signal.signal(signal.SIGINT, signal.default_int_handler)
freqjax.progress.lines.EVERY = 0.4
with progress.shown(), progress.phase("working"), progress.phase("figures", 16) as figures:
    for done in range(1, 6):
        time.sleep(0.3)
        figures.advance(done)
        if done in (2, 4):
            print(f"line {done}", flush=True)
    print("warning", file=sys.stderr)
    {last}
print("end", flush=True)
"""
WITHOUT_RICH = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "rich" else found(name, *more)
"""


def environment(**more):
    shown = {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "FREQJAX_PROGRESS": "on"}
    return os.environ | shown | more


def on_terminal(program, *, act=None):
    """Run a program on a pseudo-terminal; return what it wrote, in order, and its exit code.

    `act` is called with (process, written so far) after each read.
    """
    import pty

    control, terminal_of_it = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=terminal_of_it, stdout=terminal_of_it,
        stderr=terminal_of_it, env=environment(), start_new_session=True,
    )  # fmt: skip
    os.close(terminal_of_it)
    written = b""
    while True:
        try:
            part = os.read(control, 4096)
        except OSError:  # Linux says so where the other side is closed
            break
        if not part:
            break
        written += part
        if act is not None:
            act(process, written)
    os.close(control)
    return written.decode(), process.wait(timeout=60)


def screen_of(written):
    """Return the lines that a terminal shows: carriage return, "erase line" and colours alone are known."""
    shown, line, place = [], "", 0
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", written):
        if part == "\n":
            shown.append(line.rstrip())
            line, place = "", 0
        elif part == "\r":
            place = 0
        elif part == "\x1b[2K":
            line = ""
        elif part.startswith("\x1b["):
            assert part.endswith("m"), f"{part!r} moves the cursor or changes the terminal"
        else:
            line = line[:place].ljust(place) + part + line[place + len(part) :]
            place += len(part)
    return [*shown, line.rstrip()]


# A pipe.


def test_a_pipe_gets_plain_lines():
    done = subprocess.run(
        [sys.executable, "-c", WORK.replace("{last}", "")],
        capture_output=True, text=True, env=environment(), check=True,
    )  # fmt: skip
    assert done.stdout == "line 2\nline 4\nend\n"
    assert "\r" not in done.stderr and "\x1b" not in done.stderr
    *told, _ = done.stderr.splitlines()
    assert told and all(re.match(r"progress: figures \d of 16", line) for line in told)
    assert any("left at recent speed" in line for line in told)
    assert done.stderr.endswith("warning\n")


def test_lines_are_rare_and_other_lines_put_them_off():
    clock, stream = Clock(), io.StringIO()
    shown = lines.Lines(stream, clock)
    phases = [Phase("compiling", Reporter(clock=clock))]
    for _ in range(100):  # 25 s
        clock.now += 0.25
        shown.tick(phases)
    assert len(stream.getvalue().splitlines()) == 5
    for _ in range(100):
        clock.now += 0.25
        if clock.now % 2 == 0:
            shown.after()
        shown.tick(phases)
    assert len(stream.getvalue().splitlines()) == 5
    clock.now += 60
    shown.tick([])
    assert len(stream.getvalue().splitlines()) == 5


def test_a_stream_that_is_gone_ends_no_work():
    stream, clock = io.StringIO(), Clock()
    stream.close()
    shown, line = lines.Lines(stream, clock), terminal.Line(stream, terminal.plain, clock)
    clock.now += 1e9
    for display in (shown, line):
        display.tick([Phase("compiling", Reporter(clock=clock))])
        display.close()
    assert not terminal.is_terminal(stream) and not terminal.is_terminal(object())


# A terminal.


@posix
@pytest.mark.parametrize("before", ["", WITHOUT_RICH], ids=["rich", "plain"])
def test_a_terminal_has_one_line_that_is_rewritten_and_gone_at_the_end(before):
    written, code = on_terminal(before + WORK.replace("{last}", ""))
    assert code == 0
    assert screen_of(written) == ["line 2", "line 4", "warning", "end", ""]
    drawn = written.split("\r\x1b[2K")
    assert sum("of 16" in part for part in drawn) >= 3
    assert any("left at recent speed" in part for part in drawn)
    assert all(len(screen_of(part)[0]) < 80 for part in drawn)
    assert ("━" in written) is (before == "")
    assert ("\x1b[3" in written) is (before == "")  # colours


@pytest.mark.parametrize("kind", [terminal.Line, lines.Lines])
def test_progress_waits_for_the_end_of_a_line_that_is_written_in_parts(kind, monkeypatch):
    stream, clock = io.StringIO(), Clock()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(terminal, "drawing", lambda _: terminal.plain)
    display, looks = kind(stream, clock=clock), []
    tick = display.tick
    display.tick = lambda phases: (tick(phases), looks.append(stream.getvalue()))
    with progress.shown(display), progress.phase("working"):
        clock.now += 60
        sys.stderr.write("war")
        sys.stderr.write("ning")
        time.sleep(0.6)  # two looks of the thread
        sys.stderr.write("")
        assert stream.getvalue().endswith("warning") and not any("war" in look for look in looks)
        sys.stderr.writelines(["\n"])
        clock.now += 60
        give_up = time.monotonic() + 20
        while "working" not in (shown := stream.getvalue().partition("warning\n")[2]):
            assert time.monotonic() < give_up, shown
            time.sleep(0.05)


@posix
@pytest.mark.parametrize("before", ["", WITHOUT_RICH], ids=["rich", "plain"])
def test_an_interrupt_leaves_the_terminal_clean(before):
    interrupted = []

    def interrupt(process, written):
        if not interrupted and b"of 16" in written:
            interrupted.append(1)
            process.send_signal(signal.SIGINT)

    last = "time.sleep(60)"
    guarded = "try:\n" + "\n".join(
        f"    {line}" for line in WORK.replace("{last}", last).strip().splitlines()
    )
    written, code = on_terminal(
        f"{before}\n{guarded}\nexcept KeyboardInterrupt:\n    print('interrupted')", act=interrupt
    )
    assert code == 0 and interrupted
    assert screen_of(written)[-2:] == ["interrupted", ""]
    assert not any("of 16" in line for line in screen_of(written))


@posix
def test_a_program_on_a_terminal_is_interrupted_cleanly(tmp_path):
    """The program itself: Ctrl-C while it shows a phase leaves its own last lines, and nothing of the bar."""
    interrupted = []

    def interrupt(process, written):
        if not interrupted and b"working" in written.partition(b"ready")[2]:
            interrupted.append(1)
            process.send_signal(signal.SIGINT)

    program = (
        "import sys, time\nimport freqjax.main as main\nfrom freqjax import modes\n"
        "def train(config, flags):\n    print('ready')\n    time.sleep(60)\n"
        "mode = modes.MODES['train']\n"
        "import dataclasses\nmodes.MODES['train'] = dataclasses.replace(mode, run=train)\n"
        f"sys.exit(main.main(['train', '--config', 'quick', '--workdir', {str(tmp_path)!r}]))"
    )
    written, code = on_terminal(program, act=interrupt)
    assert interrupted and code == 130, written
    assert screen_of(written)[-2:] == ["freqjax: interrupted", ""]
    assert not any("working" in line for line in screen_of(written))


def test_a_narrow_terminal_cuts_the_line():
    assert terminal.plain("abcdefghij", None, 10) == "abcdefghij"
    assert terminal.plain("abcdefghijk", None, 10) == "abcdefghi…"
    pytest.importorskip("rich")
    draw = terminal.with_rich(io.StringIO())
    for share in (None, 0.0, 0.5, 1.0):
        (line,) = screen_of(draw("x" * 200, share, 40))
        assert len(line) <= 40 and "…" in line
    halves = [len(re.findall("━", screen_of(draw("x", share, 60))[0])) for share in (0.0, 1.0)]
    assert halves[0] == halves[1]  # the bar is there from the beginning


def test_what_is_short_has_no_line():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    clock, stream = Clock(), Terminal()
    line = terminal.Line(stream, terminal.plain, clock)
    phases = [Phase("compiling", Reporter(clock=clock))]
    clock.now += 0.25
    line.tick(phases)
    line.close()
    assert stream.getvalue() == ""
    clock.now += 0.5
    line.tick(phases)
    line.close()
    assert screen_of(stream.getvalue()) == [""] and "compiling" in stream.getvalue()


def test_nothing_runs_before_the_first_phase_and_after_the_last(monkeypatch):
    import threading

    monkeypatch.setenv("FREQJAX_PROGRESS", "on")

    def alive():
        return [t for t in threading.enumerate() if t.name == "progress"]

    streams = sys.stdout, sys.stderr
    with progress.shown():
        assert not alive()
        with progress.phase("a"):
            assert len(alive()) == 1
            time.sleep(0)
    assert not alive()
    assert (sys.stdout, sys.stderr) == streams
    monkeypatch.setenv("FREQJAX_PROGRESS", "off")
    with progress.shown(), progress.phase("a"):
        assert not alive() and (sys.stdout, sys.stderr) == streams
