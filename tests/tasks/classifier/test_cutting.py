"""Windows of sequences, by brute force."""

import numpy as np
import pytest

from freqjax import UserError
from freqjax.tasks.classifier.cutting import cut
from freqjax.tasks.classifier.sequences import Rows

RANDOM = np.random.default_rng(7)


def rows_of(count, samples, *, frames=True, group=None, recording=None):
    """Make sequences with gaps and ends of their own."""
    lengths = RANDOM.integers(0, samples + 1, count)
    present = (np.arange(samples) < lengths[:, None]) & (RANDOM.random((count, samples)) < 0.8)
    other = present & (RANDOM.random((count, samples)) < 0.5)
    masks = {"pose": present, "gaze": other}
    return Rows(
        inputs={
            name: np.where(mask[..., None], RANDOM.normal(size=(count, samples, f)), 0).astype(
                np.float32
            )
            for (name, mask), f in zip(masks.items(), (3, 2), strict=True)
        },
        masks=masks,
        label=RANDOM.integers(-1, 3, (count, samples) if frames else count),
        auxiliary=None,
        group=group,
        recording=recording,
        split=None,
        unread=(),
    )


def slowly(sequences, length, stride):
    """Cut one window after another."""
    found, numbers, left_out = [], {}, 0
    for rows in sequences:
        for n in range(len(rows.masks["pose"])):
            present = rows.masks["pose"][n] | rows.masks["gaze"][n]
            end = max((t + 1 for t in range(len(present)) if present[t]), default=0)
            starts = [0]
            while starts[-1] + stride + length <= end:
                starts.append(starts[-1] + stride)
            for start in starts:
                key = (rows.group[n], rows.recording[n])
                order = numbers.setdefault(key, 0)
                numbers[key] += 1
                inside = [
                    t for t in range(start, start + length) if t < len(present) and present[t]
                ]
                if rows.label.ndim == 1:
                    label = rows.label[n]
                else:
                    counts = {c: sum(rows.label[n, t] == c for t in inside) for c in (0, 1, 2, -1)}
                    label = max(counts, key=lambda c: counts[c])
                if label < 0 or not inside:
                    left_out += 1
                    continue
                pieces = {}
                for name, array in rows.inputs.items():
                    piece = array[n, start : start + length]
                    pieces[name] = np.pad(piece, ((0, length - len(piece)), (0, 0)))
                found.append((pieces, label, *key, order))
    return found, left_out


@pytest.mark.parametrize("frames", [True, False])
@pytest.mark.parametrize(("length", "stride"), [(4, 2), (5, 5), (3, 1), (2, 4), (40, 7)])
def test_windows_are_what_cutting_one_by_one_gives(length, stride, frames):
    sequences = [
        rows_of(
            6,
            samples,
            frames=frames,
            group=RANDOM.integers(0, 3, 6),
            recording=RANDOM.integers(0, 2, 6),
        )
        for samples in (9, 14, 4)
    ]
    found = cut(sequences, length, stride)
    wanted, left_out = slowly(sequences, length, stride)
    assert found.left_out == left_out
    assert len(found.label) == len(wanted)
    for n, (pieces, label, group, recording, order) in enumerate(wanted):
        for name, piece in pieces.items():
            np.testing.assert_array_equal(found.inputs[name][n], piece)
            np.testing.assert_array_equal(found.masks[name][n], (piece != 0).any(axis=1))
        assert (found.label[n], found.group[n], found.recording[n]) == (label, group, recording)
        assert found.order[n] == order


def test_whole_sequences_are_padded_to_the_longest():
    sequences = [rows_of(3, samples, frames=False) for samples in (9, 5)]
    found = cut(sequences)
    assert found.inputs["pose"].shape[1:] == (9, 3)
    assert found.left_out + len(found.label) == 6
    assert not found.masks["pose"][found.recording > 2, 5:].any()


def test_rows_are_recordings_and_these_are_groups_unless_told_otherwise():
    rows = rows_of(5, 8, frames=False)._replace(label=np.arange(5))
    full = {name: np.ones_like(mask) for name, mask in rows.masks.items()}
    rows = rows._replace(masks=full)
    found = cut([rows], 4)
    assert found.recording.tolist() == found.group.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert found.order.tolist() == [0, 1] * 5
    found = cut([rows._replace(recording=np.array(list("abbab")))], 4)
    assert found.group.tolist() == list("aabbbbaabb")
    assert found.order.tolist() == [0, 1, 0, 1, 2, 3, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("length", "stride", "said"),
    [
        (0, None, "x, length 0: it must be at least 1."),
        (4, 0, "x, stride 0: it must be at least 1."),
        (None, 2, "x, stride 2: it must be left out without a length of windows."),
        (2**30, 1, "x: 5 windows of 1,073,741,824 samples of 5 channels are more than"),
    ],
)
def test_what_cannot_be_cut_is_refused(length, stride, said):
    with pytest.raises(UserError) as raised:
        cut([rows_of(5, 8)], length, stride, source="x")
    assert str(raised.value).startswith(said)


def test_some_window_must_have_a_label():
    rows = rows_of(5, 8, frames=False)
    with pytest.raises(UserError, match="x: one of its 5 windows must have a label and a sample"):
        cut([rows._replace(label=np.full(5, -1))], source="x")
