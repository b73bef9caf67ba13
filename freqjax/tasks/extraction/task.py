"""Extraction: the inputs are a noisy mixture and a selector, the target is the selected clean component."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.config.sections import Context
from freqjax.networks import Network, SingleLstm, TurningPairs
from freqjax.networks.weights import RotorSetting
from freqjax.system import capacity
from freqjax.system.capacity import Need
from freqjax.tasks.batch import Batch
from freqjax.tasks.columns import Columns
from freqjax.tasks.constructible import Solution
from freqjax.tasks.drawing import Draw
from freqjax.tasks.evaluation import Evaluation, Frozen
from freqjax.tasks.examination import GOAL_SHARE, Evidence, Examination
from freqjax.tasks.extraction import datasets, probes, symptoms
from freqjax.tasks.extraction import synthesis as signals
from freqjax.tasks.extraction import tones as metrics
from freqjax.tasks.extraction.blocks import blocks_of_rows, check_blocks
from freqjax.tasks.extraction.clock import Clock
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.evaluation import evaluate
from freqjax.tasks.extraction.limits import NoBayesLimit, StreamLimit
from freqjax.tasks.extraction.limits.scores import baseline_outputs, least_possible, limits_on
from freqjax.tasks.extraction.near_clock import ClockSolution
from freqjax.tasks.objectives import SquaredError
from freqjax.tasks.separation import separating_commands
from freqjax.tasks.task import Input, Task, TimeUnit
from freqjax.tasks.usage import Usage
from freqjax.text import series

if TYPE_CHECKING:
    from freqjax.tasks.extraction.figures import Baselines

# Least number of random starts that a test averages over.
_FEWEST_TEST_STARTS = 64


class _Judged(NamedTuple):
    """Blocks, outputs of the baselines on them ([B, T] by name), Bayes limit, limits and scores."""

    blocks: Batch
    outputs: dict[str, np.ndarray]
    least: StreamLimit | NoBayesLimit
    limits: dict[str, Any]


class Extraction(Task):
    """Extraction of a component from a sum of sinusoids.

    A block is one start and one selector. Blocks come start by start, and within a start frequency
    by frequency over the same mixture: with a known start there are B = F blocks, else B = starts · F.
    """

    Config = ExtractionConfig
    config: ExtractionConfig
    output_size = 1
    true_strength = False  # targets are sines of amplitude 1, whatever the mixture's gain
    detuning = 0.0
    group_label, group_word = "frequency", "component"
    easier_words = "a known start, a smaller phase_scale, longer streams, or a later judgement"
    objective = SquaredError()
    goal_share, constant_name = GOAL_SHARE, "predicting zero"
    weighted = False

    def __init__(self, config: ExtractionConfig, context: Context | None = None) -> None:
        """Set up the synthesis; files are read on demand."""
        super().__init__(config, context)
        self.inputs = (Input("signal", 1), Input("selector", len(config.frequencies), selects=True))
        self.sampling_rate = config.sampling_rate
        self.time = TimeUnit("s", config.sampling_rate)
        self.frequencies = self.selected_hz = config.frequencies
        self.group_names = tuple(f"{f:g} Hz" for f in config.frequencies)
        self.keeps_time = config.start == "zero" and context is None
        no_start = config.start == "zero" or context is not None
        self.easier = "task.phase_scale=0.01" if no_start else "task.start=zero"
        self._require_memory(1)
        self._synthesizer = signals.make_synthesizer(config)
        self._judged: _Judged | None = None

    def split(self, name: str) -> Batch | None:
        """Return the rows of `task.train_seed` or `task.train_path`, or those of the test's.

        There are no validation rows: fresh noise and test rows of another seed replace them.
        """
        if name == "validation":
            return None
        fewest = _FEWEST_TEST_STARTS if name == "test" else 1
        path, seed = (getattr(self.config, f"{name}_{part}") for part in ("path", "seed"))
        return self._rows(path, f"task.{name}_path", seed, fewest)

    def sample(self, key: jax.Array, samples: int) -> Batch:
        """Draw F blocks a start, with starts and noise from `key`; their first T samples."""
        return _draw(self._synthesizer, key, self._start_count(1), samples)

    def inputs_of(self, samples: np.ndarray | jax.Array, group: int) -> jax.Array:
        """Return [T, 1 + F]: the samples beside the one-hot selector of frequency `group`."""
        selector = jnp.broadcast_to(
            jnp.eye(len(self.frequencies))[group], (len(samples), len(self.frequencies))
        )
        return jnp.concatenate([jnp.asarray(samples)[:, None], selector], axis=1)

    def rotors(self) -> RotorSetting:
        """Return the config's rotors in cycles per sample; see `freqjax.networks.GivesRotors`."""
        rate = self.sampling_rate
        return RotorSetting(
            band=(self.config.rotor_low / rate, self.config.rotor_high / rate),
            leak=self.config.rotor_leak / rate,
            decay=self.config.rotor_decay / rate,
            # The step scales were tuned at 1,000 Hz; at a higher rate a pair rotates less per sample.
            turn_scale=1000 / rate,
        )

    def peaks(self, train: Batch) -> tuple[float, ...]:
        """Measure the peak of the power spectrum of each selector's targets, to one bin, 1 / T."""
        power = np.square(np.abs(np.fft.rfft(train.targets[..., 0], axis=1)))
        groups = np.asarray(train.group)
        bins = [power[groups == g].sum(axis=0).argmax() for g in range(len(self.frequencies))]
        return tuple(float(b) / self.samples for b in bins)

    def constructed(self) -> Clock:
        """Return the weights of an exact clock: see `freqjax.tasks.extraction.clock`."""
        return Clock(tuple(f / self.sampling_rate for f in self.frequencies))

    @property
    def columns(self) -> Columns:
        """Names of the task's columns; in sweeps the predictor without inputs is that of zero."""
        return super().columns._replace(constant="zero_predictor_mse")

    def constant_loss(self, frozen: Frozen) -> float:
        """Return the test loss of predicting zero, the mean of a sine."""
        batch = frozen.batch("test")
        assert batch is not None  # as `split` gives them
        return self._zero_mse(batch)

    def evaluate(self, frozen: Frozen) -> Evaluation:
        """Evaluate frozen weights: see `freqjax.tasks.extraction.evaluation`."""
        return evaluate(self, frozen)

    def measure(self, outputs: np.ndarray, blocks: Batch) -> dict[str, Any]:
        """Return the MSE of all frequencies and of each, and the tone metrics of each frequency."""
        squared = np.square(np.asarray(outputs, np.float64) - blocks.targets)[:, self.burn_in :, 0]
        squared, tones = squared.mean(axis=1), self.tones(outputs, blocks)
        return {
            "mse": float(squared.mean()),
            "mse_per_frequency": self._by_frequency(squared, blocks),
            **self._once_judged(outputs, blocks),
            "zero_predictor_mse": self._zero_mse(blocks),
            "tones": [
                {"frequency_hz": f, **tone._asdict()}
                for f, tone in zip(self.frequencies, tones, strict=True)
            ],
        }

    def _by_frequency(self, per_block: np.ndarray, blocks: Batch) -> list[float]:
        groups = np.asarray(blocks.group)
        return [float(per_block[groups == i].mean()) for i in range(len(self.frequencies))]

    def _zero_mse(self, blocks: Batch) -> float:
        """Return the MSE of predicting zero after the burn-in."""
        return metrics.zero_predictor_mse(np.asarray(blocks.targets[:, self.burn_in :, 0]))

    def _once_judged(self, outputs: np.ndarray, blocks: Batch) -> dict[str, Any]:
        """Return the MSE of the judged samples if streams start at random: before, the phase is unknown."""
        first = self.config.unjudged_samples
        if self.config.start == "zero" or not first:
            return {}
        late = np.square(np.asarray(outputs, np.float64) - blocks.targets)[:, first:, 0]
        return {"mse_after_1s_per_frequency": self._by_frequency(late.mean(axis=1), blocks)}

    def tones(self, outputs: np.ndarray, blocks: Batch) -> tuple[metrics.ToneMetrics, ...]:
        """Return the tone metrics of outputs [B, T, 1] after the burn-in, by frequency."""
        outputs, targets = (a[:, self.burn_in :, 0] for a in (outputs, np.asarray(blocks.targets)))
        return tuple(
            metrics.tone_metrics(
                outputs[blocks.group == i],
                targets[blocks.group == i],
                frequency,
                self.config.sampling_rate,
            )
            for i, frequency in enumerate(self.frequencies)
        )

    def probe(self, run: probes.Run) -> dict[str, Any]:
        """Classify the network as clock or locker: see `freqjax.tasks.extraction.probes`."""

        def draw(config: ExtractionConfig, start: int | None) -> Batch:
            count = probes.STARTS if config.start == "random" else 1
            task = self if config == self.config else Extraction(config)
            synthesizer = task._synthesizer
            if start is not None:
                synthesizer = signals.starting_at(synthesizer, config, start)
            key = jax.random.key(config.test_seed)
            return jax.tree.map(np.asarray, _draw(synthesizer, key, count, task.samples))

        return probes.probe(self.config, draw, run)

    def checks(self, evidence: Evidence) -> list[Examination]:
        """Check rows and tones for causes of an error: see `freqjax.tasks.extraction.symptoms`."""
        return symptoms.checks(self.config, evidence)

    def solution(self) -> Solution | None:
        """Return the clock of the task's frequencies; None if the start of a stream is random."""
        return ClockSolution(self) if self.keeps_time else None

    def limits(self, blocks: Batch) -> dict[str, Any]:
        """Compute the limits of the config's law, and the baselines' scores on the rows of `blocks`.

        See `freqjax.tasks.extraction.limits.scores.limits_on`.
        """
        return self._judge(blocks).limits

    def _judge(self, blocks: Batch) -> _Judged:
        """Run the baselines on `blocks` and compute the limits; the result is cached for figures."""
        if self._judged is None or self._judged.blocks is not blocks:
            targets, groups = np.asarray(blocks.targets[..., 0]), np.asarray(blocks.group)
            outputs = baseline_outputs(
                self.config, np.asarray(blocks.inputs["signal"][..., 0]), groups
            )
            least = least_possible(self.config, self.context)
            limits = limits_on(self.config, targets, groups, outputs, least)
            self._judged = _Judged(blocks, outputs, least, limits)
        return self._judged

    def usage(self, network: Network) -> Usage:
        """Return the use of a network that puts out a component: see `freqjax.tasks.Task.usage`."""
        config, names = self.config, series(self.group_names)
        limitations = [
            f"It knows {names} at {config.sampling_rate:g} samples a second, and no other component.",
            "Its outputs have amplitude 1: they tell frequency and phase, and not strength.",
        ]
        if self.keeps_time:
            limitations.append(
                "Streams of its task begin at a known start, so that it may answer from a clock of its own "
                "without a look at the signal: what it does is said under Clock or locker."
            )
        return Usage(
            purposes=[f"Signals in which {names} begin and vary as those of its task."],
            limitations=limitations,
            commands=separating_commands(self, network),
        )

    def describe(self) -> dict[str, Any]:
        """Return the frequencies, in the order of every list per frequency."""
        return {"frequencies_hz": list(self.frequencies)}

    def drawings(
        self, frozen: Frozen, evaluation: Evaluation, rows: Sequence[dict[str, Any]], folder: Path
    ) -> list[Draw]:
        """Return those of the test outputs, and of the learning curves if there are `rows`."""
        from freqjax.tasks.extraction import figures  # matplotlib takes most of a second to import

        blocks, outputs = frozen.batch("test"), frozen.outputs("test")
        assert blocks is not None
        record = figures.EvaluationRecord(
            frequencies_hz=self.frequencies,
            sampling_rate_hz=self.config.sampling_rate,
            mixture=np.asarray(blocks.inputs["signal"][..., 0]),
            targets=np.asarray(blocks.targets[..., 0]),
            outputs=outputs[..., 0],
            selected=np.asarray(blocks.group),
            tones=self.tones(outputs, blocks),
            baselines=self._baselines(blocks),
        )
        found = figures.drawings(record, rows, evaluation.metrics["test"]["mse"], folder)
        if rows and isinstance(frozen.network, TurningPairs):
            found.append(partial(self._draw_rotors, frozen, frozen.network, folder))
        return found

    def _draw_rotors(self, frozen: Frozen, network: TurningPairs, folder: Path) -> Path:
        """Draw the rotation speeds of the pairs of units, or of complex units, before training and now."""
        from freqjax.tasks.extraction import figures

        return figures.rotors(
            self.sampling_rate * network.pair_cycles(frozen.initial_params()),
            self.sampling_rate * network.pair_cycles(frozen.params),
            network.pair_owners(),
            self.selected_hz,
            folder,
            linear=not isinstance(network, SingleLstm),
        )

    def _baselines(self, blocks: Batch) -> Baselines:
        """Return the `figures.Baselines` of `blocks`."""
        from freqjax.tasks.extraction import figures

        judged = self._judge(blocks)
        late = judged.limits["bayes_after_1s_per_frequency"]
        curve = () if isinstance(judged.least, NoBayesLimit) else judged.least.curve
        seen = () if isinstance(judged.least, NoBayesLimit) else judged.least.samples_seen
        return figures.Baselines(
            outputs={n.replace("_", " ").capitalize(): out for n, out in judged.outputs.items()},
            bayes_mse=judged.limits["bayes_mse"],
            linear_mmse=judged.limits["linear_mmse"],
            bayes_mse_per_frequency=late or judged.limits["bayes_mse_per_frequency"],
            settled=self.config.unjudged_samples,
            bayes_over_time=(np.array(seen), np.array(curve)) if curve else None,
        )

    def dataset(self, blocks: Batch) -> datasets.Rows:
        """Return `blocks` as the rows of a file, block after block."""
        return datasets.rows_of_blocks(blocks)

    def _start_count(self, fewest: int) -> int:
        return max(self.config.starts, fewest) if self.config.start == "random" else 1

    def _require_memory(self, starts: int) -> None:
        """Require that rows of so many starts can be held, at least once while they are drawn and once after.

        Raises:
          UserError: they cannot.
        """
        frequencies = len(self.frequencies)
        drawn = (
            2 * 4 * starts * self.samples * frequencies * (frequencies + 2)
        )  # selectors in each row
        fields = {
            f"task.frequencies holds {frequencies} of them": frequencies,
            f"task.starts is {self.config.starts}": math.sqrt(starts),
            f"task.duration is {self.config.duration:g} s": math.sqrt(self.samples / 1000),
        }
        capacity.require([Need(max(fields, key=fields.__getitem__), "the rows", drawn)])

    def _rows(self, path: str, field: str, seed: int, fewest_starts: int) -> Batch:
        if path:
            rows = datasets.read_rows(Path(path), self.config, field)
            blocks = blocks_of_rows(rows, self.config, f"{field} {path}")
            check_blocks(blocks, self.config, f"{field} {path}")
            return blocks
        count = self._start_count(fewest_starts)
        self._require_memory(count)
        drawn = _draw(self._synthesizer, jax.random.key(seed), count, self.samples)
        blocks = jax.tree.map(np.asarray, drawn)
        check_blocks(blocks, self.config, f"the rows of seed {seed}")
        return blocks


@partial(jax.jit, static_argnames=("count", "samples"))
def _draw(synthesizer: signals.Synthesizer, key: jax.Array, count: int, samples: int) -> Batch:
    """Draw `count` starts and the first T = `samples` samples of the F blocks of each."""
    frequencies = synthesizer.cycles.shape[1]
    start_key, noise_key = jax.random.split(key)
    ahead = signals.draw_starts(synthesizer, start_key, count)
    mixture, components = signals.synthesize(synthesizer, noise_key, ahead, samples)
    shape = (count, frequencies, samples)
    selectors = jnp.broadcast_to(jnp.eye(frequencies)[None, :, None, :], (*shape, frequencies))
    repeated = jnp.broadcast_to(mixture[:, None, :, None], (*shape, 1))
    return Batch(
        inputs={
            "signal": repeated.reshape(-1, samples, 1),
            "selector": selectors.reshape(-1, samples, frequencies),
        },
        targets=components.transpose(0, 2, 1).reshape(-1, samples, 1),
        group=jnp.tile(jnp.arange(frequencies), count),
    )
