"""Generator of docs/online.md from the committed results of `python -m benchmarks.online`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks import record, speed
from benchmarks.markdown import paragraph, table

_OPENING = """# Strict online learning

Written by `python -m benchmarks.document` from `benchmarks/results/online.json`, which `python -m
benchmarks.online` measures.

The rules: the samples come one at a time, every sample is one update, nothing of the past is stored, and
there is no backpropagation through time. Under these rules the usual recipe, the gradient cut at one sample
with Adam, learns nothing: its frozen error stays at 0.50. `configs/default.py`, `configs/online_stream.py`
and `configs/online_lru.py` learn under them.

## The rule

Four parts; the last rows of the table are runs without one of them:

1. **The exact gradient, carried forward.** With `network.recurrence=pairs` a unit is connected to its own
   pair alone, and the derivative of a pair's state by the weights that reach it has two rows. Real-time
   recurrent learning (Williams & Zipser 1989) is then exact (`freqjax/networks/pairs.py`).
2. **A curvature shared by all pairs of a selector.** An extended Kalman filter treats the 288 weights of a
   selector's eight pairs and their initial carry as unknowns with a prior, and each sample as one observation
   of them (`freqjax/training/filter/square_root.py`). The covariance starts over at each block, which makes a
   block one recursive Gauss–Newton step with a prior. No weight of another selector has a part in the output,
   so that this is the filter of all weights (`optimizer.groups=input`); `part` keeps the covariance of each
   pair alone.
3. **A corrected state.** After each change of the weights the carried state is moved, to first order, to
   where the new weights would have brought it. Without this the state belongs to weights that are gone.
4. **A prior in proportion to speed.** The prior of the weights that rotate a pair is
   `optimizer.relative_prior` (0.15) of the pair's initial speed. With one prior for all pairs, the slow ones
   may grow by many times within one of their cycles; their cells then run away, saturate, and no longer turn.

The error while training falls at once, long before the weights are a clock, since every error corrects the
state as well. So it chooses nothing. Beside the filter two frozen copies of the weights of the block's start
run over the same rows, and their mean losses, the **shadow losses**, decide what is kept, what the next block
begins from, how long the next stream is, and when to stop. They are frozen losses on rows that those weights
have not been adapted to within the block; with fixed noise the same rows come again in the next epoch.

The weights at the end of a block and its state belong together, so that the state is an initial carry for the
next block, whose targets begin as those of the last did. Where a block holds no whole cycles, its end is not
in phase with the next start; the state at the last sample at which the targets stood as at the start is
(`freqjax/training/filter/repeats.py`).

A filter trains any network whose groups own parts that the output under their selector depends on alone
(`freqjax/networks/filtered.py`). Another one than pairs of an LSTM is a **linear recurrent unit**,
`network.cell=lru` (`configs/online_lru.py`): the state of a unit is a complex number, which turns and decays
by a factor λ. Its exact derivative has two rows by six weights, and the sixteen units of a selector have 128
weights with their head. No tanh bounds the state; it cannot grow by itself, since |λ| < 1 for all weights.

What is known beforehand: the rotors' band (0.5 to 20 Hz), that pairs turn, which selector owns which pair,
and the scales of useful changes. No frequency is. Trained are the weights within the pairs, from the sample
and the own selector, the initial carry and the head; biases and weights between pairs are not.

## Results
"""

_COLUMNS = (
    "rows and reset",
    "solved",
    "worst",
    "median",
    "worst, one state carried",
    "samples",
    "seconds",
)  # fmt: skip


def page() -> str:
    """Make docs/online.md."""
    rows = record.read("online")
    names = list(dict.fromkeys(row["job"] for row in rows))
    lines = [
        _OPENING,
        *paragraph(
            "Solved: every frequency below 0.01 with frozen weights on the test seeds 2, 3 and 4. Worst and "
            "median are over training seeds, of the worst frequency and test seed. Samples and seconds are "
            "medians; seconds are of training alone in JAX, without start-up and figures, on two CPU cores "
            "shared with other work, which slowed some rows up to fourfold. `the stream` is the 40,000 "
            "fixed rows of train seed 1 in order, at most four times."
        ),
        *table(_COLUMNS, (_row(name, [r for r in rows if r["job"] == name]) for name in names)),
        "",
        *paragraph(_by_epoch(rows)),
        *paragraph(_engines(speed.rows_of("filter_pairs", record.RESULTS))),
        "![Worst frozen error of every training seed, by the part of the rule that is missing](online.png)",
        "",
        *_uniform(),
    ]
    return "\n".join(lines)


def summary() -> str:
    """Return the row of the README's table."""
    rows = [r for r in record.read("online") if r["job"] == "the stream, one state carried"]
    solved = sum(row["solved"] for row in rows)
    middle = median(worst(row) for row in rows)
    return (
        f"| **freqjax**, `configs/online_stream.py` with `task.reset=epoch` | **{middle:.2g}** | strict "
        f"online learning, one state carried through all rows: {solved} of {len(rows)} training seeds below "
        f"0.01 after at most four passes, median of their worst frequencies; see "
        f"[docs/online.md](docs/online.md) |"
    )


