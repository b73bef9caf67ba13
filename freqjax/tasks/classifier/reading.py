"""How a network reads windows: with derived channels, normalised by what was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from freqjax.tasks.classifier.dataset import Part
from freqjax.tasks.classifier.derived import with_derived
from freqjax.tasks.classifier.normalisation import Norm, normalised, norms_of


class Reading(NamedTuple):
    """Preparation of windows for a network.

    Attributes:
      derived: whether norms and means over time are channels too.
      norms: of the channels of each modality, those that are derived among them.
    """

    derived: bool
    norms: Mapping[str, Norm]

    @classmethod
    def of(cls, train: Part, *, derived: bool) -> Reading:
        """Measure the channels of windows that are trained on."""
        return cls(derived, norms_of(with_derived(train) if derived else train))

    def __call__(self, part: Part) -> Part:
        """Return windows as the network reads them."""
        return normalised(with_derived(part) if self.derived else part, self.norms)
