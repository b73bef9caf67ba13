"""Section of docs/autoencoder.md on a measured series, from the committed results of benchmarks.weather."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import record, weather
from benchmarks.markdown import paragraph, table
from benchmarks.weather_data import FILE
from freqjax.tasks.autoencoder.baselines import skill

_RUN = "runs/weather"
# Keys of baselines in the results, as the table names them.
_NAMES = {
    "mean": "mean vector",
    "dct": "cosine transform",
    "linear": "linear code, trained on the cosine",
}
_CANDIDATES = (
    "*Linear* is a linear code that is trained on the squared error, *parallel* and *recurrent* are a "
    "transformer and a recurrent decoder, which have a linear and a recurrent encoder. In *curves* each "
    "number is a place on a curve through patterns of three or four days, so that its 8 bits choose one of "
    "as many patterns as the curve has nodes, or one between two. A code is chosen by what it explains of "
    "the validation year; the test year only reports."
)
_READING = (
    "*Explained* is the share of the squared distance from the training mean that outputs explain: 1 is "
    "perfect, the mean has 0. A cosine tells the direction of a day and not how far it is from the mean, and "
    "counts days near the mean as much as others. A series in standard units has a mean near 0, which has no "
    "direction; the mean vector of the table is the constant of the highest cosine. The program prints both "
    "measures for sequences that are no words. *Moved*: the cosine after every number of the code was moved "
    "by one level. *s*: the whole command, figures included, on a machine that did other work beside it."
)


def section() -> Iterator[str]:
    """Yield the lines of the section; none before anything was measured."""
    rows = record.read("weather")
    if not rows:
        return
    known, *others = rows
    runs = [row for row in others if row["part"] == "run"]
    first = [run for run in runs if run["seed"] == 0]
    (best,) = [run for run in first if run["chosen"]]
    yield from ("", "## A measured series: four weeks of weather", "")
    yield from paragraph(_data(known))
    yield from _commands(best)
    yield ""
    yield from paragraph(_CANDIDATES)
    yield from _table(runs, [row for row in others if row["part"] == "components"])
    yield ""
    yield from paragraph(_READING)
    yield from paragraph(_finding(known, first, best, [run for run in runs if run["chosen"]]))
    yield from paragraph(_spent([row for row in others if row["part"] == "components"], best))


def _data(known: dict[str, Any]) -> str:
    """Tell the sequences and their parts."""
    counts, variables = known["sequences"], known["variables"]
    years = {
        part: " and ".join(year for year, own in known["years"].items() if own == part)
        for part in counts
    }
    return (
        "Written from `benchmarks/results/weather.json`, which `python -m benchmarks.weather` measures; it "
        "needs `pip install -e '.[examples]'`. Sequences need not be words: an .npz with an array "
        "`sequences` [N, T, D] will do, and its arrays `group` and `split` say what belongs together and to "
        f"which part; without `split` the groups are drawn. A sequence here is {known['days']} days of "
        f"Seattle in {len(variables)} variables, precipitation p as log(1 + p), "
        "highest and lowest temperature, and wind (NOAA, in vega_datasets), in standard units of the "
        f"training years: {years['train']}, {counts['train']} sequences that begin on every day; "
        f"{years['validation']}, {counts['validation']} likewise; and for the test {years['test']}, "
        f"{counts['test']} sequences one after the other. {known['days'] * len(variables)} numbers pass a "
        f"code of {known['bits']} bits."
    )


def _commands(best: dict[str, Any]) -> Iterator[str]:
    """Yield what a user types for the candidate that was chosen."""
    flags = [f"--config.task.data={FILE}", *weather.COMMON, *best["flags"]]
    yield from ("```sh", "python -m benchmarks.weather_data")
    line = f"python -m freqjax.main --workdir {_RUN}"
    for flag in flags:
        if len(line) + len(flag) > 105:
            yield f"{line} \\"
            line = "   "
        line = f"{line} {flag}"
    yield line
    for mode, given, output in (("encode", FILE, "codes.npz"), ("decode", "codes.npz", "back.npz")):
        files = f"--input {given} --output {output}"
        yield f"freqjax {mode} --checkpoint {_RUN} {files}"
    yield "```"


def _table(runs: list[dict[str, Any]], components: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the scores of candidates and of codes without a network."""
    heads = ("code", "seed", "validation: explained", "test: explained", "cosine", "skill", "moved")
    cells = []
    for run in runs:
        mark = "**" if run["chosen"] and run["seed"] == 0 else ""
        test = run["test"]
        cells.append(
            (
                f"{mark}{run['candidate']}{mark}",
                str(run["seed"]),
                f"{run['validation']['explained']:.3f}",
                f"{mark}{test['explained']:.3f}{mark}",
                f"{test['cosine']:.3f}",
                f"{test['skill']:.3f}",
                f"{run['probes']['moved']:.3f}",
                f"{run['parameters']:,}",
                f"{run['process_seconds']:.0f}",
            )
        )
    for name, found in runs[0]["baselines"].items():
        if name != "pca":
            share = 0.0 if name == "mean" else found.get("explained")
            explained = "–" if share is None else f"{share:.3f}"
            scores = (f"{found['cosine']:.3f}", f"{found['skill']:.3f}")
            cells.append((_NAMES[name], "–", "–", explained, *scores, "–", "–", "–"))
    mean = runs[0]["baselines"]["mean"]["cosine"]
    for row in components:
        test = row["test"]
        shares = (f"{row[part]['explained']:.3f}" for part in ("validation", "test"))
        scores = (f"{test['cosine']:.3f}", f"{skill(test['cosine'], mean):.3f}")
        name = f"principal components, {row['numbers']} of {row['bits']} bits"
        cells.append((name, "–", *shares, *scores, "–", "–", "–"))
    yield from table((*heads, "weights", "s"), cells)


