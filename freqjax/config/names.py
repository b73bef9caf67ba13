"""The recurrent cells by name; a new one is a class with the contract of `Cell` and a line here.

The classes are named, not imported: configs are read before JAX is.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freqjax.networks.cell import Cell

CELLS = {
    "lstm": "freqjax.networks.lstm.LstmCell",
    "gru": "freqjax.networks.gru.GruCell",
    "rnn": "freqjax.networks.rnn.RnnCell",
}


def cell_class(name: str) -> type[Cell]:
    """The class of the cell `name`, one of `CELLS`."""
    module, _, attribute = CELLS[name].rpartition(".")
    return getattr(importlib.import_module(module), attribute)
