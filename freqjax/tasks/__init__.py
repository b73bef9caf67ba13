"""Tasks by name: those of `freqjax.config.names`, and anybody's own.

Nothing is imported before it is used: a task's section of the config lies beneath this package and is read
without JAX.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from freqjax.config.names import task_class

if TYPE_CHECKING:
    from freqjax.config.sections import Hearing, TaskConfig
    from freqjax.tasks.extraction.task import Extraction
    from freqjax.tasks.task import Blocks, Task

# Name → the module it is imported from on first use.
_LATER = {
    "Blocks": "freqjax.tasks.task",
    "Extraction": "freqjax.tasks.extraction.task",
    "Task": "freqjax.tasks.task",
}


def make_task(config: TaskConfig, hearing: Hearing | None = None) -> Extraction:
    """The task that `config.name` names.

    `hearing` is what a network that is judged hears of a stream (`freqjax.config.sections.hearing`), on which
    depends what is possible; it changes no row.
    """
    return task_class(config.name)(config, hearing)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_LATER[name]), name)
    return value


__all__ = ["Blocks", "Extraction", "Task", "make_task"]
