"""What a trained network of a task is for, what it cannot do, and the commands that use it: for its card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Command(NamedTuple):
    """Command line that uses a trained network, from its folder.

    Attributes:
      what: what it does, as a clause that begins with a verb.
      words: those behind `freqjax`, each as the program gets it; the checkpoint is ".".
    """

    what: str
    words: Sequence[str]


class Usage(NamedTuple):
    """Use of a trained network of a task, besides what every network can do.

    Attributes:
      purposes: sentences on what it is for.
      limitations: sentences on what it cannot do.
      commands: further than evaluate and export.
      python: lines of Python that use the network and run as they stand, in its folder, after `import
        freqjax` and `import numpy as np`; none for those of any network.
    """

    purposes: Sequence[str] = ()
    limitations: Sequence[str] = ()
    commands: Sequence[Command] = ()
    python: Sequence[str] = ()
