"""What is hidden from frozen weights: which samples are missing, and what a score then loses."""

from typing import Any

import numpy as np

from freqjax.tasks.classifier.dataset import Part
from freqjax.tasks.classifier.hiding import hidden, hide

N, T = 6, 20


def part() -> Part:
    random = np.random.default_rng(0)
    inputs = {
        name: random.normal(size=(N, T, count)).astype(np.float32) + 5
        for name, count in (("gaze", 1), ("pose", 2))
    }
    masks = {name: np.ones((N, T), bool) for name in inputs}
    numbers: Any = np.zeros(N, np.int32)
    return Part(inputs, masks, *[numbers] * 5)


def test_hidden_samples_are_missing_and_the_given_windows_stay():
    given = part()
    found = hide(given, ("pose",), 3, 7)
    inside = np.isin(np.arange(T), [3, 4, 5, 6])
    assert not found.masks["pose"][:, inside].any() and found.masks["pose"][:, ~inside].all()
    assert (found.inputs["pose"][:, inside] == 0).all()
    assert found.inputs["pose"][:, ~inside].all() and found.masks["gaze"].all()
    assert given.masks["pose"].all() and (given.inputs["pose"] != 0).all()


def test_stretches_cover_each_sample_once_in_all_and_in_each_modality():
    def present(windows):
        """Return how many samples of each modality are present, as if they were probabilities."""
        return np.stack([mask.sum(axis=1) for mask in windows.masks.values()], axis=1).astype(float)

    found = hidden(part(), present)
    lengths = np.diff(found.edges)
    assert lengths.sum() == T and lengths.min() >= 2 and len(lengths) == 8
    np.testing.assert_array_equal(found.stretches["all"][:, 0], T - lengths[:, None] * [[1, 1]])
    np.testing.assert_array_equal(found.stretches["pose"][:, 0], T - lengths[:, None] * [[0, 1]])
    np.testing.assert_array_equal(found.without["gaze"], np.tile([0, T], (N, 1)))
    alone = part()
    alone = alone._replace(
        inputs={"pose": alone.inputs["pose"]}, masks={"pose": alone.masks["pose"]}
    )
    found = hidden(alone, present)
    assert not found.without and set(found.stretches) == {"all"}
