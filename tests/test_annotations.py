"""The tests hold every call into the package to its annotations: see `tests/annotations.py`."""

from typing import Any

import jax.numpy as jnp
import pytest
from beartype.roar import BeartypeCallHintParamViolation
from jaxtyping import TypeCheckError

from freqjax import text
from freqjax.training.gradients import estimator


def test_types_are_checked():
    wrong: Any = 3
    with pytest.raises(BeartypeCallHintParamViolation):
        text.printable(wrong)
    assert text.significant(3) == "3.00"  # a whole number serves as a float


def test_axes_of_one_letter_agree():
    losses = jnp.zeros((3, 2))
    assert estimator.mean_loss(losses, None) == 0
    with pytest.raises(TypeCheckError):
        estimator.mean_loss(losses, jnp.ones((3, 4)))
