"""Figures that processes draw are those that one process draws, and none of them outlives its use."""

import shutil
import subprocess
import sys
from functools import partial

import matplotlib
import numpy as np
import pytest

from freqjax.figures import canvas, processes, ticks
from freqjax.figures.attempt import attempt
from freqjax.tasks.drawing import draw_each
from tests.root import ROOT

pytestmark = pytest.mark.usefixtures("pictures")


@pytest.fixture
def three_cores(monkeypatch):
    monkeypatch.setattr(processes, "usable_cores", lambda: 3)


def figure(seed=0):
    made, axes = canvas.subplots(7, 3, 1, 2, sharex=True)
    for axis in axes.flat:
        axis.semilogy(np.random.default_rng(seed).uniform(1e-3, 1, 50), label="loss")
        ticks.decades(axis.yaxis)
        axis.set_xlabel("epoch")
    axes[0, 0].legend()
    canvas.set_headline(
        made, "A finding in bold letters that is long enough for more than a line of them"
    )
    return made


def current() -> processes.Drawers:
    found = processes.current()
    assert found is not None
    return found


def started(drawers):
    return drawers._started


def test_processes_draw_what_one_draws(tmp_path, three_cores):
    alone = [canvas.save(figure(seed), tmp_path / "alone", f"{seed}.png") for seed in range(5)]
    with processes.drawing():
        drawers = current()
        paths = [canvas.save(figure(seed), tmp_path / "beside", f"{seed}.png") for seed in range(5)]
        for path in paths:
            drawers.wait_for(path)
        assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in alone]
    assert len(started(drawers)) == 2
    assert all(process.returncode is not None for process in started(drawers))
    assert processes.current() is None


def test_who_waits_draws_what_no_process_has_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "usable_cores", lambda: 2)
    alone = [canvas.save(figure(seed), tmp_path / "alone", f"{seed}.png") for seed in range(5)]
    here, write = [], canvas.write
    monkeypatch.setattr(canvas, "write", lambda made, path: here.append(path) or write(made, path))
    with processes.drawing():
        drawers = current()
        paths = [canvas.save(figure(seed), tmp_path / "beside", f"{seed}.png") for seed in range(5)]
        drawers.wait_for(paths[0])  # while the process starts
        for path in paths:
            drawers.wait_for(path)
        assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in alone]
    assert len(started(drawers)) == 1
    assert here == paths[: -len(here) - 1 : -1] and paths[0] not in here


@pytest.mark.parametrize("cores", [2, 3])
def test_a_figure_that_cannot_be_drawn_costs_no_other(tmp_path, monkeypatch, cores):
    """It is the first, the last, which this process draws while it waits for the first, or between them."""
    monkeypatch.setattr(processes, "usable_cores", lambda: cores)
    names = [f"{place}.png" for place in range(6)]
    for gone in ("0.png", "3.png", "5.png"):

        def draw(gone=gone):
            paths = [canvas.save(figure(), tmp_path / gone / name, name) for name in names]
            shutil.rmtree(tmp_path / gone / gone)
            return paths

        said = []
        with processes.drawing(), monkeypatch.context() as patch:
            drawers = current()
            # No process may begin a figure before its folder is gone.
            free = [drawers._free.get() for _ in started(drawers)]
            patch.setattr(drawers, "wait_for", _freeing(drawers, free))
            found = attempt(draw, said.append)
        assert [path.name for path in found] == [name for name in names if name != gone]
        assert all(path.is_file() for path in found)
        assert len(said) == 1
        assert said[0].startswith(f"no {gone}: it could not be drawn (FileNotFoundError: ")


@pytest.mark.parametrize("cores", [1, 3])
def test_a_figure_that_cannot_be_made_costs_no_other(tmp_path, monkeypatch, cores):
    monkeypatch.setattr(processes, "usable_cores", lambda: cores)

    def damaged(folder):
        raise ValueError("must not contain\nnegative values")

    drawings = [partial(canvas.save, figure(), tmp_path, f"{place}.png") for place in range(2)]
    drawings.insert(1, partial(damaged, tmp_path))
    said = []
    with processes.drawing():
        found = attempt(lambda: draw_each(drawings), said.append)
        assert [path.name for path in found] == ["0.png", "1.png"]
        assert all(path.is_file() for path in found)
        assert said == [
            "no figure damaged: it could not be drawn (ValueError: must not contain); all else is as it "
            "should be."
        ]
        assert attempt(lambda: draw_each(drawings[1:2]), said.append) == []
        assert said[1:] == [
            "no figures: they could not be drawn (ValueError: must not contain); all else is as it should be."
        ]
        with pytest.raises(ValueError, match="must not contain"):  # nobody is told
            draw_each(drawings)


