"""The parts of a dataset, their normalisation and context."""

import numpy as np
import pytest

from freqjax import UserError
from freqjax.tasks.classifier.context import context_of
from freqjax.tasks.classifier.dataset import Folds, Part, load_dataset
from freqjax.tasks.classifier.normalisation import normalised, norms_of

PERSONS = np.array([3, 10, 7, 20, 5])


def arrays(count=60, samples=12, seed=1):
    """Make arrays of a stacked file: 5 persons, recordings 0 and 1 of each."""
    random = np.random.default_rng(seed)
    pose = random.normal(5, [1, 20, 0.1], size=(count, samples, 3))
    pose[random.random(pose.shape) < 0.05] = np.nan
    return {
        "pose": pose,
        "gaze": random.normal(size=(count, samples, 2)),
        "gaze_mask": random.random((count, samples)) < 0.5,
        "label": random.integers(0, 3, count),
        "group": random.choice(PERSONS, count),
        "recording": random.integers(0, 2, count),
    }


@pytest.fixture
def own(tmp_path):
    np.savez(tmp_path / "own.npz", **arrays())
    return str(tmp_path / "own.npz")


def names_of(found, part):
    return {found.group_names[group] for group in part.group}


def test_groups_are_divided_by_shares(own):
    found = load_dataset(own, shares=(0.6, 0.2, 0.2), seed=3)
    groups = [names_of(found, part) for part in found.parts.values()]
    assert [len(group) for group in groups] == [3, 1, 1]
    assert set.union(*groups) == set(found.group_names) == set(map(str, PERSONS.tolist()))
    assert sum(len(part.label) for part in found.parts.values()) == 60
    again = load_dataset(own, shares=(0.6, 0.2, 0.2), seed=3)
    np.testing.assert_array_equal(again.test.inputs["pose"], found.test.inputs["pose"])
    others = [load_dataset(own, shares=(0.6, 0.2, 0.2), seed=seed) for seed in range(8)]
    assert len({frozenset(names_of(other, other.test)) for other in others}) > 1


def test_rows_keep_what_belongs_to_them(own):
    given, found = arrays(), load_dataset(own, shares=(0.6, 0.2, 0.2))
    assert found.class_names == ("0", "1", "2")
    assert found.group_names == ("3", "5", "7", "10", "20")
    assert set(found.recording_names) == {f"{p}, {r}" for p in PERSONS for r in (0, 1)}
    for part in found.parts.values():
        for n in range(len(part.label)):
            (row,) = np.flatnonzero((given["gaze"].astype(np.float32) == part.inputs["gaze"][n])[
                :, part.masks["gaze"][n]
            ].all(axis=(1, 2)))  # fmt: skip
            group, recording = given["group"][row], given["recording"][row]
            assert part.label[n] == given["label"][row]
            assert found.group_names[part.group[n]] == str(group)
            assert found.recording_names[part.recording[n]] == f"{group}, {recording}"
            same = (given["group"] == group) & (given["recording"] == recording)
            assert part.order[n] == same[:row].sum()


def test_a_given_split_is_kept_and_must_not_share_groups(tmp_path):
    given, path = arrays(), tmp_path / "own.npz"
    np.savez(path, **given, split=np.where(given["group"] > 9, 2, given["group"] == 7).astype(int))
    found = load_dataset(str(path))
    groups = [names_of(found, part) for part in found.parts.values()]
    assert groups == [{"3", "5"}, {"7"}, {"10", "20"}]
    np.savez(path, **given, split=np.arange(60) % 3)
    with pytest.raises(
        UserError, match=r"own.npz: group 3 is in train and validation: it must be in one of them"
    ):
        load_dataset(str(path))
    found = load_dataset(str(path), shared_groups=True)
    assert [len(part.label) for part in found.parts.values()] == [20, 20, 20]


@pytest.mark.parametrize("folds", [3, 4, 5])
def test_every_group_is_tested_by_one_fold(own, folds):
    tested = []
    for fold in range(folds):
        found = load_dataset(own, folds=Folds(folds, fold))
        groups = [names_of(found, part) for part in found.parts.values()]
        assert sum(map(len, groups)) == 5
        assert groups[2] == {n for i, n in enumerate(found.group_names) if i % folds == fold}
        after = {n for i, n in enumerate(found.group_names) if i % folds == (fold + 1) % folds}
        assert groups[1] == after
        tested += sorted(groups[2])
    assert sorted(tested) == sorted(map(str, PERSONS))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folds": Folds(6, 0)}, "task.folds is 6: it must be from 3 to 5, the number of groups."),
        ({"folds": Folds(2, 0)}, "task.folds is 2: it must be from 3 to 5, the number of groups."),
        ({"folds": Folds(5, 5)}, "task.folds is 5, fold 5: the fold must be from 0 to 4."),
        ({"length": 0}, "own.npz, length 0: it must be at least 1."),
    ],
)
def test_what_is_out_of_range_is_refused(own, options, said):
    with pytest.raises(UserError) as raised:
        load_dataset(own, **options)
    assert said in str(raised.value)


def test_empty_parts_and_one_class_are_refused(tmp_path):
    given, path = arrays(), tmp_path / "own.npz"
    np.savez(path, **given, split=np.ones(60, int))
    with pytest.raises(
        UserError, match=r"own.npz: the part train must have a window and has none."
    ):
        load_dataset(str(path), shared_groups=True)
    np.savez(path, **{**given, "label": np.full(60, 4)})
    with pytest.raises(UserError, match=r"label is 4 throughout: there must be two classes"):
        load_dataset(str(path))
    np.savez(path, **{**given, "group": np.full(60, 4)})
    with pytest.raises(UserError, match=r"task.split is 0.8, 0.1, 0.1: its 3 parts must have"):
        load_dataset(str(path))


