"""Recordings on disk: what SciPy and NumPy read is what we read, and damage is one sentence."""

import io
import struct
import wave

import numpy as np
import pytest
from scipy.io import wavfile

from freqjax import UserError
from freqjax.recordings import choose_channels, open_recording, signal, signals

RANDOM = np.random.default_rng(0)
SIGNAL = RANDOM.uniform(-0.99, 0.99, (1001, 2))


def whole(recording, size=300):
    return np.concatenate(list(recording.chunks(size)))


def opened(path):
    return open_recording(path, "--input")


def copy(path, to, channel=0):
    """Write a channel of a recording in its own format, 300 samples at a time."""
    recording = opened(path)
    with recording.writer(to) as writer:
        for chunk in signal(recording, channel, 300, "--input"):
            writer.write(chunk)
    return writer.clipped


def write_wav(path, bits, kind="int", rate=48_000, channels=2):
    """A WAV written by SciPy or by the standard library; returns [T, C] as fractions of full scale."""
    values = SIGNAL[:, :channels]
    if kind == "float":
        stored = values.astype(f"f{bits // 8}")
        wavfile.write(path, rate, stored)
        return stored.astype(np.float64)
    full = 2.0 ** (bits - 1)
    stored = np.rint(values * (full - 1)).astype(np.int64)
    if bits == 24:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(3)
            file.setframerate(rate)
            file.writeframes(
                b"".join(int(v).to_bytes(3, "little", signed=True) for v in stored.flat)
            )
    else:
        wavfile.write(
            path, rate, (stored + 128).astype("u1") if bits == 8 else stored.astype(f"i{bits // 8}")
        )
    return stored / full


WAVS = [(8, "int"), (16, "int"), (24, "int"), (32, "int"), (32, "float"), (64, "float")]


@pytest.mark.parametrize(("bits", "kind"), WAVS)
def test_a_wav_is_read_as_it_was_written(tmp_path, bits, kind):
    path = tmp_path / "a.WAV"
    written = write_wav(path, bits, kind)
    recording = opened(path)
    assert (recording.sampling_rate, recording.samples, len(recording.names)) == (48_000, 1001, 2)
    np.testing.assert_array_equal(whole(recording), written)


@pytest.mark.parametrize(("bits", "kind"), WAVS)
def test_a_wav_goes_out_as_it_came_in(tmp_path, bits, kind):
    written = write_wav(tmp_path / "a.wav", bits, kind, rate=44_100)
    assert copy(tmp_path / "a.wav", tmp_path / "b.wav", channel=1) == 0
    rate, found = wavfile.read(tmp_path / "b.wav")
    assert rate == 44_100
    assert found.shape == (1001,)
    if kind == "float":
        assert found.dtype == f"f{bits // 8}"
        np.testing.assert_array_equal(found, written[:, 1])
    else:
        # SciPy puts 24 bits into the upper three of four bytes, and counts 8 from 128.
        full, zero = {8: (128, 128), 24: (2**31, 0)}.get(bits, (2 ** (bits - 1), 0))
        np.testing.assert_array_equal((found - float(zero)) / full, written[:, 1])
    np.testing.assert_array_equal(whole(opened(tmp_path / "b.wav"))[:, 0], written[:, 1])


def test_an_extensible_wav_is_read(tmp_path):
    write_wav(tmp_path / "a.wav", 16)
    content = (tmp_path / "a.wav").read_bytes()
    form = content[20:36]
    tail = (
        struct.pack("<HHIH", 22, 16, 3, 1) + b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x008\x9bq"
    )
    fmt = struct.pack("<4sI", b"fmt ", 40) + b"\xfe\xff" + form[2:] + tail
    odd = struct.pack("<4sI", b"LIST", 3) + b"abc\0"
    (tmp_path / "b.wav").write_bytes(content[:12] + odd + fmt + content[36:])
    np.testing.assert_array_equal(
        whole(opened(tmp_path / "b.wav")), whole(opened(tmp_path / "a.wav"))
    )


def test_what_is_beyond_full_scale_is_cut_and_counted(tmp_path):
    write_wav(tmp_path / "a.wav", 16, channels=1)
    recording = opened(tmp_path / "a.wav")
    loud = np.linspace(-1.5, 1.5, 1001)
    with recording.writer(tmp_path / "b.wav") as writer:
        writer.write(loud)
    _, found = wavfile.read(tmp_path / "b.wav")
    assert (found.min(), found.max()) == (-32768, 32767)
    wanted = np.rint(loud * 32768)
    assert writer.clipped == np.sum((wanted > 32767) | (wanted < -32768))
    np.testing.assert_array_equal(found, np.clip(wanted, -32768, 32767))


