"""Config of a run: typed, documented fields with units, checked before anything is traced or written.

`Config` holds sections, and a section holds fields; each field has its own rule and description
(`freqjax.config.fields`). Rules about several fields are in `freqjax.config.validation`, those of a task in
its own section. `task.name` decides which fields `task` has, and which further sections the task adds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from freqjax.config import names
from freqjax.config.fields import (
    AXES,
    Section,
    anything,
    at_least,
    field_types,
    nearest,
    random_seed,
    rule,
    within,
)
from freqjax.config.network import NetworkConfig
from freqjax.config.task import TaskConfig, task_section
from freqjax.config.training import CurriculumConfig, OptimizerConfig, TrainConfig, WindowsConfig
from freqjax.config.versions import present_name
from freqjax.errors import UserError

_DEFAULT_TASK = "extraction"


@dataclass
class SweepConfig(Section, section="sweep"):
    """Replicas of one config, each with its own values of some fields."""

    axes: AXES = rule(  # noqa: RUF009 - every config gets a dictionary of its own
        {},
        "field → the values it takes; a replica for every combination "
        '(on the command line "train.seed=0..7;optimizer.learning_rate=1e-3,3e-3"), or the law of values '
        "that are drawn, uniform(LOW,HIGH) or loguniform(LOW,HIGH)",
        "fields with a value or more each",
        lambda v: all(v.values()),
    )
    draws: int = at_least(
        0, 0, "points drawn from the laws in axes, each with every combination of the other axes"
    )
    seed: int = random_seed(0, "seed of the draws; the first of more draws are the same")
    widest_padding: float = at_least(
        1.0,
        1.5,
        "hidden sizes share a program, the smaller padded with zeros, up to this ratio; 1 for never",
    )
    halving: int = at_least(
        0,
        0,
        "at every rung one in this many replicas goes on, those with the lowest frozen loss (successive "
        "halving); 0 or 1 for all",
    )
    first_rung: int = at_least(
        1, 1, "epochs up to the first rung; each of the next is at sweep.halving times as many"
    )


@dataclass
class RunConfig(Section, section="run"):
    """Devices of this process in a sweep or a run, and the processes that share it."""

    cpu_devices: int | None = within(
        1, 1024, None, "CPU devices of this process, or none for one per core, in a run for one"
    )
    coordinator: str = anything(
        "",
        "HOST:PORT of process 0, the same for all processes; auto to ask the cluster; empty for one process",
    )
    num_processes: int | None = at_least(1, None, "processes in all (with coordinator)")
    process_id: int | None = at_least(0, None, "which of them this is, from 0 (with coordinator)")
    scheduler: str = anything(
        "",
        "address of a Dask scheduler, such as tcp://HOST:8786, whose workers train the replicas of a sweep "
        "that share no program; empty for none",
    )


@dataclass(init=False)
class Config:
    """Config of a whole run.

    Attributes:
      task: the section of the class that `task.name` names.
      own: the sections that only this task has, by name; each is an attribute as well.
    """

    task: TaskConfig
    network: NetworkConfig
    optimizer: OptimizerConfig
    train: TrainConfig
    windows: WindowsConfig
    curriculum: CurriculumConfig
    sweep: SweepConfig
    run: RunConfig
    own: dict[str, Section]

    def __init__(
        self,
        task: TaskConfig | None = None,
        network: NetworkConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        train: TrainConfig | None = None,
        windows: WindowsConfig | None = None,
        curriculum: CurriculumConfig | None = None,
        sweep: SweepConfig | None = None,
        run: RunConfig | None = None,
        own: Mapping[str, Section] | None = None,
        **own_sections: Section,
    ) -> None:
        """Use the sections given, those that only the task has by name, and create the others."""
        self.own: dict[str, Section] = {}
        self.task = task_section(_DEFAULT_TASK)() if task is None else task
        self.network = network or NetworkConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.train = train or TrainConfig()
        self.windows = windows or WindowsConfig()
        self.curriculum = curriculum or CurriculumConfig()
        self.sweep = sweep or SweepConfig()
        self.run = run or RunConfig()
        # dataclasses.replace passes all of `own`, and may change the task.
        self.own |= {name: own[name] for name in self.own if own is not None and name in own}
        for name, section in own_sections.items():
            setattr(self, name, section)

    @property
    def is_filter(self) -> bool:
        """Whether a Kalman filter of the weights trains."""
        return self.optimizer.name == "ekf"

    @property
    def is_curriculum(self) -> bool:
        """Whether Gauss-Newton steps over lengthening horizons train."""
        return self.curriculum.first_horizon is not None and self.train.regime == "full"

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__.get("own", {})
        if name in own:
            return own[name]
        near = nearest(name, [*_SECTIONS, *own])
        raise AttributeError(
            f"config.{name} is not a section: the nearest one is config.{near}", name=name, obj=self
        )

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a section; setting `task` adds the sections that only the task has.

        Raises:
          UserError: there is no such section.
        """
        if name in _SECTIONS or name == "own":
            super().__setattr__(name, value)
        elif name in self.own:
            self.own[name] = value
        else:
            near = nearest(name, [*_SECTIONS, *self.own])
            raise UserError(f"config.{name} is not a section: the nearest one is config.{near}.")
        if name == "task" and isinstance(value, TaskConfig):
            found = {
                name: self.own[name] if name in self.own else make()
                for name, make in value.sections.items()
            }
            super().__setattr__("own", found)


