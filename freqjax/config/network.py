"""The section `network`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any, ClassVar

from freqjax.config.fields import Section, anything, at_least, choice, fraction, rule, within
from freqjax.config.names import CELLS, NETWORKS, is_path


@dataclass
class NetworkConfig(Section, section="network"):
    """Architecture and initial weights of the network."""

    moved: ClassVar[Mapping[str, str]] = {
        name: f"task.{name}" for name in ("rotor_low", "rotor_high", "rotor_leak", "rotor_decay")
    }

    cell: str = rule(
        "lstm",
        "recurrent cell; lru is a linear recurrent unit of H complex units",
        f"one of {', '.join((*CELLS, *NETWORKS))}, or package.module:Class",
        lambda v: v in CELLS or v in NETWORKS or is_path(v),
    )
    nonlinearity: str = choice(
        "tanh", ("tanh", "relu"), "what the cell rnn applies to its sum; other cells have their own"
    )
    hidden_size: int = within(1, 16384, 64, "H, width of the hidden state")
    recurrence: str = choice(
        "dense",
        ("dense", "pairs"),
        "recurrent weights: all, or only those within each pair of units, the others fixed at 0",
    )
    layers: int = within(1, 4, 1, "number of stacked recurrent layers")
    dropout: float = fraction(
        0.0, "probability of dropping a feature between two layers while training"
    )
    residual: bool = anything(
        False, "whether each layer after the first adds its input to its output (layers > 1)"
    )
    bidirectional: bool = anything(
        False, "whether each layer also runs backwards in time (train.regime windows or examples)"
    )
    conditioning: str = choice(
        "input",
        ("input", "film"),
        "the selector is an input beside the sample, or scales and shifts each layer's features",
    )
    initializer: str = choice(
        "pytorch",
        ("pytorch", "orthogonal", "unit_forget", "chrono", "rotor", "spectral", "constructed"),
        "initialiser of the weights",
    )
    learned_carry: bool = anything(
        False, "whether the initial state of a stream is learned, or zero"
    )
    rotor_gain: float = at_least(
        0.0, 0.0, "initial weight of the signal in rotors; 0 for a clock (rotor)"
    )
    # Fields of version 0.1 that belong to the task now; validation moves their values there.
    rotor_low: InitVar[float | None] = None
    rotor_high: InitVar[float | None] = None
    rotor_leak: InitVar[float | None] = None
    rotor_decay: InitVar[float | None] = None

    @property
    def beyond_one_lstm(self) -> dict[str, tuple[Any, Any]]:
        """Fields that differ from a one-layer LSTM: name → (value, the LSTM's value)."""
        plain = {
            "cell": "lstm",
            "layers": 1,
            "residual": False,
            "bidirectional": False,
            "conditioning": "input",
            "nonlinearity": "tanh",
        }
        values = {name: (getattr(self, name), wanted) for name, wanted in plain.items()}
        return {
            name: (found, wanted) for name, (found, wanted) in values.items() if found != wanted
        }

    @property
    def has_layers(self) -> bool:
        """True if the network consists of layers of a cell; false if it is one of `names.NETWORKS`."""
        return self.cell not in NETWORKS

    @property
    def is_single_layer(self) -> bool:
        """True if the network is one causal layer that reads all inputs as they are."""
        return self.layers == 1 and not self.bidirectional and self.conditioning == "input"