@pytest.mark.parametrize("suffix", ["wav", "npy", "npz", "csv"])
def test_a_file_is_whole_or_not_there(tmp_path, suffix):
    path = make(tmp_path, suffix)
    recording = opened(path)
    before = set(tmp_path.iterdir())
    with pytest.raises(UserError, match="half way"), recording.writer(tmp_path / "new") as writer:
        writer.write(np.zeros(10))
        raise UserError("half way")
    assert set(tmp_path.iterdir()) == before


def make(folder, suffix, values=SIGNAL[:, 0]):
    """A recording of `values` at 250 Hz, where the format says so."""
    path = folder / f"a.{suffix}"
    if suffix == "wav":
        wavfile.write(path, 250, values)
    elif suffix == "npy":
        np.save(path, values)
    elif suffix == "npz":
        np.savez_compressed(path, S=values, sampling_rate=250.0)
    else:
        table = np.column_stack([np.arange(len(values)) / 250, values])
        header = "t,S" if values.ndim == 1 else "t,left,right"
        np.savetxt(path, table, "%.17g", ",", header=header, comments="")
    return path


@pytest.mark.parametrize("suffix", ["wav", "npy", "npz", "csv"])
def test_every_format_goes_there_and_back(tmp_path, suffix):
    path = make(tmp_path, suffix)
    assert copy(path, tmp_path / f"b.{suffix}") == 0
    first, second = opened(path), opened(tmp_path / f"b.{suffix}")
    assert first.sampling_rate == second.sampling_rate == (None if suffix == "npy" else 250)
    np.testing.assert_array_equal(whole(first)[:, 0], SIGNAL[:, 0])
    # What goes out as text has the nine digits of single precision.
    rtol = 1e-8 if suffix == "csv" else 0
    np.testing.assert_allclose(whole(second)[:, 0], SIGNAL[:, 0], rtol=rtol)


@pytest.mark.parametrize("suffix", ["wav", "npy", "npz", "csv"])
def test_channels_go_there_and_back_under_their_names(tmp_path, suffix):
    chosen = SIGNAL[:, :2]
    path = make(tmp_path, "wav" if suffix == "wav" else suffix, chosen)
    first = opened(path)
    with first.writer(tmp_path / f"b.{suffix}", (0, 1)) as writer:
        for chunk in signals(first, (0, 1), 300, "--input"):
            writer.write(chunk)
    second = opened(tmp_path / f"b.{suffix}")
    assert second.names == first.names
    np.testing.assert_allclose(whole(second), chosen, rtol=1e-8 if suffix == "csv" else 0)


def test_an_output_takes_the_place_of_no_file_that_appeared_meanwhile(tmp_path):
    recording = opened(make(tmp_path, "wav"))
    with pytest.raises(FileExistsError), recording.writer(tmp_path / "b.wav") as writer:
        writer.write(SIGNAL[:, 0])
        (tmp_path / "b.wav").write_text("mine")
    assert (tmp_path / "b.wav").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"a.wav", "b.wav"}


