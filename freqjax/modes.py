"""The modes of the command line, as one table: mode → function, flags, where its base config comes from.

A mode imports inside its functions what it works with: `--help`, a wrong argument and a wrong config must
not wait for JAX, nor one mode for what only another needs. What stands at the top is quick to import.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqjax.config import overrides, shipped, validation
from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.run import workdir
from freqjax.system import files

if TYPE_CHECKING:
    from freqjax.deploy.component_stream import ComponentStream

Overrides = Sequence[tuple[str, str]]


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
        "a config that ships, a .py file with get_config(), or the config.json of an earlier run",
    ),
    "workdir": Flag(
        str, "the folder to write to (default: a fresh one under runs/; extract: beside --output)"
    ),
    "resume": Flag(bool, "go on with the run in --workdir"),
    "checkpoint": Flag(
        str,
        "a run's folder (its best weights), the folder of one step, or a checkpoint that ships",
        shipped.checkpoint,
    ),
    "out": Flag(str, "the dataset to write, FILE.npz or FILE.csv"),
    "input": Flag(
        str, "the file to read: weights (import), or a .npz, .npy, .csv or .wav (extract)"
    ),
    "output": Flag(
        str, "where to write: a folder (export), or a file in the format of --input (extract)"
    ),
    "split": Flag(str, "which rows to write: train (default) or test"),
    "figures": Flag(bool, "draw figures (default; --no-figures leaves them out)"),
    "select": Flag(str, "the component to follow or extract: its frequency, Hz, one of the task's"),
    "on-bad-line": Flag(str, "stop (default), skip, or hold: repeat the last valid number"),
    "channel": Flag(str, "which channel or column of --input, from 1"),
    "resample": Flag(bool, "convert --input to the network's sampling rate if it has another one"),
    "device": Flag(str, "cpu, gpu or tpu (default: the best that JAX finds)"),
}


@dataclass(frozen=True)
class Mode:
    """A mode.

    Attributes:
      doc: what it does.
      flags: those it takes.
      base: (flags, overrides) → the config that the overrides are then applied to.
      run: (config, flags) → exit code.
    """

    doc: str
    flags: tuple[str, ...]
    base: Callable[[dict[str, Any], Overrides], Config]
    run: Callable[[Config, dict[str, Any]], int]


def _config_of_file(flags: dict[str, Any], given: Overrides) -> Config:
    """The config that --config names, or else the defaults of the task that is named instead."""
    task = overrides.task_name(given)
    if flags["config"] is not None:
        return overrides.load(flags["config"], _warn)
    if task is None:
        raise UserError(
            "--config is missing: it must name a config that ships, a .py file with get_config() or a "
            "config.json; or --config.task.name a task, whose defaults are taken."
        )
    return configs.default_config(task)


def _config_of_run(flags: dict[str, Any], given: Overrides) -> Config:
    """As `_config_of_file`; a resume takes the run's own config.json where no --config is given."""
    if flags["resume"] and flags["workdir"] is None:
        raise UserError("--resume needs --workdir, the folder of the run to go on with.")
    if flags["config"] is None and flags["resume"]:
        saved = Path(flags["workdir"]) / "config.json"
        if saved.is_file():
            return overrides.load(saved, _warn)
    return _config_of_file(flags, given)


def _config_of_checkpoint(flags: dict[str, Any], _: Overrides) -> Config:
    from freqjax.checkpoints import store as checkpoints

    if flags["checkpoint"] is None:
        raise UserError(
            "--checkpoint is missing: it must name a run's folder or the folder of a step."
        )
    if flags["config"] is not None:
        return overrides.load(flags["config"], _warn)
    meta = checkpoints.read_meta(Path(flags["checkpoint"]), warn=_warn).meta
    return validation.from_dict(meta.get("config"), f"--checkpoint {flags['checkpoint']}")


def _config_of_input(flags: dict[str, Any], _: Overrides) -> Config:
    if flags["input"] is None:
        raise UserError(
            "--input is missing: it must name a state_dict, FILE.pt, FILE.pth or FILE.safetensors."
        )
    if flags["config"] is not None:
        return overrides.load(flags["config"], _warn)
    from freqjax.deploy.torch import imports

    return imports.base_config(Path(flags["input"]))


def _warn(line: str) -> None:
    """Standard output may be a stream of numbers."""
    print(f"freqjax: {line}", file=sys.stderr)


def _workdir(flags: dict[str, Any]) -> Path:
    return workdir.fresh() if flags["workdir"] is None else Path(flags["workdir"])


def _train(config: Config, flags: dict[str, Any]) -> int:
    from freqjax.run import escalation

    outcome = escalation.run(config, _workdir(flags), resume=flags["resume"], say=print)
    return 0 if outcome.signum is None else 128 + outcome.signum


