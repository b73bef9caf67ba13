"""Text of the rows of `benchmarks.devices` and `benchmarks.startup`: a line, a table, a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import markdown, meanwhile
from benchmarks.contenders import LIMIT, REFERENCE
from benchmarks.markdown import paragraph

# What the rows of PyTorch in online_hH were timed with, where they say so.
FASTER_ADAM = "the faster of plain and fused"
# The entry of the limit's rows whose bandwidth is that of memory that was written before it was read.
WRITTEN = "memory_written"
ENGINES = ("freqjax", "native", "autodiff", "pytorch", "cpp", LIMIT)
_COMMAND = "python -m benchmarks.devices"


def line(row: dict[str, Any]) -> str:
    """Format one row for a terminal."""
    if row["median_us"] is None:
        return f"{row['engine']:>8}: {row['absent']}"
    threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
    spread = f"{micro(row['min_us'])} to {micro(row['max_us'])}, {row['runs']} runs"
    return f"{row['engine']:>8}, {threads}: {micro(row['median_us'])} ({spread}){_beside(row)}"


def _beside(row: dict[str, Any]) -> str:
    """Format the ratios of the row to what ran beside it."""
    if "throughput" in row:
        return f", {row['throughput']:.3g} × the throughput of one"
    ratios = {REFERENCE: row.get("ratio"), LIMIT: row.get("limits")}
    found = (
        f", {ratio:.3g} × {other}"
        for other, ratio in ratios.items()
        if ratio is not None and row["engine"] not in (other, LIMIT)
    )
    return "".join(found)


def micro(value: float) -> str:
    """Format a time of `value` µs with its unit, to three digits."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} µs"


def best(rows: Sequence[dict[str, Any]], job: str, engine: str) -> dict[str, Any] | None:
    """Return the fastest row of an engine, which may have been timed with one thread and with two."""
    found = [r for r in rows if (r["job"], r["engine"]) == (job, engine) and r["median_us"]]
    return min(found, key=lambda row: row["median_us"], default=None)


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Make the table of jobs × engines: the median time, and its ratio to that of freqjax."""
    present = [e for e in ENGINES if any(r["engine"] == e and r["median_us"] for r in rows)]
    jobs = dict.fromkeys(row["job"] for row in _shown(rows))
    return markdown.table(
        ("job", *present),
        ((job, *(_cell(best(rows, job, engine)) for engine in present)) for job in jobs),
    )


def _shown(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the jobs in the tables: the main task's whole command stands beside its results."""
    return [row for row in rows if row["job"] != "solve_default"]


def _cell(row: dict[str, Any] | None) -> str:
    return "–" if row is None else micro(row["median_us"]) + _beside(row)


def growth(
    rows: Sequence[dict[str, Any]], engine: str = "freqjax"
) -> list[tuple[int, float, float]]:
    """Return (T, µs, MB) of the jobs linear_t_T that were measured."""
    return [
        (int(row["job"].rpartition("_")[2]), row["median_us"], row["memory_mb"])
        for row in rows
        if row["job"].startswith("linear_t_") and row["engine"] == engine and row["median_us"]
    ]


_OPENING = """# Speed

Written by `python -m benchmarks.document` from `benchmarks/results/*.json`. Engines are timed alternately
in one process, each with the number of threads that is fastest for it. Absolute times depend on the other
load of the machine; ratios depend on it much less. The engines are

- freqjax: the code that a run trains with;
- native: the same with `train.engine=native`;
- autodiff: the same network in plain JAX, `jax.value_and_grad` of a scan, with Adam of optax;
- pytorch: `torch.nn.LSTM` with `torch.optim.Adam`;
- cpp: a C++ loop in which a whole step is fused;
- limit: no engine, but the least time of the job's passes over its arrays, from this machine's bandwidth and
  multiply-adds at their size, measured beside the engines.

The jobs are
"""

