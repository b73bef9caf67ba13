"""Tasks by name. A new one is a class with the contract of `Task` and a line in this table."""

from freqjax.config import TaskConfig
from freqjax.tasks.extraction import Extraction
from freqjax.tasks.task import Blocks, Task

_TASKS = {"extraction": Extraction}


def make_task(config: TaskConfig) -> Extraction:
    """The task that `config.name` names."""
    return _TASKS[config.name](config)


__all__ = ["Blocks", "Extraction", "Task", "make_task"]
