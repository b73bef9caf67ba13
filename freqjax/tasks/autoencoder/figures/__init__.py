"""Figures of an autoencoder: sequences in and out, codes, positions, bits, attention and forcing."""

from freqjax.tasks.autoencoder.figures.attention import attention
from freqjax.tasks.autoencoder.figures.code import bits, code, level_entropy
from freqjax.tasks.autoencoder.figures.curve import curve
from freqjax.tasks.autoencoder.figures.forcing import forcing
from freqjax.tasks.autoencoder.figures.gallery import drawings
from freqjax.tasks.autoencoder.figures.latent import latent
from freqjax.tasks.autoencoder.figures.positions import cosine_by_position
from freqjax.tasks.autoencoder.figures.reconstructions import reconstructions
from freqjax.tasks.autoencoder.figures.record import Record, record_of
from freqjax.tasks.autoencoder.figures.weights import Attention

__all__ = [
    "Attention",
    "Record",
    "attention",
    "bits",
    "code",
    "cosine_by_position",
    "curve",
    "drawings",
    "forcing",
    "latent",
    "level_entropy",
    "reconstructions",
    "record_of",
]