def _row(name: str, rows: list[dict[str, Any]]) -> tuple[str, ...]:
    errors = [worst(row) for row in rows]
    return (
        name,
        f"{sum(row['solved'] for row in rows)} of {len(rows)}",
        f"{max(errors):.2g}",
        f"{median(errors):.2g}",
        f"{max(max(row['carried_mse_per_frequency']) for row in rows):.2g}",
        f"{median(row['samples'] for row in rows):,.0f}",
        f"{median(row['seconds'] for row in rows):.1f}",
    )


def _by_epoch(rows: list[dict[str, Any]]) -> str:
    """Return how many seeds were solved, by their shadow losses, after each pass over the stream."""
    told = []
    for name in ("the stream, state reset at each block", "the stream, one state carried"):
        runs = [row["epochs"] for row in rows if row["job"] == name]
        counts = [
            sum(any((e["shadow"] or 1) < 0.01 for e in run[: epoch + 1]) for run in runs)
            for epoch in range(4)
        ]
        told.append(f"{name}: {', '.join(map(str, counts))} of {len(runs)}")
    return f"Seeds whose shadow losses were all below 0.01 after one to four passes: {'; '.join(told)}."


def _uniform() -> list[str]:
    """Make the section about weights that do not turn from the start."""
    rows = record.read("uniform")
    frequencies = sorted({row["frequency_hz"] for row in rows})
    ways = {(r["streams"], r["prior"], r["prior_of_forget_bias"]): [] for r in rows}
    for row in rows:
        ways[row["streams"], row["prior"], row["prior_of_forget_bias"]].append(row)
    lines = [
        "## From PyTorch's initialisation",
        "",
        *paragraph(
            "What if no unit turns from the start? `python -m benchmarks.uniform` gives each frequency an "
            f"LSTM of {rows[0]['hidden']} units with the weights of nn.LSTM, and trains all of them by "
            "the same rule, with the exact gradient of a dense recurrence. Solved: a stream of the whole ten "
            "seconds was followed with frozen weights to an error below 0.01, within "
            f"{rows[0]['samples']:,} samples of that frequency. The prior is the standard deviation of the "
            "gates' weights; a forget gate's bias may have one of its own."
        ),
        *table(
            ("streams begin at", "prior", "of forget biases", *(f"{f:g} Hz" for f in frequencies)),
            (
                (
                    way[0],
                    f"{way[1]:g}",
                    f"{way[2]:g}",
                    *(_solved_at(found, frequency) for frequency in frequencies),
                )
                for way, found in ways.items()
            ),
        ),
        "",
        *paragraph(
            "So the rule does not need units that turn from the start where a cycle has up to a few hundred "
            "samples. At a cycle of 1,000 samples every chain failed; a likely reason is that gates which "
            "forget half of their state in a sample have to become ones that keep it for a thousand."
        ),
    ]
    return lines


def _solved_at(rows: Sequence[dict[str, Any]], frequency: float) -> str:
    """Return how many chains of a frequency were solved."""
    found = [row for row in rows if row["frequency_hz"] == frequency]
    whole = 10.0
    solved = sum(row["longest_followed_s"] == whole for row in found)
    return f"{solved} of {len(found)}"


def _engines(rows: Sequence[dict[str, Any]]) -> str:
    """Return the time of a sample by engine, from the rows of a job of `benchmarks.devices`."""
    told = "`train.engine=native` makes the same updates in C++, on a triangular root of the covariance"
    ours, native = (speed.best(rows, "filter_pairs", engine) for engine in ("freqjax", "native"))
    if ours is None or native is None:
        return f"{told}."
    micro = [speed.micro(row["median_us"]) for row in (native, ours)]
    return f"{told}: {micro[0]} a sample instead of {micro[1]} ([docs/speed.md](speed.md))."


def worst(row: dict[str, Any]) -> float:
    """Return the worst error over frequencies and test seeds."""
    return max(max(found) for found in row["test_mse_per_frequency"].values())