def _finding(
    known: dict[str, Any],
    first: list[dict[str, Any]],
    best: dict[str, Any],
    chosen: list[dict[str, Any]],
) -> str:
    """Say which is better, by how much, and how surely."""
    words = (
        f"The candidate that explains most of the validation year is {best['candidate']}. On the test year "
        f"it explains {_by(best['beyond_components'])} than principal components, and its cosine is "
        f"{_by(best['beyond_linear'])} than that of the trained linear code (standard errors over "
        f"{known['sequences']['test']} sequences)."
    )
    seeds = [run["test"]["explained"] for run in chosen]
    words += f" Over {len(seeds)} seeds it explains {min(seeds):.3f} to {max(seeds):.3f}."
    others = [
        run
        for run in first
        if run is not best and run["test"]["explained"] < run["baselines"]["pca"]["explained"]
    ]
    if others:
        named = ", ".join(run["candidate"] for run in others)
        words += f" These explain less than principal components there: {named}."
    return words + (
        " Each candidate was trained with the settings above or those of `benchmarks/weather.py` and no "
        "others, so that a better one of each kind may exist."
    )


def _spent(components: list[dict[str, Any]], best: dict[str, Any]) -> str:
    """Say how much of the difference is owed to how the bits are spent."""
    plain = components[0]
    other = max(components, key=lambda row: row["validation"]["explained"])
    return (
        f"The baselines of a run have as many numbers and bits a number as the network, {plain['numbers']} "
        f"of {plain['bits']}, which is not the best use that principal components can make of the same bits: "
        f"{other['numbers']} numbers of {other['bits']} bits, chosen on the validation year, explain "
        f"{other['test']['explained']:.3f} of the test year, and {best['candidate']} "
        f"{_by(best['beyond_best_components'])}."
    )


def _by(found: dict[str, Any]) -> str:
    """Return a difference as words, with its standard error."""
    size, error = abs(found["mean"]), found["error"]
    sure = "" if size > 2 * error else ", within two standard errors of none,"
    return f"{size:.3f} ± {error:.3f}{sure} {'more' if found['mean'] > 0 else 'less'}"
