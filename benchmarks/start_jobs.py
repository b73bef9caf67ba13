"""Jobs of whole commands, from the start of Python to their end, or to the first answer of a stream.

Every command is timed with an empty cache of compiled programs (cold) and with a full one (warm), and beside
it, as the limit, the least time of any command: Python that imports JAX and runs one program, or, for a
command that needs no JAX, Python that does nothing. `benchmarks.startup` times some of the same commands for
docs/speed.md and the table of configs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import record, startup
from benchmarks.contenders import LIMIT, REFERENCE, Contender, alternate, cores, rows_of
from benchmarks.startup import seconds

_JAX = "import jax; jax.jit(lambda x: x + 1)(1.0)"
# Values of $JAX_PLATFORMS, which commands without --device follow as well.
_PLATFORMS = {"cpu": "cpu", "gpu": "cuda", "tpu": "tpu"}
_MAIN = (sys.executable, "-m", "freqjax.main")
_STREAM = ("stream", "--checkpoint", "checkpoints/clock64", "--select", "3")
_ROOT = Path(__file__).parent.parent


class Command(NamedTuple):
    """A command that is timed.

    Attributes:
      name: of the jobs: `name`_cold and `name`_warm, or `name` if there is no cache.
      what: its name in `benchmarks.startup`, or None for the first answer of a stream.
    """

    name: str
    what: str | None


COMMANDS = (
    Command("start_quick", startup.QUICK),
    Command("start_evaluate", startup.EVALUATE),
    Command("start_load", startup.LOAD),
    Command("start_stream", None),
    Command("start_help", startup.HELP),
)


def measured(command: Command, platform: str, rounds: int) -> list[dict[str, Any]]:
    """Time a command cold, warm and the least time in turn, and return the rows of its jobs."""
    with record.scratch() as scratch:
        run, cached = _runner(command, platform, Path(scratch))
        states = ("cold", "warm") if cached else ("warm",)
        contenders = [Contender(REFERENCE, _timed(run, state), cores()) for state in states]
        contenders.append(Contender(LIMIT, _timed(_least(platform, cached), "warm"), 1))
        times = alternate(contenders, rounds)
    rows = []
    for place, state in enumerate(states):
        job = f"{command.name}_{state}" if cached else command.name
        pair = [contenders[place], contenders[-1]]
        own = rows_of(pair, [[found[place], found[-1]] for found in times])
        rows += [{"job": job, "engine": None, "platform": platform} | row for row in own]
    return rows


def _runner(command: Command, platform: str, scratch: Path) -> tuple[Callable[[str], float], bool]:
    """Return (state → seconds of the command with a cache in that state), and whether it uses a cache."""
    environment = {"JAX_PLATFORMS": _PLATFORMS[platform]}
    if command.what is None:
        return lambda state: first_answer(_STREAM, _cache(scratch, state), **environment), True
    words, code, cached = startup.TIMED[command.what]

    def run(state: str) -> float:
        return seconds(words, code, scratch / "run", _cache(scratch, state), **environment)

    return run, cached


def _cache(scratch: Path, state: str) -> Path:
    """Return the folder of the cache: always the same one, or, for the state cold, a new one."""
    number = len(list(scratch.iterdir())) if state == "cold" else ""
    folder = scratch / f"cache{number}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _least(platform: str, needs_jax: bool) -> Callable[[str], float]:
    words = ("-c", _JAX if needs_jax else "")
    environment = os.environ | {"JAX_PLATFORMS": _PLATFORMS[platform]}

    def run(state: str) -> float:
        del state
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, env=environment)
        return time.perf_counter() - began

    return run


def _timed(run: Callable[[str], float], state: str) -> Callable[[], float]:
    return lambda: run(state) * 1e6


def first_answer(words: tuple[str, ...], cache: Path, **environment: str) -> float:
    """Time a stream from the start of Python to its answer to the first sample, s."""
    began = time.perf_counter()
    with subprocess.Popen(
        [*_MAIN, *words],
        cwd=_ROOT,
        env=os.environ | {"FREQJAX_CACHE": str(cache)} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"0.1\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        took = time.perf_counter() - began
        _, said = process.communicate()
    if process.returncode or not answer:
        raise RuntimeError(f"{' '.join(words)} gave {process.returncode}: {said.decode()}")
    return took
