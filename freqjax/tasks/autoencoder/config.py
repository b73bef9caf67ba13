"""Section of the config of the task autoencoder: its sequences, code, encoder, decoder and their training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from freqjax.config.coercion import show
from freqjax.config.fields import (
    anything,
    at_least,
    choice,
    fraction,
    positive,
    rule,
    within,
)
from freqjax.config.task import NAME, TaskConfig
from freqjax.errors import UserError

if TYPE_CHECKING:
    from freqjax.config.sections import Config

ENCODERS = ("linear", "recurrent", "both", "nearest")
DECODERS = ("linear", "parallel", "recurrent", "slots", "encoder", "curves", "phrases")
# Decoders that read their own last output.
RECURRENT_DECODERS = ("recurrent", "slots", "encoder")
# Decoders in which the encoder looks for what is nearest.
SEARCHED_DECODERS = ("curves", "phrases")
LOSSES = ("cosine", "squared_error", "mixed", "words")


def _shares(values: tuple[float, ...]) -> bool:
    return all(0 <= value <= 1 for value in values)


@dataclass
class AutoencoderConfig(TaskConfig):
    """Sequences, the code that they must pass, and what encodes, decodes and trains it."""

    files: ClassVar[tuple[str, ...]] = (*TaskConfig.files, "data", "vectors")
    network_fields: ClassVar[frozenset[str]] = frozenset(
        {
            "length",
            "dimensions",
            "numbers",
            "encoder",
            "code_normalisation",
            "divergence",
            "decoder",
            "decoder_size",
            "decoder_layers",
            "slots",
            "heads",
            "positions",
            "prototypes",
            "nodes",
        }
    )

    name: str = anything("autoencoder", NAME)
    noise: str = choice(
        "fixed",
        ("fixed", "fresh"),
        "windows of a text from each chapter's start, or (fresh) at offsets that are drawn for every pass",
    )
    test_path: str = anything(
        "", "test sequences from this .npz (or words from this text) instead of the data's own"
    )
    data: str = anything(
        "",
        "sequences: an .npz (sequences [N, T, D]), a text (.txt, .json, a folder of .txt), or empty for the "
        "poetic books that ship",
    )
    vectors: str = anything(
        "",
        "word vectors of a text: word2vec text or binary, GloVe text or .npz; empty for those that ship",
    )
    length: int | None = at_least(
        1, None, "T, vectors of the longest sequence; none for 50 of a text, or those of the file"
    )
    dimensions: int | None = at_least(1, None, "D of a vector, or none for that of the data")
    numbers: int = within(1, 4096, 16, "K, numbers of a code")
    bits: int = within(1, 16, 8, "bits of each number at evaluation")
    encoder: str = choice(
        "both",
        ENCODERS,
        "a product of all inputs that begins as their principal components, the states of a recurrent "
        "network (section network), both, or a search in a decoder of curves or phrases",
    )
    code_normalisation: bool = anything(
        False, "whether the numbers are normalised over the code before they are bounded"
    )
    code_noise: float = at_least(
        0.0,
        0.0,
        "noise on the code in training, standard deviation, where the code goes from −1 to 1",
    )
    code_noise_first: float = at_least(
        0.0,
        0.0,
        "the same at first, from which it falls to code_noise; 0 for code_noise all the time",
    )
    code_penalty: float = at_least(0.0, 0.0, "weight of the code's mean square in the loss")
    divergence: float = at_least(
        0.0,
        0.0,
        "weight of the divergence from a normal distribution: the variational form, or 0 for none",
    )
    annealing: int = at_least(
        0, 0, "updates over which that weight rises from 0, and code_noise_first falls"
    )
    decoder: str = choice(
        "parallel",
        DECODERS,
        "a product of the code, the same beside a transformer of all positions, a cell that is fed its own "
        "outputs: alone, attending to slots of the code, or attending to the encoder (a leak); for each "
        "number a place on a curve through the vectors of its part of the sequence, or a phrase",
    )
    decoder_size: int | None = within(
        1, 16384, None, "features of the decoder, or none for network.hidden_size"
    )
    decoder_layers: int = within(1, 8, 1, "layers of the transformer (parallel)")
    slots: int = within(1, 256, 8, "slots of the code that are attended to (parallel, slots)")
    heads: int = within(1, 64, 4, "heads of attention; they divide the features")
    positions: int = within(0, 1024, 0, "features of sinusoidal positions in a recurrent decoder")
    prototypes: int = within(
        0,
        65536,
        0,
        "vectors whose expectation is added to outputs, at first the most frequent ones; 0 for none",
    )
    nodes: int = within(2, 4096, 256, "points of a curve (curves), or phrases")
    loss: str = choice(
        "cosine",
        LOSSES,
        "what is minimised: cosine distance, squared error, nine parts of the one and one of the other, or "
        "the cross-entropy of the word (words)",
    )
    temperature: float = positive(0.1, "cosines are divided by this in a cross-entropy (words)")
    whole: float = at_least(
        0.0, 0.0, "weight of the cosine distance of whole sequences in the loss"
    )
    forcing: tuple[float, ...] = rule(
        (),
        "share of samples at which a recurrent decoder is trained on the target before them in place of its "
        "own output, a phase each; empty for none",
        "numbers from 0 to 1",
        _shares,
    )
    forcing_lengths: tuple[int, ...] = rule(
        (),
        "vectors of a sequence that count in each phase; empty for all",
        "whole numbers of at least 1",
        lambda values: all(value >= 1 for value in values),
    )
    phase_updates: int = at_least(1, 500, "updates of a phase; the last one goes on")
    forcing_input: str = choice(
        "previous",
        ("previous", "current"),
        "the target that forcing shows at a sample: the one before it, or its own (a leak)",
    )
    word_dropout: float = fraction(
        0.0, "probability with which the encoder is trained on 0 in place of a vector"
    )
    input_noise: float = at_least(
        0.0, 0.0, "noise on the encoder's inputs in training, standard deviation"
    )

    @property
    def samples(self) -> int:
        """T, the vectors of the longest sequence; 50 before the data were looked at."""
        return 50 if self.length is None else self.length

    @property
    def is_text(self) -> bool:
        """Whether the data are words."""
        return not self.data.lower().endswith(".npz")

    def check(self, config: Config) -> None:
        """Check what belongs together, and take T and D from the data where they are not given.

        Raises:
          UserError: fields contradict each other, or the data cannot be read.
        """
        self._check_rows(config)
        self._check_decoder()
        if self.length is None or self.dimensions is None:
            from freqjax.tasks.autoencoder.dataset import sizes_of

            self.length, self.dimensions = sizes_of(self)
        size = self.decoder_size or config.network.hidden_size
        attends = self.decoder in ("parallel", "slots", "encoder")
        if attends and size % self.heads:
            raise UserError(
                f"task.heads is {self.heads}: it must divide the features of the decoder, {size}."
            )

    def _check_rows(self, config: Config) -> None:
        if config.train.regime != "examples":
            raise UserError(
                f"train.regime is {config.train.regime}: it must be examples where task.name is {self.name}, "
                "whose sequences are read whole."
            )
        if self.train_path:
            raise UserError(
                f"task.train_path is {self.train_path}: it must be empty where task.name is {self.name}; "
                "task.data names the sequences."
            )
        if self.noise == "fresh" and not self.is_text:
            raise UserError(
                "task.noise is fresh: it must be fixed where task.data is an .npz, whose sequences cannot "
                "be cut anew."
            )
        if self.loss == "words" and not self.is_text:
            raise UserError(
                f"task.loss is words: it must be one of {', '.join(LOSSES[:-1])} where task.data is an .npz, "
                "which has no words."
            )
        if config.network.conditioning != "input":
            raise UserError(
                f"network.conditioning is {config.network.conditioning}: it must be input where task.name is "
                f"{self.name}, which has no selector."
            )

    def _check_decoder(self) -> None:
        feeds = self.decoder in RECURRENT_DECODERS
        for field in ("forcing", "positions"):
            found = getattr(self, field)
            if found and not feeds:
                raise UserError(
                    f"task.{field} is {show(found)}: it must be {show(type(found)())} where task.decoder is "
                    f"{self.decoder}: it is for {', '.join(RECURRENT_DECODERS)}."
                )
        if self.decoder == "encoder" and self.encoder == "linear":
            raise UserError(
                "task.encoder is linear: it must be recurrent or both where task.decoder is encoder, which "
                "attends to the states of a recurrent network."
            )
        if (self.encoder == "nearest") != (self.decoder in SEARCHED_DECODERS):
            raise UserError(
                f"task.encoder is {self.encoder} and task.decoder is {self.decoder}: nearest goes with "
                f"{' or '.join(SEARCHED_DECODERS)}, which it searches, and with no other."
            )
        if self.decoder == "phrases" and self.nodes > 2**self.bits:
            raise UserError(
                f"task.nodes is {self.nodes}: it must be at most 2^task.bits = {2**self.bits} where "
                "task.decoder is phrases, since a number names one of them."
            )
        for field in ("divergence", "code_normalisation"):
            found = getattr(self, field)
            if found and self.encoder == "nearest":
                raise UserError(
                    f"task.{field} is {show(found)}: it must be {show(type(found)())} where task.encoder is "
                    "nearest, whose numbers are places and not a distribution."
                )
        if self.code_noise_first and not self.code_noise:
            raise UserError(
                f"task.code_noise is {show(self.code_noise)}: it must be above 0 where task.code_noise_first "
                f"is {show(self.code_noise_first)}, which falls to it by equal factors."
            )
        if self.forcing_lengths and self.forcing and len(self.forcing) != len(self.forcing_lengths):
            raise UserError(
                f"task.forcing_lengths is {show(self.forcing_lengths)}: it must have as many numbers as "
                f"task.forcing, {len(self.forcing)}, or none."
            )
