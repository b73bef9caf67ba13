"""Check of the times of freqjax against earlier ones of the same kind of machine.

Plain times of one version differ by a factor of two between an idle machine and a busy one, which a check
must not call a change. So what is judged is, wherever another engine was timed beside freqjax, a ratio
measured side by side: the time of freqjax / that of the other engine in the same round. freqjax, and
freqjax with train.engine=native, are judged; autodiff, pytorch, cpp and the limit are what they are
measured by.

- **Several other engines.** Each gives a change, the ratio in B / the ratio in A. The median counts, of two
  or four the lower one of the middle: one engine that changed by itself, as a new PyTorch, raises no alarm
  and, from three engines on, hides none. Of an engine with one thread and with two, that which was faster
  in A counts.
- **No other engine.** The plain time is judged, divided by what the machine changed by: the median, over
  all rows of other engines on that platform, of the time in B / the time in A. It is 1 if there are none in
  common.
- **Spread.** A change above the limit is a failure only if the spreads of the two files do not overlap
  either. The spread of a ratio is from quartile to quartile of its rounds, of fewer than five rounds from
  the least to the most; of a file without its rounds (`times_us`) it is that of freqjax's own times, least
  to most, as if the other engine's were exact; of a plain time it is least to most.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any, NamedTuple

from benchmarks import markdown
from benchmarks.contenders import LIMIT, REFERENCE
from benchmarks.speed import micro
from freqjax.errors import UserError

# Engines that are judged; the others are what they are measured by.
OWN = (REFERENCE, "native")
SLOWER, SPREAD, OK = "slower", "within the spread", "ok"
# Parts of `machine` that a kind of machine consists of.
_KIND = ("cpu", "cores", "device", "system")
# Rounds from which on quartiles tell the spread.
_ENOUGH = 5

# job, platform, engine, threads
Key = tuple[str, str, str, int]
Rows = dict[Key, dict[str, Any]]


class Measure(NamedTuple):
    """A ratio, or a time in µs, and its spread from `low` to `high`."""

    value: float
    low: float
    high: float


class Finding(NamedTuple):
    """Finding about one engine of freqjax in one job.

    Attributes:
      job, engine, platform: of the rows.
      beside: the other engine that counted, or None where the plain time is judged.
      before, after: the time / the other engine's, or the plain time, µs, in `after` / the machine's change.
      times: plain times in A and B, µs.
      verdict: SLOWER, SPREAD or OK.
    """

    job: str
    engine: str
    platform: str
    beside: str | None
    before: Measure
    after: Measure
    times: tuple[float, float]
    verdict: str

    @property
    def change(self) -> float:
        """B / A."""
        return self.after.value / self.before.value


def check_kind(a: dict[str, Any], b: dict[str, Any], names: tuple[str, str]) -> None:
    """Check that two files were measured in the same way on machines of the same kind.

    Raises:
      UserError: the processor, its cores, the accelerator, the system or the threads of an engine of freqjax
        differ, or one file alone is of `--quick`.
    """
    for field in _KIND:
        before, after = (value["machine"].get(field) for value in (a, b))
        if before != after:
            raise UserError(
                f"{names[1]} is of another kind of machine than {names[0]}: its {field} is {after!r}, "
                f"it must be {before!r}."
            )
    quick = ["--quick" in str(value.get("command")).split() for value in (a, b)]
    if quick[0] != quick[1]:
        raise UserError(f"{names[quick[1]]} is of --quick: both files must be, or neither.")
    left, right = _threads(a), _threads(b)
    for key in left.keys() & right.keys():
        if left[key] != right[key]:
            raise UserError(
                f"{names[1]} is of another kind of machine than {names[0]}: {key[0]} by {key[2]} has "
                f"threads {right[key]}, it must have {left[key]}."
            )


def _threads(value: dict[str, Any]) -> dict[tuple[str, str, str], list[int]]:
    found: dict[tuple[str, str, str], list[int]] = {}
    for job, platform, engine, threads in _measured(value):
        if engine in OWN:
            found.setdefault((job, platform, engine), []).append(threads)
    return found


def findings(a: dict[str, Any], b: dict[str, Any], limit: float) -> list[Finding]:
    """Judge every engine of freqjax that both files have, where B / A above `limit` is slower."""
    left, right = _measured(a), _measured(b)
    found = []
    for key, row in left.items():
        job, platform, engine, _ = key
        if engine not in OWN or key not in right:
            continue
        beside, before, after = _measures(key, left, right)
        above = after.value / before.value > limit
        verdict = OK if not above else SLOWER if after.low > before.high else SPREAD
        times = row["median_us"], right[key]["median_us"]
        found.append(Finding(job, engine, platform, beside, before, after, times, verdict))
    return found


def _measures(key: Key, left: Rows, right: Rows) -> tuple[str | None, Measure, Measure]:
    """Return the other engine that counts, and what is judged in A and in B."""
    fastest: dict[str, Key] = {}
    for other in _others(left, right):
        if other[:2] == key[:2]:
            known = fastest.get(other[2], other)
            fastest[other[2]] = min(known, other, key=lambda one: left[one]["median_us"])
    changes = sorted(
        (
            (engine, _ratio(left[key], left[other]), _ratio(right[key], right[other]))
            for engine, other in fastest.items()
        ),
        key=lambda found: found[2].value / found[1].value,
    )
    if changes:
        return changes[(len(changes) - 1) // 2]
    drift = machine_change(left, right, key[1])
    return None, _time(left[key], 1.0), _time(right[key], drift)


def _others(left: Rows, right: Rows) -> list[Key]:
    return [key for key in left if key[2] not in OWN and key in right]


def machine_change(left: Rows, right: Rows, platform: str) -> float:
    """Return the median of B / A over the times of other engines on a platform; 1 without any.

    The limit is not among them: it is the least time of many calls, which hides what else the machine does.
    """
    changes = [
        right[key]["median_us"] / left[key]["median_us"]
        for key in _others(left, right)
        if key[1] == platform and key[2] != LIMIT
    ]
    return median(changes) if changes else 1.0


def _ratio(own: dict[str, Any], other: dict[str, Any]) -> Measure:
    """Measure the time of `own` / that of `other` in the same round."""
    rounds = [row.get("times_us") for row in (own, other)]
    if rounds[0] and rounds[1]:
        ratios = [ours / theirs for ours, theirs in zip(*rounds, strict=False)]
        return Measure(median(ratios), *_spread(ratios))
    name = "ratio" if own.get("ratio") and other.get("ratio") else "median_us"
    value = own[name] / other[name]
    return Measure(value, *(value * own[end] / own["median_us"] for end in ("min_us", "max_us")))


def _spread(ratios: Sequence[float]) -> tuple[float, float]:
    if len(ratios) < _ENOUGH:
        return min(ratios), max(ratios)
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return low, high


def _time(row: dict[str, Any], drift: float) -> Measure:
    return Measure(*(row[name] / drift for name in ("median_us", "min_us", "max_us")))


def _measured(value: dict[str, Any]) -> Rows:
    return {
        (row["job"], row["platform"], row["engine"], row["threads"]): row
        for row in value["rows"]
        if row["median_us"] is not None
    }


def table(found: Sequence[Finding], names: tuple[str, str]) -> list[str]:
    """Make the Markdown table of the verdicts."""
    heads = ("job", "engine", "platform", "measured by", *names, "B / A", "plain times", "verdict")
    return markdown.table(heads, map(_cells, found))


def _cells(one: Finding) -> tuple[str, ...]:
    if one.beside is None:
        by, shown = (
            "its time / the machine's change",
            [micro(m.value) for m in (one.before, one.after)],
        )
    else:
        by, shown = f"time / {one.beside}'s", [f"{m.value:.3g}" for m in (one.before, one.after)]
    plain = f"{micro(one.times[0])}, {micro(one.times[1])}"
    return one.job, one.engine, one.platform, by, *shown, f"{one.change:.3g}", plain, one.verdict


def failures(found: Sequence[Finding], limit: float) -> str | None:
    """Return the sentence that names the jobs that are slower, if there are any."""
    slower = [
        f"{one.job} by {one.engine} on {one.platform} ({one.change:.3g})"
        for one in found
        if one.verdict == SLOWER
    ]
    return f"B / A is above {limit:g} for {', '.join(slower)}." if slower else None
