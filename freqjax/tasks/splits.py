"""Splits: the groups of training, validation and test, so that no group is in two.

Axes: N sequences, G groups.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from freqjax.errors import UserError

# In the order of their numbers: 0, 1, 2.
NAMES = ("train", "validation", "test")


def split_groups(
    groups: int, shares: tuple[float, float, float], seed: int, field: str = "task.split"
) -> Int[np.ndarray, " G"]:
    """Draw the split of G groups, int32.

    A part has its share of the groups, rounded, and at least one if its share is not 0.

    Args:
      groups: G.
      shares: of training, validation and test; they sum to 1.
      seed: of the order in which groups are drawn.
      field: the field of the shares, for messages.

    Raises:
      UserError: there are fewer groups than parts.
    """
    parts = [part for part, share in enumerate(shares) if share > 0]
    if groups < len(parts):
        raise UserError(
            f"{field} is {', '.join(f'{share:g}' for share in shares)}: its {len(parts)} parts must have a "
            f"group (a chapter, a person, …) each, and there {'is' if groups == 1 else 'are'} {groups}."
        )
    counts = [max(1, round(share * groups)) if share > 0 else 0 for share in shares]
    # What rounding gives too much or too little is the largest part's.
    counts[int(np.argmax(counts))] += groups - sum(counts)
    order = np.random.default_rng(seed).permutation(groups)
    split = np.empty(groups, np.int32)
    split[order] = np.repeat(np.arange(3), counts)
    return split


def fold_groups(
    groups: int, folds: int, fold: int, field: str = "task.folds"
) -> Int[np.ndarray, " G"]:
    """Return the split of G groups by one of k folds, int32: fold f is test, the next one validation.

    Group g is in fold g mod k, so that nothing is drawn and the k tests together are every group once.

    Args:
      groups: G.
      folds: k, 3 at least.
      fold: f, from 0 to k − 1.
      field: the field of the folds, for messages.

    Raises:
      UserError: k or f is out of range, or there are fewer groups than folds.
    """
    if not 3 <= folds <= groups:
        allowed = f"from 3 to {groups}, the number of groups" if groups >= 3 else "left out"
        reason = "" if groups >= 3 else f", since 3 groups are needed and there are {groups}"
        raise UserError(f"{field} is {folds}: it must be {allowed}{reason}.")
    if not 0 <= fold < folds:
        raise UserError(f"{field} is {folds}, fold {fold}: the fold must be from 0 to {folds - 1}.")
    after = (np.arange(groups) % folds - fold) % folds
    return np.select([after == 0, after == 1], [2, 1], 0).astype(np.int32)


def require_whole_groups(
    group: Int[np.ndarray, " N"], split: Int[np.ndarray, " N"], names: tuple[str, ...], source: str
) -> None:
    """Check that no group is in two parts.

    Raises:
      UserError: one is, by its name.
    """
    for number, name in enumerate(names):
        parts = np.unique(split[group == number])
        if len(parts) > 1:
            raise UserError(
                f"{source}: group {name} is in {NAMES[parts[0]]} and {NAMES[parts[1]]}: it must be in one of "
                "them, since a split within a group shows what was trained on."
            )