def test_the_shipped_data_are_loaded_by_their_name():
    found = load_dataset(folds=Folds(5, 0))
    assert sum(len(part.label) for part in found.parts.values()) == 3605
    assert [len(names_of(found, part)) for part in found.parts.values()] == [6, 2, 2]
    assert found.test.inputs["gyroscope"].shape[1:] == (64, 3)
    assert found.class_names[0] == "PEN"
    assert len(found.recording_names) == 140
    assert found.unread == ("sampling_rate",)


def test_channels_are_normalised_by_what_is_present_in_training(own):
    found = load_dataset(own, length=5, stride=3, shares=(0.6, 0.2, 0.2))
    train = found.train
    # A modality that is never present, and a channel that does not change.
    still = np.full((*train.label.shape, 5, 1), 0.1, np.float32)
    every = np.ones(still.shape[:2], bool)
    train = train._replace(
        inputs={**train.inputs, "still": still, "absent": 0 * still},
        masks={**train.masks, "still": every, "absent": ~every},
    )
    norms = norms_of(train)
    scaled = normalised(train, norms)
    for name in ("pose", "gaze"):
        present = train.inputs[name][train.masks[name]].astype(np.float64)
        np.testing.assert_allclose(norms[name].mean, present.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(norms[name].deviation, present.std(axis=0), rtol=1e-5)
        kept = scaled.inputs[name][train.masks[name]].astype(np.float64)
        np.testing.assert_allclose(kept.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(kept.std(axis=0), 1, rtol=1e-5)
        assert not scaled.inputs[name][~train.masks[name]].any()
        test = normalised(found.test, norms).inputs[name]
        wanted = (found.test.inputs[name] - norms[name].mean) / norms[name].deviation
        mask = found.test.masks[name]
        np.testing.assert_array_equal(test, np.where(mask[..., None], wanted, 0))
    assert norms["still"].deviation == norms["absent"].deviation == 1
    assert np.abs(scaled.inputs["still"]).max() < 1e-6
    assert not scaled.inputs["absent"].any()


def test_missing_numbers_affect_neither_norms_nor_what_is_normalised(own):
    train = load_dataset(own, shares=(0.6, 0.2, 0.2)).train
    noisy = {
        name: np.where(train.masks[name][..., None], a, 1e6) for name, a in train.inputs.items()
    }
    other = train._replace(inputs={name: a.astype(np.float32) for name, a in noisy.items()})
    for name, norm in norms_of(other).items():
        np.testing.assert_array_equal(norm.mean, norms_of(train)[name].mean)
        np.testing.assert_array_equal(norm.deviation, norms_of(train)[name].deviation)
        found = normalised(other, norms_of(other)).inputs[name]
        np.testing.assert_array_equal(found, normalised(train, norms_of(train)).inputs[name])


def part_of(recording, order):
    """Make a part whose inputs are the numbers of the windows."""
    count = len(recording)
    return Part(
        inputs={"x": np.arange(count, dtype=np.float32)[:, None, None]},
        masks={"x": np.ones((count, 1), bool)},
        label=np.zeros(count, np.int32),
        auxiliary=np.full(count, -1, np.int32),
        group=np.zeros(count, np.int32),
        recording=np.array(recording, np.int32),
        order=np.array(order, np.int32),
    )


def shuffled(seed):
    """Make windows of some recordings in any order, with gaps where some were left out."""
    random = np.random.default_rng(seed)
    places = [
        (r, o) for r in (0, 1, 2, 5) for o in range(random.integers(1, 9)) if random.random() < 0.8
    ]
    random.shuffle(places)
    places = places or [(0, 0)]
    return part_of(*zip(*places, strict=True))


@pytest.mark.parametrize("kind", ["none", "past", "both"])
@pytest.mark.parametrize("count", [0, 1, 3, 12])
@pytest.mark.parametrize("seed", range(4))
def test_context_is_that_of_the_recording(kind, count, seed):
    part = shuffled(seed)
    found = context_of(part, kind, count)
    before, after = {"none": (0, 0), "past": (count, 0), "both": (count, count)}[kind]
    assert found.own == before
    places = {(r, o): n for n, (r, o) in enumerate(zip(part.recording, part.order, strict=True))}
    for n, (recording, order) in enumerate(zip(part.recording, part.order, strict=True)):
        wanted = [places.get((recording, order + step)) for step in range(-before, after + 1)]
        assert found.mask[n].tolist() == [w is not None for w in wanted]
        assert found.index[n].tolist() == [n if w is None else w for w in wanted]


def test_the_past_knows_nothing_of_what_follows():
    part = shuffled(9)
    found = context_of(part, "past", 3)
    seen = part.inputs["x"][found.index]
    for n in range(len(part.order)):
        later = (part.recording == part.recording[n]) & (part.order > part.order[n])
        other = part.recording != part.recording[n]
        changed = np.where((later | other)[:, None, None], np.float32(-1), part.inputs["x"])
        np.testing.assert_array_equal(changed[found.index[n]], seen[n])
        # And without the windows that follow, its context is the same.
        kept = np.flatnonzero(~later)
        alone = context_of(part_of(part.recording[kept], part.order[kept]), "past", 3)
        (here,) = np.flatnonzero(kept == n)
        np.testing.assert_array_equal(kept[alone.index[here]], found.index[n])
        np.testing.assert_array_equal(alone.mask[here], found.mask[n])


def test_an_empty_part_has_no_context():
    found = context_of(part_of([], []), "both", 2)
    assert found.index.shape == found.mask.shape == (0, 5)
