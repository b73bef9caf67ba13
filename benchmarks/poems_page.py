"""Generator of docs/autoencoder.md from the committed results of the autoencoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import record, weather_page
from benchmarks.markdown import paragraph, table
from freqjax.config import overrides
from freqjax.deploy.autoencoder import task_of

_CONFIG = Path(__file__).parent.parent / "configs" / "poems.py"

_OPENING = """# Sequences through a small code

Written by `python -m benchmarks.document` from `benchmarks/results/poems.json`, `poems_noise.json`,
`poems_sweeps.json` and `poems_codes.json`, which `python -m benchmarks.poems`, `benchmarks.poems_noise`,
`benchmarks.poems_sweeps` and `benchmarks.poems_codes` measure. A config without a row here was not
measured yet.

A sequence of word vectors is encoded in 16 numbers of 8 bits and decoded again. The data are the six poetic
books of the King James Bible, which ship with word vectors of 300 numbers: windows of 50 words, split by
chapter before anything is cut. The score is the cosine of an output to the vector of its word, the mean over
all words of held-out chapters. One constant vector already has 0.57, so that **skill**, the share of the way
from there to 1, stands beside every cosine.

A number is worth what its precision is: every code here is quantised before it is decoded, and the bits are
stated. Weights are chosen on validation chapters; test chapters only report.

```sh
python -m freqjax.main --config configs/poems.py
python -m freqjax.main --mode evaluate --checkpoint checkpoints/poems16
```

## How

`configs/poems.py` gives every number of the code a part of the sequence, three or four words, and a curve
through the vectors that such parts have: 256 nodes, between which outputs are interpolated. The encoder has
no weights. It looks for the node that is nearest. The nodes are trained by gradient on the cosine, with noise
on the code that falls from half its range to two levels. A curve that only has to pass near all passages
would jump between passages that have nothing in common; noise makes that expensive, so that nodes beside each
other come to resemble each other (`curve.png` of a run shows it). The less noise is left in the end, the more
passages have a node of their own, and the more is lost when a number is off by one.
"""

_PROBES = """## What the outputs owe to the code

Each row decodes something else than the code of the sequence. A decoder that needs its code loses when it is
zeroed or swapped with that of another sequence; one that attends to the encoder's states does not, and loses
when these are swapped. A smooth code loses little when every number moves by one level, and codewords all.
"""

_CODEWORDS = """## Codewords, and what the bits can hold

Without neighbours that resemble each other the same bits hold more. `configs/poems_codes.py` trains phrases
by gradient and spends 8 bits on each. The rows below have phrases of unequal cost: how many bits each has
follows from its use, an exact dynamic program chooses the phrases of a sequence within its bits, their
vectors are those of least error, and arithmetic coding packs their indices; nothing of it is a neural
network. The last row is constructed and no lossy code at all: a model of the words of training chapters and
arithmetic coding.
"""

_TRIED = """## What was tried besides

On validation chapters, at 128 bits for 50 words.
"""


def page() -> str:
    """Make docs/autoencoder.md."""
    rows = record.read("poems")
    parts = [
        *(_OPENING, *_scores(rows), *_noise(rows), _PROBES, *_probes(rows)),
        *(*_sizes(), *_coders(), _CODEWORDS, *_codewords(), _TRIED, *_tried(rows)),
        *weather_page.section(),
    ]
    return "\n".join(parts)


def _scores(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the table of scores."""
    yield from ("## Cosine on held-out chapters", "")
    heads = (
        "config",
        "words",
        "bits",
        "network",
        "skill",
        "mean",
        "PCA",
        "linear code",
        "beyond it",
        "s",
    )
    yield from table(heads, [_score(row) for row in rows])
    yield ""
    yield from paragraph(
        "PCA and the linear code have as many numbers and bits; the linear code is trained on the cosine. "
        "Beyond it: the difference on the same words, with its standard error over chapters. s: the whole "
        "command, figures included, on a machine that did other work beside it. `poems_original` is a "
        "published form."
    )
    yield ""


def _score(row: dict[str, Any]) -> tuple[str, ...]:
    known, beyond = row["baselines"], row["beyond_linear"]
    error = "" if beyond["error"] is None else f" ± {beyond['error']:.4f}"
    return (
        f"`{row['config']}`",
        str(row["sequence"][0]),
        str(row["bits"]),
        f"**{row['cosine']:.4f}**",
        f"{row['skill']:.3f}",
        *(f"{known[name]['cosine']:.4f}" for name in ("mean", "pca", "linear")),
        f"{beyond['mean']:+.4f}{error}",
        f"{row['process_seconds']:.0f}",
    )


