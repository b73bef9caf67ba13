"""Archives and arrays as programs save them, and headers that promise what is not there."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from freqjax import UserError
from freqjax.recordings import open_recording

SIGNAL = np.random.default_rng(2).normal(size=(400, 3))
TIMES = np.arange(400) / 250


def read(path):
    recording = open_recording(path, "--input")
    return recording, np.concatenate(list(recording.chunks(33)))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize(
    "array",
    [
        SIGNAL[:, 0], SIGNAL[:, :1], SIGNAL[None, :, 0], SIGNAL[:, None, 0, None], SIGNAL,
        np.asfortranarray(SIGNAL), np.ascontiguousarray(SIGNAL.T), np.asfortranarray(SIGNAL.T),
    ],
    ids=lambda a: f"{a.shape}{'F' if a.flags.f_contiguous else 'C'}",
)  # fmt: skip
def test_arrays_may_lie_in_any_way(tmp_path, suffix, array):
    path = tmp_path / f"a.{suffix}"
    if suffix == "npy":
        np.save(path, array)
    else:
        np.savez_compressed(path, anything=array)
    recording, found = read(path)
    wanted = SIGNAL if array.size > 400 else SIGNAL[:, :1]
    np.testing.assert_array_equal(found, wanted)
    turned = array.shape == (3, 400)
    assert any("is read as 3 channels of 400 samples" in n for n in recording.notes) == turned


@pytest.mark.parametrize(
    "arrays",
    [
        {"fs": 250}, {"sr": 250.0}, {"sample_rate": np.array([250])}, {"samplerate": 250}, {"dt": 0.004},
        {"fs_khz": 0.25}, {"time": TIMES}, {"t": TIMES[:, None]}, {"time_ms": 1000 * TIMES},
        {"t": TIMES.astype(np.float32)}, {"timestamps": np.arange(400) * 4 + 1_700_000_000_000},
        {"t": TIMES, "fs": 250},
    ],
    ids="+".join,
)  # fmt: skip
def test_an_archive_tells_its_rate(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", voltage=SIGNAL[:, 0], **arrays)
    assert read(tmp_path / "a.npz")[0].sampling_rate == pytest.approx(250, rel=1e-9)


def test_times_that_contradict_the_rate_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", S=SIGNAL[:, 0], t=TIMES, fs=300)
    with pytest.raises(UserError, match="fs states 300 Hz and its times tell 250 Hz"):
        read(tmp_path / "a.npz")


def test_an_array_that_rises_and_is_not_used_is_named(tmp_path):
    np.savez(
        tmp_path / "a.npz", S=SIGNAL[:, 0], x=TIMES, other=SIGNAL[:, 1], note=np.array("hello")
    )
    recording, found = read(tmp_path / "a.npz")
    np.testing.assert_array_equal(found[:, 0], SIGNAL[:, 0])
    (note,) = recording.notes
    assert "array x: it rises evenly, by 0.004 a sample, and is not used" in note


def test_what_is_not_a_signal_does_not_count(tmp_path):
    np.savez(tmp_path / "a.npz", data=SIGNAL[:, 0], note=np.array("hello"), gain=3.0, fs=250)
    np.testing.assert_array_equal(read(tmp_path / "a.npz")[1][:, 0], SIGNAL[:, 0])


def header_of(shape, dtype="<f8"):
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("name", ["S", "t", "fs"])
def test_terabytes_that_a_header_promises_take_no_memory(tmp_path, name):
    members = {"S": saved(SIGNAL[:, 0]), "t": saved(TIMES), "fs": saved(np.array(250.0))}
    archive(tmp_path / "a.npz", **{**members, name: header_of((10**12,))})
    tracemalloc.start()
    with pytest.raises(UserError, match=r"its header promises 8000000000128 bytes, and it has 128"):
        read(tmp_path / "a.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_a_member_that_claims_more_than_can_be_unpacked_is_refused(tmp_path):
    archive(tmp_path / "a.npz", S=header_of((10**9,)) + b"\0" * 1000)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    size, claimed = (1128).to_bytes(4, "little"), (128 + 8 * 10**8).to_bytes(4, "little")
    assert content.count(size) == 2
    (tmp_path / "a.npz").write_bytes(bytes(content).replace(size, claimed))
    with pytest.raises(
        UserError, match=r"its header promises 800000128 bytes, and it has \d{2,3}\."
    ):
        read(tmp_path / "a.npz")


def test_a_rate_of_many_numbers_is_not_unpacked(tmp_path):
    archive(tmp_path / "a.npz", S=saved(SIGNAL[:, 0]), fs=saved(np.zeros(3_000_000)))
    tracemalloc.start()
    with pytest.raises(UserError, match="fs must be one number above 0"):
        read(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_pickles_are_not_loaded(tmp_path, suffix):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    path = tmp_path / f"a.{suffix}"
    trap = np.array([Trap()], object)
    np.save(path, trap) if suffix == "npy" else np.savez(path, S=trap)
    with pytest.raises(
        UserError, match="holds object, not numbers: pickled objects are not loaded"
    ):
        read(path)
    assert not (tmp_path / "sprung").exists()


def test_too_many_channels_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((1030, 1030), np.uint8))
    with pytest.raises(
        UserError, match=r"shape is \(1030, 1030\): it must have at most 1024 channels"
    ):
        read(tmp_path / "a.npy")


def test_names_of_arrays_reach_no_terminal_as_they_are(tmp_path):
    archive(tmp_path / "a.npz", **{"\x1b[2Ja": saved(SIGNAL), "\x1b[2Jb": saved(SIGNAL)})
    with pytest.raises(UserError, match=r"it holds \\x1b\[2Ja, \\x1b\[2Jb: the signal") as caught:
        read(tmp_path / "a.npz")
    assert "\x1b" not in str(caught.value)