# Label → how the names of its jobs begin, and their unit. Only those that a file has rows of are shown.
_JOBS = {
    "online_hH": (
        "online_h",
        "an Adam step with clipping on one sample of the main task, H hidden units",
    ),
    "filter_pairs": (
        "filter_pairs",
        "a sample of strict online learning by the Kalman filter, 288 weights of eight pairs",
    ),
    "rtrl_dense_h64": (
        "rtrl_dense_h64",
        "an Adam step with the exact gradient carried forward, 64 units",
    ),
    "bptt_BxTxHxL": (
        "bptt_",
        "loss and gradient of B streams of T samples through L layers of H units",
    ),
    "linear_t_T": ("linear_t_", "the same for one stream of T samples through 64 units"),
    "autoencoder_forced, _sampled": (
        "autoencoder_",
        "an update of an autoencoder, LSTMs of 512 units on 16 × 50 vectors of 300",
    ),
    "classifier": (
        "classifier",
        "an AdamW update of a classifier, 4 layers of attention of 256 features, on 16 windows",
    ),
    "classify_published": (
        "classify_published",
        "a window of a batch of 256 through the same classifier, without an update",
    ),
    "classify_watch": ("classify_watch", "the same through the convolutions of `configs/watch.py`"),
    "classify_stream": (
        "classify_stream",
        "a sample of a stream through `configs/watch.py` with a recurrent encoder",
    ),
    "seeds_N": (
        "seeds_",
        "an Adam step of one of N seeds that train at once on all cores, 64 hidden units",
    ),
    "start_quick": ("start_quick", "a run of `configs/quick.py`, the whole command"),
    "start_evaluate": (
        "start_evaluate",
        "the evaluation of `checkpoints/clock64` without figures, the whole command",
    ),
    "start_load": ("start_load", "Python that loads `checkpoints/clock64` and makes one step"),
    "start_help": ("start_help", "`--help`, the whole command"),
    "start_stream": (
        "start_stream",
        "from the start of `freqjax stream` to its answer to the first sample",
    ),
}
# How the names of jobs begin → what is to be known of them.
_NOTES = {
    "rtrl_dense_h64": "PyTorch beside rtrl_dense_h64 is an ordinary loop whose gradient is cut at a sample: "
    "another job, so that it has no ratios there.",
    "autoencoder_": "The decoder of autoencoder_forced reads the target before each vector, that of "
    "autoencoder_sampled at random the target or its own output.",
    "classify_stream": "In classify_stream the window that ends with a sample answers it, as in `--mode "
    "stream`.",
    "bptt_": "On an NVIDIA GPU, LSTMs of at most 64 units run each direction of a scan as one kernel, in "
    "which a multiprocessor keeps the recurrent weights of a stream in its registers; autodiff beside it "
    "begins every operation of every step anew.",
    "start_": "Of a whole command, cold is with an empty cache of compiled programs and warm with a full "
    "one; its limit is Python that imports JAX and runs one program, or, beside `--help`, Python that does "
    "nothing.",
}

_CLOSING = """\
- `python -m benchmarks.devices` times all jobs on this machine, and writes a JSON file, these tables and
  the figure into `benchmarks/results`; `--quick` tries a little of each. It writes down what
  else the machine did during each job: its load, the share of other processes, steal, the clock rate.
- `python -m benchmarks.compare A.json B.json` compares two machines, engine by engine.
- `python -m benchmarks.compare A.json B.json --fail-above 1.1` checks B against A, an earlier file of the
  same kind of machine, and exits with 1 if a job of freqjax is slower by more than that. It judges the time
  of freqjax relative to that of the other engines in the same rounds, since plain times depend on the load;
  what no engine was timed beside, relative to how the times of all other engines changed. A change within
  the spread of the rounds is no failure.
"""


