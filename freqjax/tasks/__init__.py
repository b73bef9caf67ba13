"""Tasks: the contract, batches, objectives and evaluations; and the tasks that `freqjax.config.names` lists.

Names are imported on first use: a task's section of the config is in this package and is read without
importing JAX.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, overload

from freqjax.config.names import task_class

if TYPE_CHECKING:
    from freqjax.config.sections import Context, TaskConfig
    from freqjax.tasks.batch import Batch, Sequences, means_by_group
    from freqjax.tasks.extraction.config import ExtractionConfig
    from freqjax.tasks.extraction.task import Extraction
    from freqjax.tasks.separation import Separates
    from freqjax.tasks.task import Input, Task, TimeUnit

# Name → the module it is imported from on first use.
_LATER = {
    "Batch": "freqjax.tasks.batch",
    "Extraction": "freqjax.tasks.extraction.task",
    "Input": "freqjax.tasks.task",
    "Separates": "freqjax.tasks.separation",
    "Sequences": "freqjax.tasks.batch",
    "Task": "freqjax.tasks.task",
    "TimeUnit": "freqjax.tasks.task",
    "means_by_group": "freqjax.tasks.batch",
}

__all__ = [
    "Batch",
    "Extraction",
    "Input",
    "Separates",
    "Sequences",
    "Task",
    "TimeUnit",
    "make_task",
    "means_by_group",
]


@overload
def make_task(config: ExtractionConfig, context: Context | None = None) -> Extraction: ...
@overload
def make_task(config: TaskConfig, context: Context | None = None) -> Task: ...
def make_task(config: TaskConfig, context: Context | None = None) -> Task:
    """Make the task that `config.name` names.

    `context` is the window that an output may depend on (`freqjax.config.sections.context_of`); it affects
    the limits, but no rows.
    """
    return task_class(config.name)(config, context)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_LATER[name]), name)
    return value
