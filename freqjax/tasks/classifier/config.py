"""Section of the config of the task classifier: its windows, their context, and how they are encoded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from freqjax.config.fields import anything, at_least, choice, fraction, positive, rule, within
from freqjax.config.task import NAME, TaskConfig
from freqjax.errors import UserError

if TYPE_CHECKING:
    from freqjax.config.sections import Config

# Names in task.data: the exercises that ship, and rows of a known law.
WATCH, PATTERN = "", "pattern"
CONTEXTS = ("none", "past", "both")
ENCODERS = ("convolutions", "transformer", "pooled", "recurrent")
BALANCES = ("none", "weights", "sampler", "both")
# Encoders that are attention layers.
ATTENDING = ("transformer", "pooled")
# Numbers that rows of a known law may have: 2 GB as they are drawn.
_MOST_DRAWN = 2**28
# Rows of the rarer class that a law with a known limit must give in the mean.
_FEWEST = 100
_DRAWN = (
    "pattern_prevalence",
    "pattern_separation",
    "pattern_samples",
    "pattern_channels",
    "pattern_rows",
)


@dataclass
class ClassifierConfig(TaskConfig):
    """Windows of recordings with classes, and the network that tells them."""

    answers: ClassVar[Literal["component", "classes"]] = "classes"
    files: ClassVar[tuple[str, ...]] = (*TaskConfig.files, "data")
    built_in: ClassVar[frozenset[str]] = frozenset({PATTERN})
    network_fields: ClassVar[frozenset[str]] = frozenset(
        {
            *("length", "context", "windows", "encoder", "derived", "layers", "heads", "auxiliary"),
            *("pretraining", "members"),
            *("pattern_samples", "pattern_channels"),
        }
    )

    name: str = anything("classifier", NAME)
    noise: str = choice(
        "fixed",
        ("fixed", "fresh"),
        "sequences that begin with each recording, or (fresh) cut or drawn anew for every pass",
    )
    data: str = anything(
        WATCH,
        "an .npz (modalities [N, T, F], label, group, …), a folder of .npz with a recording each, empty for "
        "the exercises that ship, or pattern for rows whose best possible scores are known",
    )
    test_path: str = anything(
        "", "test sequences in place of the data's own, in the form of data; labels may be missing"
    )
    pattern_prevalence: float = rule(
        0.2,
        "p, share of the rows that have the pattern (data pattern)",
        "above 0 and below 1",
        lambda v: 0 < v < 1,
    )
    pattern_separation: float = positive(
        2.0, "d′, the norm of the pattern in standard deviations of the noise (data pattern)"
    )
    pattern_samples: int = at_least(2, 32, "T, samples of a row (data pattern)")
    pattern_channels: int = at_least(1, 2, "F, channels of a row (data pattern)")
    pattern_rows: int = at_least(40, 10_000, "rows of all parts together (data pattern)")
    length: int | None = at_least(
        2, None, "L, samples of a window that longer sequences are cut to; none for whole ones"
    )
    stride: int | None = at_least(
        1, None, "samples from one window's beginning to the next's; none for length"
    )
    folds: int | None = within(
        3,
        1000,
        None,
        "folds over groups, in place of shares or the data's own split; none for none",
    )
    fold: int = at_least(0, 0, "which fold is test; the next one is validation")
    refit: bool = anything(
        False, "whether validation rows are trained on as well; then nothing is chosen by them"
    )
    shared_groups: bool = anything(
        False, "whether a split of the data may have a group on both sides; the report then says so"
    )
    context: str = choice(
        "none",
        CONTEXTS,
        "which other windows of the recording are read: none, those before a window, or those on both sides",
    )
    windows: int = within(1, 1024, 16, "windows of context on a side")
    stretch: int = at_least(1, 32, "windows of a training sequence, where there is a context")
    auxiliary: float = at_least(
        0.0, 0.0, "weight of the loss of a second label (array auxiliary); 0 for no head of its own"
    )
    derived: bool = anything(
        True,
        "whether the norm of each modality's channels and their means over time are inputs too",
    )
    encoder: str = choice(
        "convolutions",
        ENCODERS,
        "convolutions over time, a transformer over the samples of all modalities, one over means of each "
        "modality over time (pooled, a published form), or the section network over the samples (recurrent)",
    )
    members: int = within(
        1, 64, 1, "networks that are trained side by side, whose probabilities are averaged"
    )
    layers: int = within(1, 32, 2, "layers of attention (transformer, pooled)")
    heads: int = within(1, 64, 4, "heads of attention; they divide network.hidden_size")
    dropout: float = fraction(
        0.2, "probability with which training drops a feature that the head reads"
    )
    modality_dropout: float = fraction(0.0, "probability with which training misses a modality")
    smoothing: float = fraction(0.0, "share of the loss that asks for equal probabilities")
    focus: float = at_least(0.0, 0.0, "exponent of the focal loss; 0 for the cross-entropy")
    pretraining: int = at_least(
        0,
        0,
        "updates that come first and learn no class: the encoder fills in samples that are hidden",
    )
    balance: str = choice(
        "none",
        BALANCES,
        "what corrects unequal classes in training: weights in the loss, a sampler, or both, which corrects "
        "twice",
    )
    undo_balance: bool = anything(
        True, "whether what the correction adds to the logits is taken off again at evaluation"
    )
    class_names: tuple[str, ...] = anything(
        (), "names of the classes in the order of their labels; empty for the labels"
    )
    baseline_kernels: int = at_least(84, 9996, "features of MiniRocket, a multiple of 84")

    @property
    def drawn(self) -> tuple[float, float, int, int, int]:
        """Share p, distance d′, samples, channels and number of rows that are drawn."""
        return (
            self.pattern_prevalence,
            self.pattern_separation,
            self.pattern_samples,
            self.pattern_channels,
            self.pattern_rows,
        )

    @property
    def samples(self) -> int:
        """Windows of a training sequence."""
        return 1 if self.context == "none" else self.stretch

    @property
    def samples_ahead(self) -> int:
        """Windows of context behind a window."""
        return self.windows if self.context == "both" else 0

    @property
    def samples_before(self) -> int:
        """Windows of context before a window."""
        return 0 if self.context == "none" else self.windows

    def check(self, config: Config) -> None:
        """Check what belongs together.

        Raises:
          UserError: fields contradict each other, or there are no such data.
        """
        self._check_rows(config)
        self._check_drawn()
        self._check_network(config)

    def _check_rows(self, config: Config) -> None:
        if config.train.regime != "examples":
            raise UserError(
                f"train.regime is {config.train.regime}: it must be examples where task.name is {self.name}, "
                "whose windows and stretches are shuffled."
            )
        if self.train_path:
            raise UserError(
                f"task.train_path is {self.train_path}: it must be empty where task.name is {self.name}; "
                "task.data names the sequences."
            )
        if self.stride is not None and self.length is None:
            raise UserError(
                f"task.stride is {self.stride}: it must be none where task.length is none, which leaves "
                "sequences whole."
            )
        if self.folds is not None and self.fold >= self.folds:
            raise UserError(f"task.fold is {self.fold}: it must be below task.folds, {self.folds}.")
        if self.burn_in:
            raise UserError(
                f"task.burn_in is {self.burn_in:g}: it must be 0 where task.name is {self.name}."
            )

    def _check_drawn(self) -> None:
        if self.data != PATTERN:
            for field in _DRAWN:
                value = getattr(self, field)
                if value != getattr(ClassifierConfig, field):
                    raise UserError(
                        f"task.{field} is {value:g}: it must be left as it is where task.data is not "
                        f"{PATTERN}, since only these rows are drawn."
                    )
            return
        if self.length is not None:
            raise UserError(
                f"task.length is {self.length}: it must be none where task.data is {PATTERN}; "
                "task.pattern_samples is the length of a row."
            )
        numbers = self.pattern_rows * self.pattern_samples * self.pattern_channels
        if numbers > _MOST_DRAWN:
            raise UserError(
                f"task.pattern_rows is {self.pattern_rows:,}: with task.pattern_samples and "
                f"task.pattern_channels these are {numbers:,} numbers, and there must be at most "
                f"{_MOST_DRAWN:,}."
            )
        share = min(self.pattern_prevalence, 1 - self.pattern_prevalence)
        if self.pattern_rows * share < _FEWEST:
            raise UserError(
                f"task.pattern_rows is {self.pattern_rows}: it must be at least "
                f"{math.ceil(_FEWEST / share)} at a task.pattern_prevalence of {self.pattern_prevalence:g}, "
                "so that every part has rows of both classes."
            )

    def _check_network(self, config: Config) -> None:
        if self.encoder in ATTENDING and config.network.hidden_size % self.heads:
            raise UserError(
                f"task.heads is {self.heads}: it must divide network.hidden_size, "
                f"{config.network.hidden_size}."
            )
        if self.encoder != "recurrent":
            for name, plain in (("layers", 1), ("bidirectional", False)):
                found = getattr(config.network, name)
                if found != plain:
                    raise UserError(
                        f"network.{name} is {found}: it must be {plain} where task.encoder is "
                        f"{self.encoder}, and not recurrent."
                    )
        if self.context != "none" and not config.network.has_layers:
            raise UserError(
                f"network.cell is {config.network.cell}: it must be a cell of layers where task.context is "
                f"{self.context}, which such a cell reads."
            )
        if self.balance in ("sampler", "both") and (self.noise, self.context) != ("fresh", "none"):
            raise UserError(
                f"task.balance is {self.balance}: a sampler draws single windows anew, so task.noise must be "
                f"fresh, not {self.noise}, and task.context none, not {self.context}."
            )
        if config.network.conditioning != "input":
            raise UserError(
                f"network.conditioning is {config.network.conditioning}: it must be input where task.name is "
                f"{self.name}, which has no selector."
            )
