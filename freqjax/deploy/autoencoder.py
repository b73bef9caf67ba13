"""Use of trained autoencoders from Python: encode, decode, interpolate, search and draw.

    import freqjax

    poems = freqjax.load_autoencoder("checkpoints/poems16")
    codes = poems.encode(["the lord is my shepherd i shall not want"])
    poems.words(poems.decode(codes))

Axes: N sequences, T samples, D dimensions, K numbers of a code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from freqjax.config import shipped
from freqjax.config.sections import Config
from freqjax.deploy.trained import Trained, load
from freqjax.errors import UserError
from freqjax.system import files
from freqjax.tasks.autoencoder import foreign, given
from freqjax.tasks.autoencoder.config import AutoencoderConfig
from freqjax.tasks.autoencoder.dataset import Dataset, Part, dataset_of
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork
from freqjax.tasks.autoencoder.network.decoders import NOTHING
from freqjax.tasks.autoencoder.probes import Probed
from freqjax.tasks.autoencoder.vocabulary import Vocabulary

# N sequences: an array [N, T, D], N arrays [T, D] of any lengths, or N texts.
Given = np.ndarray | jax.Array | Sequence[Any]


class Neighbours(NamedTuple):
    """Training sequences that are nearest to one by their codes, the nearest first.

    Attributes:
      rows: [M] int, their indices among the training sequences.
      distances: [M] float32, Euclidean, between codes.
      sequences: [M, T, D] float32.
      mask: [M, T] bool, which of their vectors are present.
      groups: M names, of their chapters or persons.
    """

    rows: Int[np.ndarray, " M"]
    distances: Float[np.ndarray, " M"]
    sequences: Float[np.ndarray, "M T D"]
    mask: Bool[np.ndarray, "M T"]
    groups: tuple[str, ...]


class TrainedAutoencoder:
    """Trained autoencoder with its data, which are read when a method first needs them.

    Encoding and decoding of vectors need the weights alone. Texts, words, neighbours and draws need the data
    that `task.data` and `task.vectors` of the config name.

    Attributes:
      trained: weights with their config.
      config: that config.
      network: the network.
      folder: that of the run or of the checkpoint; None if it has none.
    """

    def __init__(self, trained: Trained, folder: Path | None = None) -> None:
        """Store a trained network.

        Raises:
          UserError: it is not of the task autoencoder.
        """
        self.trained, self.folder = trained, folder
        self.config = trained.config
        self._task = task_of(trained.config)
        network = trained.network
        assert isinstance(network, AutoencoderNetwork)  # as the task makes it
        self.network: AutoencoderNetwork = network
        self._probed = Probed(network, trained.params)

    @property
    def numbers(self) -> int:
        """K, numbers of a code."""
        return self.network.code.numbers

    @property
    def bits(self) -> int:
        """Bits of each number."""
        return self.network.code.bits

    @property
    def is_text(self) -> bool:
        """Whether the data are words."""
        return self._task.is_text

    @property
    def shape(self) -> tuple[int, int]:
        """T and D of the longest sequence."""
        assert self._task.dimensions is not None  # as `AutoencoderConfig.check` sets it
        return self._task.samples, self._task.dimensions

    @property
    def summary(self) -> dict[str, Any]:
        """The object of the run's summary.json; empty if there is none."""
        found = None if self.folder is None else files.read_json(self.folder / "summary.json")
        return found or {}

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The sequences of the config.

        Raises:
          UserError: they are not there any more, or have changed their sizes.
        """
        return dataset_of(self._task)

    @property
    def vocabulary(self) -> Vocabulary:
        """Words of the data and their vectors.

        Raises:
          UserError: the data are no words, or are not there any more.
        """
        if not self.is_text:
            raise UserError(f"task.data is {self._task.data}: it must be a text for this.")
        found = self.dataset.vocabulary
        assert found is not None  # as a text has it
        return found

    def encode(self, sequences: Given, mask: Any = None) -> Float[np.ndarray, "N K"]:
        """Encode sequences.

        Args:
          sequences: [N, T, D] with at most the T of the config; N arrays [T, D], which may differ in length;
            or, if the data are words, N texts.
          mask: [N, T], true where a vector is present; none for all. With arrays [N, T, D] alone.

        Returns:
          K numbers for each, float32, at the levels of `bits` in [−1, 1].

        Raises:
          UserError: they do not fit the network, or a text has no word that has a vector.
        """
        return self.codes_of(self.part(sequences, mask))

    def part(self, sequences: Given, mask: Any = None) -> Part:
        """Return sequences, as `encode` takes them, padded to the T of the config.

        Raises:
          UserError: as `encode`.
        """
        if given.are_texts(sequences):
            return given.of_texts(list(sequences), mask, self.vocabulary, self.shape[0])
        return given.of_arrays(sequences, mask, *self.shape)

    def codes_of(self, part: Part) -> Float[np.ndarray, "N K"]:
        """Encode a part of the data, or sequences that `part` or `read` has returned."""
        codes = self._probed.encode(part).codes
        return np.asarray(self.network.code.quantised(jnp.asarray(codes)), np.float32)

    def read(self, path: str | Path, field: str = "path") -> tuple[Part, tuple[str, ...]]:
        """Read sequences of a file, and the names of their groups.

        Args:
          path: an .npz of sequences, or, if the data are words, a text, which is cut into windows.
          field: how messages name the file.

        Raises:
          UserError: the file cannot be read, or its sequences do not fit the network.
        """
        path = Path(path)
        if path.suffix.lower() == ".npz":
            return foreign.read_own(path, *self.shape, field)
        if not self.is_text:
            raise UserError(
                f"{field} is {path}: it must be an .npz, since task.data holds no words."
            )
        return foreign.read_part(path, self.dataset, self.shape[0], field)

    def indices(self, codes: Float[np.ndarray, "N K"]) -> Int[np.ndarray, "N K"]:
        """Return the level of each number, a whole number from 0 to 2^bits − 1, int32."""
        return np.asarray(self.network.code.indices(jnp.asarray(codes)), np.int32)

    def decode(self, codes: Any, lengths: Any = None) -> Float[np.ndarray, "N T D"]:
        """Decode codes to sequences of the T of the config, since a code does not state a length.

        Args:
          codes: [N, K] in [−1, 1]; they are decoded as they are, at levels or not.
          lengths: [N], how many vectors each has, where that is known: the vectors behind them are 0.

        Raises:
          UserError: they have another shape or other values, or the decoder reads more than the code.
        """
        self._require_code_alone()
        codes, samples = given.codes(codes, self.numbers), self.shape[0]
        found = self._probed.decode(codes, samples, NOTHING)
        if lengths is None:
            return found
        return np.where(given.within(lengths, len(codes), samples)[..., None], found, np.float32(0))

    def words(self, vectors: Any, mask: Any = None) -> list[str]:
        """Return sequences as texts: the word whose vector is nearest to each of theirs, by cosine.

        A vector of 0, as `decode` puts behind the end of a sequence, is near no word and is not spelled.

        Args:
          vectors: [N, T, D].
          mask: [N, T], true where a vector is spelled; none for all.

        Raises:
          UserError: the data are no words, or the vectors have another shape.
        """
        vocabulary = self.vocabulary
        part = given.of_arrays(vectors, mask, *self.shape)
        spelled = part.mask & part.vectors.any(axis=2)
        return [
            vocabulary.spell(vocabulary.nearest(sequence[own])[0][:, 0])
            for sequence, own in zip(part.vectors, spelled, strict=True)
        ]

    def interpolate(self, a: Any, b: Any, steps: int) -> Float[np.ndarray, "N T D"]:
        """Decode codes on the straight line from the code of one sequence to that of another.

        Args:
          a: a sequence [T, D], or a text.
          b: another.
          steps: N, codes in all, of which the first is that of `a` and the last that of `b`; at least 2.
            Those between are not rounded to levels.

        Raises:
          UserError: `steps` is below 2, or as `encode` and `decode`.
        """
        self._require_code_alone()
        return self.decode(self.line(self.encode([a])[0], self.encode([b])[0], steps))

    def line(
        self, a: Float[np.ndarray, " K"], b: Float[np.ndarray, " K"], steps: int
    ) -> Float[np.ndarray, "N K"]:
        """Return N = `steps` codes at equal distances on the straight line between two, ends included.

        Raises:
          UserError: `steps` is below 2.
        """
        if steps < 2:
            raise UserError(f"steps is {steps}: it must be a whole number of at least 2.")
        shares = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        return a * (1 - shares) + b * shares

    def generate(self, count: int, seed: int = 0) -> Float[np.ndarray, "N T D"]:
        """Decode N = `count` codes of `draw_codes`.

        They are drawn from a normal distribution that is fitted to the codes of the training sequences after
        the training. The network has not learned that distribution, and nothing says that a sequence between
        those of the data is like them.

        Raises:
          UserError: `count` is below 1, the data are gone, or the decoder reads more than the code.
        """
        self._require_code_alone()
        return self.decode(self.draw_codes(count, seed))

    def draw_codes(self, count: int, seed: int = 0) -> Float[np.ndarray, "N K"]:
        """Draw N = `count` codes from a normal distribution with mean and covariance of the training codes.

        What falls outside [−1, 1] is moved to its end, and each number to its nearest level.

        Raises:
          UserError: `count` is below 1, or the data are gone.
        """
        given.require_count(count, "count")
        known = self._training_codes.astype(np.float64)
        mean = known.mean(axis=0)
        covariance = (known - mean).T @ (known - mean) / max(len(known) - 1, 1)
        values, axes = np.linalg.eigh(covariance)
        drawn = np.random.default_rng(seed).standard_normal((count, len(mean)))
        codes = mean + drawn * np.sqrt(values.clip(0)) @ axes.T
        return np.asarray(self.network.code.quantised(jnp.asarray(codes, jnp.float32)), np.float32)

    def nearest(self, sequence: Any, count: int = 1) -> Neighbours:
        """Find the training sequences whose codes are nearest to that of a sequence, by Euclidean distance.

        Args:
          sequence: [T, D], or a text.
          count: M, how many; all, if there are fewer.

        Raises:
          UserError: `count` is below 1, the data are gone, or as `encode`.
        """
        given.require_count(count, "count")
        return self.neighbours(self.encode([sequence])[0], count)

    def neighbours(self, code: Float[np.ndarray, " K"], count: int) -> Neighbours:
        """Find the M = `count` training sequences whose codes are nearest to one; of equals the first."""
        train = self.dataset.train
        distances = np.linalg.norm(self._training_codes - code, axis=1).astype(np.float32)
        rows = np.argsort(distances, kind="stable")[:count]
        groups = tuple(self.dataset.group_names[group] for group in train.group[rows])
        return Neighbours(rows, distances[rows], train.vectors[rows], train.mask[rows], groups)

    @functools.cached_property
    def _training_codes(self) -> Float[np.ndarray, "N K"]:
        return self.codes_of(self.dataset.train)

    def _require_code_alone(self) -> None:
        if self.network.decoder.leaks:
            raise UserError(
                f"task.decoder is {self._task.decoder}: it must be one that reads the code alone for "
                "this; it reads the encoder's states besides, and no code has them."
            )


def load_autoencoder(path: str | Path, warn: Callable[[str], None] = print) -> TrainedAutoencoder:
    """Load an autoencoder from a run's folder, the folder of a step, or a checkpoint that ships.

    Args:
      path: the folder, or the name of a checkpoint that ships.
      warn: as that of `load`.

    Raises:
      UserError: as `load`, or the network is of another task.
    """
    return TrainedAutoencoder(load(path, warn), shipped.checkpoint(path, "the checkpoint"))


def task_of(config: Config) -> AutoencoderConfig:
    """Return the section of the task autoencoder.

    Raises:
      UserError: the config is of another task.
    """
    if not isinstance(config.task, AutoencoderConfig):
        raise UserError(f"task.name is {config.task.name}: it must be autoencoder for this.")
    return config.task
