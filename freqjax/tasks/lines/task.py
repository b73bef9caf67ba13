"""Lines: the inputs are a recording and a selector, the target is the selected line at its own strength."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from freqjax.config.sections import Context
from freqjax.errors import UserError
from freqjax.networks import Network
from freqjax.networks.arrays import EitherArray
from freqjax.networks.weights import RotorSetting
from freqjax.system import capacity
from freqjax.system.capacity import Need
from freqjax.tasks.batch import Batch, Sequences
from freqjax.tasks.drawing import Draw
from freqjax.tasks.evaluation import Baseline, Evaluation, Frozen, Section
from freqjax.tasks.extraction import datasets
from freqjax.tasks.extraction.blocks import blocks_of_rows
from freqjax.tasks.extraction.periods import frequencies
from freqjax.tasks.lines import synthesis
from freqjax.tasks.lines.baselines import BASELINES
from freqjax.tasks.lines.config import LinesConfig
from freqjax.tasks.lines.judged import (
    Judged,
    by_line,
    by_ratio,
    judge,
    losses,
    relative_errors,
    require_lines,
)
from freqjax.tasks.lines.noise import Excerpts, NoiseSource, noise_source
from freqjax.tasks.lines.possible import least_possible
from freqjax.tasks.objectives import SquaredError
from freqjax.tasks.scoring import Means
from freqjax.tasks.separation import separating_commands
from freqjax.tasks.task import Input, Task, TimeUnit
from freqjax.tasks.usage import Usage
from freqjax.text import series

# The step scales of rotors were tuned on lines of this many cycles a sample.
_TUNED_CYCLES = 0.004


class Lines(Task):
    """Extraction of a line of unknown strength and phase, and nearly known frequency, from a recording.

    The score is the error power relative to the line's own: Σ (y − x)² / Σ x², averaged over recordings, so
    that 1 is the score of predicting zero. Sequences come recording by recording, and within a recording
    line by line: B = F · N.
    """

    Config = LinesConfig
    config: LinesConfig
    group_label, group_word = "frequency", "line"
    objective = SquaredError()
    score_name: str | None = "relative error power"
    constant_name = "predicting zero"
    # Of the line's power.
    goal: float | None = 0.01
    easier_words = "a higher task.snr_range, less drift, longer recordings, or a later judgement"
    weighted = False
    # The target has the strength that the line has in the recording.
    true_strength = True

    def __init__(self, config: LinesConfig, context: Context | None = None) -> None:
        """Prepare the law; recordings are drawn, and files read, on demand."""
        super().__init__(config, context)
        lines = len(config.frequencies)
        self.channels = 2 if config.iq else 1
        self.inputs = (Input("signal", self.channels), Input("selector", lines, selects=True))
        self.output_size = self.channels
        self.time = TimeUnit("s", config.sampling_rate)
        self.selected_hz, self.detuning = config.frequencies, config.detuning
        self.group_names = frequencies(config.frequencies)
        low, high = config.snr_range
        self.easier = (
            "task.detuning=0" if config.detuning else f"task.snr_range={low + 20:g},{high + 20:g}"
        )
        capacity.require([self._need()])
        self._noise: NoiseSource | None = None
        self._judged: tuple[Frozen, Judged] | None = None
        if config.amplitude_law == "gaussian":
            # The limit is one of the mean loss, of which no estimate of the ratio of two powers is a mean.
            self.score_name = None
            self.goal, self.goal_share = None, self.goal
        # Stored, so that training and test rows of one shape are compiled once.
        self._drawn = jax.jit(self._draw, static_argnums=(1, 2))

    def split(self, name: str) -> Batch | None:
        """Return recordings of `task.train_seed` or `task.train_path`, or those of the test's.

        There are no validation rows: fresh recordings and test rows of another seed replace them.
        """
        if name == "validation":
            return None
        path, seed = (getattr(self.config, f"{name}_{part}") for part in ("path", "seed"))
        if path:
            field = f"task.{name}_path"
            rows = datasets.read_rows(Path(path), self.config, field)
            blocks = blocks_of_rows(rows, self.config, f"{field} {path}")
            require_lines(blocks, self.burn_in, f"{field} {path}")
            return blocks
        count = self.config.recordings if name == "train" else self.config.test_recordings
        drawn = self._drawn(jax.random.key(seed), count, self.samples, self._source().excerpts)
        return jax.tree.map(np.asarray, drawn)

    def sample(self, key: jax.Array, samples: int) -> Batch:
        """Draw `task.recordings` new recordings of each line; their first T samples."""
        return self._drawn(key, self.config.recordings, samples, self._source().excerpts)

    def sample_without_files(self, key: jax.Array, samples: int) -> Batch:
        """Draw as `sample`, with white noise in place of recordings of noise, which is as strong."""
        colours = ("white" if c == "recordings" else c for c in self.config.noise_colors)
        law = dataclasses.replace(
            self.config, noise_path="", noise_colors=tuple(dict.fromkeys(colours))
        )
        return Lines(law, self.context).sample(key, samples)

    def inputs_of(
        self, samples: Float[EitherArray, " T"] | Float[EitherArray, "T C"], group: int
    ) -> Float[Array, "T D"]:
        """Return the samples, [T] or with iq [T, 2], beside the one-hot selector of line `group`."""
        columns = jnp.asarray(samples).reshape(len(samples), self.channels)
        lines = len(self.selected_hz)
        selector = jnp.broadcast_to(jnp.eye(lines)[group], (len(columns), lines))
        return jnp.concatenate([columns, selector], axis=1)

    def rotors(self) -> RotorSetting:
        """Return the rotors of the lines' band in cycles per sample; see `freqjax.networks.GivesRotors`."""
        rate = self.config.sampling_rate
        low, high = self.config.rotor_band
        leak, decay = self.config.rotor_rates
        middle = float(np.exp(np.mean(np.log(self.config.frequencies))))
        return RotorSetting(
            band=(low / rate, high / rate),
            leak=leak / rate,
            decay=decay / rate,
            turn_scale=middle / rate / _TUNED_CYCLES,
        )

    def peaks(self, train: Batch) -> tuple[float, ...]:
        """Return the nominal frequency of each line, cycles per sample, around which the law draws."""
        del train
        return tuple(f / self.config.sampling_rate for f in self.config.frequencies)

    def constant_loss(self, frozen: Frozen) -> float:
        """Return the test loss of predicting zero, the mean of a line of random phase."""
        batch = frozen.batch("test")
        assert batch is not None  # `split` gives it
        targets = np.asarray(batch.targets, np.float64)[:, self.burn_in :]
        return float(np.mean(np.sum(np.square(targets), axis=-1)))

    def scores(self, outputs: Float[EitherArray, "B T C"], rows: Sequences) -> Means:
        """Return the mean relative error power of the sequences, or with Gaussian amplitudes the MSE."""
        measure = losses if self.score_name is None else relative_errors
        values = measure(outputs, rows.targets, self.burn_in)
        groups = np.asarray(rows.groups)
        return Means(float(values.mean()), by_line(values, groups, len(self.group_names)))

    def baselines(self, frozen: Frozen) -> Mapping[str, Baseline]:
        """Return the estimates of the methods without training; none with iq."""
        found = self._judge(frozen).estimates
        return {n: v[..., None] for n, v in found.items() if n in BASELINES}

    def sections(self, frozen: Frozen, evaluation: Evaluation) -> Sequence[Section]:
        """Return the errors at several ratios of line to noise."""
        del evaluation
        return (by_ratio(self._judge(frozen)),)

    def least_possible(self) -> tuple[float | None, str]:
        """Return the least loss of a causal estimate, or None, and the reason for either."""
        if self.context is not None and self.context.both_ways:
            return (
                None,
                "the network reads later samples, and the limit known is of causal estimates",
            )
        return least_possible(self.config)

    def _judge(self, frozen: Frozen) -> Judged:
        """Judge the test recordings; the result is kept for the figures."""
        if self._judged is None or self._judged[0] is not frozen:
            self._judged = (frozen, judge(self, frozen))
        return self._judged[1]

    def drawings(
        self, frozen: Frozen, evaluation: Evaluation, rows: Sequence[dict[str, Any]], folder: Path
    ) -> list[Draw]:
        """Return those of any task, of the errors of the test recordings, and of a recording of each line."""
        from freqjax.tasks.lines import figures  # matplotlib takes most of a second to import

        judged = self._judge(frozen)
        return [
            *super().drawings(frozen, evaluation, rows, folder),
            partial(figures.errors, judged, folder),
            partial(figures.recordings, judged, folder),
        ]

    def dataset(self, blocks: Batch) -> datasets.Rows:
        """Return `blocks` as the rows of a file, block after block.

        Raises:
          UserError: recordings are complex.
        """
        if self.config.iq:
            raise UserError(
                "task.iq is true: it must be false for this, since rows of a file have one input and one "
                "target."
            )
        return datasets.rows_of_blocks(blocks)

    def usage(self, network: Network) -> Usage:
        """Return the use of a network that puts out a line: see `freqjax.tasks.Task.usage`."""
        config, names = self.config, series(self.group_names)
        low, high = config.snr_range
        harmonics = [] if len(config.orders) > 1 else ["It knows no harmonics of a line."]
        return Usage(
            purposes=[
                f"Recordings with {names}, each up to {config.detuning:.3g} of its frequency beside it, at "
                f"{low:g} to {high:g} dB of line to noise."
            ],
            limitations=[
                f"It knows {names} at {config.sampling_rate:g} samples a second, and no other line.",
                *harmonics,
            ],
            commands=separating_commands(self, network),
        )

    def describe(self) -> dict[str, Any]:
        """Return the nominal frequencies, in the order of every list per frequency."""
        return {"frequencies_hz": list(self.config.frequencies)}

    def _source(self) -> NoiseSource:
        if self._noise is None:
            self._noise = noise_source(self.config, [self._need()])
        return self._noise

    def _draw(self, key: jax.Array, count: int, samples: int, excerpts: Excerpts | None) -> Batch:
        """Draw `count` recordings of each line and cut their first T = `samples` samples.

        `excerpts` are those of the source; as an argument of a compiled function they are no constant of it.
        """
        source = self._source()._replace(excerpts=excerpts)
        lines = len(self.selected_hz)
        groups = jnp.arange(lines)
        if self.config.together:
            drawn = synthesis.synthesize(self.config, source, key, count, jnp.ones((count, lines)))
            signals = jnp.repeat(drawn.signals, lines, axis=0)
            targets = drawn.lines.reshape(-1, *drawn.lines.shape[2:])
        else:
            present = jnp.tile(jnp.eye(lines), (count, 1))
            drawn = synthesis.synthesize(self.config, source, key, count * lines, present)
            signals = drawn.signals
            targets = drawn.lines[jnp.arange(count * lines), jnp.tile(groups, count)]
        selected = jnp.tile(groups, count)
        selector = jnp.broadcast_to(
            jnp.eye(lines)[selected][:, None], (len(selected), samples, lines)
        )
        return Batch(
            inputs={"signal": signals[:, :samples], "selector": selector},
            targets=targets[:, :samples],
            group=selected,
        )

    def _need(self) -> Need:
        """Return the memory that the recordings which are drawn take."""
        config = self.config
        lines, most = len(config.frequencies), max(config.recordings, config.test_recordings)
        drawn = 4 * 4 * most * lines * self.samples * (lines + 2 + len(config.orders))
        fields = {
            f"task.frequencies holds {lines} of them": lines,
            f"task.test_recordings is {config.test_recordings}": config.test_recordings / 8,
            f"task.recordings is {config.recordings}": config.recordings / 8,
            f"task.duration is {config.duration:g} s": self.samples / 1000,
        }
        return Need(max(fields, key=fields.__getitem__), "the recordings", drawn)
