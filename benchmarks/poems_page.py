"""Generator of docs/autoencoder.md from the committed results of the autoencoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import record
from benchmarks.markdown import paragraph, table

_OPENING = """# Sequences through a small code

Written by `python -m benchmarks.document` from `benchmarks/results/poems.json` and
`benchmarks/results/poems_codes.json`, which `python -m benchmarks.poems` and
`python -m benchmarks.poems_codes` measure.

A sequence of word vectors is encoded in 16 numbers of 8 bits and decoded again. The data are the six poetic
books of the King James Bible, which ship with word vectors of 300 numbers: windows of 50 words, split by
chapter before anything is cut. The score is the cosine of an output to the vector of its word, the mean over
all words of held-out chapters. One constant vector already has 0.57, so that **skill**, the share of the way
from there to 1, stands beside every cosine.

A number is worth what its precision is: every code here is quantised before it is decoded, and the bits are
stated. Weights are chosen on validation chapters; test chapters only report.

```sh
python -m freqjax.main --config configs/poems.py
```
"""

_PROBES = """## What the outputs owe to the code

Each row decodes something else than the code of the sequence. A decoder that needs its code loses when it is
zeroed or swapped with that of another sequence; one that attends to the encoder's states does not, and loses
when these are swapped.
"""

_CODEWORDS = """## Codewords, and what the bits can hold

A smooth code is one whose neighbours decode to neighbours. Without that, the same bits hold more: phrases
of one to six words out of a codebook, chosen for each sequence by an exact dynamic program within the bits.
Their vectors are those of least error for the phrases that training rows assign to them, and arithmetic
coding packs their indices; nothing of it is a neural network. The last row is constructed and no lossy code
at all: a model of the words of training chapters and arithmetic coding.
"""


def page() -> str:
    """Make docs/autoencoder.md."""
    rows = record.read("poems")
    return "\n".join([_OPENING, *_scores(rows), _PROBES, *_probes(rows), _CODEWORDS, *_codewords()])


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
        "command, figures included, on a machine that did other work beside it. Configs of the poems that "
        "have no row here were not measured yet."
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
    states = probes["states_swapped"]
    return (
        f"`{row['config']}`",
        f"{probes['cosine']:.4f}",
        f"{probes['zeroed']:.4f}",
        f"{probes['swapped']:.4f}",
        f"{probes['moved']:.4f}",
        f"{probes['by_bits']['4']:.4f}",
        "–" if states is None else f"{states:.4f}",
        ", ".join(f"`{cause}`" for cause in row["causes"]) or "–",
    )


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
