"""Autoencoder: a sequence of vectors must pass a code of K numbers and come out again.

Inputs and targets are the same vectors. The score is the mean cosine of a vector, beside the mean predictor,
principal components and a trained linear code at equal numbers and bits. Of sequences that are no words the
share of the squared error that is explained stands beside it, since a cosine does not tell lengths.
Axes: N sequences, T samples, D dimensions, K numbers of a code.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from freqjax.config.sections import Context, NetworkConfig
from freqjax.networks import Network
from freqjax.networks.arrays import AnyArray
from freqjax.tasks.autoencoder import checks, parts
from freqjax.tasks.autoencoder.config import AutoencoderConfig
from freqjax.tasks.autoencoder.cutting import Text
from freqjax.tasks.autoencoder.dataset import Dataset, Part, dataset_of, sizes_of
from freqjax.tasks.autoencoder.foreign import with_test
from freqjax.tasks.autoencoder.judged import Judge
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork
from freqjax.tasks.autoencoder.objectives import Mixed, Words
from freqjax.tasks.autoencoder.probes import Probes
from freqjax.tasks.autoencoder.sections import sections_of
from freqjax.tasks.batch import Batch
from freqjax.tasks.drawing import Draw
from freqjax.tasks.evaluation import Baseline, Evaluation, Frozen, Section
from freqjax.tasks.examination import Evidence, Examination
from freqjax.tasks.objectives import Cosine, Objective, SquaredError
from freqjax.tasks.scoring import evaluate_rows
from freqjax.tasks.task import Input, Task
from freqjax.tasks.usage import Command, Usage

# Share of a text's words with vectors below which a run says that the others are missing.
_ENOUGH_WORDS = 0.9
# With more labels than this, results are not told apart by them.
_MOST_GROUPS = 24


class Autoencoder(Task):
    """Autoencoder of sequences; groups of results are the data's labels, such as books."""

    Config = AutoencoderConfig
    config: AutoencoderConfig
    group_label, group_word = "label", "label"
    score_name = "cosine"
    higher_is_better = True
    constant_name = "the mean vector"
    easier = "task.numbers=32"
    easier_words = "more numbers, or shorter sequences"
    limit_note = "the law of the sequences is not known; bits bound what a code can hold"

    def __init__(self, config: AutoencoderConfig, context: Context | None = None) -> None:
        """Store the config; sequences are read on demand."""
        # Validation has set both, unless a config is used as it was written.
        samples, dimensions = config.length, config.dimensions
        if samples is None or dimensions is None:
            samples, dimensions = sizes_of(config)
            config = dataclasses.replace(config, length=samples, dimensions=dimensions)
        super().__init__(config, context)
        self.inputs = (Input("vectors", dimensions),)
        self.output_size = dimensions
        self._probed: tuple[Any, Probes] | None = None

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The sequences, of which the test's may be replaced by those of `task.test_path`."""
        found = dataset_of(self.config)
        if self.config.test_path:
            return with_test(found, Path(self.config.test_path), self.config.samples)
        return found

    @functools.cached_property
    def group_names(self) -> tuple[str, ...]:
        """The labels; "all" if there are none, or too many, or the test's are of another file."""
        names = self.dataset.label_names
        told_apart = names and len(names) <= _MOST_GROUPS and not self.config.test_path
        return names if told_apart else ("all",)

    @property
    def note(self) -> str:
        """Say that words are missing, where many of a text have no vector."""
        if not self.config.is_text or self.dataset.coverage >= _ENOUGH_WORDS:
            return ""
        return (
            f"{self.dataset.coverage:.0%} of the words of task.data have a vector: the others are left out "
            "of its sequences; task.vectors can name a file that has them."
        )

    @functools.cached_property
    def objective(self) -> Objective:
        """The loss that `task.loss` names."""
        if self.config.loss == "words":
            vocabulary = self.dataset.vocabulary
            assert vocabulary is not None  # `AutoencoderConfig.check` requires a text
            return Words(vocabulary.vectors, self.config.temperature)
        return {"cosine": Cosine(), "squared_error": SquaredError(), "mixed": Mixed()}[
            self.config.loss
        ]

    @property
    def draws(self) -> bool:
        """True of a text, whose chapters can be cut anew."""
        return self.config.is_text

    def network(self, config: NetworkConfig, train: Callable[[], Any] | None) -> AutoencoderNetwork:
        """Make the network of the task; see `freqjax.networks.GivesNetwork`."""
        rows = None
        if train is not None:
            batch: Batch = train()
            rows = parts.Rows(np.asarray(batch.inputs["vectors"]), np.asarray(batch.mask))
        return parts.make(self.config, config, rows)

    def split(self, name: str) -> Batch | None:
        """Return the sequences of a part; None if there are none."""
        part = self.dataset.parts[name]
        return self.batch_of(part) if len(part.mask) else None

    def batch_of(self, part: Part) -> Batch:
        """Return sequences as a batch."""
        return _batch(part.vectors, part.mask, self._groups(part.label))

    def sample(self, key: jax.Array, samples: int) -> Batch:
        """Cut the chapters of the training text at new offsets; the first T samples of each window."""
        text = self._text
        vectors, mask = text.draw(key, self.samples)
        return _batch(vectors[:, :samples], mask[:, :samples], self._groups(text.label))

    def row_score(
        self, outputs: Float[AnyArray, "*N O"], targets: Float[AnyArray, "*N O"]
    ) -> Float[Array, "*N"]:
        """Return the cosine of every output to its target."""
        return 1 - Cosine().row_loss(outputs, targets)

    def baselines(self, frozen: Frozen) -> Mapping[str, Baseline]:
        """Return the mean vector, and components, a cosine transform and a linear code at equal bits."""
        del frozen
        return self.judge.baselines()

    def evaluate(self, frozen: Frozen) -> Evaluation:
        """Return scores, baselines, probes and sections of frozen weights."""
        found = evaluate_rows(self, frozen)
        metrics = self.judge.metrics(found.metrics, found.baselines, frozen, self.probes(frozen))
        return found._replace(metrics=metrics)

    def sections(self, frozen: Frozen, evaluation: Evaluation) -> Sequence[Section]:
        """Describe what the code is worth, where, and what the outputs are."""
        trains_lengths = self.config.loss != "cosine"
        probes = self.probes(frozen)
        return sections_of(self.judge, frozen, evaluation, probes, trains_lengths=trains_lengths)

    def drawings(
        self, frozen: Frozen, evaluation: Evaluation, rows: Sequence[dict[str, Any]], folder: Path
    ) -> list[Draw]:
        """Return those of scores and training, then sequences, codes, positions, bits and attention."""
        from freqjax.tasks.autoencoder import figures  # matplotlib takes most of a second to import

        assert isinstance(frozen.network, AutoencoderNetwork)
        record = figures.record_of(self, frozen, evaluation)
        practice = frozen.network.practice
        return [
            *super().drawings(frozen, evaluation, rows, folder),
            *figures.drawings(record, practice, rows, folder),
        ]

    def checks(self, evidence: Evidence) -> list[Examination]:
        """Look for leaks, and for causes in the code; see `freqjax.tasks.autoencoder.checks`."""
        return checks.checks(self.config, self.judge.leak, evidence)

    def usage(self, network: Network) -> Usage:
        """Return the use of an autoencoder: see `freqjax.tasks.Task.usage`."""
        del network
        samples, size, numbers = self.samples, self.output_size, self.config.numbers
        codes, back = "codes.npz", "back.npz"
        cut = ", but a file of text is cut into windows" if self.config.is_text else ""
        return Usage(
            purposes=[
                "Sequences from the source that it was trained on, as codes of a few numbers."
            ],
            limitations=[
                f"It reads at most {samples} vectors of {size} numbers at a time; longer sequences are "
                f"refused{cut}.",
                f"A code holds {numbers * self.config.bits} bits: what they cannot hold is not put out.",
                "Sequences of other vectors of the same size are coded too; their error was not measured.",
            ],
            commands=[
                Command(
                    "writes the codes of sequences",
                    ("encode", "--checkpoint", ".", "--input", "new.npz", "--output", codes),
                ),
                Command(
                    "writes the sequences of codes",
                    ("decode", "--checkpoint", ".", "--input", codes, "--output", back),
                ),
            ],
            python=[
                'network = freqjax.load_autoencoder(".")',
                f"sequences = np.ones((2, {samples}, {size}))  # [N, T, D]",
                "codes = network.encode(sequences)  # [N, K]",
                "back = network.decode(codes)  # [N, T, D]",
            ],
        )

    def describe(self) -> dict[str, Any]:
        """Return sizes and precision of the code, and of a text the share of words that have a vector."""
        config = self.config
        words = {"words_with_vectors": self.dataset.coverage} if config.is_text else {}
        return {
            "sequence": [self.samples, self.output_size],
            "numbers": config.numbers,
            "bits_per_number": config.bits,
            "bits_per_sequence": config.numbers * config.bits,
            **words,
        }

    def probes(self, frozen: Frozen) -> Probes:
        """Probe frozen weights on the test rows; the last ones probed are kept."""
        if self._probed is None or self._probed[0] is not frozen.params:
            self._probed = (frozen.params, self.judge.probes(frozen))
        return self._probed[1]

    @functools.cached_property
    def judge(self) -> Judge:
        """Codes without a network on the rows of the task."""
        return Judge(self.dataset, self.config.numbers, self.config.bits)

    @functools.cached_property
    def _text(self) -> Text:
        vocabulary = self.dataset.vocabulary
        assert vocabulary is not None
        return Text.of(self.dataset.train, vocabulary.vectors)

    def _groups(self, labels: Any) -> Any:
        return labels if len(self.group_names) > 1 else np.zeros_like(labels)


def _batch(vectors: Any, mask: Any, groups: Any) -> Batch:
    if isinstance(vectors, jax.Array):
        groups = jnp.asarray(groups)
    return Batch({"vectors": vectors}, vectors, groups, mask)
