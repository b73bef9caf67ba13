"""Runtime check of the package's annotations in the tests: see `tests/conftest.py`."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

# A whole number serves where a float is asked for, as type checkers have it.
_check = beartype(conf=BeartypeConf(is_pep484_tower=True))
_compared = jaxtyping.jaxtyped


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make `function` check its arguments and what it returns, unless it speaks of `Self`."""
    try:
        return _check(function)
    except BeartypeDecorHintPep673Exception:
        return function


def check_package() -> None:
    """Make every call into freqjax be checked: its types, and its shapes where they are annotated.

    To compare the axes of a call's arrays with each other takes many times as long as to check its types, so
    only functions of modules that annotate shapes pay for it.
    """
    jaxtyping.jaxtyped = _jaxtyped
    jaxtyping.install_import_hook("freqjax", f"{__name__}.checked")


def _jaxtyped(*, typechecker: Callable[..., Any]) -> Callable[..., Any]:
    """Stand in for the decorator of `jaxtyping` that its hook puts on every function and class."""

    def decorate(decorated: Any) -> Any:
        if isinstance(decorated, type) or _annotates_shapes(decorated.__code__.co_filename):
            return _compared(decorated, typechecker=typechecker)
        decorated.__annotations__ = {
            name: _resolved(annotation, decorated.__globals__)
            for name, annotation in decorated.__annotations__.items()
        }
        return checked(decorated)

    return decorate


def _resolved(annotation: Any, scope: dict[str, Any]) -> Any:
    """Evaluate an annotation as jaxtyping does: what is imported for type checkers alone is Any."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, scope)
    except NameError:
        return Any


@cache
def _annotates_shapes(filename: str) -> bool:
    return "jaxtyping" in Path(filename).read_text(encoding="utf-8")
