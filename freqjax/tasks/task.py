"""The seam between training and what is learned: a task gives blocks, a loss and an evaluation.

The train step, the trainers, checkpoints and stopping know only this contract and nothing of sinusoids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from freqjax.tasks.examination import Examination, Signs


class Blocks(NamedTuple):
    """B independent stretches of T samples each, every one belonging to one group.

    Attributes:
      inputs: [B, T, D] float32.
      targets: [B, T, O] float32.
      groups: [B] int32, the group under which a block's loss is reported.
    """

    inputs: Any
    targets: Any
    groups: Any


class Task(Protocol):
    """What training and evaluation need of a task.

    Attributes:
      config: its section.
      input_size: D.
      output_size: O.
      selectors: which of the D inputs are a one-hot selector; empty where there is none.
      selected_hz: the frequency that each selector stands for, Hz; empty where it stands for none.
      samples: T of a block.
      longest: samples through which a state is carried at most.
      sampling_rate: samples a second, Hz.
      group_label: what a group is, singular; rows of metrics.jsonl hold `loss_per_<group_label>`.
      group_names: name of each group, in order, for people.
      keeps_time: whether a network that only keeps time from the start of a stream would solve it.
      easier: the change of a field that lets more be known, as section.field=value.
    """

    config: Any
    input_size: int
    output_size: int
    selectors: tuple[int, ...]
    selected_hz: tuple[float, ...]
    samples: int
    longest: int
    sampling_rate: float
    group_label: str
    group_names: tuple[str, ...]
    keeps_time: bool
    easier: str

    def train_blocks(self) -> Blocks:
        """The fixed training rows, on the host."""
        ...

    def test_blocks(self) -> Blocks:
        """The test rows, on the host."""
        ...

    def sample(self, key: jax.Array, samples: int) -> Blocks:
        """The first T = `samples` samples of training blocks with noise of their own; traceable."""
        ...

    def inputs_of(self, samples: jax.Array, group: int) -> jax.Array:
        """Samples [T] of any signal as inputs [T, D] that ask for `group`; traceable."""
        ...

    def peaks(self, blocks: Blocks) -> tuple[float, ...]:
        """The strongest line in the targets' spectrum under each selector, Hz."""
        ...

    def loss(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Loss of every row: [..., O] and [..., O] → [...]; traceable."""
        ...

    def evaluate(self, outputs: np.ndarray, blocks: Blocks) -> dict[str, Any]:
        """Every number that the task reports of frozen-weight outputs [B, T, O], ready for JSON.

        Holds at least `mse`, `mse_per_<group_label>` (a list) and `zero_predictor_mse`.
        """
        ...

    def probe(self, run: Callable[[Blocks, str], np.ndarray]) -> dict[str, Any]:
        """What kind of solution a network is: `verdict`, `words` and `table`, ready for JSON.

        `run` takes blocks and a value of `task.reset`, and gives outputs with frozen weights.
        """
        ...

    def examine(self, signs: Signs) -> list[Examination]:
        """Look for what only the task can see of a run that failed."""
        ...

    def limits(self, blocks: Blocks) -> dict[str, Any]:
        """What is possible on this task, and what simple baselines score on `blocks`, ready for JSON.

        Holds `bayes_mse`, the least MSE of any estimator over a block, with `bayes_low` and `bayes_high`,
        `bayes_mse_per_<group_label>` and `bayes_after_1s_per_<group_label>` (a list, or None where it has
        no meaning), all None where it is refused; `linear_mmse`; `zero_predictor`; `note`, a sentence;
        and `baselines`: name → `mse`, `mse_per_<group_label>` and `mse_after_1s_per_<group_label>`.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """What a summary says of the task itself, ready for JSON."""
        ...

    def draw(
        self,
        outputs: np.ndarray,
        blocks: Blocks,
        rows: Sequence[dict[str, Any]],
        directory: Path,
    ) -> list[Path]:
        """Draw outputs [B, T, O], and the learning curves where there are `rows` of metrics.jsonl.

        Returns:
          The PNGs written, in reading order.
        """
        ...
