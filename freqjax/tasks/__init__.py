"""Tasks by name. A new one is a class with the contract of `Task` and a line in this table."""

from freqjax.config.sections import Hearing, TaskConfig
from freqjax.tasks.extraction.task import Extraction
from freqjax.tasks.task import Blocks, Task

_TASKS = {"extraction": Extraction}


def make_task(config: TaskConfig, hearing: Hearing | None = None) -> Extraction:
    """The task that `config.name` names.

    `hearing` is what a network that is judged hears of a stream (`freqjax.config.sections.hearing`), on which
    depends what is possible; it changes no row.
    """
    return _TASKS[config.name](config, hearing)


__all__ = ["Blocks", "Extraction", "Task", "make_task"]