def test_numpy_reads_what_is_written(tmp_path):
    copy(make(tmp_path, "npy"), tmp_path / "b.npy")
    copy(make(tmp_path, "npz"), tmp_path / "b.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), SIGNAL[:, 0])
    with np.load(tmp_path / "b.npz") as archive:
        assert set(archive.files) == {"S", "sampling_rate"}
        np.testing.assert_array_equal(archive["S"], SIGNAL[:, 0])


@pytest.mark.parametrize(
    ("dtype", "written"), [("i2", "f4"), ("f4", "f4"), (">f8", ">f8"), ("f2", "f2")]
)
def test_floats_keep_their_precision_and_whole_numbers_become_floats(tmp_path, dtype, written):
    values = (100 * SIGNAL).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    recording = opened(tmp_path / "a.npy")
    np.testing.assert_array_equal(whole(recording), values.astype(float))
    copy(tmp_path / "a.npy", tmp_path / "b.npy", channel=1)
    found = np.load(tmp_path / "b.npy")
    assert found.dtype == written
    np.testing.assert_array_equal(found, values[:, 1])


def test_channels_may_lie_one_after_another(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(SIGNAL))
    np.testing.assert_array_equal(whole(opened(tmp_path / "a.npy")), SIGNAL)


def test_times_tell_the_rate(tmp_path):
    for rate in (250, 1000, 52.1775):
        times = np.arange(500) / rate
        np.savez(tmp_path / "a.npz", t=times, S=np.zeros(500))
        np.savetxt(
            tmp_path / "a.csv", np.c_[np.zeros(500), times], "%.9g", ",", header="x,t", comments=""
        )
        for suffix in ("npz", "csv"):
            recording = opened(tmp_path / f"a.{suffix}")
            assert recording.sampling_rate == pytest.approx(rate, rel=1e-7)
            assert len(whole(recording)) == 500


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_a_gap_in_time_is_refused_and_a_new_block_is_not(tmp_path, suffix):
    def save(times):
        if suffix == "npz":
            np.savez(tmp_path / "a.npz", t=times, S=np.zeros(len(times)))
        else:
            table = np.c_[times, np.zeros(len(times))]
            np.savetxt(tmp_path / "a.csv", table, "%.9g", ",", header="t,S", comments="")
        return opened(tmp_path / f"a.{suffix}")

    times = np.arange(400) / 20
    assert len(whole(save(np.tile(times, 2)))) == 800
    with pytest.raises(
        UserError, match=r"row 351, (column )?t is 17.55: it must rise by 0.05 with"
    ):
        whole(save(np.delete(times, 350)))
    with pytest.raises(UserError, match="it must rise evenly"):
        save(times[::-1])


def test_the_channel_is_the_one_asked_for_or_the_only_one(tmp_path):
    (tmp_path / "a.csv").write_text("t,left,right\n0,1,2\n1,3,4\n")
    recording = opened(tmp_path / "a.csv")
    assert choose_channels(recording, "2", "--input") == (1,)
    np.testing.assert_array_equal(whole(recording)[:, 1], [2, 4])
    assert choose_channels(recording, "all", "--input") == (0, 1)
    for asked in ("0", "3", "-1", "x", "1.0", "²", ""):
        with pytest.raises(
            UserError, match=r"--channel is .*: it must be a whole number from 1 to 2"
        ):
            choose_channels(recording, asked, "--input")
    with pytest.raises(
        UserError, match=r"has 2 channels \(column left, column right\): --channel must say"
    ):
        choose_channels(recording, None, "--input")
    (tmp_path / "a.csv").write_text("C1,S\n0,1\n")
    assert choose_channels(opened(tmp_path / "a.csv"), None, "--input") == (1,)


# Damage.


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("suffix", ["wav", "npy", "npz", "csv"])
def test_what_is_not_finite_is_refused_by_row(tmp_path, suffix, value):
    values = SIGNAL[:, 0].copy()
    values[700] = value
    recording = opened(make(tmp_path, suffix, values))
    with pytest.raises(
        UserError, match=r"a\.\w+: row 701, (channel 1|column S) is .*: it must be a finite"
    ):
        list(signal(recording, 0, 300, "--input"))


def wav_bytes(**changes):
    fields = {
        "riff": b"RIFF",
        "form": struct.pack("<HHIIHH", 1, 1, 100, 200, 2, 16),
        "promised": 8,
        "data": b"\0" * 8,
    } | changes
    chunks = b"fmt " + struct.pack("<I", len(fields["form"])) + fields["form"]
    chunks += b"data" + struct.pack("<I", fields["promised"]) + fields["data"]
    return fields["riff"] + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is no WAV file"),
        (wav_bytes()[:36], "it holds a header and no samples"),
        (wav_bytes(promised=0, data=b""), "it holds a header and no samples"),
        (wav_bytes(promised=10), "promises 10 bytes of samples, in frames of 2, and 8 follow"),
        (wav_bytes(promised=0x7FFEFFFF), "it is cut, or was never finished"),
        (wav_bytes(promised=7), "promises 7 bytes"),
        (wav_bytes(riff=b"RIFX"), "it is RIFX, with the high byte first; converting it with `ffmpeg"),
        (wav_bytes(form=b"\1\0"), "its format takes 2 bytes"),
        (wav_bytes(form=struct.pack("<HHIIHH", 0x11, 1, 100, 50, 1, 4)), "are IMA ADPCM: they must be"),
        (wav_bytes(form=struct.pack("<HHIIHH", 1, 0, 100, 0, 0, 16)), "make no sense"),
        (wav_bytes(form=struct.pack("<HHIIHH", 1, 1, 0, 0, 2, 16)), "make no sense"),
    ],
)  # fmt: skip
def test_a_broken_wav_is_one_sentence(tmp_path, content, sentence):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        opened(tmp_path / "a.wav")


