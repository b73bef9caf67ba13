"""What a run is: typed, documented fields with units, checked before anything is traced or written.

Each field carries its own rule (`allowed`) and its one-line description in the dataclass metadata, so
that validation, `--help` and error messages all read from the same place. Rules that join several
fields stand in `freqjax.config.validation`.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, get_type_hints

from freqjax.config.names import CELLS
from freqjax.errors import UserError


def _rule(default: Any, doc: str, allowed: str, check: Callable[[Any], bool]) -> Any:
    metadata = {"doc": doc, "allowed": allowed, "check": check}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _choice(default: str, values: tuple[str, ...], doc: str) -> Any:
    return _rule(default, doc, "one of " + ", ".join(values), lambda v: v in values)


def _positive(default: Any, doc: str) -> Any:
    return _rule(default, doc, "a number above 0", lambda v: v > 0)


def _at_least(low: float, default: Any, doc: str) -> Any:
    return _rule(default, doc, f"at least {low:g}", lambda v: v >= low)


def _fraction(default: Any, doc: str) -> Any:
    return _rule(default, doc, "at least 0 and below 1", lambda v: 0 <= v < 1)


def _seed(default: int, doc: str) -> Any:
    return _rule(default, doc, "from 0 to 4294967295", lambda v: 0 <= v < 2**32)


def _anything(default: Any, doc: str) -> Any:
    return _rule(default, doc, "any", lambda v: True)


def _frequencies_ok(values: tuple[float, ...]) -> bool:
    return len(values) > 0 and all(f >= 1e-6 for f in values) and len(set(values)) == len(values)


@dataclass
class TaskConfig:
    """The signal: what comes in and what must come out."""

    name: str = _choice("extraction", ("extraction",), "which task")
    frequencies: tuple[float, ...] = _rule(
        (1.0, 3.0, 5.0, 7.0),
        "component frequencies, Hz",
        "distinct numbers of at least 1e-6",
        _frequencies_ok,
    )
    sampling_rate: float = _positive(1000.0, "samples a second, Hz")
    duration: float = _positive(10.0, "length of a block, s")
    amplitude_range: tuple[float, ...] = _rule(
        (0.8, 1.2),
        "amplitudes are drawn uniformly from this range at every sample",
        "two numbers, the lower first",
        lambda v: len(v) == 2 and v[0] <= v[1],
    )
    phase_scale: float = _at_least(
        0.0, 1.0, "phases are phase_scale · U(0, 2π), drawn at every sample"
    )
    start: str = _choice("zero", ("zero", "random"), "where on the time axis a stream begins")
    starts: int = _at_least(1, 64, "streams where start is random (a test has at least 64)")
    noise: str = _choice(
        "fixed",
        ("fixed", "fresh"),
        "the rows of the seed every epoch, or new rows for every update",
    )
    reset: str = _choice("block", ("block", "epoch", "never"), "when the carried state starts over")
    train_seed: int = _seed(1, "seed of the training rows")
    test_seed: int = _seed(2, "seed of the test rows")
    train_path: str = _anything(
        "", "training rows from this .npz, .csv, .npy or .wav instead of synthesis"
    )
    test_path: str = _anything(
        "", "test rows from this .npz, .csv, .npy or .wav instead of synthesis"
    )

    @property
    def samples(self) -> int:
        """T, the rows of one block."""
        return round(self.duration * self.sampling_rate)


@dataclass
class NetworkConfig:
    """The network."""

    cell: str = _rule("lstm", "recurrent cell", "one of " + ", ".join(CELLS), lambda v: v in CELLS)
    hidden_size: int = _rule(
        64, "H, width of the hidden state", "from 1 to 16384", lambda v: 1 <= v <= 16384
    )
    layers: int = _rule(1, "recurrent layers on one another", "from 1 to 4", lambda v: 1 <= v <= 4)
    dropout: float = _fraction(
        0.0, "probability of dropping a feature between two layers while training"
    )
    bidirectional: bool = _anything(
        False, "whether each layer also runs from the end (train.regime=windows)"
    )
    conditioning: str = _choice(
        "input",
        ("input", "film"),
        "the selector stands beside the sample, or scales and shifts each layer's features",
    )
    initializer: str = _choice(
        "pytorch",
        ("pytorch", "orthogonal", "unit_forget", "chrono", "rotor", "spectral", "constructed"),
        "how the weights start",
    )
    learned_carry: bool = _anything(
        False, "whether the state a stream starts from is learned, or zero"
    )
    rotor_low: float = _positive(0.5, "lowest frequency of a rotor, Hz (rotor)")
    rotor_high: float = _positive(20.0, "highest frequency of a rotor, Hz (rotor)")
    rotor_gain: float = _at_least(
        0.0, 0.0, "weight with which rotors hear the mixture at first; 0 for a clock (rotor)"
    )
    rotor_leak: float = _at_least(
        0.0, 0.0, "how fast the forget gate of a rotor lets go at first, 1/s (rotor)"
    )
    rotor_decay: float = _at_least(
        0.0, 0.0, "how fast small swings of a rotor die away at first, 1/s (rotor)"
    )

    @property
    def beyond_one_lstm(self) -> dict[str, tuple[Any, Any]]:
        """The fields that make it another network than the one-layer LSTM: name → (value, the LSTM's)."""
        plain = {"cell": "lstm", "layers": 1, "bidirectional": False, "conditioning": "input"}
        values = {name: (getattr(self, name), wanted) for name, wanted in plain.items()}
        return {
            name: (found, wanted) for name, (found, wanted) in values.items() if found != wanted
        }


@dataclass
class OptimizerConfig:
    """How gradients become steps."""

    name: str = _choice("adam", ("adam", "adamw", "sgd", "rmsprop"), "update rule")
    learning_rate: float = _positive(1e-3, "peak learning rate")
    clip_norm: float | None = _positive(1.0, "largest global gradient norm, or none")
    weight_decay: float = _at_least(
        0.0, 0.0, "decay of the weights, decoupled in adamw and added to the gradient elsewhere"
    )
    momentum: float = _fraction(0.9, "Nesterov momentum of sgd")
    beta1: float = _fraction(0.9, "decay of the first moment (adam, adamw)")
    beta2: float = _fraction(0.999, "decay of the second moment (adam, adamw)")
    rms_decay: float = _fraction(0.99, "decay of the squared gradient (rmsprop)")
    epsilon: float = _positive(1e-8, "added to the root of the second moment")
    schedule: str = _choice(
        "constant", ("constant", "cosine", "warm_restarts", "plateau"), "learning rate over updates"
    )
    warmup_fraction: float = _fraction(0.05, "share of all updates spent warming up (cosine)")
    final_fraction: float = _fraction(
        0.0, "learning rate at the end of a cosine, as a share of the peak"
    )
    restart_epochs: int = _at_least(1, 10, "epochs of the first cycle (warm_restarts)")
    restart_factor: int = _at_least(1, 2, "each cycle is this many times the last (warm_restarts)")
    plateau_factor: float = _rule(
        0.5, "the rate is multiplied by this on a plateau", "between 0 and 1", lambda v: 0 < v < 1
    )
    plateau_patience: int = _at_least(
        0, 5, "epochs without improvement that are let pass (plateau)"
    )
    plateau_min_delta: float = _at_least(
        0.0, 1e-4, "what counts as improvement of the loss (plateau)"
    )


@dataclass
class TrainConfig:
    """The loop: how the stream is cut, how long it runs, and when it stops."""

    regime: str = _choice(
        "online",
        ("online", "tbptt", "full", "windows"),
        "where the gradient is cut, or shuffled windows that each start anew",
    )
    truncation: int = _at_least(
        1, 100, "K, samples in an update (tbptt); divides the rows of a block"
    )
    streams: str = _choice(
        "sequential", ("sequential", "parallel"), "the blocks one after another, or side by side"
    )
    engine: str = _choice(
        "auto",
        ("auto", "closed_form", "autodiff", "native"),
        "what makes the updates: of auto the closed form of online where there is one, else autodiff; "
        "native is C++, which python -m freqjax.native.build builds",
    )
    epochs: int = _at_least(0, 5, "passes over the stream; 0 evaluates the initial weights")
    seed: int = _seed(0, "seed of the weights and of fresh noise")
    evaluate_every: int = _at_least(0, 1, "epochs between frozen-weight evaluations; 0 for none")
    target_mse: float | None = _positive(
        None, "stop when every group's frozen training MSE is below this, or none"
    )
    patience: int | None = _at_least(
        1,
        None,
        "stop after this many evaluations of frozen training MSE without improvement, or none",
    )
    min_delta: float = _at_least(0.0, 1e-4, "what counts as improvement for patience")
    divergence_factor: float | None = _rule(
        1.5,
        "stop when the loss exceeds this many times its best, or none",
        "above 1",
        lambda v: v > 1,
    )
    checkpoint_every: int = _at_least(
        0, 0, "keep a checkpoint every so many epochs; 0 for best and last only"
    )
    diagnose: bool = _anything(True, "whether to name the causes of what is wrong at the end")
    escalate: tuple[int, ...] = _rule(
        (),
        "hidden sizes to go on to, one after another, where the diagnosis says capacity",
        "whole numbers that grow",
        lambda v: all(a < b for a, b in itertools.pairwise((0, *v))),
    )


@dataclass
class WindowsConfig:
    """Overlapping windows of a block, each with a state of its own; where train.regime is windows."""

    length: int = _at_least(1, 50, "L, samples of a window; at most those of a block")
    stride: int = _at_least(
        1, 10, "samples from a window's start to the next one's; at most the length"
    )
    batch: int = _at_least(1, 32, "windows in an update; at most those of an epoch")
    start: str = _choice(
        "zero",
        ("zero", "warm"),
        "a window begins with a fresh state, or with that of samples before",
    )
    warm_up: int = _at_least(
        1, 50, "samples before a window that its state is carried through, not its gradient (warm)"
    )
    loss: str = _choice(
        "all", ("all", "last"), "the rows of a window that are learned from: each, or its last"
    )
    combine: str = _choice(
        "last",
        ("last", "mean", "centre"),
        "of the windows over a sample the one that has heard most before it, all, or the one where it "
        "is nearest the middle",
    )


@dataclass
class CurriculumConfig:
    """Horizons that lengthen as they settle, with Gauss-Newton steps; where train.regime is full."""

    first_horizon: float | None = _positive(None, "the first horizon, s, or none for no curriculum")
    burn_in: float = _at_least(
        0.0, 0.0, "first seconds of every block that do not count; a locker needs some"
    )
    longest_horizon: float | None = _positive(
        None, "the horizon goes no further, s, or none for the whole block"
    )
    growth: float = _rule(
        1.4,
        "a horizon is at most this many times the last, unless the look ahead "
        "finds that the network keeps time for longer",
        "above 1",
        lambda v: v > 1,
    )
    settled_mse: float = _positive(1e-3, "every group below this loss: on to a longer horizon")
    look_ahead_mse: float = _positive(
        0.1, "the look ahead ends where a group's mean loss so far exceeds this"
    )
    patience: int = _at_least(1, 12, "steps at a horizon before it counts as lost")
    average: int = _at_least(
        1, 1, "the weights kept are the mean of so many last steps; more where rows are noisy"
    )
    damping: float = _positive(1e-2, "λ of the first step, and after going back")
    damping_floor: float = _positive(1e-9, "λ never falls below this; higher where rows are noisy")
    solver_steps: int = _at_least(1, 20, "most conjugate-gradient iterations in a step")


@dataclass
class LimitsConfig:
    """What the mode limits surveys."""

    phase_scales: tuple[float, ...] = _rule(
        (1.0, 0.5, 0.1, 0.01),
        "the phase scales whose limits are computed",
        "distinct numbers of at least 0",
        lambda v: len(v) > 0 and min(v) >= 0 and len(set(v)) == len(v),
    )
    samples_seen: tuple[int, ...] = _rule(
        (1, 10, 50, 200, 1000, 5000),
        "the limits after so many samples of a stream; of these default ones, those within a block",
        "rising whole numbers of at least 1",
        lambda v: len(v) > 0 and v[0] >= 1 and list(v) == sorted(set(v)),
    )


@dataclass
class SweepConfig:
    """Many replicas of one config, each with some fields set to values of its own."""

    axes: dict[str, tuple[Any, ...]] = _rule(  # noqa: RUF009 - every config gets a dictionary of its own
        {},
        "field → the values it takes; a replica for every combination "
        '(on the command line "train.seed=0..7;optimizer.learning_rate=1e-3,3e-3")',
        "fields with a value or more each",
        lambda v: all(v.values()),
    )
    widest_padding: float = _at_least(
        1.0,
        1.5,
        "hidden sizes share a program, the smaller padded with zeros, up to this ratio; 1 for never",
    )


@dataclass
class RunConfig:
    """Where a sweep runs: the devices of this process, and the processes it is shared with."""

    cpu_devices: int | None = _rule(
        None,
        "CPU devices of this process, or none for one a core",
        "from 1 to 1024",
        lambda v: 1 <= v <= 1024,
    )
    coordinator: str = _anything(
        "",
        "HOST:PORT of process 0, the same for all processes; auto to ask the cluster; empty for one process",
    )
    num_processes: int | None = _at_least(1, None, "processes in all (with coordinator)")
    process_id: int | None = _at_least(0, None, "which of them this is, from 0 (with coordinator)")


@dataclass
class Config:
    """A whole run."""

    task: TaskConfig = dataclasses.field(default_factory=TaskConfig)
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    windows: WindowsConfig = dataclasses.field(default_factory=WindowsConfig)
    curriculum: CurriculumConfig = dataclasses.field(default_factory=CurriculumConfig)
    limits: LimitsConfig = dataclasses.field(default_factory=LimitsConfig)
    sweep: SweepConfig = dataclasses.field(default_factory=SweepConfig)
    run: RunConfig = dataclasses.field(default_factory=RunConfig)


class Context(NamedTuple):
    """What of a stream a network that is run over windows hears.

    Attributes:
      windows: where they lie.
      both_ways: whether it hears the samples to come, too.
    """

    windows: WindowsConfig
    both_ways: bool


def context_of(config: Config) -> Context | None:
    """What the network of `config` hears of a stream, or None where it hears all that has passed."""
    if config.train.regime != "windows":
        return None
    return Context(config.windows, config.network.bidirectional)


# What a sweep may vary.
AXIS_SECTIONS = ("task", "network", "optimizer", "train", "windows", "curriculum")


def sections(config: Config) -> Iterator[tuple[str, Any]]:
    """The sections of `config` by name, in order."""
    for field in dataclasses.fields(config):
        yield field.name, getattr(config, field.name)


def field_type(name: str) -> Any:
    """The type of the field `section.field`.

    Raises:
      UserError: there is no such field; the sentence names the nearest one.
    """
    known = _field_types()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    raise UserError(f"config.{name} is not a field: the nearest one is config.{near}.")


@functools.cache
def _field_types() -> dict[str, Any]:
    return {
        f"{section_name}.{name}": kind
        for section_name, section in sections(Config())
        for name, kind in get_type_hints(type(section)).items()
    }


def to_dict(config: Config) -> dict[str, dict[str, Any]]:
    """`config` as nested dictionaries that JSON can hold."""
    return dataclasses.asdict(config)


def differing_fields(a: Config, b: Config) -> list[str]:
    """Names `section.field` of the fields in which `a` and `b` differ."""
    left, right = to_dict(a), to_dict(b)
    return [
        f"{section}.{field}"
        for section, fields in left.items()
        for field, value in fields.items()
        if right[section][field] != value
    ]
