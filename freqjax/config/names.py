"""Tasks and cells by name: those of the tables here, and others as `package.module:Class`.

The classes are named, not imported: a config is read before JAX is imported, and the packages of tasks and
networks depend on this one.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from freqjax.errors import UserError

if TYPE_CHECKING:
    from freqjax.networks.cell import Cell
    from freqjax.tasks.task import Task

TASKS = {
    "extraction": "freqjax.tasks.extraction.task:Extraction",
    "lines": "freqjax.tasks.lines.task:Lines",
    "autoencoder": "freqjax.tasks.autoencoder.task:Autoencoder",
    "classifier": "freqjax.tasks.classifier.task:Classifier",
}
# The section of each of them, which is imported without its task, since the task imports JAX.
TASK_SECTIONS = {
    "extraction": "freqjax.tasks.extraction.config:ExtractionConfig",
    "lines": "freqjax.tasks.lines.config:LinesConfig",
    "autoencoder": "freqjax.tasks.autoencoder.config:AutoencoderConfig",
    "classifier": "freqjax.tasks.classifier.config:ClassifierConfig",
}
CELLS = {
    "lstm": "freqjax.networks.lstm:LstmCell",
    "gru": "freqjax.networks.gru:GruCell",
    "rnn": "freqjax.networks.rnn:RnnCell",
}
# Networks of their own, which are no layers of a cell: name → class.
NETWORKS = {
    "lru": "freqjax.networks.lru:LruNetwork",
}
# Those that have a form with another nonlinearity than tanh: nonlinearity → cell → class.
OTHER_NONLINEARITIES = {
    "relu": {"rnn": "freqjax.networks.rnn:ReluRnnCell"},
}
# Base of every cell.
_CELL = "freqjax.networks.cell:Cell"


def is_path(name: str) -> bool:
    """Return whether `name` is written as `package.module:Class`."""
    module, colon, attribute = name.partition(":")
    return (
        bool(colon) and attribute.isidentifier() and all(map(str.isidentifier, module.split(".")))
    )


def task_class(name: str) -> type[Task]:
    """Import the task `name`, one of `TASKS` or `package.module:Class`.

    Raises:
      UserError: there is no such class.
    """
    return load_class("task.name", name, TASKS)


def cell_class(name: str, nonlinearity: str = "tanh") -> type[Cell]:
    """Import the cell `name`, one of `CELLS` (not of `NETWORKS`) or `package.module:Class`.

    Args:
      name: of the cell.
      nonlinearity: tanh, or one of `OTHER_NONLINEARITIES` that has the cell.

    Raises:
      UserError: there is no such class, or it is not a cell.
    """
    found = load_class("network.cell", name, CELLS | OTHER_NONLINEARITIES.get(nonlinearity, {}))
    if name not in CELLS and not issubclass(found, load_class("network.cell", _CELL, {})):
        raise UserError(
            f"network.cell is {name}: it must be a subclass of {_CELL.replace(':', '.')}."
        )
    return found


def network_class(name: str) -> type[Any]:
    """Import the network `name`, one of `NETWORKS`."""
    return load_class("network.cell", name, NETWORKS)


def load_class(field: str, name: str, table: Mapping[str, str]) -> type[Any]:
    """Import the class that `name` refers to, a key of `table` or the path of a class.

    Raises:
      UserError: there is no such class; the message names `field`, which holds the name.
    """
    if name not in table and not is_path(name):
        raise UserError(
            f"{field} is {name!r}: it must be one of {', '.join(table)}, or package.module:Class."
        )
    path, _, attribute = table.get(name, name).partition(":")
    module = importlib.import_module(path) if name in table else _import(field, name, path)
    if not inspect.isclass(getattr(module, attribute, None)):
        classes = [key for key, value in vars(module).items() if inspect.isclass(value)]
        near = difflib.get_close_matches(attribute, classes, n=1, cutoff=0.0)
        hint = f"; the nearest one is {near[0]}" if near else ""
        raise UserError(f"{field} is {name}: {path} has no class {attribute}{hint}.")
    return getattr(module, attribute)


def _import(field: str, name: str, path: str) -> ModuleType:
    """Import a user's module, from the current folder first, as `python -m` does."""
    _add_current_folder()
    try:
        return importlib.import_module(path)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise UserError(
                f"{field} is {name}: {path} needs {error.name}, which is not installed."
            ) from None
        raise UserError(
            f"{field} is {name}: there is no module {error.name} in the current folder or where Python "
            "looks for packages."
        ) from None
    except (Exception, SystemExit) as error:
        # The module is the user's program: any exception is reported as one sentence.
        raise UserError(
            f"{field} is {name}: importing {path} gave {type(error).__name__}: "
            f"{str(error).rstrip('.')}."
        ) from None


def _add_current_folder() -> None:
    here = str(Path.cwd())
    if "" not in sys.path and here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()


def origins(names: Iterable[str]) -> dict[str, str]:
    """Return the folders that the modules of the user's own classes among `names` were imported from.

    They are saved with a config, so that it can be read from another folder.
    """
    found = {}
    for path in (name.partition(":")[0] for name in names if is_path(name)):
        file = getattr(sys.modules.get(path), "__file__", None)
        if file is not None:
            up = path.count(".") + (Path(file).name == "__init__.py")
            found[path] = str(Path(file).resolve().parents[up])
    return found


def look_in(folders: Mapping[str, str]) -> None:
    """Import modules from `folders`, as `origins` gave them, before the current folder.

    The current folder may hold another module of the same name.
    """
    for module, folder in folders.items():
        if module not in sys.modules and Path(folder).is_dir():
            _add_current_folder()
            sys.path.insert(0, folder)
