"""A constructed codec: arithmetic coding of rows under a model that is counted, not learned.

It shows what a number of bits can carry. A sequence whose code is short enough comes back exactly; of another
as many rows from its start as fit. The length of a sequence is known to both sides, as it is for every codec.
Axes: N sequences, T samples, D dimensions, V rows of the vocabulary, n samples of one sequence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.errors import UserError
from freqjax.tasks.autoencoder.arithmetic_coding import Code, Decoder, Encoder, Share
from freqjax.tasks.autoencoder.baselines import best_constant, mean_cosine
from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.row_model import RowModel

# The first symbol says whether the whole sequence follows; of this total all but 1 is for that it does.
_WHOLE = 16


class Measured(NamedTuple):
    """Result of the codec on the sequences of a part.

    Attributes:
      share: of the sequences that come back exactly.
      bits: mean of the codes of whole sequences, whether they fit or not.
      bits_a_token: the same codes over all tokens.
      exact_cosine: mean cosine of the tokens of sequences that come back exactly; NaN if there are none.
      cosine: of all tokens; one that did not fit becomes the mean vector of training.
    """

    share: float
    bits: float
    bits_a_token: float
    exact_cosine: float
    cosine: float


@dataclass(frozen=True, eq=False)
class EntropyCodec:
    """A model of rows, by which they are coded.

    Attributes:
      model: its weights.
    """

    model: RowModel

    @classmethod
    def fit(cls, rows: Int[np.ndarray, "N T"], size: int, order: int = 3) -> EntropyCodec:
        """Count training rows.

        Args:
          rows: −1 where none is present.
          size: V.
          order: of the model, at least 1.

        Raises:
          UserError: a row is not of the vocabulary.
        """
        for sequence in rows:
            _require_rows(sequence[sequence >= 0], size)
        return cls(RowModel.fit([sequence[sequence >= 0] for sequence in rows], size, order))

    def encode(self, rows: Int[np.ndarray, " n"], bits: int | None = None) -> Code:
        """Encode as many rows from the start of a sequence as fit.

        Args:
          rows: from 0 to V − 1.
          bits: the longest code; None for any.

        Raises:
          UserError: a row is not of the vocabulary, or `bits` is too few even for no row.
        """
        _require_rows(rows, self.model.size)
        whole = self._coded(rows, len(rows))
        if bits is None or whole.bits <= bits:
            return whole
        # A code has no less than the ideal length of its rows.
        ideal = np.cumsum([0.0, *map(_cost, self._shares(rows))])
        for kept in range(int(np.searchsorted(ideal, bits, side="right")) - 1, -1, -1):
            if (code := self._coded(rows, min(kept, len(rows) - 1))).bits <= bits:
                return code
        raise UserError(
            f"bits is {bits}: it must be at least {code.bits}, which say that no row of {len(rows)} follows."
        )

    def decode(self, data: bytes, length: int) -> Int[np.ndarray, " m"]:
        """Decode the rows of a code, int32: all of a sequence, or m of them from its start.

        Any bytes decode to some rows.

        Args:
          data: of a code; what is missing at its end is 0.
          length: n of the sequence.
        """
        decoder = Decoder(data)
        kept = length
        if length and decoder.target(_WHOLE) < _WHOLE - 1:
            decoder.take(_whole())
        elif length:
            decoder.take(_part())
            kept = decoder.target(length)
            decoder.take(Share(kept, 1, length))
        rows: tuple[int, ...] = ()
        for _ in range(kept):
            total = self.model.total(rows)
            row, share = self.model.find(rows, decoder.target(total), total)
            decoder.take(share)
            rows += (row,)
        return np.array(rows, np.int32)

    def measure(self, part: Part, train: Part, bits: int = 512) -> Measured:
        """Encode and decode the sequences of a part.

        Args:
          part: sequences of words.
          train: training sequences, whose mean vector stands for what did not fit.
          bits: the longest code.

        Raises:
          UserError: the sequences are no words.
        """
        if part.rows is None:
            raise UserError("task.data is vectors: it must be words for an entropy codec.")
        constant = best_constant(train.vectors, train.mask)
        outputs: Float[np.ndarray, "N T D"] = np.broadcast_to(constant, part.vectors.shape).copy()
        exact, lengths = np.zeros(len(part.mask), bool), []
        for n, (sequence, mask) in enumerate(zip(part.rows, part.mask, strict=True)):
            rows = sequence[mask]
            lengths.append(self._coded(rows, len(rows)).bits)
            decoded = self.decode(self.encode(rows, bits).data, len(rows))
            exact[n] = len(decoded) == len(rows) and bool((decoded == rows).all())
            # Rows that came back as they were have the vectors that went in.
            kept = np.flatnonzero(mask)[: len(decoded)][decoded == rows[: len(decoded)]]
            outputs[n, kept] = part.vectors[n, kept]
        kept_mask = part.mask & exact[:, None]
        return Measured(
            share=float(exact.mean()),
            bits=float(np.mean(lengths)),
            bits_a_token=float(np.sum(lengths) / part.mask.sum()),
            exact_cosine=(
                mean_cosine(outputs, part.vectors, kept_mask) if exact.any() else math.nan
            ),
            cosine=mean_cosine(outputs, part.vectors, part.mask),
        )

    def _shares(self, rows: Int[np.ndarray, " n"]) -> list[Share]:
        known = tuple(rows.tolist())
        return [self.model.share(known[:i], row) for i, row in enumerate(known)]

    def _coded(self, rows: Int[np.ndarray, " n"], kept: int) -> Code:
        """Encode the first `kept` rows of a sequence."""
        encoder = Encoder()
        if len(rows):
            encoder.put(_whole() if kept == len(rows) else _part())
        if kept < len(rows):
            encoder.put(Share(kept, 1, len(rows)))
        for share in self._shares(rows[:kept]):
            encoder.put(share)
        return encoder.finish()


def _whole() -> Share:
    return Share(0, _WHOLE - 1, _WHOLE)


def _part() -> Share:
    return Share(_WHOLE - 1, 1, _WHOLE)


def _cost(share: Share) -> float:
    """Return the ideal length of a symbol, in bits."""
    return math.log2(share.total) - math.log2(share.weight)


def _require_rows(rows: Int[np.ndarray, " n"], size: int) -> None:
    outside = rows[(rows < 0) | (rows >= size)]
    if len(outside):
        raise UserError(f"rows has {outside[0]}: each must be from 0 to {size - 1}.")
