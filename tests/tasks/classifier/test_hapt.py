"""Activities out of a pickle of tables, and the windows made of them, by brute force."""

import pickle

import numpy as np
import pytest

from benchmarks.poems_data import write
from freqjax import UserError
from freqjax.tasks.classifier import hapt, pickles
from freqjax.tasks.classifier.dataset import load_dataset

COLUMNS = ["acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z", "sequence", "label"]


class Made:
    """An object of a class that has a place in another module, with a state."""

    def __init__(self, state):
        self.made = state

    def __getstate__(self):
        return self.made

    def __setstate__(self, state):
        raise AssertionError("nothing of it may run")


class DataFrame(Made):
    """A table."""


class BlockManager(Made):
    """Stand-in that holds its numbers."""


class Index:
    """The names of its columns."""

    def __init__(self, names):
        self.names = names

    def __reduce__(self):
        return _new_Index, (Index, {"data": np.array(self.names, object), "name": None})


def _new_Index(*_made):
    raise AssertionError("nothing of it may run")


# Where they are in the package.
HOMES = {
    "DataFrame": "pandas.core.frame",
    "BlockManager": "pandas.core.internals.managers",
    "_new_Index": "pandas.core.indexes.base",
    "Index": "pandas.core.indexes.base",
}


def tables_of(lengths, seed=2):
    """Make tables [T, 8] of two persons, whose activities last for some time."""
    random = np.random.default_rng(seed)
    found = []
    for length in lengths:
        spans = random.choice([-1, 1, 4, 7, 12], length // 25 + 1, p=[0.3, 0.3, 0.2, 0.1, 0.1])
        table = random.normal(size=(length, 8))
        table[:, 6] = np.arange(length)
        table[:, 7] = np.repeat(spans, 25)[:length]
        found.append(table)
    return {2: found[:2], 5: found[2:]}


def packed_tables(tables, columns=COLUMNS):
    """Pack tables as pandas did."""

    def frame(table):
        blocks = [
            {"values": np.ascontiguousarray(table[:, :6].T), "mgr_locs": slice(0, 6, 1)},
            {"values": table[:, 6:].T.astype(np.int64), "mgr_locs": slice(6, 8, 1)},
        ]
        axes = [Index(columns), Index(["rows"])]
        state = ([], [], [], {"0.14.1": {"axes": axes, "blocks": blocks}})
        return DataFrame({"_data": BlockManager(state), "_typ": "dataframe"})

    packed = pickle.dumps({p: [frame(t) for t in kept] for p, kept in tables.items()}, 1)
    for name, home in HOMES.items():
        packed = packed.replace(f"c{__name__}\n{name}\n".encode(), f"c{home}\n{name}\n".encode())
    return packed


def test_recordings_are_read_without_pandas():
    tables = tables_of([301, 140, 77])
    found = hapt.recordings_of(packed_tables(tables))
    assert [recording.person for recording in found] == [2, 2, 5]
    for recording, table in zip(found, [*tables[2], *tables[5]], strict=True):
        half = len(table) // 2
        for t in range(half):
            pair = table[2 * t : 2 * t + 2, :6]
            np.testing.assert_allclose(recording.inputs[t], pair.mean(axis=0), rtol=1e-5, atol=1e-6)
            assert recording.activity[t] == table[2 * t, 7]
        assert len(recording.inputs) == len(recording.activity) == half


def test_other_pickles_are_refused():
    packed = packed_tables(tables_of([301, 140, 77]))
    with pytest.raises(pickles.Refused, match=r"asks for os\.system, which is not allowed"):
        hapt.recordings_of(packed.replace(b"pandas.core.frame\nDataFrame", b"os\nsystem"))
    with pytest.raises(LookupError, match="gyro-z"):
        hapt.recordings_of(
            packed_tables(tables_of([301, 140, 77]), [*COLUMNS[:5], "x", *COLUMNS[6:]])
        )


def recordings(seed=2):
    """Make recordings of a few persons of each part."""
    random = np.random.default_rng(seed)
    found = []
    for person in (1, 2, 5, 1, 9, 30):
        length = int(random.integers(64, 700))
        spans = random.choice([-1, 1, 3, 7, 12], length // 20 + 1, p=[0.3, 0.3, 0.2, 0.1, 0.1])
        inputs = random.normal(size=(length, 6)).astype(np.float32)
        found.append(hapt.HaptRecording(person, inputs, np.repeat(spans, 20)[:length]))
    return found


def of_activity(inside, _behind):
    counts = {c: sum(a == c for a in inside) for c in range(1, 13)}
    best = max(counts, key=lambda c: counts[c])
    return best - 1 if sum(counts.values()) > 32 else None


def of_stairs(inside, behind):
    activity = of_activity(inside, behind)
    return None if activity is None else int(activity in (1, 2))


def of_intent(inside, behind):
    if any(a >= 7 for a in inside) or inside[-1] == -1:
        return None
    return int(any(a >= 7 for a in behind))


SETS = [(hapt.hapt12, of_activity), (hapt.stairs, of_stairs), (hapt.intent, of_intent)]


@pytest.mark.parametrize(("make", "rule"), SETS)
@pytest.mark.parametrize("seed", range(3))
def test_windows_are_what_one_after_another_gives(make, rule, seed):
    rows, made = [], recordings(seed)
    for number, (person, inputs, activity) in enumerate(made):
        for start in range(0, len(inputs) - 63, 32):
            end = start + 64
            label = rule(activity[start:end].tolist(), activity[end : end + 50].tolist())
            if label is not None:
                part = 1 if person == 5 else 2 * (person in (2, 9))
                rows.append((inputs[start:end], label, person, number, part))
    found = make(made)
    values = np.concatenate([found["accelerometer"], found["gyroscope"]], axis=2)
    assert len(rows) > 10
    np.testing.assert_array_equal(values, np.array([row[0] for row in rows]).astype(np.float16))
    for place, name in enumerate(("label", "group", "recording", "split"), start=1):
        assert found[name].tolist() == [row[place] for row in rows]


def test_the_sets_are_files_of_the_task(tmp_path):
    write(tmp_path / "own.npz", hapt.hapt12(recordings()))
    found = load_dataset(str(tmp_path / "own.npz"))
    groups = [{found.group_names[g] for g in part.group} for part in found.parts.values()]
    assert groups == [{"1", "30"}, {"5"}, {"2", "9"}]


def test_another_file_than_the_pinned_one_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        hapt.read_sdist(tmp_path / "x.tar.gz")
    (tmp_path / "x.tar.gz").write_bytes(b"")
    with pytest.raises(UserError, match=rf"must be {hapt.SDIST_SHA256}\."):
        hapt.read_sdist(tmp_path / "x.tar.gz")
