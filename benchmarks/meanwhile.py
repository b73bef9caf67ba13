"""What the machine did besides while a job was timed: load, other processes, steal, clock rate.

Linux counts the time of all cores since it started in /proc/stat; the difference over a job, less the time of
this process and of those that it started, is what others had. Steal is time that a virtual machine wanted and
its host gave to others. Elsewhere only the load is known.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks import markdown
from benchmarks.markdown import paragraph

_PROC = Path("/proc")
# Columns of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; guests are part of user.
_COLUMNS, _IDLE, _STEAL = 8, (3, 4), 7


class Reading(NamedTuple):
    """Counters at one time.

    Attributes:
      load: processes that run or wait to, mean of about a minute.
      cores: seconds of all cores by the columns of /proc/stat, or None where there is none.
      own: seconds that this process and those that it started and that have ended have run.
    """

    load: float
    cores: tuple[float, ...] | None
    own: float


def read() -> Reading:
    """Read the counters now."""
    path, times = _PROC / "stat", os.times()
    cores = None
    if path.exists():
        ticks = path.read_text(encoding="utf-8").split("\n", 1)[0].split()[1 : 1 + _COLUMNS]
        cores = tuple(int(tick) / os.sysconf("SC_CLK_TCK") for tick in ticks)
    return Reading(os.getloadavg()[0], cores, sum(times[:4]))


def between(before: Reading, after: Reading) -> dict[str, Any]:
    """Describe the time between two readings.

    Returns:
      `load`: before and after; `others`: the share of the time of all cores that other processes had;
      `steal`: the share that the host of a virtual machine withheld; `mhz`: the clock rate at the end. What
      the system does not tell is None.
    """
    found: dict[str, Any] = {"load": [round(one.load, 1) for one in (before, after)]}
    shares: dict[str, float | None] = {"others": None, "steal": None}
    if before.cores is not None and after.cores is not None:
        spent = [late - early for early, late in zip(before.cores, after.cores, strict=True)]
        total = sum(spent)
        if total > 0:
            busy = total - sum(spent[column] for column in _IDLE) - spent[_STEAL]
            others = max(0.0, busy - (after.own - before.own))
            shares = {"others": round(others / total, 3), "steal": round(spent[_STEAL] / total, 3)}
    return found | shares | {"mhz": clock_mhz()}


def clock_mhz() -> float | None:
    """Return the clock rate of the cores now, MHz, their median; None where the system does not tell it."""
    path = _PROC / "cpuinfo"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [float(line.split(":")[1]) for line in lines if line.startswith("cpu MHz")]
    return round(median(found)) if found else None


def words(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say in a paragraph what the machine did while the jobs of `rows` were timed, if it was written down."""
    known = _by_job(rows)
    if not known:
        return []
    loads = [load for one in known.values() for load in one["load"]]
    parts = [f"the load was {_range(loads)}"]
    for name, text in (("others", "other processes had"), ("steal", "the host withheld (steal)")):
        shares = {job: one[name] for job, one in known.items() if one[name] is not None}
        if shares:
            most = max(shares, key=lambda job: shares[job])
            at = f", most in {most}" if shares[most] >= 0.01 and len(shares) > 1 else ""
            parts.append(f"{text} {_percent(shares.values())} of the cores' time{at}")
    rates = [one["mhz"] / 1000 for one in known.values() if one["mhz"] is not None]
    if rates:
        parts.append(f"the clock rate was {_range(rates)} GHz")
    jobs = {row["job"] for row in rows}
    whom = "the jobs" if len(known) == len(jobs) else f"{len(known)} of the {len(jobs)} jobs"
    were = "was" if len(known) == 1 < len(jobs) else "were"
    return paragraph(f"While {whom} {were} timed, {'; '.join(parts)}.")


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Make the table of what the machine did besides, a row a job, if it was written down."""
    known = _by_job(rows)
    if not known:
        return []
    heads = ("job", "load before", "load after", "other processes", "steal", "GHz")
    return [*markdown.table(heads, (_cells(job, one) for job, one in known.items())), ""]


def _cells(job: str, one: dict[str, Any]) -> tuple[str, ...]:
    shares = ("–" if one[name] is None else _percent([one[name]]) for name in ("others", "steal"))
    rate = "–" if one["mhz"] is None else f"{one['mhz'] / 1000:.3g}"
    return job, *(f"{load:g}" for load in one["load"]), *shares, rate


def _by_job(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["job"]: row["meanwhile"] for row in rows if row.get("meanwhile")}


def _range(values: Sequence[float]) -> str:
    low, high = (f"{value:.3g}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _percent(shares: Any) -> str:
    low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
    return f"{low}%" if low == high else f"{low} to {high}%"
