"""Table of the shipped configs in the README: what each does, what to expect, and how long it took.

A time is the median of whole commands in benchmarks/results/*.json, figures included; a config that no
benchmark runs has none. Where the benchmark's command has other fields than the config, they stand beside the
time.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks import (
    classifier,
    classifier_pattern,
    clock,
    markdown,
    poems,
    poems_sweeps,
    record,
    variants,
    windows,
)
from benchmarks.startup import QUICK
from freqjax.text import series

BEGIN, END = "<!-- configs: python -m benchmarks.document -->", "<!-- /configs -->"

# Config → what to expect of it; of some the words have a place for what was counted, `_counted`.
_EXPECTED = {
    "default": "the main job from random rotors, one update a sample over growing streams: every frequency "
    "below 0.001, `target_reached`",
    "online": "the same, by the name of its rule: see [docs/online.md](docs/online.md)",
    "online_stream": "the same on the 40,000 rows as they are, at most four times: below 0.01",
    "online_lru": "the same with a linear recurrent unit in place of the LSTM, on most seeds",
    "gauss_newton": "the main job by Gauss-Newton steps through whole streams, which train every weight: "
    "every frequency below 0.001",
    "quick": "two frequencies, 2 s at 100 Hz: the whole path",
    "locker": "unknown start at phase_scale 0.5: below 0.01 after the first second",
    "annual": "a locker for a weekly record with an annual cycle: see [docs/example.md](docs/example.md)",
    "hum": "a mains line of unknown strength, detuned and drifting, in noise: see "
    "[docs/lines.md](docs/lines.md)",
    "daily": "the daily cycle and its half in an hourly record: see [docs/records.md](docs/records.md)",
    "heart": "a pulse that wanders, with its harmonics: see [docs/records.md](docs/records.md)",
    "tides": "five tidal constituents, two of which differ by a cycle in 27 days, by a linear recurrence: "
    "see [docs/records.md](docs/records.md)",
    "poems": "50 words of a poem through 16 numbers of 8 bits and back: see "
    "[docs/autoencoder.md](docs/autoencoder.md)",
    "poems_short": "the same with 10 words at a time",
    "poems_token": "the same with single words",
    "poems_codes": "the same with codewords, whose neighbours mean other things",
    "poems_transformer": "50 words by a recurrent encoder and a transformer, for comparison",
    "poems_original": "a published form that puts out the mean vector, and the diagnosis names it",
    "poems_original_attention": "a published form whose decoder attends to the encoder's states",
    "watch": "exercises told by the sensors of a watch: see [docs/classifier.md](docs/classifier.md)",
    "activities": "12 activities by a phone's sensors, on data that `freqjax data hapt` converts",
    "intent": "whether a transition of posture is about to begin, by what came before",
    "classifier_synthetic": "a pattern in noise, whose best possible scores are known",
    "classifier_original": "a published form that became a constant on {constant} of {seeds} seeds, and the "
    "diagnosis names it: see [docs/classifier.md](docs/classifier.md)",
    "spectral": "as `gauss_newton` from rotors at the FFT peaks of the training targets: data-driven",
    "constructed": "an exact clock with the frequencies written in, below 1e-8: a reference, not learned",
    "original_a": "one Adam step a sample, 1e-3: about 0.3 while training at first, 0.50 frozen",
    "original_a2": "the same at 1e-4, 50 epochs: 0.4 while training, 0.50 frozen",
    "original_b_l1": "the same at phase_scale 0.1, 30 epochs: 0.2 to 0.3 while training, 0.3 to 0.4 frozen "
    "at best",
    "original_b": "windows of 50 samples, two layers of 256 units, dropout: 0.25 to 0.3 frozen, as reported",
    "windows_best": "the same windows with longer training: within 1.25 times the limit",
    "sweep_seeds": "a hundred replicas of original A, 25 seeds at four learning rates, with `--mode sweep`: "
    "0.50 frozen, all of them",
    "sweep_codes": "codes of 8 to 24 numbers, with `--mode sweep`: see "
    "[docs/autoencoder.md](docs/autoencoder.md)",
    "sweep_coders": "three cells, one way and both, and two decoders, with `--mode sweep`",
}
# Config → the results with its commands, and the fields of the rows that are these.
_MEASURED: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: ("clock", {"config": name, "task": clock.MAIN_TASK}) for name in clock.CONFIGS},
    "locker": ("locker", {}),
    "annual": ("example", {"estimate": "network"}),
    "hum": ("hum", {}),
    "daily": ("records", {"record": "daily"}),
    "heart": ("records", {"record": "heart"}),
    "tides": ("records", {"record": "tides"}),
    **{name: ("poems", {"config": name}) for name in poems.CONFIGS},
    **{name: ("poems_sweeps", {"config": name}) for name in poems_sweeps.CONFIGS},
    "watch": ("classifier", {"config": "watch", "set": "watch"}),
    "activities": ("classifier", {"set": "activities"}),
    "intent": ("classifier", {"set": "intent"}),
    "classifier_synthetic": ("classifier_pattern", {"prevalence": 0.2, "separation": 2.0}),
    "spectral": ("variants", {"variant": variants.SPECTRAL}),
    "constructed": ("variants", {"variant": variants.CONSTRUCTED}),
    "original_a": ("originals", {"config": "original_a"}),
    "original_a2": ("originals", {"config": "original_a2"}),
    "original_b_l1": ("originals", {"config": "original_b_l1"}),
    "original_b": ("windows", {"config": "original_b"}),
    "windows_best": ("windows", {"config": "windows_best", "conditioning": "film"}),
}
# Config → the fields of its measured command that are not the config's, other than seeds and folds.
_CHANGED = {
    "watch": (classifier.QUIET, *classifier.REFIT),
    "activities": (classifier.QUIET,),
    "intent": (classifier.QUIET,),
    "classifier_synthetic": (classifier_pattern.QUIET,),
    "original_b": (windows.QUIET,),
    "windows_best": (windows.QUIET,),
    "constructed": variants.VARIANTS[variants.CONSTRUCTED][1],
}
# Config → that of its measured command, if it is another one.
_OTHER = {"constructed": "gauss_newton"}


def seconds(config: str) -> float | None:
    """Return the median time of a whole command with a config; None where it was not measured."""
    if config == "quick":
        rows = {row["what"]: row for row in record.read("startup")}
        return rows[QUICK]["warm_seconds"] if QUICK in rows else None
    if config not in _MEASURED:
        return None
    name, fields = _MEASURED[config]
    rows = [row for row in record.read(name) if row.items() >= fields.items()]
    return median(row["process_seconds"] for row in rows) if rows else None


def block() -> list[str]:
    """Make the table."""
    return markdown.table(
        ("config", "took", "expected"),
        (
            (f"`{name}`", _took(name), words.format(**_counted()))
            for name, words in _EXPECTED.items()
        ),
    )


def _counted() -> dict[str, int]:
    """Count the seeds of `classifier_original` as it is, and those on which it became a constant."""
    rows = [row for row in record.read("classifier_original") if row["start"] == "none"]
    return {
        "constant": sum("constant_predictor" in row["causes"] for row in rows),
        "seeds": len(rows),
    }


def _took(config: str) -> str:
    """Return the time of a config, and in what its command differed."""
    value = seconds(config)
    if value is None:
        return "–"
    if config == "quick":  # of which both times were measured
        cold = next(row["cold_seconds"] for row in record.read("startup") if row["what"] == QUICK)
        return f"{_time(value)} with a full cache of compiled programs, {_time(cold)} with an empty one"
    changed = [f"`{flag.removeprefix('--config.')}`" for flag in _CHANGED.get(config, ())]
    other = f" of `{_OTHER[config]}`" if config in _OTHER else ""
    return f"{_time(value)}{other} with {series(changed)}" if changed else _time(value)


def _time(value: float) -> str:
    return f"{value:.0f} s" if value < 100 else f"{value / 60:.1f} min"
