"""Cases of a test of which `.ci/run` tries some, and `.ci/all` all."""

from collections.abc import Iterable
from typing import Any

import pytest


def some(cases: Iterable[Any], *tried: Any) -> list[Any]:
    """Return the cases as parameters, of which those that are not among `tried` are marked slow."""
    cases = list(cases)
    assert set(tried) <= set(cases)
    return [case if case in tried else pytest.param(case, marks=pytest.mark.slow) for case in cases]
