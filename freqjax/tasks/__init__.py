"""Tasks by name. A new one is a subclass of `Task` and a line in this table."""

from freqjax.config.sections import Context, TaskConfig
from freqjax.tasks.batch import Batch, Sequences, means_by_group
from freqjax.tasks.extraction.task import Extraction
from freqjax.tasks.task import Input, Task, TimeUnit

_TASKS = {"extraction": Extraction}


def make_task(config: TaskConfig, context: Context | None = None) -> Extraction:
    """Make the task that `config.name` names.

    `context` is the window that an output may depend on (`freqjax.config.sections.context_of`); the limits
    depend on it, and no row does.
    """
    return _TASKS[config.name](config, context)


__all__ = [
    "Batch",
    "Extraction",
    "Input",
    "Sequences",
    "Task",
    "TimeUnit",
    "make_task",
    "means_by_group",
]
