"""Classifier: windows of recordings of several modalities in, a class of each out.

Groups of results are what a split does not divide, such as persons. The score is the macro F1 of several
classes, or the average precision of the second of two; beside it stand the constant, logistic regression and
MiniRocket with the same context.
Axes: N windows, S sequences, W windows of a sequence, O outputs, C classes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from freqjax import progress
from freqjax.config.sections import Context, NetworkConfig
from freqjax.errors import UserError
from freqjax.networks import Network, Streams
from freqjax.networks.arrays import EitherArray
from freqjax.tasks.batch import Batch, Sequences
from freqjax.tasks.classifier import checks, parts, possible, probes, sections, stretches
from freqjax.tasks.classifier.batches import batch_of
from freqjax.tasks.classifier.calibration import (
    probabilities_of,
    sampler_shift,
    undo_shift,
    weight_shift,
)
from freqjax.tasks.classifier.config import ClassifierConfig
from freqjax.tasks.classifier.dataset import Dataset, Folds, Part, load_dataset
from freqjax.tasks.classifier.foreign import with_test
from freqjax.tasks.classifier.hiding import Hidden, hidden
from freqjax.tasks.classifier.judged import Judge, Judged, joined
from freqjax.tasks.classifier.network.layout import Layout
from freqjax.tasks.classifier.objective import Heads
from freqjax.tasks.classifier.reading import Reading
from freqjax.tasks.classifier.sources import Drawing
from freqjax.tasks.drawing import Draw
from freqjax.tasks.evaluation import Baseline, Evaluation, Frozen, Section
from freqjax.tasks.examination import Evidence, Examination
from freqjax.tasks.objectives import CrossEntropy
from freqjax.tasks.scoring import Means, evaluate_rows
from freqjax.tasks.task import Input, Task
from freqjax.tasks.usage import Command, Usage
from freqjax.text import series


class Classifier(Task):
    """Classifier of windows; a sequence is a window, or a stretch of a recording where there is a context."""

    Config = ClassifierConfig
    config: ClassifierConfig
    group_label, group_word = "group", "group"
    higher_is_better = True
    constant_name = "the shares of the classes"
    easier_words = "more context, longer windows, or fewer classes"
    limit_note = "the law of the recordings is not known"

    def __init__(self, config: ClassifierConfig, context: Context | None = None) -> None:
        """Read the data: their sizes are those of the network."""
        super().__init__(config, context)
        self.pretraining = config.pretraining
        folds = None if config.folds is None else Folds(config.folds, config.fold)
        self.dataset: Dataset = load_dataset(
            config.data,
            length=config.length,
            stride=config.stride,
            shares=(config.split[0], config.split[1], config.split[2]),
            seed=config.train_seed,
            folds=folds,
            shared_groups=config.shared_groups,
            drawing=Drawing(*config.drawn, config.train_seed),
        )
        if config.class_names:
            self.dataset = self._named()
        if config.test_path:
            self.dataset = with_test(
                self.dataset, Path(config.test_path), config.length, config.stride
            )
        self.group_names = self.dataset.group_names
        self.judge = Judge(self.dataset, config)
        self.classes = len(self.dataset.class_names)
        second = len(self.dataset.auxiliary_names)
        if config.auxiliary and not second:
            raise UserError(
                f"task.auxiliary is {config.auxiliary:g}: it must be 0 where task.data has no "
                "array auxiliary."
            )
        self.output_size = self.classes + (second if config.auxiliary else 0)
        self.score_name = "average precision" if self.judge.is_binary else "macro F1"
        self.layout = Layout(
            next(iter(self._read.train.masks.values())).shape[1],
            {name: values.shape[2] for name, values in self._read.train.inputs.items()},
        )
        self.inputs = tuple(Input(name, size) for name, size in self.layout.sizes.items())
        self.objective = Heads(
            self.classes, CrossEntropy(self._class_weights, config.focus), config.auxiliary
        )
        self._judged: tuple[Any, Judged] | None = None
        self._probed: tuple[Any, probes.Probes] | None = None
        self._compared: tuple[Any, possible.Possible | None] | None = None

    def _named(self) -> Dataset:
        names, known = self.config.class_names, self.dataset.class_names
        if len(names) != len(known):
            raise UserError(
                f"task.class_names has {len(names)} names: it must have one for each of the {len(known)} "
                f"labels of task.data, {', '.join(known)}."
            )
        return self.dataset._replace(class_names=names)

    @functools.cached_property
    def _read(self) -> Dataset:
        """The dataset as the network reads it: with derived channels, normalised by what is trained on."""
        found = {name: self.reading(part) for name, part in self.dataset.parts.items()}
        return self.dataset._replace(**found)

    @functools.cached_property
    def reading(self) -> Reading:
        """How windows are prepared: by the channels of what is trained on."""
        return Reading.of(self._trained(self.dataset.parts), derived=self.config.derived)

    def _trained(self, found: Mapping[str, Part]) -> Part:
        """Return the rows that are trained on."""
        train, validation = found["train"], found["validation"]
        return joined(train, validation) if self.config.refit and len(validation.label) else train

    @functools.cached_property
    def _shares(self) -> Float[np.ndarray, " C"]:
        """Share of each class among what is trained on; at least half a window, so that none is 0."""
        labels = self._trained(self.dataset.parts).label
        counts = np.maximum(np.bincount(labels, minlength=self.classes), 0.5)
        return counts / counts.sum()

    @property
    def _class_weights(self) -> tuple[float, ...]:
        """Weights of the classes in the loss, their mean over rows 1; empty for none."""
        if self.config.balance not in ("weights", "both"):
            return ()
        return tuple((1 / (self.classes * self._shares)).tolist())

    @property
    def draws(self) -> bool:
        """True: windows are drawn, or stretches cut, anew."""
        return True

    def network(self, config: NetworkConfig, train: Callable[[], Any] | None) -> Network:
        """Make the network of the task; see `freqjax.networks.GivesNetwork`."""
        del train
        return parts.make(self.config, config, self.layout, self.output_size, self.classes)

    def split(self, name: str) -> Batch | None:
        """Return the sequences of a part; None if there are none, or if validation rows are trained on."""
        if name == "validation" and self.config.refit:
            return None
        found = self._read.parts
        part = self._trained(found) if name == "train" else found[name]
        if not len(part.label):
            return None
        return self._batch(part, self._cut(part, name).index)

    def _cut(self, part: Part, name: str) -> stretches.Stretches:
        """Return the windows of each sequence: whole recordings where nothing is trained on."""
        if self.config.context == "none":
            return stretches.single(part)
        if name == "train":
            return stretches.cut(part, self.config.stretch)
        return stretches.whole(part)

    def _batch(self, part: Part, index: Any) -> Batch:
        """Gather the windows of sequences; see `freqjax.tasks.classifier.batches`."""
        return batch_of(part, index, self.classes, self.output_size - self.classes)

    @functools.cached_property
    def _cut_train(self) -> tuple[Part, np.ndarray, np.ndarray]:
        """Training windows, the windows of each recording [S, W], and the label of each window [N]."""
        part = self._trained(self._read.parts)
        return part, stretches.whole(part).index, part.label

    def sample(self, key: jax.Array, samples: int) -> Batch:
        """Draw windows, with equal shares of the classes if a sampler balances; or cut recordings anew."""
        part, recordings, labels = self._cut_train
        if self.config.context == "none":
            weights = np.ones(len(labels))
            if self.config.balance in ("sampler", "both"):
                weights = 1 / self._shares[labels]
            drawn = jax.random.choice(
                key, len(labels), (len(labels),), p=jnp.asarray(weights / weights.sum())
            )
            return self._batch(part, drawn[:, None])
        return self._batch(
            part, stretches.shifted(key, recordings, self.config.stretch)[:, :samples]
        )

    def scores(self, outputs: Float[EitherArray, "B T O"], rows: Sequences) -> Means:
        """Return the score of outputs: macro F1, or the average precision of class 1 of two."""
        counted = np.asarray(rows.weights) > 0
        logits = np.asarray(outputs)[counted][:, : self.classes]
        labels = np.asarray(rows.targets)[counted][:, : self.classes].argmax(axis=1)
        groups = np.broadcast_to(np.asarray(rows.groups)[:, None], counted.shape)[counted]

        def score(kept: Any) -> float:
            return self.judge.score(labels[kept], probabilities[kept]) if np.any(kept) else np.nan

        probabilities = probabilities_of(logits.astype(np.float64))
        everything = np.ones(len(labels), bool)
        return Means(score(everything), [score(groups == g) for g in range(len(self.group_names))])

    def judged(self, frozen: Frozen) -> Judged:
        """Return the probabilities of frozen weights; the last ones are kept."""
        if self._judged is None or self._judged[0] is not frozen.params:
            found = {}
            for name in ("train", "validation", "test"):
                if frozen.batch(name) is not None:
                    found[name] = self.logits(frozen.outputs(name), name)
            self._judged = (frozen.params, self.judge.judge(found))
        return self._judged[1]

    def logits(self, outputs: Float[np.ndarray, "S W O"], name: str) -> Float[np.ndarray, "N C"]:
        """Return the logits of a part's windows, less what the balance of training added to them."""
        found = self._read.parts
        part = self._trained(found) if name == "train" else found[name]
        return self.without_balance(outputs[self._cut(part, name).places])

    def without_balance(self, outputs: Float[np.ndarray, "N O"]) -> Float[np.ndarray, "N C"]:
        """Return the logits of outputs, less what the balance of training added to them."""
        own = outputs[:, : self.classes].astype(np.float64)
        return undo_shift(own, *self.shifts) if self.config.undo_balance else own

    def step_of(self, window: Part) -> Float[np.ndarray, "1 D"]:
        """Return the input of a step of the network, given a window as `reading` prepares it."""
        batch = self._batch(window, stretches.single(window).index)
        return np.asarray(self.sequences(batch).inputs)[:, 0]

    @property
    def shifts(self) -> list[Float[np.ndarray, " C"]]:
        """Terms [C] that sampler and class weights add to the logits, one array for each that is used."""
        found = []
        if self.config.balance in ("sampler", "both"):
            found.append(sampler_shift(self._shares, np.full(self.classes, 1 / self.classes)))
        if self._class_weights:
            found.append(weight_shift(np.asarray(self._class_weights)))
        return found

    @property
    def is_judged(self) -> bool:
        """Whether every test window has a label."""
        return bool((self.dataset.test.label >= 0).all())

    def predictions(self, frozen: Frozen) -> dict[str, np.ndarray]:
        """Return the calibrated probabilities of the test windows, and which windows these are."""
        dataset, test = self.dataset, self.dataset.test
        return {
            "probabilities": self.judged(frozen).probabilities["test"],
            "class_names": np.array(dataset.class_names),
            "label": test.label,
            "group": np.array(dataset.group_names)[test.group],
            "recording": np.array(dataset.recording_names)[test.recording],
            "order": test.order,
        }

    def baselines(self, frozen: Frozen) -> Mapping[str, Baseline]:
        """Return the scores of logistic regression and of MiniRocket with the same context."""
        del frozen
        test = self.dataset.test.label
        return {
            name: self.judge.score(test, judged.probabilities["test"])
            for name, judged in self.judge.baselines.items()
            if name != "constant"
        }

    def least_possible(self) -> tuple[float | None, str]:
        """Return the average precision of the exact posterior, if the law is known; and the reason."""
        law = self.dataset.law
        if law is None:
            return self.limit, self.limit_note
        return possible.limit_of(law).average_precision, possible.limit_note(law)

    def evaluate(self, frozen: Frozen) -> Evaluation:
        """Return scores, baselines and sections of frozen weights."""
        found = evaluate_rows(self, frozen)
        judged = self.judged(frozen)
        metrics = dict(found.metrics)
        for name in judged.probabilities:
            if name == "train" and self.config.refit:
                continue
            metrics[name] = {**metrics[name], **self.judge.scores(judged, name)}
        scored = {
            name: self.judge.scores(own, "test") for name, own in self.judge.baselines.items()
        }
        best = self.possible(frozen)
        return found._replace(
            score=self.judge.score(self.dataset.test.label, judged.probabilities["test"]),
            metrics=metrics
            | {
                "baselines": scored,
                "temperature": judged.temperature,
                "threshold": judged.threshold,
                "probes": self.probes(frozen)._asdict(),
                "interval": self.judge.interval(judged)._asdict(),
                "beyond": {name: self.judge.beyond(judged, name)._asdict() for name in scored},
                "possible": None if best is None else best.to_json(),
            },
        )

    def probes(self, frozen: Frozen) -> probes.Probes:
        """Probe frozen weights on the test rows; the last ones probed are kept."""
        if self._probed is None or self._probed[0] is not frozen.params:
            judged, batch = self.judged(frozen), frozen.batch("test")
            assert batch is not None  # every task has test rows

            def answers(changed: Batch) -> Float[np.ndarray, "N C"]:
                outputs = frozen.run(changed, "block")
                return probabilities_of(self.logits(outputs, "test") / judged.temperature)

            names = tuple(self.layout.channels)
            several = names if len(names) > 1 else ()
            changed = probes.Changed(
                {name: answers(probes.missing(batch, name)) for name in several},
                {name: answers(probes.shuffled(batch, name)) for name in several},
            )
            self._probed = (frozen.params, probes.probe(self.judge, judged, changed))
        return self._probed[1]

    def possible(self, frozen: Frozen) -> possible.Possible | None:
        """Compare frozen weights with the exact posterior; None without a law. The last one is kept."""
        if self._compared is None or self._compared[0] is not frozen.params:
            found = possible.possible(self.dataset, self.judged(frozen))
            self._compared = (frozen.params, found)
        return self._compared[1]

    def checks(self, evidence: Evidence) -> list[Examination]:
        """Look for leaks, constants and corrections; see `freqjax.tasks.classifier.checks`."""
        return checks.checks(self.config, self.dataset, evidence)

    def sections(self, frozen: Frozen, evaluation: Evaluation) -> Sequence[Section]:
        """Describe scores beside the baselines', classes, groups and recordings."""
        return sections.sections_of(
            self.judge,
            self.judged(frozen),
            self.probes(frozen),
            self.possible(frozen),
            self.config,
        )

    def drawings(
        self, frozen: Frozen, evaluation: Evaluation, rows: Sequence[dict[str, Any]], folder: Path
    ) -> list[Draw]:
        """Return those of scores and training; then confusion, curves, reliability, classes and groups."""
        from freqjax.tasks.classifier import figures  # matplotlib takes most of a second to import

        return [
            *super().drawings(frozen, evaluation, rows, folder),
            *figures.drawings(self.judge, self.judged(frozen), self.hidden(frozen), folder),
        ]

    def hidden(self, frozen: Frozen) -> Hidden:
        """Hide modalities and stretches of the test windows from frozen weights."""
        temperature = self.judged(frozen).temperature

        def probabilities(part: Part) -> Float[np.ndarray, "N C"]:
            read = self.reading(part)
            outputs = frozen.run(self._batch(read, self._cut(read, "test").index), "block")
            return probabilities_of(self.logits(outputs, "test") / temperature)

        with progress.phase("hiding parts"):
            return hidden(self.dataset.test, probabilities)

    def usage(self, network: Network) -> Usage:
        """Return the use of a classifier: see `freqjax.tasks.Task.usage`."""
        classes = self.dataset.class_names
        limitations = [
            f"It tells one of {len(classes)} classes of every window, also where none of them is there.",
            "Its scores are of the groups that were tested; a group that is unlike them may do otherwise.",
        ]
        test = ("evaluate", "--checkpoint", ".", "--config.task.test_path=new.npz")
        commands = [Command("tells the classes of other recordings, labelled or not", test)]
        if self.config.samples_ahead or not isinstance(network, Streams):
            limitations.append("It reads samples to come, so that it cannot answer a live stream.")
        elif not self.config.samples_before or self.config.length is not None:
            words = ("stream", "--checkpoint", ".")
            commands.append(Command("tells the classes of rows of samples as they come", words))
        return Usage(
            purposes=[f"Windows of recordings as those of its data: {series(classes)}."],
            limitations=limitations,
            commands=commands,
        )

    def describe(self) -> dict[str, Any]:
        """Return sizes of the task."""
        dataset = self.dataset
        return {
            "classes": list(dataset.class_names),
            "windows": {name: len(part.label) for name, part in dataset.parts.items()},
            "groups": {name: len(np.unique(part.group)) for name, part in dataset.parts.items()},
            "context": [self.config.samples_before, self.config.samples_ahead],
        }