def _sweep(config: Config, flags: dict[str, Any]) -> int:
    from freqjax import sweep

    resume, figures = flags["resume"], flags["figures"]
    signum = sweep.run(config, _workdir(flags), resume=resume, figures=figures, say=print)
    return 0 if signum is None else 128 + signum


def _evaluate(config: Config, flags: dict[str, Any]) -> int:
    from freqjax.deploy.trained import load
    from freqjax.report import summary
    from freqjax.training.prepared import Prepared

    trained = load(flags["checkpoint"])
    _refuse_other_network(config, trained.config, flags["checkpoint"])
    prepared, folder = Prepared(config), _workdir(flags)
    task = prepared.task
    frozen = prepared.frozen(trained.params)
    evaluation = task.evaluate(frozen)
    values = summary.assemble(
        evaluation,
        task,
        trained.params,
        initializer=trained.initializer,
        weights=_which_weights(flags["checkpoint"]),
    )
    workdir.make(folder)
    figures = []
    if flags["figures"]:
        figures = task.draw(frozen, evaluation, [], folder / "evaluation")
    files.write_json(folder / "evaluation.json", values)
    print(summary.text(values, evaluation, task, folder, figures))
    return 0


def _which_weights(checkpoint: str) -> str:
    """The word of a summary for the weights that `--checkpoint` names: a run's, or those of a step."""
    path = Path(checkpoint).absolute()
    return "best" if (path / "checkpoints").is_dir() else f"step {path.name}"


def _refuse_other_network(config: Config, trained: Config, checkpoint: str) -> None:
    if config.task.name != trained.task.name:
        raise UserError(
            f"task.name is {config.task.name}: the network of --checkpoint {checkpoint} was made for "
            f"{trained.task.name}."
        )
    from freqjax.tasks import make_task

    tasks = make_task(config.task), make_task(trained.task)
    sizes = [(task.input_size, task.output_size, task.selectors) for task in tasks]
    for field in configs.differing_fields(config, trained):
        section, name = field.split(".")
        if section == "network" or (section == "task" and sizes[0] != sizes[1]):
            asked = getattr(getattr(config, section), name)
            has = getattr(getattr(trained, section), name)
            raise UserError(
                f"{field} is {asked}: the network of --checkpoint {checkpoint} was made with {has}."
            )


def _config_of_workdir(flags: dict[str, Any], _: Overrides) -> Config:
    from freqjax.diagnosis import saved_run

    if flags["workdir"] is None:
        raise UserError("--workdir is missing: it must name the folder of the run to diagnose.")
    return saved_run.run_config(Path(flags["workdir"]), _warn)


def _diagnose(config: Config, flags: dict[str, Any]) -> int:
    from freqjax.diagnosis import diagnose, saved_run
    from freqjax.report import markdown as report
    from freqjax.report import summary

    folder = Path(flags["workdir"])
    for field in configs.differing_fields(config, saved_run.run_config(folder)):
        if not field.startswith("task."):
            raise UserError(
                f"{field} differs from the run's own: a diagnosis may change task.* alone."
            )
    run, values = saved_run.read(folder, config, print)
    found = diagnose(run)
    figures = sorted((folder / "figures").glob("*.png"))
    files.write_json(folder / "diagnosis.json", found.to_json())
    task, evaluation = run.task, run.evaluation
    report.write(folder / "report.md", values, evaluation, task, run.rows, figures, found)
    verdict = summary.verdict(values, evaluation, task, chasing=report.finds_chasing(found))
    print("\n".join([verdict, "", *report.causes(found)]))
    print(f"\neverything: {folder / 'report.md'}")
    return 0


def _generate(config: Config, flags: dict[str, Any]) -> int:
    from freqjax.tasks import make_task
    from freqjax.tasks.extraction import datasets
    from freqjax.tasks.extraction.config import extraction_of

    if flags["out"] is None:
        raise UserError(
            "--out is missing: it must name the dataset to write, FILE.npz or FILE.csv."
        )
    if flags["split"] not in (None, "train", "test"):
        raise UserError(f"--split is {flags['split']!r}: it must be train or test.")
    section = extraction_of(config)
    task = make_task(section)
    blocks = task.split(flags["split"] or "train")
    assert blocks is not None  # as the check of the flag says
    rows = task.dataset(blocks)
    path = Path(flags["out"])
    datasets.write_rows(path, rows, section.sampling_rate, section.samples)
    print(f"wrote {len(rows.mixture):,} rows to {path}")
    return 0


