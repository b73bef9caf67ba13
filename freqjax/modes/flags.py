"""The plain flags of the command line, as one table; a mode names those that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from freqjax.config import shipped


@dataclass(frozen=True)
class Flag:
    """A plain flag.

    Attributes:
      kind: str or bool.
      doc: what --help says.
      find: turns what is given into a path, where a name stands for one.
    """

    kind: type
    doc: str
    find: Callable[[str], Path] | None = None


FLAGS = {
    "config": Flag(
        str,
        "a config that ships, the config.json of a run, or a .py with get_config(): a program, which is run",
    ),
    "recipe": Flag(
        str, "in place of --config: a config of the task lines, carried over to --hz and --rate"
    ),
    "hz": Flag(str, "frequencies of the lines of --recipe, Hz, such as 16.7 or 50,60"),
    "rate": Flag(
        str, "sampling rate for --recipe, Hz (default: as many samples a period as it has)"
    ),
    "workdir": Flag(
        str,
        "the folder to write to (default: a fresh one under runs/; extract: beside --output), or of the runs "
        "to show (serve, compare)",
    ),
    "with": Flag(str, "the run beside which that in --workdir is shown (compare)"),
    "resume": Flag(bool, "go on with the run in --workdir"),
    "checkpoint": Flag(
        str,
        "a run's folder (its best weights), the folder of one step, or a checkpoint that ships",
        shipped.checkpoint,
    ),
    "out": Flag(str, "the dataset to write, a .npz, .csv, .npy or .wav"),
    "input": Flag(
        str,
        "the file to read: weights (import), a .wav, .npz, .npy, .csv, .flac, … (extract), sequences, or a "
        "package (data)",
    ),
    "output": Flag(
        str,
        "where to write: a folder (export, data), a file in the format of --input (extract), or a new .npz "
        "or .html",
    ),
    "residual": Flag(
        str,
        "where to write the recording without the components, in the format of --input (extract)",
    ),
    "gain": Flag(
        str,
        "of the network's input: auto (default: the training signals' level), none, or a number",
    ),
    "set": Flag(str, "which data (data): hapt"),
    "steps": Flag(
        str, "codes on the line between two sequences, both ends among them (default: 5)"
    ),
    "count": Flag(
        str, "how many sequences: neighbours of each (default: 3), or drawn (sample; default: 10)"
    ),
    "split": Flag(str, "which rows to write: train (default) or test"),
    "port": Flag(
        str, "where a browser finds the runs on this machine (default: 8642; 0: any free one)"
    ),
    "figures": Flag(bool, "draw figures (default; --no-figures leaves them out)"),
    "select": Flag(
        str,
        "the component to follow or extract: its frequency, Hz; several to extract, as in 50,60",
    ),
    "on-bad-line": Flag(str, "stop (default), skip, or hold: repeat the last valid number"),
    "channel": Flag(str, "which channel or column of --input, from 1; or all"),
    "resample": Flag(bool, "convert --input to the network's sampling rate if it has another one"),
    "device": Flag(str, "cpu, gpu or tpu (default: the best that JAX finds)"),
}
