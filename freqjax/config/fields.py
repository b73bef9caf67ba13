"""Fields of a config with their rules, and `Section`, the base of every group of fields.

A section is a dataclass whose defaults are made by the functions here:

    @dataclass
    class ClassifierConfig(TaskConfig):
        classes: int = at_least(2, 4, "number of classes")
        balance: str = choice("equal", ("equal", "sampled"), "how often a class is drawn")

Validation, `--help`, the command line and error messages all read the rule and the description from there.
A field is a text, a number, true or false, one of these or none (`int | None`), or a list of them
(`tuple[float, ...]`).
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Union, get_args, get_origin, get_type_hints

from freqjax.errors import UserError

# Field → the values it takes, or their law as text: the type of `sweep.axes`, which no other field has.
AXES = dict[str, tuple[Any, ...] | str]
_PLAIN = (str, int, float, bool)


def rule(default: Any, doc: str, allowed: str, check: Callable[[Any], bool]) -> Any:
    """Make a field of a section.

    Args:
      default: its value unless another is given; a dictionary is copied for every section.
      doc: its description in one line, with its unit.
      allowed: the values allowed, in words that follow "it must be".
      check: whether a value, already of the field's type and not None, is allowed.
    """
    return _field(default, {"doc": doc, "allowed": allowed, "check": check})


def _field(default: Any, metadata: dict[str, Any]) -> Any:
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def choice(default: str, values: tuple[str, ...], doc: str) -> Any:
    """Make a field that is one of `values`."""
    allowed = "one of " + ", ".join(values)
    return _field(
        default,
        {"doc": doc, "allowed": allowed, "check": lambda v: v in values, "values": values},
    )


def positive(default: Any, doc: str) -> Any:
    """Make a field that is a number above 0."""
    return rule(default, doc, "a number above 0", lambda v: v > 0)


def at_least(low: float, default: Any, doc: str) -> Any:
    """Make a field that is a number of at least `low`."""
    return rule(default, doc, f"at least {low:g}", lambda v: v >= low)


def within(low: float, high: float, default: Any, doc: str) -> Any:
    """Make a field that is a number from `low` to `high`, both included."""
    return rule(default, doc, f"from {low:.10g} to {high:.10g}", lambda v: low <= v <= high)


def fraction(default: Any, doc: str) -> Any:
    """Make a field that is at least 0 and below 1."""
    return rule(default, doc, "at least 0 and below 1", lambda v: 0 <= v < 1)


def random_seed(default: int, doc: str) -> Any:
    """Make a field that seeds a random generator."""
    return within(0, 2**32 - 1, default, doc)


def anything(default: Any, doc: str) -> Any:
    """Make a field that allows every value of its type."""
    return rule(default, doc, "any", lambda v: True)


class Section:
    """Group of fields under one name in a config.

    Attributes:
      section: that name, given as `class MyConfig(Section, section="mine")`.
      moved: fields of an earlier version that a config file may still set → where each is now.
    """

    section: ClassVar[str] = ""
    moved: ClassVar[Mapping[str, str]] = {}
    # What the class was written with; what is set on it later does not reach its objects.
    _declared: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, *, section: str | None = None) -> None:
        super().__init_subclass__()
        if section is not None:
            cls.section = section
        cls._declared = frozenset(vars(cls))

    def __new__(cls, *_: Any, **fields: Any) -> Any:
        """Check the names of the fields, so that the error names the nearest one, which Python's does not.

        Raises:
          UserError: there is no such field.
        """
        for name in fields:
            _require_field(cls, name)
        return super().__new__(cls)

    def __post_init__(self, *moved: Any) -> None:
        """Keep what is given for fields of an earlier version; validation puts it in its place."""
        for name, value in zip(self.moved, moved, strict=True):
            if value is not None:
                setattr(self, name, value)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Refuse a field that is not there; type checkers know the fields and need no fallback."""
            if name.startswith("__"):
                raise AttributeError(name)
            where, near = self.section, nearest(name, field_types(type(self)))
            raise AttributeError(
                f"{where}.{name} is not a field: the nearest one is {where}.{near}",
                name=name,
                obj=self,
            )

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field.

        Raises:
          UserError: there is no such field.
        """
        _require_field(type(self), name)
        super().__setattr__(name, value)


def _require_field(section: type[Section], name: str) -> None:
    known = field_types(section)
    if name not in known and name not in section.moved:
        where, near = section.section, nearest(name, known)
        raise UserError(f"{where}.{name} is not a field: the nearest one is {where}.{near}.")


def require_untouched(section: type[Section]) -> None:
    """Require that nothing was set on a section's class, in place of a section of the config.

    A default that is changed there reaches no object, and a name that is not there is nothing.

    Raises:
      UserError: something was.
    """
    for cls in section.__mro__:
        if not issubclass(cls, Section) or cls is Section:
            continue
        fields = vars(cls).get("__dataclass_fields__", {})
        for name, value in vars(cls).items():
            default = fields[name].default if name in fields else dataclasses.MISSING
            changed = default is not dataclasses.MISSING and value is not default
            if changed or not (name.startswith("_") or name in cls._declared):
                raise UserError(
                    f"{cls.__name__}.{name} was set on the class, which changes no config: set it on a "
                    f"section, as in config.{section.section}.{name}."
                )


def nearest(name: str, known: Iterable[str]) -> str:
    """Find the one of `known` that is spelled most like `name`."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


@functools.cache
def field_types(section: type[Section]) -> dict[str, Any]:
    """Return the type of each field, in order.

    Raises:
      UserError: a field has a type that is not supported, or the class is not a dataclass.
    """
    if "__dataclass_fields__" not in section.__dict__:
        raise UserError(
            f"{section.__name__} is not a dataclass: put @dataclass in front of the class."
        )
    hints = get_type_hints(section)
    found = {field.name: hints[field.name] for field in dataclasses.fields(section)}  # pyright: ignore[reportArgumentType]
    for name, kind in found.items():
        if kind != AXES and optional(kind)[0] not in _PLAIN and item_type(kind) not in _PLAIN:
            raise UserError(
                f"{section.__name__}.{name} has the type {kind}: a field is str, int, float or bool, one "
                "of these or None, or a tuple of any length of one of these."
            )
    return found


def optional(kind: Any) -> tuple[Any, bool]:
    """Split a field's type into the type of its values and whether it may also be None."""
    if get_origin(kind) not in (UnionType, Union):
        return kind, False
    others = [k for k in get_args(kind) if k is not NoneType]
    return (others[0] if len(others) == 1 else kind), NoneType in get_args(kind)


def item_type(kind: Any) -> Any | None:
    """Return the type of the items if a field holds a list, else None."""
    arguments = get_args(kind)
    is_list = get_origin(kind) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis
    return arguments[0] if is_list else None