def _freeing(drawers, free):
    """Return the method `wait_for` of drawers that gives them their processes back first."""
    original = drawers.wait_for

    def wait_for(path):
        while free:
            drawers._free.put(free.pop())
        original(path)

    return wait_for


def test_a_process_that_draws_does_not_import_jax():
    program = "import sys; from freqjax.figures import ticks, worker; print('jax' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ended.stdout.split() == ["False"]


def test_settings_of_the_program_hold_for_the_processes(tmp_path, three_cores):
    with matplotlib.rc_context({"font.family": "monospace", "lines.linewidth": 4.0}):
        alone = canvas.save(figure(), tmp_path / "alone", "a.png").read_bytes()
        with processes.drawing():
            path = canvas.save(figure(), tmp_path / "beside", "a.png")
            current().wait_for(path)
        assert path.read_bytes() == alone
    assert canvas.save(figure(), tmp_path, "other.png").read_bytes() != alone


def test_a_figure_that_cannot_be_pickled_is_drawn_here(tmp_path, three_cores):
    made = figure()
    made.axes[0].xaxis.set_major_formatter(lambda value, place: f"{value:g}!")
    with processes.drawing():
        assert canvas.save(made, tmp_path, "here.png").read_bytes().startswith(b"\x89PNG")


def test_what_goes_wrong_in_a_process_is_said_as_if_it_went_wrong_here(
    tmp_path, three_cores, monkeypatch
):
    said = []
    with processes.drawing():
        drawers = current()
        taken = drawers.take

        def take(figure, path, write):
            shutil.rmtree(path.parent)  # before the figure is sent
            return taken(figure, path, write)

        monkeypatch.setattr(drawers, "take", take)
        assert (
            attempt(lambda: [canvas.save(figure(), tmp_path / "gone", "a.png")], said.append) == []
        )
    assert len(said) == 1
    assert said[0].startswith("no figures: they could not be drawn (FileNotFoundError: ")
    assert "DrawingError" not in said[0]


def test_a_process_that_is_killed_costs_the_figures_alone(tmp_path, three_cores):
    said = []
    with processes.drawing():
        for process in started(current()):
            process.kill()
        assert attempt(lambda: [canvas.save(figure(), tmp_path, "a.png")], said.append) == []
    assert said == [
        "no figures: they could not be drawn (a process that draws ended with code -9); all else is as it "
        "should be."
    ]


def test_who_leaves_early_waits_for_nothing(tmp_path, three_cores):
    with pytest.raises(KeyboardInterrupt), processes.drawing():
        drawers = current()
        for number in range(20):
            canvas.save(figure(), tmp_path, f"{number}.png")
        raise KeyboardInterrupt
    assert all(process.returncode == -9 for process in started(drawers))
    assert len(list(tmp_path.glob("*.png"))) < 20


def test_on_one_core_figures_are_drawn_here(tmp_path):
    with processes.drawing():
        assert processes.current() is None


def test_files_of_the_working_directory_stand_for_no_module(tmp_path, three_cores, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit(3)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with processes.drawing():
        path = canvas.save(figure(), tmp_path, "a.png")
        current().wait_for(path)
    assert path.is_file()


def test_a_program_without_a_guarded_main_draws_too(tmp_path):
    """The processes do not run the user's program again, as those of multiprocessing do."""
    (tmp_path / "mine.py").write_text(
        "from freqjax.figures import canvas, processes\n"
        "processes.usable_cores = lambda: 2\n"
        "print('once')\n"
        "with processes.drawing():\n"
        "    figure, axes = canvas.subplots(4, 3)\n"
        "    path = canvas.save(figure, '.', 'a.png')\n"
        "    processes.current().wait_for(path)\n"
        "    print(path.is_file())\n",
        encoding="utf-8",
    )
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "mine.py"],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.stdout.split() == ["once", "True"], ended.stderr
