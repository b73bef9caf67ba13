"""Leaks of a split: what stands in two parts, so that a network can have it by heart.

Two sequences share something if they are equal, or if a run of consecutive vectors of one is in the other, as
where windows overlap. A run or a sequence of one vector over and over, such as silence, does not count, and
no sequence of a single word, since all parts of a text have words in common.

Vectors are compared by numbers of 64 bits: rows of the vocabulary, or hashes of their bits; runs by
Σ_i m_i x_i mod 2^64, which differ for runs that differ, but for a chance of 2^-63 or so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt64

from freqjax.tasks.autoencoder.dataset import Dataset, Part
from freqjax.text import shortened

# Of the multipliers, which any odd numbers may be.
_SEED = 8


class Leak(NamedTuple):
    """Overlap of the parts of a split.

    Attributes:
      count: sequences of validation or test that share a run, or all, with one of training, or of test with
        one of validation.
      of: sequences of validation and test.
      identical: those among `count` that are the same as another from end to end.
      example: one of them in words; empty if there is none.
    """

    count: int
    of: int
    identical: int
    example: str


class _Runs(NamedTuple):
    """Hashes of runs of the sequences of a part.

    Attributes:
      hashes: [M].
      sequence: [M], the sequence of a run.
      place: [M], its first vector among those that are present.
    """

    hashes: UInt64[np.ndarray, " M"]
    sequence: Int[np.ndarray, " M"]
    place: Int[np.ndarray, " M"]


def check_split_leak(dataset: Dataset, run: int = 8) -> Leak:
    """Find what the parts of a split share.

    Args:
      dataset: the parts.
      run: consecutive vectors that count if two sequences share them.
    """
    numbers = {name: _numbers(part) for name, part in dataset.parts.items()}
    words = dataset.vocabulary is not None
    wholes = {name: _whole(*found, singles=not words) for name, found in numbers.items()}
    runs = {name: _runs(*found, run) for name, found in numbers.items()}
    count, identical, held_out, example = 0, 0, 0, ""
    for here, others in (("validation", ("train",)), ("test", ("train", "validation"))):
        held_out += len(dataset.parts[here].mask)
        shared, same = set(), set()
        for other in others:
            for kind, found in ((wholes, same), (runs, shared)):
                hits = np.flatnonzero(np.isin(kind[here].hashes, kind[other].hashes))
                found.update(kind[here].sequence[hits].tolist())
                if len(hits) and not example:
                    length = None if kind is wholes else run
                    hit = int(hits[0])
                    there = int(np.argmax(kind[other].hashes == kind[here].hashes[hit]))
                    example = (
                        f"{_named(dataset, here, kind[here], hit, length)} repeats "
                        f"{_named(dataset, other, kind[other], there, length)}"
                        f"{_spelled(dataset, here, kind[here], hit, length)}"
                    )
        count += len(shared | same)
        identical += len(same)
    return Leak(count, held_out, identical, example)


def _numbers(part: Part) -> tuple[UInt64[np.ndarray, "N T"], Int[np.ndarray, " N"]]:
    """Return a number for each vector, those that are present first, and how many these are."""
    if part.rows is not None:
        found = np.maximum(part.rows, 0).astype(np.uint64)
    else:
        # 0 and −0 are equal; NaN does not occur.
        bits = (part.vectors + np.float32(0)).view(np.uint32)
        found = np.zeros(part.mask.shape, np.uint64)
        for d, factor in enumerate(_multipliers(bits.shape[2], 0)):
            found += bits[..., d].astype(np.uint64) * factor
    order = np.argsort(~part.mask, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), part.mask.sum(axis=1)


def _whole(
    numbers: UInt64[np.ndarray, "N T"], counts: Int[np.ndarray, " N"], *, singles: bool
) -> _Runs:
    """Hash each sequence from end to end; those of one vector only with `singles`."""
    present = np.arange(numbers.shape[1]) < counts[:, None]
    length, *factors = _multipliers(numbers.shape[1] + 1, 1)
    hashes = counts.astype(np.uint64) * length
    for t, factor in enumerate(factors):
        hashes = hashes + np.where(present[:, t], numbers[:, t], np.uint64(0)) * factor
    changes = ((numbers != numbers[:, :1]) & present).any(axis=1)
    kept = np.flatnonzero(changes | ((counts == 1) & singles))
    return _Runs(hashes[kept], kept, np.zeros_like(kept))


def _runs(numbers: UInt64[np.ndarray, "N T"], counts: Int[np.ndarray, " N"], run: int) -> _Runs:
    """Hash each run of consecutive vectors."""
    places = max(numbers.shape[1] - run + 1, 0)
    hashes = np.zeros((len(numbers), places), np.uint64)
    changes: Bool[np.ndarray, "N P"] = np.zeros(hashes.shape, bool)
    for i, factor in enumerate(_multipliers(run, 2)):
        piece = numbers[:, i : i + places]
        hashes += piece * factor
        changes |= piece != numbers[:, :places]
    inside = np.arange(places) + run <= counts[:, None]
    sequence, place = np.nonzero(inside & (changes | (run == 1)))
    return _Runs(hashes[sequence, place], sequence, place)


def _multipliers(count: int, stream: int) -> UInt64[np.ndarray, " count"]:
    random = np.random.default_rng((_SEED, stream))
    return random.integers(0, 2**64, count, np.uint64, endpoint=False) | np.uint64(1)


def _named(dataset: Dataset, part: str, runs: _Runs, hit: int, length: int | None) -> str:
    number = int(runs.sequence[hit])
    group = dataset.group_names[dataset.parts[part].group[number]]
    name = f"{part} sequence {number} ({shortened(group, 40)})"
    return name if length is None else f"{name} from sample {runs.place[hit]} on"


def _spelled(dataset: Dataset, part: str, runs: _Runs, hit: int, length: int | None) -> str:
    """Return the words of a run behind a colon; nothing if they are no words."""
    rows = dataset.parts[part].rows
    if dataset.vocabulary is None or rows is None:
        return ""
    number, place = runs.sequence[hit], int(runs.place[hit])
    present = rows[number][dataset.parts[part].mask[number]]
    piece = present[place : None if length is None else place + length]
    return f": {shortened(dataset.vocabulary.spell(piece), 100)!r}"
