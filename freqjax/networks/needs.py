"""Requirements of a network on its task, and the rules that join the two.

Networks do not depend on tasks: a task is any object with the attributes of `Sized`. Each ability that only
some tasks have, such as speeds for rotors or weights that solve the task, is a small protocol, and an
initializer that needs it is rejected for the other tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from freqjax.config.names import cell_class, network_class
from freqjax.config.sections import NetworkConfig
from freqjax.errors import UserError
from freqjax.networks import rotors
from freqjax.networks.initializers import GATED_INITIALIZERS, LAYER_INITIALIZERS
from freqjax.networks.network import Network
from freqjax.networks.weights import LstmSetting, LstmWeights, RotorSetting

ROTOR_INITIALIZERS = ("rotor", "spectral")


@runtime_checkable
class Sized(Protocol):
    """Sizes that every task gives a network, as attributes or properties."""

    @property
    def input_size(self) -> int:
        """D, number of inputs."""
        ...

    @property
    def output_size(self) -> int:
        """O, number of outputs."""
        ...

    @property
    def selectors(self) -> tuple[int, ...]:
        """Indices of the D inputs that are a one-hot selector; empty if there is none."""
        ...

    @property
    def longest(self) -> int:
        """T, the largest number of samples through which a state is carried."""
        ...


@runtime_checkable
class GivesRotors(Protocol):
    """Task with oscillations in a known band, for rotors."""

    def rotors(self) -> RotorSetting:
        """Return the rotation speeds of pairs of units, without peaks."""
        ...


@runtime_checkable
class GivesPeaks(GivesRotors, Protocol):
    """Task whose targets have a strongest oscillation under each selector."""

    def peaks(self, train: Any) -> tuple[float, ...]:
        """Return [F] cycles per sample, one per selector: of the training rows, or of the law."""
        ...


@runtime_checkable
class GivesNetwork(Protocol):
    """Task with a kind of network of its own, such as an encoder and a decoder."""

    def network(self, config: NetworkConfig, train: Callable[[], Any] | None) -> Network:
        """Make the network of `config`.

        Args:
          config: of the network; `needs_of` has checked it.
          train: returns the training rows, for initial weights that read them; None if the weights will be
            loaded.

        Raises:
          UserError: fields of network and task contradict each other.
        """
        ...


@runtime_checkable
class Constructed(Protocol):
    """Constructed weights that solve a task; compared by value."""

    @property
    def units(self) -> int:
        """Smallest H that holds them."""
        ...

    def weights(self, setting: LstmSetting) -> LstmWeights:
        """Return them in a network of `setting`; units that are not used have weights of zero."""
        ...


@runtime_checkable
class GivesWeights(Protocol):
    """Task that a one-layer LSTM with known weights solves."""

    def constructed(self) -> Constructed:
        """Return weights that solve the task."""
        ...


class Needs(NamedTuple):
    """Requirements of a network on its task: hashable, and compared by value.

    Attributes:
      input_size, output_size, selectors, longest: as in `Sized`.
      rotors: rotation speeds of pairs of units, or None.
      constructed: weights that solve the task, or None.
    """

    input_size: int
    output_size: int
    selectors: tuple[int, ...]
    longest: int
    rotors: RotorSetting | None = None
    constructed: Constructed | None = None


# Initializer → the ability of a task that it needs, and what a task without it lacks.
_ABILITIES: dict[str, tuple[type, str]] = {
    "rotor": (GivesRotors, "has no band of oscillations"),
    "spectral": (GivesPeaks, "has no peaks to read from its targets"),
    "constructed": (GivesWeights, "has no weights that are known to solve it"),
}


def needs_of(config: NetworkConfig, task: Sized, train: Callable[[], Any] | None = None) -> Needs:
    """Ask `task` for what the network of `config` needs.

    Args:
      config: of the network.
      task: its task.
      train: returns the training rows; called if the initializer reads them. Not needed for a network whose
        weights will be loaded.

    Raises:
      UserError: the network does not match the task, or its fields contradict each other; raised before rows
        are read.
    """
    _check_initializer(config, task)
    setting = task.rotors() if isinstance(task, GivesRotors) else None
    constructed = task.constructed() if isinstance(task, GivesWeights) else None
    _check_units(config, task, constructed)
    if config.initializer == "spectral" and isinstance(task, GivesPeaks) and train is not None:
        setting = task.rotors()._replace(peaks=task.peaks(train()))
    return Needs(
        task.input_size, task.output_size, tuple(task.selectors), task.longest, setting, constructed
    )


def _check_initializer(config: NetworkConfig, task: Sized) -> None:
    name = config.initializer
    if not config.has_layers:
        _require_own(config)
    elif name not in LAYER_INITIALIZERS:
        for field, (found, wanted) in config.beyond_one_lstm.items():
            raise UserError(
                f"network.{field} is {found!r}: it must be {wanted!r} where network.initializer is {name}, "
                "which sets the weights of a one-layer LSTM."
            )
    gated = config.has_layers and name in GATED_INITIALIZERS
    if gated and cell_class(config.cell, config.nonlinearity).keeps is None:
        others = sorted(set(LAYER_INITIALIZERS) - set(GATED_INITIALIZERS))
        raise UserError(
            f"network.initializer is {name}: it must be one of {', '.join(others)} where "
            f"network.cell is {config.cell}, which has no gate that keeps."
        )
    if name in _ABILITIES and not isinstance(task, _ABILITIES[name][0]):
        able = [n for n, (ability, _) in _ABILITIES.items() if isinstance(task, ability)]
        raise UserError(
            f"network.initializer is {name}: it must be one of {', '.join(_others(config, able))} where the "
            f"task {_ABILITIES[name][1]}."
        )
    if name in ROTOR_INITIALIZERS and not config.learned_carry:
        raise UserError(
            f"network.learned_carry is false: it must be true where network.initializer is {name}, since "
            "rotors that start at zero never turn."
        )
    if config.conditioning == "film" and not 0 < len(task.selectors) < task.input_size:
        raise UserError(
            "network.conditioning is film: it must be input where the task has no selector beside other "
            "inputs."
        )


def _require_own(config: NetworkConfig) -> None:
    """Check that a network without layers has the initializer."""
    own = network_class(config.cell).initializers
    if config.initializer not in own:
        raise UserError(
            f"network.initializer is {config.initializer}: it must be one of {', '.join(own)} where "
            f"network.cell is {config.cell}."
        )


def _others(config: NetworkConfig, able: Iterable[str]) -> list[str]:
    """Return the initializers of the network that need nothing of a task, or what is in `able`."""
    if config.has_layers:
        return sorted([*LAYER_INITIALIZERS, *able])
    own = network_class(config.cell).initializers
    return sorted(name for name in own if name not in _ABILITIES or name in able)


def _check_units(config: NetworkConfig, task: Sized, constructed: Constructed | None) -> None:
    least = 1
    if not config.has_layers:
        least = max(1, len(task.selectors))
        if config.hidden_size < least:
            raise UserError(
                f"network.hidden_size is {config.hidden_size}: it must be at least {least} where "
                f"network.cell is {config.cell}, of which every selector owns units."
            )
    elif config.initializer in ROTOR_INITIALIZERS:
        least = rotors.UNITS * max(1, len(task.selectors))
    elif config.initializer == "constructed" and constructed is not None:
        least = constructed.units
    if config.hidden_size < least:
        raise UserError(
            f"network.hidden_size is {config.hidden_size}: it must be at least {least} where "
            f"network.initializer is {config.initializer}."
        )
