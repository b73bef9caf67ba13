"""An ability of a task: weights that solve it can be written down.

They tell what no training run can: that a network of this size is large enough, and whether a gradient
that is cut would mend weights that are nearly right. See `freqjax.diagnosis.tried`.
Axes: T samples, N directions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freqjax.networks import Network


class NearSolution(NamedTuple):
    """Weights that nearly solve a task, and the directions in which they are mended.

    Attributes:
      network: the network whose weights they are.
      params: the weights.
      directions: [N] changes of `params`, in its layout, each of which mends a part of what is wrong.
      words: what they are, with how far off they are, such as "an integrator that leaks 2 % a sample".
      evidence: how far off they are, ready for JSON.
    """

    network: Network
    params: Any
    directions: Sequence[Any]
    words: str
    evidence: Mapping[str, float]


@runtime_checkable
class Solution(Protocol):
    """Weights that solve a task: constructed, not learned.

    Attributes:
      name: what they are, in one word; keys of the evidence begin with it.
      along: what a direction of `NearSolution` changes, such as "a rate".
      is_only: whether nothing else solves the task, so that a gradient that cannot mend it mends nothing.
    """

    name: str
    along: str
    is_only: bool

    def params_of(self, network: Network) -> Any | None:
        """Return them as parameters of `network`; None where it is too small or of another kind."""
        ...

    def nearly(self, samples: int) -> NearSolution:
        """Return weights so far off that descent through T = `samples` samples can still mend them."""
        ...


@runtime_checkable
class Constructible(Protocol):
    """A task whose solution can be written down as weights."""

    def solution(self) -> Solution | None:
        """Return weights that solve the task; None where its config leaves too much unknown for any."""
        ...
