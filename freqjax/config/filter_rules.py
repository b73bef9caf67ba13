"""Rules about several fields where `optimizer.name` is ekf."""

from __future__ import annotations

from freqjax.config.coercion import show
from freqjax.config.sections import Config
from freqjax.config.training import CurriculumConfig
from freqjax.errors import UserError

# field → (value that a filter needs, why).
_NEEDED = {
    "train.regime": ("online", "which makes an update a sample"),
    "train.streams": ("sequential", "which makes an update a sample"),
    "train.steps_per_epoch": (None, "of which an epoch is a pass over all rows"),
    "train.divergence_factor": (None, "whose prequential loss rises while it learns"),
    "train.evaluate_every": (1, "whose shadow losses are known after every epoch"),
    "train.escalate": ((), "whose capacity is not examined"),
    "network.recurrence": ("pairs", "which trains pairs of units of an LSTM"),
    "network.learned_carry": (True, "which estimates the initial carry"),
    "curriculum.longest_horizon": (None, "whose horizons grow to a whole block"),
}

# Fields of Gauss-Newton steps, which a filter does not read.
_OF_STEPS = ("look_ahead_mse", "patience", "average", "damping", "damping_floor", "solver_steps")
# Implementations of a filter, in JAX and in C++.
_ENGINES = ("auto", "native")


def validate_filter(config: Config) -> None:
    """Check the fields that a filter depends on.

    Raises:
      UserError: one has a value that it does not support.
    """
    if not config.is_filter:
        return
    needed = dict(_NEEDED)
    if not config.network.has_layers:
        del needed["network.recurrence"]
    for field, (wanted, why) in needed.items():
        section, _, name = field.partition(".")
        found = getattr(getattr(config, section), name)
        if found != wanted:
            raise UserError(
                f"{field} is {_show(found)}: it must be {_show(wanted)} where optimizer.name is ekf, {why}."
            )
    if config.train.engine not in _ENGINES:
        raise UserError(
            f"train.engine is {config.train.engine}: it must be one of {', '.join(_ENGINES)} where "
            "optimizer.name is ekf, which has its own programs."
        )
    if config.train.engine == "native" and config.optimizer.groups != "input":
        raise UserError(
            f"optimizer.groups is {config.optimizer.groups}: it must be input where train.engine is native, "
            "whose loop keeps one covariance."
        )
    for name in _OF_STEPS:
        found, default = getattr(config.curriculum, name), getattr(CurriculumConfig(), name)
        if found != default:
            raise UserError(
                f"curriculum.{name} is {show(found)}: it must be left at {show(default)} where "
                "optimizer.name is ekf, since it belongs to Gauss-Newton steps."
            )
    first = config.curriculum.first_horizon
    if first is None:
        return
    if config.task.reset != "block":
        raise UserError(
            f"task.reset is {config.task.reset}: it must be block where curriculum.first_horizon is set, "
            "since a horizon is counted from the start of every block."
        )
    rate, unit = config.task.samples_per_unit, config.task.time_unit
    if not 2 <= round(first * rate) <= config.task.samples:
        raise UserError(
            f"curriculum.first_horizon is {first:g} {unit}: it must be at least 2 samples and at most a "
            f"block, {config.task.samples / rate:g} {unit}."
        )


def _show(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if value == ():
        return "empty"
    return value if isinstance(value, str) else show(value)
