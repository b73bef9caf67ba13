"""Points drawn from the laws of a sweep.

Each law has a random sequence of its own, seeded by `sweep.seed` and the name of its field: neither the grid
of the other axes nor the number of draws changes it. Python promises the same sequence on every version.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from freqjax.config.laws import Law
from freqjax.config.versions import present_name
from freqjax.errors import UserError

# A law that has given nothing new as often as this in a row has no more values.
_MOST_REPEATS = 1_000_000


def points(laws: Mapping[str, Law], draws: int, seed: int) -> list[dict[str, float]]:
    """Draw points, each a value of every law, by field.

    A point that was drawn before is passed over, since its replica would be the same run again. The first
    points of more draws are those of fewer.

    Args:
      laws: field → law; without any there is one point without values.
      draws: the number of points, at least 1 where there are laws.
      seed: of the random sequences.

    Raises:
      UserError: there are not as many points.
    """
    if not laws:
        return [{}]
    most = math.prod(law.points for law in laws.values())
    if draws > most:
        raise _too_many(draws, most)
    sequences = [random.Random(f"{seed} {present_name(field)}") for field in laws]
    found: dict[tuple[float, ...], None] = {}
    repeats = 0
    while len(found) < draws:
        point = tuple(
            law.at(sequence.random())
            for law, sequence in zip(laws.values(), sequences, strict=True)
        )
        repeats = repeats + 1 if point in found else 0
        if repeats > _MOST_REPEATS:
            raise _too_many(draws, len(found))
        found[point] = None
    return [dict(zip(laws, point, strict=True)) for point in found]


def _too_many(draws: int, most: float) -> UserError:
    return UserError(
        f"sweep.draws is {draws}: it must be at most {most:.0f}, the different points that the laws of "
        "sweep.axes have."
    )
