"""Tasks and cells that a user could have written, and some that are wrong."""

from dataclasses import dataclass
from typing import ClassVar

from freqjax import UserError
from freqjax.config.fields import Section, anything, at_least, choice
from freqjax.config.sections import Config
from freqjax.config.task import TaskConfig


@dataclass
class NoiseConfig(Section, section="disturbance"):
    """Disturbances of the rows."""

    level: float = at_least(0.0, 0.25, "standard deviation of the noise")


@dataclass
class ToyConfig(TaskConfig):
    """Numbers to be sorted into classes."""

    sections: ClassVar = {"disturbance": NoiseConfig}

    reset: str = choice("never", ("block", "never"), "when the carried state starts over")
    classes: int = at_least(2, 4, "number of classes")
    words: tuple[str, ...] = anything(("a", "b"), "names of classes")
    balanced: tuple[bool, ...] = anything((), "whether each is drawn as often as the others")
    limit: int | None = at_least(1, None, "most rows of a class, or none")

    @property
    def samples(self) -> int:
        """T."""
        return 20

    def check(self, config: Config) -> None:
        """Check the classes against the network."""
        if self.classes > config.network.hidden_size:
            raise UserError(
                f"task.classes is {self.classes}: it must be at most network.hidden_size."
            )


class Toy:
    """A task, as far as a config looks at it."""

    Config = ToyConfig


class Bare:
    """A class that is no task."""


class Forgotten:
    """A task whose section was not made a dataclass."""

    class Config(TaskConfig):
        """Section of the task."""

        classes: int = at_least(2, 4, "number of classes")


class Listed:
    """A task with a field of a type that no field may have."""

    @dataclass
    class Config(TaskConfig):
        """Section of the task."""

        names: list[str] = anything(None, "names")  # noqa: RUF009 - wrong on purpose


number = 3
