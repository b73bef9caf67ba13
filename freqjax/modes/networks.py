"""Modes that work with a trained network: evaluate, stream, extract, import and export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqjax import progress
from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.modes.bases import work_folder
from freqjax.run import workdir
from freqjax.system import files
from freqjax.system.output import tell, warn

if TYPE_CHECKING:
    from freqjax.deploy.stream import Answering
    from freqjax.deploy.trained import Trained
    from freqjax.tasks.evaluation import Frozen
    from freqjax.tasks.predicting import Predicts
    from freqjax.tasks.separation import Separates
    from freqjax.tasks.task import Task


def evaluate(config: Config, flags: dict[str, Any]) -> int:
    """Evaluate the weights of a checkpoint and write the results to a folder."""
    from freqjax.deploy.trained import load
    from freqjax.tasks.predicting import Predicts
    from freqjax.training.prepared import Prepared

    trained = load(flags["checkpoint"], warn)
    refuse_other_network(config, trained.config, flags["checkpoint"])
    prepared = Prepared(config)
    task = prepared.task
    frozen = prepared.frozen(trained.params)
    with work_folder(flags) as folder:
        if config.task.test_path and isinstance(task, Predicts):
            _write_predictions(task, frozen, folder)
            if not task.is_judged:
                tell("test rows without a label are not judged: nothing else is written.")
                return 0
        _judge(trained, task, frozen, folder, draws=flags["figures"])
    return 0


def _judge(trained: Trained, task: Task, frozen: Frozen, folder: Path, *, draws: bool) -> None:
    """Evaluate frozen weights and write evaluation.json and, where `draws`, the figures."""
    from freqjax.figures.attempt import attempt
    from freqjax.report import summary

    tell("evaluating the weights, the baselines and the limit …")
    with progress.phase("evaluating"):
        evaluation = task.evaluate(frozen)
    values = summary.assemble(
        evaluation,
        task,
        trained.params,
        initializer=trained.initializer,
        weights=trained.weights,
    )
    if trained.origin is not None:
        values["init_from"] = trained.origin.to_json()
    workdir.make(folder, writes=("evaluation.json",))
    files.write_json(folder / "evaluation.json", values)
    figures = []
    if draws:
        tell("drawing the figures …")
        with progress.phase("figures"):
            figures = attempt(
                lambda: task.draw(frozen, evaluation, [], folder / "evaluation"), warn
            )
    tell(summary.text(values, evaluation, task, folder, figures))


def _write_predictions(task: Predicts, frozen: Frozen, folder: Path) -> None:
    """Write what a task predicts of its test rows to probabilities.npz."""
    import numpy as np

    workdir.make(folder, writes=("probabilities.npz",))
    path = folder / "probabilities.npz"
    arrays: Any = task.predictions(frozen)
    with files.replacing(path) as file:
        np.savez_compressed(file, **arrays)
    tell(f"wrote {path}")


def refuse_other_network(config: Config, trained: Config, checkpoint: str) -> None:
    """Refuse a config under which the weights of a checkpoint have no meaning.

    Args:
      config: under which they are to be used.
      trained: their own.
      checkpoint: as the command line names it.

    Raises:
      UserError: the task is another one, or a field of the network is.
    """
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
        of_network = section == "task" and name in type(config.task).network_fields
        if section == "network" or of_network or (section == "task" and sizes[0] != sizes[1]):
            asked = getattr(getattr(config, section), name)
            has = getattr(getattr(trained, section), name)
            raise UserError(
                f"{field} is {asked}: the network of --checkpoint {checkpoint} was made with {has}."
            )


def import_(config: Config, flags: dict[str, Any]) -> int:
    """Convert a PyTorch state_dict to the folder of a run."""
    from freqjax.deploy.torch import imports

    with work_folder(flags) as folder:
        imports.run(Path(flags["input"]), config, folder, say=tell)
    return 0


def export(config: Config, flags: dict[str, Any]) -> int:
    """Write a network to files that run without freqjax."""
    if flags["output"] is None:
        raise UserError("--output is missing: it must name a new or empty folder.")
    from freqjax.deploy import export
    from freqjax.deploy.trained import Trained, load

    export.require_empty(Path(flags["output"]))
    trained = load(flags["checkpoint"], warn)
    refuse_other_network(config, trained.config, flags["checkpoint"])
    export.run(
        Trained(config, trained.params, trained.initializer), Path(flags["output"]), say=tell
    )
    return 0


def _separating_task(config: Config) -> Separates:
    """Make the task of a network that separates a signal into components.

    Raises:
      UserError: the task does not.
    """
    from freqjax.tasks import Separates, make_task

    task = make_task(config.task)
    if not isinstance(task, Separates):
        raise UserError(
            f"task.name is {config.task.name}: it must be extraction, or another task that separates a "
            "signal into components, for this."
        )
    return task


def _require_network_of(config: Config, flags: dict[str, Any], trained: Trained) -> None:
    """Require that a network fits the config, and warn of a state that it never carried in training."""
    refuse_other_network(config, trained.config, flags["checkpoint"])
    if trained.config.train.regime == "windows":
        length = trained.config.windows.length
        warn(
            f"the network was trained on windows of {length} samples, each with a state of its own; here one "
            "state is carried through the signal, and its errors were never measured so."
        )


def stream(config: Config, flags: dict[str, Any]) -> int:
    """Answer numbers, or rows of them, of standard input with outputs of a network."""
    from freqjax.deploy import stream

    policy = stream.check_policy(flags["on-bad-line"])
    makers = {"component": _component_stream, "classes": _classes_stream}
    return stream.run(makers[config.task.answers](config, flags), policy)


def _component_stream(config: Config, flags: dict[str, Any]) -> Answering:
    """Begin a stream that answers each number with a component."""
    from freqjax.deploy.component_stream import ComponentStream, select
    from freqjax.deploy.trained import load
    from freqjax.tasks.separation import signal_columns

    task = _separating_task(config)
    if signal_columns(task) > 1:
        raise UserError(
            f"task.name is {config.task.name}: its signal has {signal_columns(task)} columns, I and Q, and "
            "must have one for this."
        )
    group = select(task, flags["select"])
    trained = load(flags["checkpoint"], warn)
    _require_network_of(config, flags, trained)
    return ComponentStream(trained, task, group)


def _classes_stream(config: Config, flags: dict[str, Any]) -> Answering:
    """Begin a stream that answers rows of samples with the probabilities of classes."""
    from freqjax.deploy.classifier_stream import ClassifierStream, require_past
    from freqjax.deploy.trained import Trained, load

    if flags["select"] is not None:
        raise UserError(
            f"--select is {flags['select']!r}: it must be left out where task.name is {config.task.name}, "
            "whose answers have a probability of each class."
        )
    require_past(config.task)
    trained = load(flags["checkpoint"], warn)
    refuse_other_network(config, trained.config, flags["checkpoint"])
    found = ClassifierStream.of(Trained(config, trained.params))
    channels = ", ".join(f"{name} {count}" for name, count in found.channels.items())
    names = ", ".join(found.task.dataset.class_names)
    warn(
        f"a line is {found.fields} numbers, {channels}; an answer is the probabilities of {names}."
    )
    return found


def extract(config: Config, flags: dict[str, Any]) -> int:
    """Extract components from a recording into files."""
    from freqjax.deploy import extraction
    from freqjax.deploy.component_stream import ComponentStreams, select_all
    from freqjax.deploy.trained import load

    task = _separating_task(config)
    planned = extraction.plan(
        task,
        select_all(task, flags["select"]),
        flags["input"],
        flags["output"],
        residual=flags["residual"],
        channel=flags["channel"],
        gain=flags["gain"],
        resampled=flags["resample"],
        workdir=flags["workdir"],
        figures=flags["figures"],
    )
    trained = load(flags["checkpoint"], warn)
    _require_network_of(config, flags, trained)
    streams = ComponentStreams(trained, task, planned.groups, len(planned.signals))
    extraction.run(streams, planned, say=tell)
    return 0