def _import(config: Config, flags: dict[str, Any]) -> int:
    from freqjax.deploy.torch import imports

    imports.run(Path(flags["input"]), config, _workdir(flags), say=print)
    return 0


def _export(config: Config, flags: dict[str, Any]) -> int:
    if flags["output"] is None:
        raise UserError("--output is missing: it must name a new or empty folder.")
    from freqjax.deploy import export
    from freqjax.deploy.trained import Trained, load

    export.require_empty(Path(flags["output"]))
    trained = load(flags["checkpoint"])
    _refuse_other_network(config, trained.config, flags["checkpoint"])
    export.run(
        Trained(config, trained.params, trained.initializer), Path(flags["output"]), say=print
    )
    return 0


def _limits(config: Config, flags: dict[str, Any]) -> int:
    from freqjax.tasks.extraction.config import limits_of
    from freqjax.tasks.extraction.limits import survey

    folder = _workdir(flags)
    limits_of(config)  # what cannot be surveyed leaves no folder
    workdir.make(folder)
    survey.run(config, folder, figures=flags["figures"], say=print)
    return 0


def _component_stream(config: Config, flags: dict[str, Any]) -> ComponentStream:
    from freqjax.deploy.component_stream import ComponentStream, select
    from freqjax.deploy.trained import load
    from freqjax.tasks import make_task
    from freqjax.tasks.extraction.config import extraction_of

    task = make_task(extraction_of(config))
    group = select(task, flags["select"])
    trained = load(flags["checkpoint"], _warn)
    _refuse_other_network(config, trained.config, flags["checkpoint"])
    if trained.config.train.regime == "windows":
        length = trained.config.windows.length
        _warn(
            f"the network was trained on windows of {length} samples, each with a state of its own; here one "
            "state is carried through the signal, and its errors were never measured so."
        )
    return ComponentStream(trained, task, group)


def _stream(config: Config, flags: dict[str, Any]) -> int:
    from freqjax.deploy import stream

    policy = stream.check_policy(flags["on-bad-line"])
    return stream.run(_component_stream(config, flags), policy)


def _extract(config: Config, flags: dict[str, Any]) -> int:
    from freqjax.deploy import extract
    from freqjax.tasks import make_task
    from freqjax.tasks.extraction.config import extraction_of

    planned = extract.plan(
        make_task(extraction_of(config)),
        flags["input"],
        flags["output"],
        channel=flags["channel"],
        resampled=flags["resample"],
        workdir=flags["workdir"],
        figures=flags["figures"],
    )
    extract.run(_component_stream(config, flags), planned, say=print)
    return 0


MODES = {
    "train": Mode(
        "train a network and evaluate it",
        ("config", "workdir", "resume", "device"),
        _config_of_run,
        _train,
    ),
    "sweep": Mode(
        "train many replicas at once, one for every combination of sweep.axes",
        ("config", "workdir", "resume", "figures", "device"),
        _config_of_run,
        _sweep,
    ),
    "evaluate": Mode(
        "evaluate frozen weights; writes evaluation.json and evaluation/*.png to --workdir",
        ("config", "checkpoint", "workdir", "figures", "device"),
        _config_of_checkpoint,
        _evaluate,
    ),
    "stream": Mode(
        "answer numbers from standard input, one a line, with numbers on standard output",
        ("config", "checkpoint", "select", "on-bad-line", "device"),
        _config_of_checkpoint,
        _stream,
    ),
    "extract": Mode(
        "extract a component from a recording into a file of the same format; draws the spectra",
        (
            "config",
            "checkpoint",
            "input",
            "select",
            "output",
            "channel",
            "resample",
            "workdir",
            "figures",
            "device",
        ),
        _config_of_checkpoint,
        _extract,
    ),
    "diagnose": Mode(
        "name the causes of a run's error; writes diagnosis.json and report.md to --workdir",
        ("workdir", "device"),
        _config_of_workdir,
        _diagnose,
    ),
    "limits": Mode(
        "what is possible: the least MSE of any estimator; writes limits.json and figures/limits.png",
        ("config", "workdir", "figures", "device"),
        _config_of_file,
        _limits,
    ),
    "generate": Mode(
        "write the rows of a task to a file",
        ("config", "out", "split", "device"),
        _config_of_file,
        _generate,
    ),
    "import": Mode(
        "make a run of a PyTorch state_dict, .pt, .pth or .safetensors, for --checkpoint of other modes",
        ("config", "input", "workdir", "device"),
        _config_of_input,
        _import,
    ),
    "export": Mode(
        "write a network as safetensors and as jax.export programs that need no freqjax, to --output",
        ("config", "checkpoint", "output", "device"),
        _config_of_checkpoint,
        _export,
    ),
}
