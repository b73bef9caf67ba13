"""The colours of figures: their contrast, and the colours that words take."""

import pytest
from matplotlib.colors import to_rgb

from freqjax.figures import GROUP_COLOURS, LAYER_COLOURS, canvas
from freqjax.figures.stages import BACK_COLOUR
from tests.figures.reading import contrast

PALETTE = [*GROUP_COLOURS, *LAYER_COLOURS, canvas.INK, canvas.GREY, BACK_COLOUR]


def test_the_contrast_of_known_pairs_is_that_of_wcag():
    # https://www.w3.org/TR/WCAG22: black on white 21, #767676 the lightest grey of level AA.
    assert contrast("#000000") == pytest.approx(21)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.005)
    assert contrast("#FFFFFF") == pytest.approx(1)


@pytest.mark.parametrize("colour", PALETTE)
def test_words_in_any_colour_of_a_figure_can_be_read(colour):
    assert contrast(canvas.text_colour(colour)) >= 4.5
    if contrast(colour) >= 4.5:
        assert canvas.text_colour(colour) == colour


def test_words_keep_the_hue_of_their_line():
    sky = to_rgb(canvas.text_colour("#56B4E9"))
    assert sky[0] < sky[1] < sky[2]
    teal = to_rgb(canvas.text_colour("#44AA99"))
    assert teal[0] < teal[2] <= teal[1]
