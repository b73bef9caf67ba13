"""Configs are checked whole, before anything is traced or written.

Each field by its own rule (`freqjax.config.sections`), then the rules that join several fields: `validate`
for all that any mode needs, `validate_training` for what binds training alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, get_args, get_type_hints

from freqjax.config.sections import (
    AXIS_SECTIONS,
    Config,
    LimitsConfig,
    NetworkConfig,
    TaskConfig,
    field_type,
    sections,
)
from freqjax.errors import UserError

# The largest number of single precision, roughly.
_LARGEST = 3e38
# A block is held in memory whole.
_MOST_SAMPLES = 100_000_000


def validate(config: Config) -> Config:
    """Check every field by its own rule and then the rules that join fields.

    Returns:
      `config` itself, with whole numbers in float fields turned into floats and lists into tuples.

    Raises:
      UserError: the first field that breaks a rule, with its value and what is allowed.
    """
    for section_name, section in sections(config):
        types = get_type_hints(type(section))
        for field in dataclasses.fields(section):
            name = f"{section_name}.{field.name}"
            value = coerce(name, types[field.name], getattr(section, field.name))
            if value is not None and not field.metadata["check"](value):
                raise UserError(
                    f"{name} is {_show(value)}: it must be {field.metadata['allowed']}."
                )
            setattr(section, field.name, value)
    _validate_task(config.task)
    _validate_network(config)
    _validate_windows(config)
    return config


def validate_training(config: Config) -> Config:
    """As `validate`, with the rules that bind training alone.

    Raises:
      UserError: as `validate`.
    """
    validate(config)
    if config.sweep.axes:
        raise UserError(
            "sweep.axes is set: --mode sweep trains its replicas; --config.sweep.axes= trains the config "
            "alone."
        )
    _validate_train(config)
    _validate_escalation(config)
    _validate_curriculum(config)
    return config


def validate_limits(config: Config) -> Config:
    """As `validate`, with the rule that binds the mode limits alone.

    Raises:
      UserError: as `validate`.
    """
    validate(config)
    samples, seen = config.task.samples, config.limits.samples_seen
    if seen != LimitsConfig().samples_seen and seen[-1] > samples:
        raise UserError(
            f"limits.samples_seen holds {seen[-1]}: it must be at most {samples}, the samples of a "
            "block, as task.duration and task.sampling_rate say."
        )
    return config


def _validate_task(task: TaskConfig) -> None:
    nyquist = task.sampling_rate / 2
    for frequency in task.frequencies:
        if frequency >= nyquist:
            raise UserError(
                f"task.frequencies holds {frequency:g} Hz: it must lie below the Nyquist frequency, "
                f"{nyquist:g} Hz at a task.sampling_rate of {task.sampling_rate:g} Hz."
            )
    rows = task.duration * task.sampling_rate
    if rows > _MOST_SAMPLES:
        raise UserError(
            f"task.duration is {task.duration:g} s: times task.sampling_rate ({task.sampling_rate:g} Hz) "
            f"it must give at most {_MOST_SAMPLES} samples."
        )
    if abs(rows - round(rows)) > 1e-6 or round(rows) < 2:
        raise UserError(
            f"task.duration is {task.duration:g} s: times task.sampling_rate ({task.sampling_rate:g} Hz) "
            "it must give a whole number of samples, at least 2."
        )


def _validate_network(config: Config) -> None:
    network, nyquist = config.network, config.task.sampling_rate / 2
    if network.dropout > 0 and network.layers == 1:
        raise UserError(
            f"network.dropout is {network.dropout:g}: it must be 0 where network.layers is 1, since it "
            "is applied between layers."
        )
    if network.initializer not in ("rotor", "spectral"):
        return
    if not network.rotor_low < network.rotor_high < nyquist:
        raise UserError(
            f"network.rotor_high is {network.rotor_high:g} Hz: it must lie above network.rotor_low "
            f"({network.rotor_low:g} Hz) and below the Nyquist frequency ({nyquist:g} Hz)."
        )


def _validate_windows(config: Config) -> None:
    """The rules of windows, in training and in evaluation."""
    windows, samples = config.windows, config.task.samples
    if config.train.regime != "windows":
        return
    if windows.length > samples:
        raise UserError(
            f"windows.length is {windows.length}: it must be at most {samples}, the rows of a block."
        )
    if windows.stride > windows.length:
        raise UserError(
            f"windows.stride is {windows.stride}: it must be at most windows.length ({windows.length}), or "
            "samples between two windows would have no output."
        )
    if windows.start == "warm" and config.network.bidirectional:
        raise UserError(
            "windows.start is warm: it must be zero where network.bidirectional is True, since a state "
            "from before a window is half of what such a network begins with."
        )
    if config.task.reset != "block":
        raise UserError(
            f"task.reset is {config.task.reset}: it must be block where train.regime is windows, which "
            "carry no state over."
        )


def _require_one_lstm(network: NetworkConfig, where: str) -> None:
    for field, (found, wanted) in network.beyond_one_lstm.items():
        raise UserError(f"network.{field} is {_show(found)}: it must be {_show(wanted)} {where}.")


def _validate_train(config: Config) -> None:
    train, samples = config.train, config.task.samples
    if config.network.bidirectional and train.regime != "windows":
        raise UserError(
            f"network.bidirectional is True: it must be False where train.regime is {train.regime}, since "
            "such a network sees the samples to come."
        )
    if config.task.train_path and config.task.noise == "fresh":
        raise UserError(
            "task.noise is fresh: it must be fixed where task.train_path names a file, "
            "since rows from a file cannot be drawn anew."
        )
    if train.regime == "tbptt" and samples % train.truncation:
        raise UserError(
            f"train.truncation is {train.truncation}: it must divide the {samples} rows of a block."
        )
    wants_frozen = train.target_mse is not None or train.patience is not None
    if wants_frozen and train.evaluate_every == 0:
        raise UserError(
            "train.evaluate_every is 0: it must be at least 1 where train.target_mse or "
            "train.patience is set, which go by the frozen training MSE."
        )


def _validate_escalation(config: Config) -> None:
    sizes, hidden = config.train.escalate, config.network.hidden_size
    if sizes and sizes[0] <= hidden:
        raise UserError(
            f"train.escalate is {_show(sizes)}: its sizes must lie above network.hidden_size, {hidden}."
        )
    if sizes and not config.train.diagnose:
        raise UserError(
            "train.diagnose is false: it must be true where train.escalate is set, which goes by it."
        )


def _validate_curriculum(config: Config) -> None:
    curriculum = config.curriculum
    first, longest = curriculum.first_horizon, curriculum.longest_horizon
    if first is None or config.train.regime != "full":
        return
    end = config.task.duration if longest is None else longest
    if first > end or end > config.task.duration:
        raise UserError(
            f"curriculum.first_horizon is {first:g} s: it must be at most "
            f"curriculum.longest_horizon and task.duration, {min(end, config.task.duration):g} s."
        )
    rate = config.task.sampling_rate
    if round(first * rate) < 2 or round(first * rate) > round(end * rate):
        raise UserError(
            f"curriculum.first_horizon is {first:g} s: it must be at least 2 samples, {2 / rate:g} s."
        )
    if round(curriculum.burn_in * rate) >= round(first * rate):
        raise UserError(
            f"curriculum.burn_in is {curriculum.burn_in:g} s: it must be below "
            f"curriculum.first_horizon, {first:g} s."
        )
    for field, found, wanted in (
        ("train.streams", config.train.streams, "parallel"),
        ("task.reset", config.task.reset, "block"),
        ("network.learned_carry", config.network.learned_carry, True),
    ):
        if found != wanted:
            raise UserError(
                f"{field} is {_show(found)}: it must be {_show(wanted)} where "
                "curriculum.first_horizon is set, since a horizon is counted from the start of every "
                "block."
            )
    _require_one_lstm(
        config.network,
        "where curriculum.first_horizon is set, whose steps are written out for a one-layer LSTM",
    )
    if config.train.divergence_factor is not None:
        raise UserError(
            f"train.divergence_factor is {config.train.divergence_factor:g}: it must be none where "
            "curriculum.first_horizon is set, since every longer horizon begins with a larger loss."
        )


def coerce(name: str, kind: Any, value: Any) -> Any:
    """Return `value` as the field's type `kind`.

    Raises:
      UserError: a value of another type, or a number that is not finite.
    """
    if kind == (float | None) or kind == (int | None):
        return (
            None if value is None else coerce(name, float if kind == (float | None) else int, value)
        )
    if kind == dict[str, tuple[Any, ...]]:
        return _coerce_axes(name, value)
    if kind in (tuple[float, ...], tuple[int, ...]):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = (value,)
        if not isinstance(value, (list, tuple)):
            raise UserError(f"{name} is {_show(value)}: it must be a list of numbers.")
        (item_kind, _) = get_args(kind)
        return tuple(coerce(name, item_kind, item) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**64 else math.inf
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UserError(f"{name} is {_show(value)}: it must be {_KIND_NAMES[kind]}.")
    if kind is float and not (math.isfinite(value) and abs(value) < _LARGEST):
        raise UserError(f"{name} is {value}: it must be a finite number below {_LARGEST:g}.")
    if kind is int and abs(value) >= 2**32:
        raise UserError(f"{name} is {value}: it must be below {2**32}.")
    return value


def _coerce_axes(name: str, axes: Any) -> dict[str, tuple[Any, ...]]:
    """Fields and their values, each as the field's own type; a combination is checked as a config."""
    if not isinstance(axes, dict):
        raise UserError(
            f"{name} is {_show(axes)}: it must be a dictionary of fields and their values."
        )
    found = {}
    for field, values in axes.items():
        kind = field_type(field)
        if field.partition(".")[0] not in AXIS_SECTIONS:
            raise UserError(
                f"{name} holds {field}: an axis is a field of one of {', '.join(AXIS_SECTIONS)}."
            )
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise UserError(f"{name} has {field} = {_show(values)}: it must be a list of values.")
        found[field] = tuple(coerce(field, kind, value) for value in values)
        if len(set(found[field])) < len(found[field]):
            raise UserError(f"{name} has {field} = {_show(found[field])}: a value is there twice.")
    return found


_KIND_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_show(item) for item in value) + ")"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def from_dict(values: Any, source: str) -> Config:
    """Build and validate a config from nested dictionaries; fields left out keep their defaults.

    Args:
      values: section → field → value, as `to_dict` gives them.
      source: where they came from, for error messages.

    Raises:
      UserError: not a nested dictionary, an unknown field, or a value that breaks a rule.
    """
    config = Config()
    if not isinstance(values, dict):
        raise UserError(f"{source} holds no config: it must be an object of sections.")
    for section_name, fields in values.items():
        if not isinstance(fields, dict):
            raise UserError(f"{source}: {section_name} must be a section, an object of fields.")
        for field_name, value in fields.items():
            field_type(f"{section_name}.{field_name}")
            setattr(getattr(config, section_name), field_name, value)
    return validate(config)
