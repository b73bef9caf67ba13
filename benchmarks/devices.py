"""Benchmark of freqjax's jobs on this machine, compared with other engines.

    python -m benchmarks.devices [--quick] [--solve] [--name NAME] [--only TEXT] [--platform PLATFORM]

Times every job on every platform that JAX finds, or on that of `--platform`, freqjax and the others
alternately, and writes down what else the machine did meanwhile (`benchmarks.meanwhile`). It writes
benchmarks/results/NAME.json after each job, with tables in NAME.md and a figure in NAME.png. NAME is by
default made of the processor, its cores and the accelerator. `--quick` runs a little of each job, in two
minutes; `--solve` adds the whole command of the main task; `--only` selects the jobs whose name begins with
TEXT, and keeps the other rows of the file. About a quarter of an hour on two cores. `benchmarks.compare`
compares two machines, or checks a machine's times against earlier ones.

| job | unit |
|---|---|
| online_h64, _h128, _h256 | an Adam step with clipping on one sample, hidden 64 to 256 |
| filter_pairs | a sample of strict online learning by the Kalman filter, 288 weights of eight pairs |
| rtrl_dense_h64 | an Adam step with the exact gradient carried forward, hidden 64 (PyTorch: cut at one) |
| bptt_BxTxHxL | loss and gradient of B streams of T samples through L layers of H units |
| linear_t_T | the same for one stream of T samples, hidden 64: time and memory grow as T |
| autoencoder_forced, _sampled | an update of the sequence autoencoder of `benchmarks.autoencoder_jobs` |
| classifier | an update of the sequence classifier of `benchmarks.classifier_jobs` |
| classify_published, _watch, _stream | a window, or a sample of a stream: `benchmarks.inference_jobs` |
| seeds_N | an Adam step of one of N seeds that train at once, hidden 64 |
| start_quick | a run of configs/quick.py, the whole command, with a cold and a warm cache |
| start_evaluate, _load, _help | the whole command: see `benchmarks.start_jobs` |
| start_stream | a stream's first answer, from the start of Python |
| solve_default | `configs/default.py`, the whole command |

PyTorch of online_h64 and so on is timed with plain and with fused Adam, and the faster one counts. With a
gradient that is cut at one sample it does another job than rtrl_dense_h64, and has no ratios there.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import re
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax

from benchmarks import (
    autoencoder_jobs,
    bptt_jobs,
    classifier_jobs,
    inference_jobs,
    meanwhile,
    online_jobs,
    record,
    seed_jobs,
    speed,
    speed_figure,
    start_jobs,
    strict_jobs,
)
from benchmarks.bptt_jobs import Shape
from benchmarks.contenders import Absent, Contender, compare, cores
from freqjax.system import devices

_PLATFORMS = ("cpu", "gpu", "tpu")
# Samples of the jobs that show how time and memory grow.
LENGTHS = (1_000, 3_000, 10_000, 30_000, 100_000)


class Job(NamedTuple):
    """A job that is timed.

    Attributes:
      name: as in the table at the head of this module.
      measure: platform → the rows.
    """

    name: str
    measure: Callable[[str], list[dict[str, Any]]]


def _side_by_side(name: str, make: Callable[[str], list[Contender | Absent]], rounds: int) -> Job:
    """Make the job of the contenders that `make` returns for a platform."""

    def measure(platform: str) -> list[dict[str, Any]]:
        with jax.default_device(jax.devices(platform)[0]):
            rows = compare(make(platform), rounds)
        named = {"job": name, "engine": None, "platform": platform}  # the order of the keys
        return [named | row for row in rows]

    return Job(name, measure)


def jobs(*, quick: bool) -> list[Job]:
    """Make every job except solve_default; those of `quick` are too short for reliable times."""
    found = []
    for hidden, steps, rounds in ((64, 8000, 9), (128, 3200, 9), (256, 1600, 7)):
        make = partial(online_jobs.contenders, hidden, 200 if quick else steps)
        found.append(_side_by_side(f"online_h{hidden}", make, 3 if quick else rounds))
    for name, make_contenders, steps, rounds in (
        ("filter_pairs", strict_jobs.filtered, 40_000, 9),
        ("rtrl_dense_h64", strict_jobs.dense, 200, 9),
    ):
        make = partial(make_contenders, steps // 10 if quick else steps)
        found.append(_side_by_side(name, make, 3 if quick else rounds))
    shapes = (
        (Shape(4, 1_000, 64), 4, 9),
        (Shape(4, 10_000, 64), 1, 7),
        (Shape(16, 50, 128, 2), 8, 9),
        (Shape(16, 50, 256, 2), 4, 9),
    )
    for shape, units, rounds in shapes:
        layers = f"x{shape.layers}" if shape.layers > 1 else ""
        name = f"bptt_{shape.streams}x{shape.samples}x{shape.hidden}{layers}"
        make = partial(bptt_jobs.contenders, shape, 1 if quick else units)
        found.append(_side_by_side(name, make, 3 if quick else rounds))
    for length in LENGTHS[:3] if quick else LENGTHS:
        units = 1 if quick else max(1, 10_000 // length)
        make = partial(bptt_jobs.contenders, Shape(1, length, 64), units)
        found.append(_side_by_side(f"linear_t_{length}", make, 3))
    count, rounds = (1, 3) if quick else (4, 7)
    for name, share in (("forced", 1.0), ("sampled", 0.5)):
        make = partial(autoencoder_jobs.contenders, share, count)
        found.append(_side_by_side(f"autoencoder_{name}", make, rounds))
    found.append(
        _side_by_side("classifier", partial(classifier_jobs.contenders, 4 * count), rounds)
    )
    for name, make_contenders, units in (
        ("published", inference_jobs.published, 2),
        ("watch", inference_jobs.watch, 4),
        ("stream", inference_jobs.stream, 200),
    ):
        make = partial(make_contenders, 1 + units // 10 if quick else units)
        found.append(_side_by_side(f"classify_{name}", make, rounds))
    updates, rounds = (200, 3) if quick else (8000, 7)
    found.append(Job("seeds", lambda platform: seed_jobs.measured(platform, updates, rounds)))
    return [*found, *_starts(quick)]


def _starts(quick: bool) -> list[Job]:
    """Make the jobs of whole commands, of which `quick` leaves out the one that trains."""
    commands = start_jobs.COMMANDS[1:] if quick else start_jobs.COMMANDS
    rounds = 1 if quick else 5

    def job(command: start_jobs.Command) -> Job:
        return Job(command.name, lambda platform: start_jobs.measured(command, platform, rounds))

    return [job(command) for command in commands]


def solve(platform: str) -> list[Contender | Absent]:
    """Prepare the whole command of the main task, in a process of its own."""

    def run() -> float:
        with record.scratch() as scratch:
            flags = ["--config", "configs/default.py", "--device", platform]
            return record.train(flags, Path(scratch) / "run")["process_seconds"] * 1e6

    return [Contender("freqjax", run, cores())]


def platforms() -> list[str]:
    """Return the platforms that JAX finds, by its names of their devices."""
    found = []
    for name in _PLATFORMS:
        try:
            found.append(jax.devices(name)[0].platform)
        except RuntimeError:  # there is none
            continue
    return found


def machine_name() -> str:
    """Make a file name for this machine: its processor, its cores, and its accelerator if there is one."""
    words = [record.cpu(), f"{cores()} cores"]
    device = jax.devices()[0]
    words += [device.device_kind] if device.platform != "cpu" else []
    plain_words = re.sub(r"\(R\)|\(TM\)|CPU|Processor|@.*", " ", " ".join(words[:1]))
    return re.sub(r"[^a-z0-9]+", "-", " ".join([plain_words, *words[1:]]).lower()).strip("-")


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.devices")
    parser.add_argument("--quick", action="store_true", help="a little of each job, in two minutes")
    parser.add_argument("--solve", action="store_true", help="time the main task as well")
    parser.add_argument("--name", help="what the files are called (default: made of the machine)")
    parser.add_argument("--only", default="", help="the jobs whose name begins so")
    parser.add_argument("--platform", choices=_PLATFORMS, help="cpu, gpu or tpu (default: all)")
    asked = parser.parse_args(arguments)
    if asked.name is not None and not re.fullmatch(r"[A-Za-z0-9._-]+", asked.name):
        parser.error(f"--name is {asked.name!r}: it must be letters, digits, dots, _ and - alone.")
    return asked


def _among(
    rows: list[dict[str, Any]], earlier: list[dict[str, Any]], chosen: Sequence[str]
) -> list[dict[str, Any]]:
    """Return rows beside the earlier ones of other jobs and platforms, in the order of the jobs `chosen`."""
    new = {(row["job"], row["platform"]) for row in rows}
    kept = [row for row in earlier if (row["job"], row["platform"]) not in new]

    def place(row: dict[str, Any]) -> tuple[int, int]:
        begins = (k for k, name in enumerate(chosen) if f"{row['job']}_".startswith(f"{name}_"))
        return _PLATFORMS.index(row["platform"]), next(begins, len(chosen))

    return sorted([*kept, *rows], key=place)


def main(arguments: Sequence[str]) -> int:
    """Time the selected jobs and write the results."""
    asked = _arguments(arguments)
    devices.select(None)
    known = jobs(quick=asked.quick)
    chosen = [*known]
    chosen += [_side_by_side("solve_default", solve, 3)] if asked.solve else []
    chosen = [job for job in chosen if job.name.startswith(asked.only)]
    if not chosen:
        print(f"--only is {asked.only!r}: no job's name begins so.", file=sys.stderr)
        return 2
    name = asked.name or machine_name()
    # Without the flags of a part, whose rows stand among those of others.
    earlier = record.read(name) if asked.only else []
    solved = asked.solve or any(row["job"] == "solve_default" for row in earlier)
    flags = ["--quick"] * asked.quick + ["--solve"] * solved
    flags += ["--name", name] if name != machine_name() else []
    command = " ".join(["python -m benchmarks.devices", *flags])
    rows: list[dict[str, Any]] = []
    for platform in [asked.platform] if asked.platform else platforms():
        for job in chosen:
            began, before = time.perf_counter(), meanwhile.read()
            measured = job.measure(platform)
            beside = meanwhile.between(before, meanwhile.read())
            rows += [row | {"meanwhile": beside} if row["runs"] else row for row in measured]
            print(f"{job.name} on {platform}, {time.perf_counter() - began:.0f} s", flush=True)
            for row in measured:
                print("   ", speed.line(row), flush=True)
            _write(name, command, _among(rows, earlier, [job.name for job in known]))
    return 0


def _write(name: str, command: str, rows: list[dict[str, Any]]) -> None:
    versions = (
        {"torch": importlib.metadata.version("torch")} if importlib.util.find_spec("torch") else {}
    )
    speed_figure.write_beside(record.write(name, command, rows, **versions))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
