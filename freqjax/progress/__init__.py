"""Progress of any work: what is being done, how much of it is done, and how long it still takes.

What works reports, and knows nothing of who looks:

    with progress.phase("training", of=epochs, unit="epochs") as training:
        training.advance(3)
    for draw in progress.each("figures", drawings):
        draw()

What shows it is chosen outside, once: `shown` for a terminal or a pipe, or any `View` by `reporting_to`, such
as a recorder in a test. Without one nothing is shown.
"""

from freqjax.progress.phases import Phase, Reporter, View, each, phase, reporting_to
from freqjax.progress.showing import shown

__all__ = ["Phase", "Reporter", "View", "each", "phase", "reporting_to", "shown"]