def npy_bytes(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x93NUMPY", "cannot be read as an array"),
        (npy_bytes(np.zeros(50))[:-1], "promises 528 bytes, and it has 527"),
        (npy_bytes(np.zeros(50)) + b"\0", "promises 528 bytes, and it has 529"),
        (npy_bytes(np.array([None] * 5), allow_pickle=True), "it holds object, not numbers"),
        (npy_bytes(np.zeros((5, 2), complex)), "complex numbers must be"),
        (npy_bytes(np.zeros(0)), "its shape is"),
        (npy_bytes(np.zeros((2, 2, 2))), "its shape is"),
    ],
)
def test_a_broken_npy_is_one_sentence(tmp_path, content, sentence):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        opened(tmp_path / "a.npy")


@pytest.mark.parametrize("kind", ["<c8", ">c16"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_complex_numbers_are_two_channels_and_come_back(tmp_path, kind, suffix):
    numbers = np.array([1 + 2j, -3 + 0.5j, 4j], kind)
    path, new = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    np.savez(path, S=numbers) if suffix == "npz" else np.save(path, numbers)
    recording = opened(path)
    assert recording.names == ("I", "Q") and recording.samples == 3
    (chunk,) = recording.chunks(10)
    np.testing.assert_array_equal(chunk, [[1, 2], [-3, 0.5], [0, 4]])
    with recording.writer(new, (0, 1)) as writer:
        writer.write(chunk)
    found = np.load(new)
    found = found["S"] if suffix == "npz" else found
    assert found.dtype == numbers.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, numbers)
    with recording.writer(tmp_path / f"c.{suffix}") as writer:
        writer.write(chunk[:, 0])
    found = np.load(tmp_path / f"c.{suffix}")
    np.testing.assert_array_equal(found["S"] if suffix == "npz" else found, [1, -3, 0])


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"a": np.zeros(5), "b": np.zeros(5)}, "it holds a, b: the signal must be named S"),
        ({"t": np.zeros(5)}, "it holds t: the signal must be named S"),
        ({"S": np.zeros(5), "t": np.arange(4)}, r"t has shape \(4,\)"),
        ({"S": np.zeros(5), "t": np.zeros(5)}, "it must rise evenly"),
        ({"S": np.zeros(5), "sampling_rate": 0.0}, "sampling_rate must be one number above 0"),
        ({"S": np.zeros(5), "sampling_rate": np.zeros(2)}, "sampling_rate must be one number"),
        ({"S": np.array(["a"])}, "it holds <U1, not numbers"),
    ],
)
def test_a_broken_npz_is_one_sentence(tmp_path, arrays, sentence):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=sentence):
        opened(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must hold a header of names and at least one row of numbers; it is empty"),
        (
            "1,5\n3,4\n",
            "such as '1,5', can be read as 2 or 1 cells, since a comma may separate cells or be",
        ),
        ("S\n", "at least one row"),
        ("t\n0\n1\n", "a column besides t"),
        ("S,S\n1,2\n", "column S is in the header more than once"),
        ("S\n1\n2\n3\none\n", "row 4, column S is 'one': it must be a number"),
        ("S\n1\n2\n3\n\n4\n", "row 4 has 0 cells where the header has 1"),
        ("t,S\n0,1\n1,2\n2\n", "row 3 has 1 cells where the header has 2"),
        ("S\n1\n\udcff\n", "cannot be read as CSV text"),
    ],
)
def test_a_broken_csv_is_one_sentence(tmp_path, text, sentence):
    (tmp_path / "a.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=sentence):
        whole(opened(tmp_path / "a.csv"))


@pytest.mark.parametrize("suffix", ["wav", "npy", "npz", "csv"])
def test_damage_anywhere_is_one_sentence_or_other_numbers(tmp_path, suffix):
    path, random = make(tmp_path, suffix, SIGNAL[:40, 0]), np.random.default_rng(1)
    intact, refused = path.read_bytes(), 0
    for _ in range(200):
        content = bytearray(intact)
        for place in random.integers(0, min(len(content), 400), 3):
            content[place] ^= 1 << int(random.integers(8))
        path.write_bytes(content)
        try:
            list(signal(opened(path), 0, 7, "--input"))
        except UserError:
            refused += 1
    assert refused > 10


def test_other_files_are_refused(tmp_path):
    with pytest.raises(
        UserError,
        match=r"a\.mp3: it must end in .*become a \.wav with `ffmpeg",
    ):
        opened(tmp_path / "a.mp3")
    with pytest.raises(UserError, match=r"a\.wav: there is no such file"):
        opened(tmp_path / "a.wav")
