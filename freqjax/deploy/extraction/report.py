"""Report of an extraction: what was read and written, what was found, and how far it can be trusted."""

from __future__ import annotations

import numpy as np

from freqjax.deploy.extraction.found import Extracted, Found
from freqjax.deploy.extraction.gain import is_near
from freqjax.deploy.extraction.lines import stretch_samples
from freqjax.deploy.extraction.plan import Plan
from freqjax.deploy.extraction.tracks import Summary
from freqjax.tasks.extraction.periods import frequency
from freqjax.text import shown_unit

# A signal whose level differs from the training signals' by more than this factor is reported.
_LOUDER = 2.0


def report(planned: Plan, done: Extracted) -> list[str]:
    """Describe an extraction in lines."""
    lines = [_input_line(planned, done), *planned.recording.notes]
    if planned.up_by_down != 1:
        rate = planned.task.time.samples
        lines.append(f"processed at {_rate(rate)}, and resampled back")
    lines += _gain_lines(planned, done)
    lines.append(_dependence_line(planned, done))
    for place, group in enumerate(planned.groups):
        lines.append(f"{planned.task.group_names[group]}: {planned.outputs[place]}")
        for channel, found in enumerate(done.found):
            before = f"  {planned.names[channel]}: " if len(planned.signals) > 1 else "  "
            lines += [before + words for words in _found_lines(planned, group, found[place])]
    if planned.residual is not None:
        lines.append(f"residual, the recording without it: {planned.residual}")
    lines.append(f"lines by stretches: {planned.lines}")
    for path, clipped in done.clipped.items():
        if clipped:
            lines.append(
                f"{clipped:,} samples were beyond full scale and were clipped to it in {path}"
            )
    return lines


def _input_line(planned: Plan, done: Extracted) -> str:
    recording, own_rate = planned.recording, planned.recording.sampling_rate
    names = ", ".join(recording.names[channel] for channel in planned.channels[:8])
    more = " …" if len(planned.channels) > 8 else ""
    length = done.samples / planned.sampling_rate
    assumed = "" if own_rate else ", the rate of the network, since the file states none"
    return (
        f"{recording.path} ({recording.layout}, {names}{more}): {done.samples:,} samples, "
        f"{_time(length)} at {_rate(planned.sampling_rate)}{assumed}; in {done.seconds:.2f} s, "
        f"{length / done.seconds:.3g} × real time"
    )


def _gain_lines(planned: Plan, done: Extracted) -> list[str]:
    lines, (levels, factors, offsets) = [], done.gains
    if not np.any(levels > 0):
        return ["the recording is silent: nothing can be extracted from it"]
    wanted = done.known.input_rms
    for name, level, factor, offset in zip(planned.names, levels, factors, offsets, strict=True):
        of = f" of {name}" if len(planned.signals) > 1 else ""
        if offset and level > 0:
            lines.append(f"offset{of} {offset:.4g}: it is subtracted from what the network reads")
        if level == 0:
            lines.append(f"{name} is silent: nothing can be extracted from it")
        elif planned.gain is None:
            lines.append(
                f"gain{of} {factor:.4g}: its level is {level:.3g}, that of the training signals {wanted:.3g}"
            )
        else:
            lines.append(f"gain{of} {factor:.4g}, as given; its level is {level:.3g}")
            if not is_near(level * factor / wanted, _LOUDER):
                lines.append(
                    f"the signal is unlike the training signals: its rms is {level * factor:.3g} after the "
                    f"gain, theirs {wanted:.3g}; a gain of {wanted / level:.3g} makes them equal"
                )
    return lines


def _dependence_line(planned: Plan, done: Extracted) -> str:
    known = done.known
    if known.is_clock:
        told = (
            "; the strength and the phase of what is written are fitted to the recording"
            if not planned.task.true_strength
            else ""
        )
        return (
            "this network is a clock: its output does not depend on the input (silence in place of a "
            f"training signal changes it by {known.dependence:.1%}){told}"
        )
    return (
        "the output of this network depends on the input: silence in place of a training signal changes "
        f"it by {known.dependence:.0%}; ignore the output before the network has found the phase"
    )


def _found_lines(planned: Plan, group: int, found: Found) -> list[str]:
    """Describe the line of a component in a channel: the verdict, and strength and frequency."""
    lines = [found.verdict.words]
    if found.verdict.coherence is not None:
        lines[0] += f"; coherence of output and recording {found.verdict.coherence:.2f}"
    summary, task = found.summary, planned.task
    if not summary.found:
        return lines
    selected, unit = task.selected_hz[group], task.time.name
    others = [hz for hz in task.selected_hz if hz != selected]
    stretch = stretch_samples(selected, task.time.samples, others) / task.time.samples
    weakest, strongest, _ = summary.strengths
    shown = f"{stretch:.3g} {unit}" if unit != "s" else _time(stretch, 3)
    lines.append(
        f"found in {summary.found} of {summary.stretches} stretches of {shown}: strength "
        f"{summary.strength:.4g} ({weakest:.3g} to {strongest:.3g}), {_frequency(summary, selected, unit)}"
    )
    return lines


def _frequency(summary: Summary, selected: float, unit: str) -> str:
    """Describe the frequency of a line that was found and its drift; of a slow line the period."""
    lowest, highest, _ = summary.frequencies
    off = f"{100 * (summary.hz / selected - 1):+.2g} %"
    if frequency(selected).endswith("Hz"):
        drift = "" if summary.drift is None else f", drift {summary.drift:+.2g} Hz/{unit}"
        return f"frequency {summary.hz:.6g} Hz ({lowest:.5g} to {highest:.5g}; {off}){drift}"
    ends = f"{frequency(highest, 5)} to {frequency(lowest, 5)}"
    drift = ""
    if summary.drift is not None:
        name, length = shown_unit(20 / selected, "s")
        share = 100 * summary.drift / selected * length
        drift = f", drift of the frequency {share:+.2g} % per {name.removesuffix('s') or name}"
    return f"period {frequency(summary.hz, 6)} ({ends}; frequency {off}){drift}"


def _time(seconds: float, digits: int = 6) -> str:
    """Format a length of time, s, in days or years where it has many."""
    name, length = shown_unit(seconds, "s")
    return f"{seconds / length:.{digits}g} {name}"


def _rate(rate: float) -> str:
    """Format a sampling rate, Hz; a slow one by its period."""
    name = frequency(rate, 9)
    return f"{rate:.9g} Hz" if name.endswith("Hz") else f"one sample every {name}"
