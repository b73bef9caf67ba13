"""The modes of the command line, as one table: mode → function, flags, base config.

A mode imports inside its function what it works with: `--help`, a wrong argument and a wrong config must
not wait for JAX, nor one mode for what only another needs. What stands at the top of the modules here is
quick to import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from freqjax.config.sections import Config
from freqjax.modes import bases, datasets, networks, runs, sequences, showing
from freqjax.modes.bases import Overrides
from freqjax.modes.flags import FLAGS, Flag


@dataclass(frozen=True)
class Mode:
    """A mode.

    Attributes:
      doc: what it does.
      flags: those it takes.
      base: (flags, overrides) → the config that the overrides are then applied to.
      run: (config, flags) → exit code.
      word: the flag whose value may stand behind the mode without its name; empty for none.
      waits: whether it waits for others most of the time, so that there is no progress to show.
      draws: whether processes of their own draw its figures.
    """

    doc: str
    flags: tuple[str, ...]
    base: Callable[[dict[str, Any], Overrides], Config]
    run: Callable[[Config, dict[str, Any]], int]
    word: str = ""
    waits: bool = False
    draws: bool = False


MODES = {
    "train": Mode(
        "train a network and evaluate it",
        ("config", "recipe", "hz", "rate", "workdir", "resume", "device"),
        bases.of_run,
        runs.train,
        draws=True,
    ),
    "sweep": Mode(
        "train many replicas at once, for every combination and draw of sweep.axes",
        ("config", "recipe", "hz", "rate", "workdir", "resume", "figures", "device"),
        bases.of_run,
        runs.sweep,
    ),
    "evaluate": Mode(
        "evaluate frozen weights; writes evaluation.json and evaluation/*.png to --workdir",
        ("config", "checkpoint", "workdir", "figures", "device"),
        bases.of_checkpoint,
        networks.evaluate,
        draws=True,
    ),
    "stream": Mode(
        "answer numbers, or rows of them, from standard input, one a line, on standard output",
        ("config", "checkpoint", "select", "on-bad-line", "device"),
        bases.of_checkpoint,
        networks.stream,
        waits=True,
    ),
    "extract": Mode(
        "take components out of a recording, at their strength, and say what is left of their lines",
        (
            "config",
            "checkpoint",
            "input",
            "select",
            "output",
            "residual",
            "gain",
            "channel",
            "resample",
            "workdir",
            "figures",
            "device",
        ),
        bases.of_checkpoint,
        networks.extract,
    ),
    "diagnose": Mode(
        "name the causes of a run's error; writes diagnosis.json, report.md and CARD.md to --workdir",
        ("workdir", "device"),
        bases.of_workdir,
        runs.diagnose,
    ),
    "limits": Mode(
        "what is possible: the least MSE of any estimator; writes limits.json and figures/limits.png",
        ("config", "workdir", "figures", "device"),
        bases.of_file,
        runs.limits,
    ),
    "generate": Mode(
        "write the rows of a task to a file",
        ("config", "out", "split", "device"),
        bases.of_file,
        runs.generate,
    ),
    "import": Mode(
        "make a run of PyTorch's weights, .pt, .ckpt or .safetensors, for --checkpoint of other modes",
        ("config", "input", "workdir", "device"),
        bases.of_input,
        networks.import_,
    ),
    "export": Mode(
        "write a network as safetensors and as jax.export programs that need no freqjax, to --output",
        ("config", "checkpoint", "output", "device"),
        bases.of_checkpoint,
        networks.export,
    ),
    "encode": Mode(
        "write the codes of the sequences or the text in --input, with an autoencoder, to --output",
        ("config", "checkpoint", "input", "output", "device"),
        bases.of_checkpoint,
        sequences.encode,
    ),
    "decode": Mode(
        "write the sequences of the codes in --input, and their nearest words, to --output",
        ("config", "checkpoint", "input", "output", "device"),
        bases.of_checkpoint,
        sequences.decode,
    ),
    "interpolate": Mode(
        "write the sequences on the straight lines between the codes of those in --input",
        ("config", "checkpoint", "input", "steps", "output", "device"),
        bases.of_checkpoint,
        sequences.interpolate,
    ),
    "nearest": Mode(
        "print the training sequences whose codes are nearest to those of --input",
        ("config", "checkpoint", "input", "count", "output", "device"),
        bases.of_checkpoint,
        sequences.nearest,
    ),
    "sample": Mode(
        "write sequences of codes drawn from a normal distribution fitted to those of the training data",
        ("config", "checkpoint", "count", "output", "device"),
        bases.of_checkpoint,
        sequences.sample,
    ),
    "data": Mode(
        "convert public data that do not ship: `data hapt` makes windows of the package in --input",
        ("set", "input", "output", "device"),
        datasets.of_nothing,
        datasets.data,
        word="set",
    ),
    "tensorboard": Mode(
        "write the event files of the run or the sweep in --workdir for TensorBoard",
        ("workdir", "device"),
        datasets.of_nothing,
        showing.tensorboard,
    ),
    "compare": Mode(
        "write a page of two runs side by side, those in --workdir and --with, to --output",
        ("workdir", "with", "output", "device"),
        datasets.of_nothing,
        showing.compare,
    ),
    "serve": Mode(
        "show runs and sweeps below --workdir (default: runs) in a browser on this machine, also in training",
        ("workdir", "port", "device"),
        datasets.of_nothing,
        showing.serve,
        waits=True,
    ),
}


__all__ = ["FLAGS", "MODES", "Flag", "Mode", "Overrides"]