_SECTIONS: dict[str, type[Section]] = {
    "task": TaskConfig,
    "network": NetworkConfig,
    "optimizer": OptimizerConfig,
    "train": TrainConfig,
    "windows": WindowsConfig,
    "curriculum": CurriculumConfig,
    "sweep": SweepConfig,
    "run": RunConfig,
}


class Context(NamedTuple):
    """Part of a stream that an output may depend on.

    Attributes:
      windows: the positions of the windows.
      both_ways: whether an output also depends on later samples.
    """

    windows: WindowsConfig
    both_ways: bool


def context_of(config: Config) -> Context | None:
    """Return the part of a stream that an output depends on; None for all samples up to it."""
    both_ways = config.network.bidirectional
    if config.train.regime == "examples" and both_ways:
        samples = config.task.samples
        return Context(WindowsConfig(length=samples, stride=samples), both_ways)
    return Context(config.windows, both_ways) if config.train.regime == "windows" else None


# Sections whose fields a sweep may vary.
AXIS_SECTIONS = ("task", "network", "optimizer", "train", "windows", "curriculum")


def default_config(task: str = _DEFAULT_TASK) -> Config:
    """Return a config in which every field has its default.

    Args:
      task: a name of `freqjax.config.names.TASKS`, or package.module:Class.

    Raises:
      UserError: there is no such task.
    """
    section = task_section(task)()
    section.name = task
    return Config(task=section)


def change_task(config: Config, name: str, given: Sequence[str] = ()) -> None:
    """Replace the section of the task by that of another; fields that every task has keep their values.

    Args:
      config: changed in place.
      name: the other task.
      given: further fields that will be set.

    Raises:
      UserError: there is no such task, or a field is set that only the task of `config` has.
    """
    old, section = config.task, task_section(name)
    if type(old) is section:
        old.name = name
        return
    new, shared = section(), field_types(TaskConfig)
    changed = differing_fields(config, Config(task=type(old)()))
    own = [field for field in _fields_of(type(old)) if field.split(".")[1] not in shared]
    lost = [f for f in own if f in changed or (f in given and f not in _fields_of(section))]
    if lost:
        are = "is set, a field" if len(lost) == 1 else "are set, fields"
        raise UserError(
            f"task.name is {name}: it must be {old.name} where {', '.join(lost)} {are} of {old.name} alone."
        )
    for field in shared:
        if f"task.{field}" in changed:
            setattr(new, field, getattr(old, field))
    new.name = name
    config.task = new


