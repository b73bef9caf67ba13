"""The classifier as a network: each step is a window, encoded alone and then read in its context.

    e_t = encoder(window t)                     h_t = reader(e_{t−K}, …, e_t)
    logits_t = head([e_t, h_t, of both sides also the state of reading from behind])

Axes: T windows of a sequence, B sequences, D numbers of a window, O outputs, M features of a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from freqjax.networks import TrainingPass
from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.layers import init_norm, init_product, norm, product
from freqjax.networks.network import Carry, Params
from freqjax.tasks.classifier.network.context import Reader, Windows
from freqjax.tasks.classifier.network.layout import Layout, Modality
from freqjax.tasks.classifier.network.pretraining import filling_loss, init_filler
from freqjax.tasks.classifier.network.recurrent import Recurrent


@runtime_checkable
class Encoder(Protocol):
    """Encoder of windows."""

    @property
    def features(self) -> int:
        """M."""
        ...

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        ...

    def __call__(
        self, params: Any, parts: dict[str, Modality], key: jax.Array | None = None
    ) -> Float[Array, "N M"]:
        """Encode N windows; with a key, features are dropped."""
        ...


@dataclass(frozen=True)
class Practice:
    """Regularisation that only training applies.

    Attributes:
      modality_dropout: probability with which a modality of a window is missing.
      smoothing: share of the loss that asks for equal probabilities.
      classes: C, the outputs that it concerns.
      pretraining: updates before all others, which fill in what is hidden and learn no class.
    """

    modality_dropout: float = 0.0
    smoothing: float = 0.0
    classes: int = 2
    pretraining: int = 0


class ClassifierNetwork:
    """Network over the windows of a sequence; not causal if it reads what is behind a window.

    Attributes:
      layout, encoder, past, behind, outputs, practice: its parts; a reader is None if it is not wanted.
      dropout: probability of dropping a feature before the head.
    """

    def __init__(
        self,
        layout: Layout,
        encoder: Encoder,
        past: Reader | None,
        behind: Reader | None,
        outputs: int,
        practice: Practice,
        dropout: float = 0.0,
    ) -> None:
        """Join the parts."""
        self.layout, self.encoder, self.past, self.behind = layout, encoder, past, behind
        self.outputs, self.practice, self.dropout = outputs, practice, dropout

    @property
    def description(self) -> str:
        """Kind and sizes in words."""
        readers = {"before": self.past, "behind": self.behind}
        return "".join(
            [
                f"classifier, encoder: {type(self.encoder).__name__.lower()} of {self.encoder.features} "
                "features",
                *(
                    f", reader of the windows {where}: {reader.hidden} hidden units"
                    for where, reader in readers.items()
                    if reader
                ),
            ]
        )

    @property
    def reads_samples(self) -> bool:
        """Whether the encoder reads one sample after another, so that there is an answer after each."""
        return isinstance(self.encoder, Recurrent) and self.encoder.is_causal

    @property
    def _features(self) -> int:
        """Features that the head reads."""
        return self.encoder.features + sum(r.hidden for r in (self.past, self.behind) if r)

    def init(self, key: jax.Array) -> Params:
        """Draw fresh parameters."""
        keys = jax.random.split(key, 4)
        params = {
            "encoder": self.encoder.init(keys[0]),
            "norm": init_norm(self.encoder.features),
            "head": init_product(keys[1], self._features, self.outputs, 0.1),
        }
        if self.past:
            params["past"] = self.past.init(keys[2])
        if self.behind:
            params["behind"] = self.behind.init(keys[3])
        if self.practice.pretraining:
            own = jax.random.fold_in(key, 1)
            params["filler"] = init_filler(own, self.layout, self.encoder.features)
        return params

    def init_carry(self, params: Params, streams: Size) -> Carry:
        """Return the carry of B = `streams` sequences: the windows that were, none at first."""
        del params
        return () if self.past is None else self.past.nothing(streams)

    def unroll(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[Carry, Float[Array, "T B O"]]:
        """Classify windows: carry, xs [T, B, D], resets [T, B] → carry, logits [T, B, O]."""
        parts = self.layout.parts(xs)
        return self._run(params, carry, parts, resets, dropout_key)

    def _run(
        self, params: Any, carry: Any, parts: Any, resets: Any, key: jax.Array | None
    ) -> tuple[Carry, jax.Array]:
        shape = resets.shape
        there = jnp.any(jnp.stack([jnp.any(p.present, axis=1) for p in parts.values()]), axis=0)
        keys = (None, None) if key is None else tuple(jax.random.split(key))
        e = self._encoded(params, parts, keys[0]).reshape(*shape, -1)
        windows = Windows(e, there.reshape(shape), jnp.cumsum(jnp.asarray(resets), axis=0))
        seen = [e]
        if self.past:
            carry, states = self.past(params["past"], carry, windows)
            seen.append(states)
        if self.behind:
            seen.append(self.behind.backwards(params["behind"], windows))
        features = jnp.concatenate(seen, axis=-1)
        if keys[1] is not None and self.dropout:
            kept = jax.random.bernoulli(keys[1], 1 - self.dropout, features.shape)
            features = jnp.where(kept, features / (1 - self.dropout), 0)
        return carry, product(params["head"], features)

    def _encoded(self, params: Any, parts: Any, key: jax.Array | None) -> jax.Array:
        return norm(params["norm"], self.encoder(params["encoder"], parts, key))

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
        """Run B sequences as training does: see `freqjax.networks.TrainsApart`."""
        parts = self.layout.parts(xs)

        def fill() -> TrainingPass:
            loss = filling_loss(
                lambda seen: self._encoded(params, seen, None), params["filler"], parts, key
            )
            return TrainingPass(jnp.zeros((*resets.shape, self.outputs)), loss)

        def classify() -> TrainingPass:
            return self._classifying_pass(params, parts, targets, resets, key)

        if not self.practice.pretraining:
            return classify()
        return jax.lax.cond(step < self.practice.pretraining, fill, classify)

    def _classifying_pass(
        self, params: Any, parts: Any, targets: Any, resets: Any, key: jax.Array
    ) -> TrainingPass:
        practice, (missing_key, drop_key) = self.practice, jax.random.split(key)
        if practice.modality_dropout and len(parts) > 1:
            parts = without_some(parts, missing_key, practice.modality_dropout)
        carry = self.init_carry(params, resets.shape[1])
        outputs = self._run(params, carry, parts, resets, drop_key)[1]
        penalty = jnp.zeros(())
        if practice.smoothing:
            penalty = practice.smoothing * _towards_equal(outputs, targets, practice.classes)
        return TrainingPass(outputs, penalty)


class CausalClassifier(ClassifierNetwork):
    """Classifier whose outputs depend on a window and those before it, one window at a time."""

    def step(
        self, params: Params, carry: Carry, x: Float[AnyArray, "B D"]
    ) -> tuple[Carry, Float[Array, "B O"]]:
        """Advance one window: carry, x [B, D] → carry, logits [B, O]."""
        resets = jnp.zeros((1, x.shape[0]), bool)
        carry, outputs = self.unroll(params, carry, jnp.asarray(x)[None], resets)
        return carry, outputs[0]


def _towards_equal(outputs: jax.Array, targets: Any, classes: int) -> jax.Array:
    """Return the loss of asking for equal probabilities, less that of asking for the targets."""
    logs = jax.nn.log_softmax(outputs[..., :classes], axis=-1)
    wanted = jnp.asarray(targets)[..., :classes]
    # Of rows without a target, which do not count, there is no difference.
    counted = jnp.sum(wanted, axis=-1, keepdims=True)
    apart = jnp.sum((wanted - counted / classes) * logs, axis=-1)
    return jnp.sum(apart) / jnp.maximum(jnp.sum(counted), 1)


def without_some(parts: dict[str, Modality], key: jax.Array, share: float) -> dict[str, Modality]:
    """Make each modality of each window missing with a probability, but never all of a window's."""
    count = len(next(iter(parts.values())).present)
    keep_key, spare_key = jax.random.split(key)
    kept = jax.random.bernoulli(keep_key, 1 - share, (count, len(parts)))
    spared = jax.random.randint(spare_key, (count,), 0, len(parts))
    kept = kept | (jnp.arange(len(parts))[None] == spared[:, None])
    found = {}
    for number, (name, part) in enumerate(parts.items()):
        present = part.present & kept[:, number, None]
        found[name] = Modality(jnp.where(present[..., None], part.values, 0), present)
    return found
