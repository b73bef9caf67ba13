"""Ability of a task: weights that solve it can be constructed.

They show what no training run can: that a network of this size is large enough, and whether a truncated
gradient would correct weights that are nearly right. See `freqjax.diagnosis.tried`.
Axes: T samples, N directions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from freqjax.networks.network import Params

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freqjax.networks import Network


class NearSolution(NamedTuple):
    """Weights that nearly solve a task, and the directions that correct them.

    Attributes:
      network: the network whose weights they are.
      params: the weights.
      directions: [N] changes of `params`, in its layout, each of which corrects a part of the error.
      words: description with the size of the error, such as "an integrator that leaks 2 % a sample".
      evidence: size of the error, ready for JSON.
    """

    network: Network
    params: Params
    directions: Sequence[Params]
    words: str
    evidence: Mapping[str, float]


@runtime_checkable
class Solution(Protocol):
    """Constructed weights that solve a task.

    Attributes:
      name: description in one word; keys of the evidence begin with it.
      along: the quantity that a direction of `NearSolution` changes, such as "a rate".
      is_only: whether nothing else solves the task, so that a gradient that cannot mend it mends nothing.
    """

    name: str
    along: str
    is_only: bool

    def params_of(self, network: Network) -> Params | None:
        """Return the weights as parameters of `network`; None if it is too small or of another kind."""
        ...

    def nearly(self, samples: int) -> NearSolution:
        """Return weights with an error that descent through T = `samples` samples can still correct."""
        ...


@runtime_checkable
class Constructible(Protocol):
    """Task for which weights can be constructed."""

    def solution(self) -> Solution | None:
        """Return weights that solve the task; None if its config makes this impossible."""
        ...
