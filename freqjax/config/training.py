"""The sections of training: `optimizer`, `train`, `windows` and `curriculum`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import ClassVar

from freqjax.config.fields import (
    Section,
    anything,
    at_least,
    choice,
    fraction,
    positive,
    random_seed,
    rule,
)

# Values of `train.gradient` for each `train.regime`; the first is the one that auto selects.
GRADIENTS = {
    "online": ("truncated", "snap1", "rtrl"),
    "tbptt": ("truncated",),
    "full": ("full",),
    "windows": ("full",),
    "examples": ("full",),
}
# Those of them that carry the derivative of the state forward.
REAL_TIME_GRADIENTS = ("snap1", "rtrl")


@dataclass
class OptimizerConfig(Section, section="optimizer"):
    """Clipping, update rule and learning-rate schedule."""

    name: str = choice(
        "adam",
        ("adam", "adamw", "sgd", "rmsprop", "ekf"),
        "update rule; ekf is an extended Kalman filter of the weights (train.regime online)",
    )
    learning_rate: float = positive(1e-3, "peak learning rate")
    clip: str = choice(
        "global",
        ("global", "adaptive"),
        "gradients are clipped by their global norm, or per unit relative to the norm of the unit's weights "
        "(Brock et al. 2021)",
    )
    clip_norm: float | None = positive(1.0, "largest global gradient norm, or none (global)")
    clip_ratio: float = positive(
        0.01, "largest norm of a unit's gradient as a share of the norm of its weights (adaptive)"
    )
    weight_decay: float = at_least(
        0.0, 0.0, "decay of the weights, decoupled in adamw and added to the gradient elsewhere"
    )
    momentum: float = fraction(0.9, "Nesterov momentum of sgd")
    beta1: float = fraction(0.9, "decay of the first moment (adam, adamw)")
    beta2: float = fraction(0.999, "decay of the second moment (adam, adamw)")
    rms_decay: float = fraction(0.99, "decay of the squared gradient (rmsprop)")
    epsilon: float = positive(1e-8, "added to the root of the second moment")
    schedule: str = choice(
        "constant", ("constant", "cosine", "warm_restarts", "plateau"), "learning rate over updates"
    )
    warmup_fraction: float = fraction(0.05, "share of all updates in the warm-up (cosine)")
    final_fraction: float = fraction(
        0.0, "learning rate at the end of a cosine, as a share of the peak"
    )
    restart_epochs: int = at_least(1, 10, "epochs of the first cycle (warm_restarts)")
    restart_factor: int = at_least(1, 2, "each cycle is this many times the last (warm_restarts)")
    plateau_factor: float = rule(
        0.5, "the rate is multiplied by this on a plateau", "between 0 and 1", lambda v: 0 < v < 1
    )
    plateau_patience: int = at_least(
        0, 5, "epochs without improvement before the rate falls (plateau)"
    )
    plateau_min_delta: float = at_least(
        0.0, 1e-4, "what counts as improvement of the loss (plateau)"
    )
    groups: str = choice(
        "input",
        ("input", "part"),
        "weights whose covariance a filter keeps: of all weights that one group's input opens together, or "
        "of each pair's or unit's apart, which takes less memory (ekf)",
    )
    observation_noise: float = positive(1.0, "R, variance of the observation noise (ekf)")
    relative_prior: float = positive(
        0.15,
        "prior standard deviation of a pair's or a unit's speed, as a share of its initial speed (ekf)",
    )
    later_prior: float = rule(
        0.3,
        "factor on the prior of the weights in a block that follows one that the filter tracked (ekf)",
        "above 0 and at most 1",
        lambda v: 0 < v <= 1,
    )


@dataclass
class TrainConfig(Section, section="train"):
    """Training loop: order of the rows, gradients and stopping rules."""

    regime: str = choice(
        "online",
        tuple(GRADIENTS),
        "the order of the rows: an update a sample (online), every K samples (tbptt) or a whole block "
        "(full), with the state carried on; or shuffled mini-batches, of windows or of whole sequences "
        "(examples), each from a fresh state",
    )
    truncation: int = at_least(
        1, 100, "K, samples in an update (tbptt); divides the rows of a block"
    )
    batch: int = at_least(1, 32, "sequences in an update (examples)")
    steps_per_epoch: int | None = at_least(
        1, None, "number of updates in an epoch, or none for one pass over all rows"
    )
    gradient: str = choice(
        "auto",
        ("auto", "truncated", "snap1", "rtrl", "full"),
        "the gradient: truncated at the first sample of an update; carried forward in real time, exactly "
        "(rtrl) or through each unit's own state alone (snap1); through the whole window, block or sequence "
        "(full); or the default of the regime (auto)",
    )
    state_correction: bool = anything(
        False,
        "whether the carried state is corrected to first order for each change of the weights (rtrl, snap1)",
    )
    streams: str = choice(
        "sequential", ("sequential", "parallel"), "the blocks one after another, or side by side"
    )
    engine: str = choice(
        "auto",
        ("auto", "closed_form", "autodiff", "native"),
        "implementation of the updates; auto is the closed form of online if there is one, else autodiff; "
        "native is C++, which python -m freqjax.native.build builds",
    )
    init_from: str = anything(
        "",
        "start from the weights of this checkpoint (a run's folder, a step's, or one that ships) with a "
        "fresh optimiser; empty for new weights",
    )
    epochs: int = at_least(0, 5, "passes over the stream; 0 evaluates the initial weights")
    seed: int = random_seed(0, "seed of the weights and of fresh noise")
    evaluate_every: int = at_least(0, 1, "epochs between frozen-weight evaluations; 0 for none")
    target_mse: float | None = positive(
        None,
        "stop when the frozen loss of every group is below this (on the validation rows where the task has "
        "them, else the training rows), or none",
    )
    patience: int | None = at_least(
        1,
        None,
        "stop after this many evaluations without an improvement of the frozen loss, or none",
    )
    min_delta: float = at_least(0.0, 1e-4, "least improvement for patience")
    divergence_factor: float | None = rule(
        1.5,
        "stop when the loss exceeds this many times its best, or none",
        "above 1",
        lambda v: v > 1,
    )
    checkpoint_every: int = at_least(
        0, 0, "number of epochs between kept checkpoints; 0 for best and last only"
    )
    diagnose: bool = anything(True, "whether to diagnose the causes of an error at the end")
    page: bool = anything(
        True, "whether to write page.html at the end, where freqjax[page] is installed"
    )
    escalate: tuple[int, ...] = rule(
        (),
        "further hidden sizes, one after another, if the diagnosis finds that capacity is the cause",
        "whole numbers that grow",
        lambda v: all(a < b for a, b in itertools.pairwise((0, *v))),
    )

    @property
    def gradient_method(self) -> str:
        """The value of `gradient`, with auto replaced by its meaning in the regime."""
        return GRADIENTS[self.regime][0] if self.gradient == "auto" else self.gradient

    @property
    def is_shuffled(self) -> bool:
        """Whether an update reads windows or sequences in random order, each from a state of its own."""
        return self.regime in ("windows", "examples")


@dataclass
class WindowsConfig(Section, section="windows"):
    """Overlapping windows of a block, each with its own state (train.regime windows)."""

    length: int = at_least(1, 50, "L, samples of a window; at most those of a block")
    stride: int = at_least(
        1, 10, "samples from a window's start to the next one's; at most the length"
    )
    batch: int = at_least(1, 32, "windows in an update; at most those of an epoch")
    start: str = choice(
        "zero",
        ("zero", "warm"),
        "initial state of a window: zero or learned, or that after the samples before it",
    )
    warm_up: int = at_least(
        1,
        50,
        "samples before a window that its state, but not its gradient, is propagated through (warm)",
    )
    loss: str = choice(
        "all", ("all", "last"), "the rows of a window that count in the loss: all, or the last"
    )
    combine: str = choice(
        "last",
        ("last", "mean", "centre"),
        "the output of a sample: that of the window with the most context before it, the mean over all "
        "windows, or that of the window whose middle is nearest",
    )


@dataclass
class CurriculumConfig(Section, section="curriculum"):
    """Curriculum of lengthening horizons, of Gauss-Newton steps (train.regime full) or a filter (ekf)."""

    moved: ClassVar[Mapping[str, str]] = {"burn_in": "task.burn_in"}

    first_horizon: float | None = positive(
        None,
        "the first horizon, in s (in samples if the task has no unit of time), or none for no curriculum",
    )
    longest_horizon: float | None = positive(None, "largest horizon, or none for the whole block")
    growth: float = rule(
        1.4,
        "a horizon is at most this many times the last, unless the look ahead "
        "finds that the network follows its targets for longer",
        "above 1",
        lambda v: v > 1,
    )
    settled_mse: float = positive(
        1e-3, "the horizon is lengthened when every group is below this loss"
    )
    look_ahead_mse: float = positive(
        0.1, "the look ahead ends when a group's mean loss so far exceeds this"
    )
    patience: int = at_least(1, 12, "steps at a horizon before it counts as lost")
    average: int = at_least(
        1, 1, "the weights kept are the mean of this many last steps; more for noisy rows"
    )
    damping: float = positive(1e-2, "λ of the first step, and after going back")
    damping_floor: float = positive(1e-9, "least λ; higher for noisy rows")
    solver_steps: int = at_least(1, 20, "largest number of conjugate-gradient iterations in a step")
    # A field of version 0.1 that belongs to the task now; validation moves its value there.
    burn_in: InitVar[float | None] = None