def _fields_of(task: type[TaskConfig]) -> list[str]:
    """Return the names `section.field` of a task's fields, including those of its own sections."""
    brought = {"task": task, **task.sections}
    return [
        f"{name}.{field}" for name, section in brought.items() for field in field_types(section)
    ]


def sections(config: Config) -> Iterator[tuple[str, Any]]:
    """Yield the sections of `config` by name, those that only its task has next to the task's."""
    yield "task", config.task
    yield from config.own.items()
    for name in _SECTIONS:
        if name != "task":
            yield name, getattr(config, name)


def require_section(config: Config, name: str) -> None:
    """Require `config` to have a section.

    Raises:
      UserError: there is no such section; the sentence names the nearest one.
    """
    known = [found for found, _ in sections(config)]
    if name not in known:
        near = nearest(name, known)
        raise UserError(f"config.{name} is not a section: the nearest one is config.{near}.")


def section_types(config: Config) -> dict[str, type[Section]]:
    """Return the class that each section must have, given `task.name`."""
    task = task_section(config.task.name)
    return {"task": task, **task.sections, **{k: v for k, v in _SECTIONS.items() if k != "task"}}


def field_type(config: Config, name: str) -> Any:
    """Return the type of the field `section.field`, which may be an old name of a field.

    Raises:
      UserError: there is no such field; the message names the nearest one.
    """
    known = {
        f"{section_name}.{field}": kind
        for section_name, section in sections(config)
        for field, kind in field_types(type(section)).items()
    }
    if present_name(name) in known:
        return known[present_name(name)]
    raise UserError(
        f"config.{name} is not a field: the nearest one is config.{nearest(name, known)}."
    )


def field_rule(config: Config, name: str) -> Mapping[str, Any]:
    """Return the rule of the field `section.field`, as `freqjax.config.fields.rule` made it.

    Raises:
      UserError: there is no such field; the message names the nearest one.
    """
    field_type(config, name)
    section, field = present_name(name).split(".")
    return type(getattr(config, section)).__dataclass_fields__[field].metadata


def to_dict(config: Config) -> dict[str, dict[str, Any]]:
    """Return `config` as nested dictionaries that are JSON-serialisable.

    If it names classes of the user's own, `modules` holds the folders they were imported from.
    """
    values = {name: dataclasses.asdict(section) for name, section in sections(config)}
    modules = names.origins((config.task.name, config.network.cell))
    return values | {"modules": modules} if modules else values


def differing_fields(a: Config, b: Config) -> list[str]:
    """Return the names `section.field` of the fields that differ between `a` and `b` or are in only one."""
    left, right = (
        {
            f"{name}.{field}": getattr(section, field)
            for name, section in sections(config)
            for field in field_types(type(section))
        }
        for config in (a, b)
    )
    missing = object()
    return [name for name in left | right if left.get(name, missing) != right.get(name, missing)]


def with_fixed_rows(config: Config, say: Callable[[str], Any]) -> Config:
    """Return `config` with fixed noise, and say so, if it asks for fresh noise on training rows of a file."""
    if not config.task.train_path or config.task.noise != "fresh":
        return config
    say("task.noise is fixed, not fresh, since rows of a file cannot be drawn anew.")
    return dataclasses.replace(config, task=dataclasses.replace(config.task, noise="fixed"))


__all__ = [
    "AXIS_SECTIONS",
    "Config",
    "CurriculumConfig",
    "NetworkConfig",
    "OptimizerConfig",
    "RunConfig",
    "SweepConfig",
    "TaskConfig",
    "TrainConfig",
    "WindowsConfig",
    "change_task",
    "default_config",
    "differing_fields",
    "field_type",
    "section_types",
    "sections",
    "to_dict",
    "with_fixed_rows",
]
