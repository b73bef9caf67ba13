"""Benchmark of codes of indices on the shipped poems: bits against the cosine of held-out tokens.

    python -m benchmarks.poems_codes [entropy] [128] [fewest] [tried]

Trains codebooks of phrases for 16 and for 24 numbers of 8 bits, finds on the validation rows the fewest
numbers that reach a cosine of 0.86, and measures both codes, the baselines and the constructed entropy codec
on the test rows, once. Writes benchmarks/results/poems_codes.json.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import record
from freqjax.tasks.autoencoder import baselines
from freqjax.tasks.autoencoder.codebook_training import measure_codewords, train_codewords
from freqjax.tasks.autoencoder.codewords import Codebook
from freqjax.tasks.autoencoder.dataset import Dataset, Part, load_dataset
from freqjax.tasks.autoencoder.entropy_codec import EntropyCodec

NUMBERS, MORE_NUMBERS, BITS = 16, 24, 8
SEED = 0
WANTED = 0.86
# Cosine of validation rows at 128 bits, measured once while the method was chosen, and not again here.
TRIED = (
    ("256 phrases of equal cost, mean counts 1 sample, 20 passes", 0.7795),
    ("256 phrases of equal cost, mean counts 4 samples, 20 passes", 0.7771),
    ("620 phrases, costs by use, multiplier bisected per sequence, mean counts 1", 0.7777),
    ("620 phrases, costs by use, multiplier bisected per sequence, mean counts 0.3", 0.7790),
    ("620 phrases, costs by use, exact dynamic program over bits, 10 passes", 0.7817),
    ("960 phrases, costs by use, exact dynamic program over bits, mean counts 0.1", 0.7824),
    ("620 phrases, 4 more passes", 0.7821),
    ("620 phrases, 4 more passes, as many drawn sequences as there are", 0.7841),
    ("640 phrases, as many drawn sequences as there are, 10 passes", 0.7831),
)
# Mean ideal bits of a phrase of validation rows, without and with the class of the phrase before it.
CONTEXT = {"no context": 7.615, "4 classes": 7.609, "8 classes": 7.646, "16 classes": 7.670}


def difference(ours: np.ndarray, theirs: np.ndarray, part: Part) -> dict[str, float]:
    """Return the mean difference of token cosines [M], and its standard error over chapters."""
    change = (ours - theirs).astype(np.float64)
    chapter = np.broadcast_to(part.group[:, None], part.mask.shape)[part.mask]
    sums = np.bincount(chapter, change - change.mean())[np.unique(chapter)]
    error = np.sqrt(len(sums) / (len(sums) - 1) * np.sum(sums**2)) / len(change)
    return {"difference_to_pca": float(change.mean()), "standard_error": float(error)}


def scored(book: Codebook, data: Dataset) -> dict[str, Any]:
    """Measure a codebook on the test rows, beside the principal components of as many numbers."""
    test = data.test
    outputs = book.decode(book.encode(test.vectors, test.mask), test.mask)
    ours = baselines.token_cosines(outputs, test.vectors, test.mask)
    pca = baselines.WindowPca.fit(data.train.vectors, data.train.mask, book.numbers)
    theirs = baselines.token_cosines(
        baselines.through(pca, data.train, test, book.bits), test.vectors, test.mask
    )
    found = baselines.measure_baselines(data.train, test, book.numbers, book.bits)
    cosine = float(ours.mean(dtype=np.float64))
    return {
        "numbers": book.numbers,
        "bits": book.numbers * book.bits,
        "test": {"cosine": cosine, "skill": baselines.skill(cosine, found["mean"].cosine)},
        "baselines": {name: score._asdict() for name, score in found.items()},
        **difference(ours, theirs, test),
    }


def trained(
    numbers: int, data: Dataset, *, size: int = 640, drawn: float = 1.0
) -> tuple[Codebook, dict[str, Any]]:
    """Train a codebook, and say what it is and how long that took."""
    began = time.perf_counter()
    book = train_codewords(
        data.train, numbers=numbers, bits=BITS, size=size, drawn=drawn, seed=SEED
    )
    seconds = time.perf_counter() - began
    facts = {
        "seed": SEED,
        "size": size,
        "drawn": drawn,
        "seconds": round(seconds, 1),
        "phrases": [len(phrases) for phrases in book.phrases],
        "validation": {"cosine": measure_codewords(book, data.validation)},
    }
    print(numbers, facts, flush=True)
    return book, facts


def fewest(book: Codebook, found: dict[int, float], part: Part) -> int:
    """Return the fewest numbers whose codes reach the wanted cosine; `found` has its own, and gets others."""
    numbers = book.numbers
    while found[numbers] < WANTED:
        numbers += 1
        found[numbers] = measure_codewords(book.resized(numbers), part)
    while numbers > 1:
        fewer = numbers - 1
        if fewer not in found:
            found[fewer] = measure_codewords(book.resized(fewer), part)
        if found[fewer] < WANTED:
            break
        numbers = fewer
    return numbers


def entropy(data: Dataset, order: int) -> dict[str, Any]:
    """Measure the constructed entropy codec at 512 bits."""
    assert data.vocabulary is not None and data.train.rows is not None
    codec = EntropyCodec.fit(data.train.rows, len(data.vocabulary.vectors), order)
    parts = {"validation": data.validation, "test": data.test}
    return {"method": "constructed entropy codec", "order": order, "most_bits": 512} | {
        name: codec.measure(part, data.train, 512)._asdict() for name, part in parts.items()
    }


def at_128_bits(data: Dataset) -> list[dict[str, Any]]:
    """Train and measure a code of 16 numbers."""
    book, facts = trained(NUMBERS, data, size=1000, drawn=2.0)
    return [{"method": "codewords", **facts, **scored(book, data)}]


def at_fewest_bits(data: Dataset) -> list[dict[str, Any]]:
    """Train a code of 24 numbers, and measure it with as few as reach the wanted cosine."""
    book, facts = trained(MORE_NUMBERS, data)
    curve = {MORE_NUMBERS: facts["validation"]["cosine"]}
    numbers = fewest(book, curve, data.validation)
    facts["validation"] = {"cosine": curve[numbers]}
    chosen = {**facts, **scored(book.resized(numbers), data)}
    points = [{"bits": BITS * n, "cosine": c} for n, c in sorted(curve.items())]
    return [{"method": "codewords, fewest numbers for 0.86", **chosen, "curve": points}]


def tried(data: Dataset) -> list[dict[str, Any]]:
    """Return what was measured while the method was chosen."""
    cosines = [{"what": what, "cosine": cosine} for what, cosine in TRIED]
    return [{"method": "tried at 128 bits", "validation": cosines, "bits_a_phrase": CONTEXT}]


PARTS = {
    "entropy": lambda data: [entropy(data, order) for order in (2, 3)],
    "128": at_128_bits,
    "fewest": at_fewest_bits,
    "tried": tried,
}


def main(names: Sequence[str]) -> None:
    """Measure the parts that are named, or all, and write them beside the others that the file has."""
    data = load_dataset()
    rows = record.read("poems_codes")
    for name in names or PARTS:
        rows = [row for row in rows if row.get("part") != name]
        rows += [{"part": name, **row} for row in PARTS[name](data)]
        print(rows[-1], flush=True)
    rows.sort(key=lambda row: list(PARTS).index(row["part"]))
    record.write("poems_codes", "python -m benchmarks.poems_codes", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