def _noise(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what the noise of training costs, and what it is worth; nothing before it was measured."""
    measured = record.read("poems_noise")
    if not measured:
        return
    yield from ("## What a smooth code costs", "")
    own = next(row for row in rows if row["config"] == "poems")
    trained_with = task_of(overrides.load(_CONFIG)).code_noise
    values = [*measured, _as_noise(trained_with, own)]
    heads = (
        "`task.code_noise`",
        "in levels",
        "cosine",
        "every number moved by one level",
        "4 bits",
    )
    yield from table(
        heads,
        [
            (
                f"{row['code_noise']:g}",
                f"{row['code_noise'] * 255 / 2:.2g}",
                f"{row['cosine']:.4f}",
                f"{row['moved']:.4f}",
                f"{row['four_bits']:.4f}",
            )
            for row in sorted(values, key=lambda row: row["code_noise"])
        ],
    )
    yield ""


def _as_noise(value: float, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of poems.json as one of poems_noise.json."""
    probes = row["probes"]
    return {
        "code_noise": value,
        "cosine": row["cosine"],
        "moved": probes["moved"],
        "four_bits": probes["by_bits"]["4"],
    }


def _probes(rows: list[dict[str, Any]]) -> Iterator[str]:
    heads = (
        "as evaluated",
        "code zeroed",
        "codes swapped",
        "moved by a level",
        "4 bits a number",
        "states swapped",
    )
    yield from table(("config", *heads, "named"), [_probe(row) for row in rows])
    yield ""


def _probe(row: dict[str, Any]) -> tuple[str, ...]:
    probes = row["probes"]
    states, moved = probes["states_swapped"], probes.get("moved")
    return (
        f"`{row['config']}`",
        f"{probes['cosine']:.4f}",
        f"{probes['zeroed']:.4f}",
        f"{probes['swapped']:.4f}",
        "–" if moved is None else f"{moved:.4f}",
        f"{probes['by_bits']['4']:.4f}",
        "–" if states is None else f"{states:.4f}",
        ", ".join(f"`{cause}`" for cause in row["causes"]) or "–",
    )


def _sizes() -> Iterator[str]:
    """Yield the cosine of smooth codes of several sizes; nothing before it was measured."""
    rows = [row for row in record.read("poems_sweeps") if row["config"] == "sweep_codes"]
    if not rows:
        return
    yield from ("## Sizes of a smooth code", "")
    numbers = [row["axes"]["task.numbers"] for row in rows]
    cells = [
        (str(count), str(8 * count), f"{row['test_cosine']:.4f}", f"{row['best_baseline']:.4f}")
        for count, row in zip(numbers, rows, strict=True)
    ]
    yield from table(("numbers", "bits", "test cosine", "best baseline"), cells)
    yield ""


def _coders() -> Iterator[str]:
    """Yield the cosine of recurrent encoders with two decoders; nothing before it was measured."""
    rows = [row for row in record.read("poems_sweeps") if row["config"] == "sweep_coders"]
    if not rows:
        return
    yield from ("## Encoders and decoders", "")
    cells = []
    for row in rows:
        axes = row["axes"]
        both = "both ways" if axes["network.bidirectional"] else "one way"
        name = f"{axes['network.cell'].upper()}, {both}"
        decoder, updates = axes["task.decoder"], str(row["updates"])
        cells.append((name, decoder, updates, f"{row['test_cosine']:.4f}"))
    yield from table(("encoder of 64 units", "decoder", "updates", "test cosine"), cells)
    yield ""
    mean = record.read("poems")[0]["baselines"]["mean"]["cosine"]
    yield from paragraph(
        f"Trained alike by `configs/sweep_coders.py`; the best baseline has {rows[0]['best_baseline']:.4f}, "
        f"the mean vector {mean:.4f}. A recurrent decoder feeds on its own outputs."
    )
    yield ""


def _codewords() -> Iterator[str]:
    rows = []
    for row in record.read("poems_codes"):
        if row["method"].startswith("codewords"):
            test = row["test"]
            cells = (f"{row['numbers']} numbers of 8 bits", str(row["bits"]))
            rows.append((*cells, f"**{test['cosine']:.4f}**", f"{test['skill']:.3f}"))
    entropy = [row for row in record.read("poems_codes") if row["part"] == "entropy"]
    best = min(entropy, key=lambda row: row["test"]["bits"])
    share = best["test"]["share"]
    rows.append(
        (
            f"constructed: lossless for {share:.0%} of windows",
            f"at most {best['most_bits']}, {best['test']['bits']:.0f} on average",
            f"{best['test']['cosine']:.4f}",
            "1.000" if share == 1 else "–",
        )
    )
    yield from table(("code", "bits a sequence of 50", "test cosine", "skill"), rows)
    yield ""
    fewest = next(row for row in record.read("poems_codes") if row["part"] == "fewest")
    yield from paragraph(
        f"The fewest bits whose codewords reach a cosine of 0.86 on validation chapters: "
        f"**{fewest['bits']} bits a sequence of 50 words**."
    )
    yield ""


def _tried(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the validation cosine of what was tried."""
    named = {
        "poems": "curves with noise (`configs/poems.py`)",
        "poems_codes": "phrases by gradient (`configs/poems_codes.py`)",
        "poems_transformer": "linear code, recurrent encoder and transformer, soft nearest word",
        "poems_original": "recurrent encoder and decoder of 64 units, squared error",
    }
    cells = [
        (named[row["config"]], f"{row['validation_cosine']:.4f}")
        for row in rows
        if row["config"] in named
    ]
    tried = next(row for row in record.read("poems_codes") if row["part"] == "tried")
    cells += [(row["what"], f"{row['cosine']:.4f}") for row in tried["validation"]]
    yield from table(("what", "validation cosine"), cells)
