"""Ensemble of classifiers: members of one shape with weights of their own, whose probabilities are averaged.

    p(class | window) = mean over the members m of softmax(logits_m)

Each member begins with its own weights, drops its own features and learns from its own loss, so that training
M of them is training each alone, on the same batches (Lakshminarayanan et al. 2017, section 2.4). Parameters
have an axis M in front; carries have it behind that of the sequences.
Axes: M members, T windows of a sequence, B sequences, D numbers of a window, O outputs.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from freqjax.networks import TrainingPass
from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.network import Carry, Params
from freqjax.tasks.classifier.network.classifier import CausalClassifier, ClassifierNetwork


class Ensemble:
    """Ensemble of M classifiers.

    Attributes:
      member: the network of each.
      members: M.
      classes: the first outputs, which are logits of one label; those behind are of a second one.
      dropout: that of a member.
    """

    def __init__(self, member: ClassifierNetwork, members: int, classes: int) -> None:
        """Join M networks like `member`."""
        self.member, self.members, self.classes = member, members, classes
        self.dropout = member.dropout

    @property
    def description(self) -> str:
        """Kind and sizes in words."""
        return f"ensemble of {self.members}, each a {self.member.description}"

    @property
    def reads_samples(self) -> bool:
        """Whether a member answers after each sample."""
        return self.member.reads_samples

    def init(self, key: jax.Array) -> Params:
        """Draw fresh parameters of each member."""
        return jax.vmap(self.member.init)(jax.random.split(key, self.members))

    def init_carry(self, params: Params, streams: Size) -> Carry:
        """Return the carries of B = `streams` sequences, [B, M, …]."""
        return jax.vmap(lambda own: self.member.init_carry(own, streams), out_axes=1)(params)

    def unroll(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[Carry, Float[Array, "T B O"]]:
        """Classify windows: carry, xs [T, B, D], resets [T, B] → carry, logs of probabilities [T, B, O]."""
        keys = None if dropout_key is None else jax.random.split(dropout_key, self.members)

        def run(own: Params, carry: Carry, key: jax.Array | None) -> tuple[Carry, jax.Array]:
            return self.member.unroll(own, carry, xs, resets, dropout_key=key)

        carry, outputs = jax.vmap(run, in_axes=(0, 1, 0), out_axes=(1, 0))(params, carry, keys)
        return carry, self._averaged(outputs)

    def _averaged(self, outputs: Float[Array, "M T B O"]) -> Float[Array, "T B O"]:
        """Return the logs of the mean probabilities of each label."""
        labels = (outputs[..., : self.classes], outputs[..., self.classes :])
        found = [
            jax.nn.logsumexp(jax.nn.log_softmax(label, axis=-1), axis=0) - math.log(self.members)
            for label in labels
            if label.shape[-1]
        ]
        return jnp.concatenate(found, axis=-1)

    def training_pass(
        self,
        params: Params,
        xs: Float[AnyArray, "T B D"],
        targets: Float[AnyArray, "T B O"],
        resets: Bool[AnyArray, "T B"],
        *,
        key: jax.Array,
        step: Int[Array, ""],
    ) -> TrainingPass:
        """Run B sequences by each member as it is trained: see `freqjax.networks.TrainsApart`."""

        def run(own: Params, key: jax.Array) -> tuple[jax.Array, jax.Array]:
            found = self.member.training_pass(own, xs, targets, resets, key=key, step=step)
            return found.outputs, found.penalty

        outputs, penalties = jax.vmap(run)(params, jax.random.split(key, self.members))
        return TrainingPass(outputs, jnp.mean(penalties))


class CausalEnsemble(Ensemble):
    """Ensemble of classifiers whose outputs depend on a window and those before it."""

    member: CausalClassifier

    def step(
        self, params: Params, carry: Carry, x: Float[AnyArray, "B D"]
    ) -> tuple[Carry, Float[Array, "B O"]]:
        """Advance one window: carry, x [B, D] → carry, logs of probabilities [B, O]."""
        resets = jnp.zeros((1, x.shape[0]), bool)
        carry, outputs = self.unroll(params, carry, jnp.asarray(x)[None], resets)
        return carry, outputs[0]


def ensemble(member: ClassifierNetwork, members: int, classes: int) -> Ensemble:
    """Join M networks like `member`; the ensemble streams if they do."""
    kind: Any = CausalEnsemble if isinstance(member, CausalClassifier) else Ensemble
    return kind(member, members, classes)
