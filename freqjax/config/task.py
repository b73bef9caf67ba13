"""Fields of the section `task` that all tasks have; each task adds its own in a subclass."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from freqjax.config.fields import (
    Section,
    anything,
    at_least,
    choice,
    field_types,
    random_seed,
    rule,
)
from freqjax.config.names import TASK_SECTIONS, TASKS, load_class, task_class
from freqjax.errors import UserError

if TYPE_CHECKING:
    from freqjax.config.sections import Config


# Description of the field `name`, for subclasses that give it a default.
NAME = f"which task: one of {', '.join(TASKS)}, or package.module:Class"


def _splits(shares: tuple[float, ...]) -> bool:
    return len(shares) == 3 and min(shares) >= 0 and abs(sum(shares) - 1) < 1e-6


@dataclass
class TaskConfig(Section, section="task"):
    """Base of every task's section.

    A subclass adds fields, defines `samples`, and checks rules about several fields in `check`. It may
    change the default and the description of the fields here.

    Attributes:
      sections: sections of the config that only this task has, by name.
      time_unit: the unit of this task's horizons and times.
      files: fields that name a file of rows; a resume is refused if its content has changed.
      built_in: what such a field may hold without naming a file: rows that the task brings itself.
      data_fields: fields that change only the values of rows, and not their number, the network or the loss:
        replicas of a sweep that differ only in them share a compiled program.
      network_fields: fields that make the network, with which trained weights cannot be used otherwise.
      answers: of a live stream: component, numbers with numbers; or classes, rows with probabilities.
    """

    files: ClassVar[tuple[str, ...]] = ("train_path", "test_path")
    built_in: ClassVar[frozenset[str]] = frozenset()
    data_fields: ClassVar[frozenset[str]] = frozenset({"train_seed", "test_seed"})
    network_fields: ClassVar[frozenset[str]] = frozenset()
    answers: ClassVar[Literal["component", "classes"]] = "component"
    sections: ClassVar[Mapping[str, type[Section]]] = {}
    time_unit: ClassVar[str] = "samples"

    name: str = anything("", NAME)
    noise: str = choice(
        "fixed",
        ("fixed", "fresh"),
        "the rows of the seed every epoch, or new rows for every update",
    )
    reset: str = choice("block", ("block", "epoch", "never"), "when the carried state starts over")
    train_seed: int = random_seed(1, "seed of the training rows")
    test_seed: int = random_seed(2, "seed of the test rows")
    train_path: str = anything("", "training rows from this file; empty for none")
    test_path: str = anything("", "test rows from this file; empty for none")
    burn_in: float = at_least(
        0.0,
        0.0,
        "time at the start of every sequence that no loss and no score counts, in the task's unit of time",
    )
    split: tuple[float, ...] = rule(
        (0.8, 0.1, 0.1),
        "shares of training, validation and test if one set of rows is divided",
        "three numbers of at least 0 that sum to 1",
        _splits,
    )

    @property
    def samples(self) -> int:
        """T, the samples of the longest sequence.

        Raises:
          UserError: the subclass does not define it.
        """
        raise UserError(
            f"task.name is {self.name}: {type(self).__name__} must define the property samples, how many a "
            "sequence has."
        )

    @property
    def samples_per_unit(self) -> float:
        """Samples in one `time_unit`."""
        return 1.0

    @property
    def burn_in_samples(self) -> int:
        """`burn_in` in samples."""
        return round(self.burn_in * self.samples_per_unit)

    @property
    def named_files(self) -> dict[str, str]:
        """Return the fields of `files` that name a file, with its path."""
        found = {name: getattr(self, name) for name in self.files}
        return {name: path for name, path in found.items() if path and path not in self.built_in}

    def check(self, config: Config) -> None:
        """Check the rules about several fields of this task, or of the task and the rest of `config`.

        Every field already has its type and satisfies its own rule.

        Raises:
          UserError: fields contradict each other.
        """


def task_section(name: str) -> type[TaskConfig]:
    """Import the section of the task `name`; for a task of `TASKS` without importing JAX.

    Raises:
      UserError: there is no such task, or it does not define its section.
    """
    if name in TASK_SECTIONS:
        return load_class("task.name", name, TASK_SECTIONS)
    section = getattr(task_class(name), "Config", None)
    if not (inspect.isclass(section) and issubclass(section, TaskConfig)):
        raise UserError(
            f"task.name is {name}: it must be a task, a class whose attribute Config is its section, a "
            "subclass of freqjax.config.task.TaskConfig."
        )
    field_types(section)
    return section
