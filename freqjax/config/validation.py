"""Configs are checked whole, before anything is traced or written.

Each field by its own rule (`freqjax.config.fields`), then the rules that join several fields: `validate`
for all that any mode needs, `validate_training` for what binds training alone. What joins fields of a task
stands in its section (`TaskConfig.check`), what a network needs of a task in `freqjax.networks.needs`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from freqjax.config.axes import coerce_axes, laws_of
from freqjax.config.coercion import coerce, show
from freqjax.config.fields import AXES, Section, field_types, require_untouched
from freqjax.config.filter_rules import validate_filter
from freqjax.config.names import CELLS, OTHER_NONLINEARITIES, cell_class, look_in
from freqjax.config.network import NetworkConfig
from freqjax.config.sections import (
    Config,
    change_task,
    default_config,
    field_type,
    require_section,
    section_types,
    sections,
)
from freqjax.config.task import TaskConfig
from freqjax.config.training import GRADIENTS, REAL_TIME_GRADIENTS
from freqjax.config.versions import MOVED, upgrade
from freqjax.errors import UserError

# What the class was written with; what is set on it later does not reach its objects.
_CONFIG = frozenset(vars(Config))


def validate(config: Config) -> Config:
    """Check every field by its own rule and then the rules that join fields.

    Returns:
      `config` itself, with whole numbers in float fields turned into floats and lists into tuples.

    Raises:
      UserError: the first field that breaks a rule, with its value and what is allowed.
    """
    _require_sections(config)
    _settle_moved(config)
    for name, section in sections(config):
        _validate_fields(config, name, section)
    laws_of(config)
    _validate_network(config)
    _validate_burn_in(config.task)
    config.task.check(config)
    _validate_windows(config)
    return config


def _require_sections(config: Config) -> None:
    """Require every section to be there, and `task` to be what `task.name` asks for."""
    if not isinstance(config.task, TaskConfig):
        raise _wrong_section("task", config.task, TaskConfig)
    change_task(config, coerce("task.name", str, config.task.name))
    if not isinstance(config.own, dict) or set(config.own) != set(config.task.sections):
        own = ", ".join(config.task.sections) or "none"
        raise UserError(
            f"config.own is {show(config.own)}: it must hold the sections of the task alone ({own})."
        )
    for name, wanted in section_types(config).items():
        found = getattr(config, name)
        if not isinstance(found, wanted):
            raise _wrong_section(name, found, wanted)
        require_untouched(type(found))
    unknown = [name for name in vars(Config) if name not in _CONFIG and not name.startswith("_")]
    if unknown:
        raise UserError(
            f"Config.{unknown[0]} was set on the class, which changes no config: set it on an object."
        )


def _wrong_section(name: str, found: Any, wanted: type[Section]) -> UserError:
    shown = "None" if found is None else f"of the type {type(found).__name__}"
    return UserError(f"config.{name} is {shown}: it must be a section, {wanted.__name__}.")


def _settle_moved(config: Config) -> None:
    """Put what is set under a name of version 0.1 where it belongs now."""
    for old, name in MOVED.items():
        place, attribute = old.split(".")
        section, value = getattr(config, place), getattr(getattr(config, place), attribute)
        if value is None:
            continue
        try:
            field_type(config, name)
        except UserError:
            raise UserError(
                f"{old} is {show(value)}: it is {name} now, which {config.task.name} does not have."
            ) from None
        where, field = name.split(".")
        setattr(getattr(config, where), field, value)
        delattr(section, attribute)


def _validate_fields(config: Config, section_name: str, section: Section) -> None:
    rules = {field.name: field.metadata for field in dataclasses.fields(section)}  # pyright: ignore[reportArgumentType]
    for field, kind in field_types(type(section)).items():
        name = f"{section_name}.{field}"
        value = getattr(section, field)
        value = coerce_axes(config, name, value) if kind == AXES else coerce(name, kind, value)
        if value is not None and not rules[field]["check"](value):
            raise UserError(f"{name} is {show(value)}: it must be {rules[field]['allowed']}.")
        setattr(section, field, value)


def validate_training(config: Config) -> Config:
    """Check as `validate` does, and the rules that hold for training only.

    Raises:
      UserError: as `validate`.
    """
    validate(config)
    if config.sweep.axes:
        without = " --config.sweep.draws=0" if config.sweep.draws else ""
        without += " --config.sweep.halving=0" if config.sweep.halving > 1 else ""
        raise UserError(
            f"sweep.axes is set: --mode sweep trains its replicas; --config.sweep.axes={without} trains the "
            "config alone."
        )
    if config.sweep.halving > 1:
        raise UserError(
            f"sweep.halving is {config.sweep.halving}: it must be 0 or 1 where there is no sweep."
        )
    _validate_train(config)
    _validate_escalation(config)
    _validate_curriculum(config)
    validate_filter(config)
    return config


def _validate_network(config: Config) -> None:
    network = config.network
    if network.dropout > 0 and network.layers == 1:
        raise UserError(
            f"network.dropout is {network.dropout:g}: it must be 0 where network.layers is 1, since it "
            "is applied between layers."
        )
    if network.residual and network.layers == 1 and network.has_layers:
        raise UserError(
            f"network.residual is {network.residual}: it must be False where network.layers is 1, since the "
            "first layer adds nothing."
        )
    # The cells of freqjax are there; to import them would bring JAX.
    if network.cell not in CELLS and network.has_layers:
        cell_class(network.cell)
    if not network.has_layers:
        _validate_without_layers(network)
    able = OTHER_NONLINEARITIES.get(network.nonlinearity)
    if able is not None and network.cell not in able:
        raise UserError(
            f"network.nonlinearity is {network.nonlinearity}: it must be tanh where network.cell is "
            f"{network.cell}, since {', '.join(able)} alone has another one."
        )
    if network.recurrence == "pairs":
        _validate_pairs(network)


def _validate_without_layers(network: NetworkConfig) -> None:
    """Check the fields that only layers of a cell have."""
    for field, wanted in (
        ("layers", 1),
        ("residual", False),
        ("bidirectional", False),
        ("conditioning", "input"),
    ):
        found = getattr(network, field)
        if found != wanted:
            raise UserError(
                f"network.{field} is {show(found)}: it must be {show(wanted)} where network.cell is "
                f"{network.cell}, which is one layer that reads its selector itself."
            )


def _validate_pairs(network: NetworkConfig) -> None:
    """Check the rules of recurrent weights within pairs alone."""
    _require_one_lstm(network, "where network.recurrence is pairs, which one LSTM layer has")
    if network.hidden_size % 2:
        raise UserError(
            f"network.hidden_size is {network.hidden_size}: it must be even where network.recurrence is "
            "pairs."
        )
    if network.initializer == "constructed":
        raise UserError(
            "network.initializer is constructed: it must be another one where network.recurrence is pairs, "
            "since its weights couple three units."
        )


def _validate_burn_in(task: TaskConfig) -> None:
    if task.burn_in and task.burn_in_samples >= task.samples:
        length, unit = task.samples / task.samples_per_unit, task.time_unit
        raise UserError(
            f"task.burn_in is {task.burn_in:g} {unit}: it must be below the length of a sequence, "
            f"{length:g} {unit}."
        )


def _validate_windows(config: Config) -> None:
    """Check the rules of windows and examples, which hold in training and in evaluation."""
    windows, samples = config.windows, config.task.samples
    if config.train.is_shuffled and config.task.reset != "block":
        raise UserError(
            f"task.reset is {config.task.reset}: it must be block where train.regime is "
            f"{config.train.regime}, which carry no state over."
        )
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


def _require_one_lstm(network: NetworkConfig, where: str) -> None:
    for field, (found, wanted) in network.beyond_one_lstm.items():
        raise UserError(f"network.{field} is {show(found)}: it must be {show(wanted)} {where}.")


def _validate_train(config: Config) -> None:
    train, samples = config.train, config.task.samples
    if train.gradient not in ("auto", *GRADIENTS[train.regime]):
        raise UserError(
            f"train.gradient is {train.gradient}: it must be one of auto, "
            f"{', '.join(GRADIENTS[train.regime])} where train.regime is {train.regime}."
        )
    _validate_real_time(config)
    if config.network.bidirectional and not train.is_shuffled:
        raise UserError(
            f"network.bidirectional is True: it must be False where train.regime is {train.regime}, since "
            "such a network sees the samples to come."
        )
    if train.regime == "tbptt" and samples % train.truncation:
        raise UserError(
            f"train.truncation is {train.truncation}: it must divide the {samples} rows of a block."
        )
    wants_frozen = train.target_mse is not None or train.patience is not None
    if wants_frozen and train.evaluate_every == 0:
        raise UserError(
            "train.evaluate_every is 0: it must be at least 1 where train.target_mse or "
            "train.patience is set, which go by the frozen loss."
        )


def _validate_real_time(config: Config) -> None:
    """Check the rules of gradients that carry the derivative of the state forward."""
    train, network = config.train, config.network
    if train.gradient_method not in REAL_TIME_GRADIENTS:
        # The pairs of a filter always know it.
        if train.state_correction and not config.is_filter:
            raise UserError(
                f"train.state_correction is true: it must be false where train.gradient is {train.gradient}, "
                f"since only {' and '.join(REAL_TIME_GRADIENTS)} know the derivative of the state."
            )
        return
    if network.is_single_layer:
        return
    for field, found, wanted in (
        ("layers", network.layers, 1),
        ("conditioning", network.conditioning, "input"),
        ("bidirectional", network.bidirectional, False),
    ):
        if found != wanted:
            raise UserError(
                f"network.{field} is {found}: it must be {wanted} where train.gradient is "
                f"{train.gradient}, which carries the derivative of one layer's state forward."
            )


def _validate_escalation(config: Config) -> None:
    sizes, hidden = config.train.escalate, config.network.hidden_size
    if sizes and sizes[0] <= hidden:
        raise UserError(
            f"train.escalate is {show(sizes)}: its sizes must lie above network.hidden_size, {hidden}."
        )
    if config.network.recurrence == "pairs" and any(size % 2 for size in sizes):
        raise UserError(
            f"train.escalate is {show(sizes)}: its sizes must be even where network.recurrence is pairs."
        )
    if sizes and not config.train.diagnose:
        raise UserError(
            "train.diagnose is false: it must be true where train.escalate is set, which goes by it."
        )


def _validate_curriculum(config: Config) -> None:
    curriculum = config.curriculum
    first, longest = curriculum.first_horizon, curriculum.longest_horizon
    if first is None or config.is_filter:  # whose rules are those of a filter
        return
    if config.train.regime != "full":
        raise UserError(
            f"curriculum.first_horizon is {first:g}: it must be none where train.regime is "
            f"{config.train.regime} and optimizer.name is {config.optimizer.name}, which train on whole "
            "blocks."
        )
    unit, rate, samples = (
        config.task.time_unit,
        config.task.samples_per_unit,
        config.task.samples,
    )
    end = samples / rate if longest is None else longest
    if round(first * rate) > round(end * rate) or round(end * rate) > samples:
        raise UserError(
            f"curriculum.first_horizon is {first:g} {unit}: it must be at most "
            f"curriculum.longest_horizon and a block, {min(end, samples / rate):g} {unit}."
        )
    if round(first * rate) < 2:
        raise UserError(
            f"curriculum.first_horizon is {first:g} {unit}: it must be at least 2 samples, "
            f"{2 / rate:g} {unit}."
        )
    if config.task.burn_in_samples >= round(first * rate):
        raise UserError(
            f"task.burn_in is {config.task.burn_in:g} {unit}: it must be below "
            f"curriculum.first_horizon, {first:g} {unit}."
        )
    for field, found, wanted in (
        ("train.streams", config.train.streams, "parallel"),
        ("task.reset", config.task.reset, "block"),
        ("network.learned_carry", config.network.learned_carry, True),
    ):
        if found != wanted:
            raise UserError(
                f"{field} is {show(found)}: it must be {show(wanted)} where "
                "curriculum.first_horizon is set, since a horizon is counted from the start of every "
                "block."
            )
    _require_one_lstm(
        config.network,
        "where curriculum.first_horizon is set, whose steps are written out for a one-layer LSTM",
    )
    if config.train.steps_per_epoch is not None:
        raise UserError(
            f"train.steps_per_epoch is {config.train.steps_per_epoch}: it must be none where "
            "curriculum.first_horizon is set, of which a step is an epoch."
        )
    if config.train.divergence_factor is not None:
        raise UserError(
            f"train.divergence_factor is {config.train.divergence_factor:g}: it must be none where "
            "curriculum.first_horizon is set, since every longer horizon begins with a larger loss."
        )


def from_dict(values: Any, source: str, say: Callable[[str], None] | None = None) -> Config:
    """Build and validate a config from nested dictionaries; fields left out keep their defaults.

    Args:
      values: section → field → value, as `to_dict` gives them, of this version or of 0.1.
      source: where they came from, for error messages.
      say: is told in one line where they are of version 0.1.

    Raises:
      UserError: not a nested dictionary, an unknown field, or a value that breaks a rule.
    """
    if not isinstance(values, dict):
        raise UserError(f"{source} holds no config: it must be an object of sections.")
    for section_name, fields in values.items():
        if not isinstance(fields, dict):
            raise UserError(f"{source}: {section_name} must be a section, an object of fields.")
    values, told = upgrade(values)
    if told is not None and say is not None:
        say(f"{source}: {told}.")
    look_in({k: v for k, v in values.get("modules", {}).items() if isinstance(v, str)})
    name = values.get("task", {}).get("name")
    config = Config() if name is None else default_config(coerce("task.name", str, name))
    for section_name, fields in values.items():
        if section_name == "modules":
            continue
        require_section(config, section_name)
        for field_name, value in fields.items():
            field_type(config, f"{section_name}.{field_name}")
            setattr(getattr(config, section_name), field_name, value)
    return validate(config)