def files(folder: Path) -> list[Path]:
    """Return the files of `benchmarks.devices` in a folder, one a machine."""
    return [
        path
        for path in sorted(folder.glob("*.json"))
        if _read(path)["command"].startswith(_COMMAND)
    ]


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def rows_of(job: str, folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a job on the CPU of the first machine that it was measured on."""
    for path in files(folder):
        found = [r for r in _read(path)["rows"] if (r["job"], r["platform"]) == (job, "cpu")]
        if found:
            return found
    return []


def document(folder: Path, startup: Sequence[dict[str, Any]]) -> str:
    """Make docs/speed.md: every machine that was measured, and the rows of `benchmarks.startup`."""
    rows = [row for path in files(folder) for row in _read(path)["rows"] if row["median_us"]]
    lines = [_OPENING, *_job_words(rows), _CLOSING]
    for path in files(folder):
        picture = f"![Times on {path.stem}](../benchmarks/results/{path.stem}.png)"
        lines += [f"## {path.stem}", "", *section(_read(path)), picture, ""]
    return "\n".join([*lines, *_startup(startup)])


def _job_words(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Make the table of the jobs of `rows`, and the notes on them."""
    jobs = {row["job"] for row in rows}

    def is_measured(begins: str) -> bool:
        return any(job.startswith(begins) for job in jobs)

    shown = [(label, unit) for label, (begins, unit) in _JOBS.items() if is_measured(begins)]
    lines = [*markdown.table(("job", "unit"), shown), ""]
    for begins, words in _NOTES.items():
        lines += paragraph(words) if is_measured(begins) else []
    return lines + _adam_words(rows) + _bandwidth_words(rows)


def _adam_words(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say which Adam PyTorch was timed with in the jobs online_hH, if it was."""
    found = {
        row.get("adam") == FASTER_ADAM
        for row in rows
        if row["engine"] == "pytorch" and row["job"].startswith("online_h")
    }
    both = "PyTorch is timed in online_hH with plain and with fused Adam, and the faster one counts"
    said = {
        (True,): f"{both}.",
        (
            False,
        ): "PyTorch's times of online_hH are of plain Adam. From the next run of these jobs on, fused "
        "Adam is timed beside it, and the faster one counts.",
        (False, True): f"{both}; a row of a file that does not say so (`adam`) is of plain Adam.",
    }
    return paragraph(said[tuple(sorted(found))]) if found else []


def _bandwidth_words(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say that limits are too low, if some are those of memory that nobody had written."""
    if all(row.get(WRITTEN) for row in rows if row["engine"] == LIMIT):
        return []
    return paragraph(
        f"Limits of rows that do not say `{WRITTEN}` in their file have the bandwidth of reading memory that "
        "nobody had written, which a system may keep as one page of zeros: they can be too low where a job "
        "waits for what it reads from beyond the caches and does not write. From the next run on it is "
        "written first."
    )


def _startup(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [
        "## Start-up",
        "",
        *paragraph(
            "`python -m benchmarks.startup`: seconds of a whole command, with an empty cache of compiled "
            "programs (cold) and with a full one (warm)."
        ),
        *markdown.table(
            ("command", "cold", "warm"),
            (
                (row["what"], _seconds(row["cold_seconds"]), _seconds(row["warm_seconds"]))
                for row in rows
            ),
        ),
        "",
    ]


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def page(path: Path) -> str:
    """Make the Markdown of a machine's file."""
    value = _read(path)
    lines = [f"# Speed on {path.stem}", "", *section(value)]
    rows = _shown(value["rows"])
    for platform in dict.fromkeys(row["platform"] for row in rows):
        beside = meanwhile.table([row for row in rows if row["platform"] == platform])
        lines += [f"What else the machine did during the jobs on {platform}:", "", *beside] * bool(
            beside
        )
    return "\n".join(lines)


def section(value: dict[str, Any]) -> list[str]:
    """Make the lines of one machine: hardware, a table a platform, absent engines, growth of time."""
    machine, versions = value["machine"], value["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines = [
        *paragraph(
            f"`{value['command']}` on {machine['cpu']}, {machine['cores']} cores, {machine['device']}. The "
            f"rows may be of several runs, each of some jobs (`--only`). The last of them had load "
            f"{machine['load']:g} at the start{_load_after(machine)}; {named}."
        ),
    ]
    shown = _shown(value["rows"])
    for platform in dict.fromkeys(row["platform"] for row in shown):
        rows = [row for row in shown if row["platform"] == platform]
        lines += [f"On {platform}, medians of alternating runs:", "", *table(rows), ""]
        absent = dict.fromkeys((r["engine"], r["absent"]) for r in rows if r.get("absent"))
        lines += [f"- {engine}: {reason}" for engine, reason in absent]
        lines += [""] * bool(absent)
        lines += _growth_words(growth(rows))
        lines += meanwhile.words(rows)
    return lines


def _load_after(machine: dict[str, Any]) -> str:
    after = machine.get("load_after")
    return "" if after is None else f" and {after:g} at the end"


def _growth_words(points: list[tuple[int, float, float]]) -> list[str]:
    if len(points) < 2:
        return []
    (short, least_us, least_mb), (long, most_us, most_mb) = points[0], points[-1]
    return paragraph(
        f"From {short:,} to {long:,} samples, {long / short:.3g} times as many, freqjax's gradient takes "
        f"{most_us / least_us:.3g} times as long and {most_mb / least_mb:.3g} times the memory "
        f"({least_mb:.3g} MB to {most_mb:.3g} MB)."
    )
