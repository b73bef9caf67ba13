"""Axes of a sweep: fields with the values that they take, or with the law of values that are drawn."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from freqjax.config import laws
from freqjax.config.coercion import MOST_VALUES, coerce, kind_words, show
from freqjax.config.fields import AXES, nearest, optional
from freqjax.config.laws import ALLOWED, LAWS, Law
from freqjax.config.sections import AXIS_SECTIONS, Config, field_rule, field_type
from freqjax.config.versions import present_name
from freqjax.errors import UserError


def coerce_axes(config: Config, name: str, axes: Any) -> AXES:
    """Return fields and their values, each as the field's own type, or their law as text.

    Combinations of values are checked as configs.

    Raises:
      UserError: a field that cannot be an axis, a value of another type, or a law that cannot be.
    """
    if not isinstance(axes, dict):
        raise UserError(
            f"{name} is {show(axes)}: it must be a dictionary of fields and their values."
        )
    found: AXES = {}
    given = {}
    for field, values in axes.items():
        if not isinstance(field, str):
            raise UserError(
                f"{name} holds {show(field)}: an axis is named by text, as train.seed is."
            )
        field_type(config, field)  # raises with the nearest one
        twin = given.setdefault(present_name(field), field)
        if twin != field:
            raise UserError(
                f"{name} holds {twin} and {field}: they are one field, and must be given once."
            )
        if field.partition(".")[0] not in AXIS_SECTIONS:
            raise UserError(
                f"{name} holds {field}: an axis is a field of one of {', '.join(AXIS_SECTIONS)}."
            )
        if field == "task.name":
            raise UserError(f"{name} holds {field}: it must not, since a sweep compares one task.")
        if isinstance(values, str):
            found[field] = _law(config, name, field, values).text
        else:
            found[field] = _values(config, name, field, values)
    return found


def _values(config: Config, name: str, field: str, values: Any) -> tuple[Any, ...]:
    if not isinstance(values, Iterable):
        raise UserError(f"{name} has {field} = {show(values)}: it must be a list of values.")
    held = list(itertools.islice(values, MOST_VALUES + 1))  # it may not end by itself
    if len(held) > MOST_VALUES:
        raise UserError(f"{name} has more than {MOST_VALUES} values of {field}: fewer are allowed.")
    kind = field_type(config, field)
    found = tuple(coerce(field, kind, value) for value in held)
    if len(set(found)) < len(found):
        raise UserError(f"{name} has {field} = {show(found)}: a value is there twice.")
    return found


def _law(config: Config, name: str, field: str, text: str) -> Law:
    """Read the law of a field, and check it against the field's rule."""
    said = f"{name} has {field} = {show(text)}"
    kind, _ = optional(field_type(config, field))
    if kind not in (int, float):
        if laws.is_meant(kind, text):
            raise UserError(
                f"{said}: a law is for a field that is one number, not {kind_words(kind)}."
            )
        raise UserError(f"{said}: it must be a list of values.")
    parts = laws.read(text)
    if parts is None:
        raise UserError(f"{said}: it must be a list of values, or one law, {ALLOWED}.")
    law, *texts = parts
    if law not in LAWS:
        raise UserError(
            f"{said}: {law} is no law, which must be {ALLOWED}; the nearest one is {nearest(law, LAWS)}."
        )
    low, high = (_end(said, field, kind, end) for end in texts)
    if low >= high:
        raise UserError(f"{said}: its first end must be below its second.")
    if LAWS[law].is_log and low <= 0:
        raise UserError(f"{said}: its ends must be above 0, since it is uniform in the logarithm.")
    rule = field_rule(config, field)
    for end in (low, high):
        if not rule["check"](end):
            raise UserError(
                f"{said}: {show(end)} is no value of the field, which must be {rule['allowed']}."
            )
    return Law(law, low, high, kind is int)


def _end(said: str, field: str, kind: type, text: str) -> float:
    try:
        number = kind(text)
    except ValueError:
        raise UserError(f"{said}: its end {show(text)} must be {kind_words(kind)}.") from None
    return coerce(field, kind, number)


def laws_of(config: Config) -> dict[str, Law]:
    """Return the laws of the axes that have one, by field.

    Raises:
      UserError: one cannot be, or `sweep.draws` does not go with them.
    """
    axes, draws = config.sweep.axes, config.sweep.draws
    found = {
        field: _law(config, "sweep.axes", field, values)
        for field, values in axes.items()
        if isinstance(values, str)
    }
    if found and draws < 1:
        field, law = next(iter(found.items()))
        raise UserError(
            f"sweep.draws is {draws}: it must be at least 1 where an axis has a law, as {field} has, "
            f"{law.text}."
        )
    if draws and not found:
        raise UserError(
            f"sweep.draws is {draws}: it must be 0 where no axis of sweep.axes has a law, {ALLOWED}."
        )
    return found
