"""Colours of figures: of groups, layers and reference lines, and those that text on white can have.

Every set can be told apart with colour blindness. A colour that is good for a line may be too pale for
words, so that text takes `text_colour` of it.
"""

from functools import lru_cache

import numpy as np
from matplotlib.colors import to_hex, to_rgb

# Okabe & Ito (2008) without black and yellow, which are hard to see beside text and on white, and two of
# Tol's muted scheme.
GROUP_COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933",
)  # fmt: skip
# Tol's muted scheme, so that layers are not mistaken for groups.
LAYER_COLOURS = (
    "#332288", "#CC6677", "#44AA99", "#AA4499", "#117733", "#88CCEE", "#661100", "#DDCC77",
)  # fmt: skip
INK, GREY, PALE = "#222222", "#777777", "#C9C9C9"
# Least contrast of text with its background: WCAG 2.2, 1.4.3, level AA.
LEAST_CONTRAST = 4.5
# Steps in which a colour is darkened. A PNG holds multiples of 17 of 255 (`canvas.save`).
_STEPS, _SHADE = 50, 17


def colour(index: int) -> str:
    """Return the colour of a group, the same in every figure."""
    return GROUP_COLOURS[index % len(GROUP_COLOURS)]


def contrast_on_white(colour: str) -> float:
    """Return the contrast of a colour with white, 1 to 21, as WCAG 2.2 defines it."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return 1.05 / (float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05)


@lru_cache
def text_colour(colour: str) -> str:
    """Return the colour itself, or one of its hue that is dark enough for text on white."""
    if contrast_on_white(colour) >= LEAST_CONTRAST:
        return colour
    for share in np.linspace(1, 0, _STEPS):
        shades = np.floor(255 * share * np.array(to_rgb(colour)) / _SHADE) * _SHADE
        darker = to_hex(shades / 255)
        if contrast_on_white(darker) >= LEAST_CONTRAST:
            return darker
    return INK
