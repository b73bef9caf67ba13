"""Runtime check of the package's annotations in the tests: see `tests/conftest.py`."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

# A whole number serves where a float is asked for, as type checkers have it.
_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make `function` check its arguments and what it returns, unless it speaks of `Self`."""
    try:
        return _check(function)
    except BeartypeDecorHintPep673Exception:
        return function
