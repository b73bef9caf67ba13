"""Headers of WAV files as programs write them: marks of an unknown length, RF64, chunks without their pad."""

import io
import struct

import numpy as np
import pytest

from freqjax import UserError
from freqjax.recordings import open_recording, wav_header
from freqjax.recordings.wav_header import FLOAT, INTEGER, Header

SAMPLES = (np.arange(60) * 321 - 9000).astype("<i2")
FORM = struct.pack("<HHIIHH", 1, 2, 8000, 32_000, 4, 16)


def chunk(name, body, size=None, pad=True):
    size = len(body) if size is None else size
    return name + struct.pack("<I", size) + body + b"\0" * (pad and len(body) % 2)


def wav(*chunks, riff=b"RIFF", size=None):
    body = b"WAVE" + b"".join(chunks)
    return riff + struct.pack("<I", len(body) if size is None else size) + body


def read(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    recording = open_recording(path, "--input")
    return recording, np.concatenate(list(recording.chunks(7)))


def assert_samples(found, wanted=SAMPLES):
    np.testing.assert_array_equal(found * 2**15, wanted.reshape(-1, 2))


@pytest.mark.parametrize("mark", [0, 0x7FFFF000, 0x7FFFFFDB, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF])
def test_a_length_that_was_not_known_is_that_of_the_file(tmp_path, mark):
    content = wav(chunk(b"fmt ", FORM), chunk(b"data", SAMPLES.tobytes(), mark), size=mark)
    recording, found = read(tmp_path, content)
    assert_samples(found)
    assert recording.samples == 30
    assert (
        f"states {mark:,} bytes of samples, the mark of a length that was not known"
        in recording.notes[0]
    )
    # Stopped within a frame.
    _, found = read(tmp_path, content[:-3])
    assert_samples(found, SAMPLES[:-2])


def test_a_length_of_zero_before_other_chunks_is_no_mark(tmp_path):
    empty = wav(chunk(b"fmt ", FORM), chunk(b"data", b""), chunk(b"LIST", b"INFO"))
    with pytest.raises(UserError, match="it holds a header and no samples"):
        read(tmp_path, empty)


@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize("name", [b"LIST", b"bext", b"id3 "])
def test_a_chunk_of_odd_length_may_lack_its_pad(tmp_path, name, pad):
    odd = chunk(name, b"INFOISFT\3\0\0\0ab\0"[:15], pad=pad)
    recording, found = read(
        tmp_path, wav(chunk(b"fmt ", FORM), odd, chunk(b"data", SAMPLES.tobytes()))
    )
    assert_samples(found)
    assert recording.notes == ()


def test_where_there_are_no_samples_the_chunks_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no samples \(its chunks are fmt, LIST\)"):
        read(tmp_path, wav(chunk(b"fmt ", FORM), chunk(b"LIST", b"abcd")))


@pytest.mark.parametrize("riff", [b"RF64", b"BW64"])
@pytest.mark.parametrize("stated", [0xFFFFFFFF, 120])
def test_rf64_is_read(tmp_path, riff, stated):
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, 120, 30, 0))
    content = wav(
        sizes,
        chunk(b"fmt ", FORM),
        chunk(b"data", SAMPLES.tobytes(), stated),
        chunk(b"LIST", b"not samples"),
        riff=riff,
        size=0xFFFFFFFF,
    )
    recording, found = read(tmp_path, content)
    assert_samples(found)
    assert recording.notes == ()


@pytest.mark.parametrize("kind", [(INTEGER, 24), (FLOAT, 32)])
@pytest.mark.parametrize("samples", [1000, 1_000_001, 3_000_000_000])
def test_what_is_made_is_read_and_is_rf64_beyond_four_gigabytes(kind, samples):
    made = wav_header.make(Header(kind[0], 1, 48_000, kind[1], 0, 0), 1, samples)
    size = samples * kind[1] // 8
    found = wav_header.read(io.BytesIO(made), len(made) + size, "it")
    assert made[:4] == (b"RF64" if size > 2**32 else b"RIFF")
    assert found == Header(kind[0], 1, 48_000, kind[1], len(made), size)
    riff = (
        struct.unpack("<I", made[4:8])[0] if size < 2**32 else struct.unpack("<Q", made[20:28])[0]
    )
    assert riff == len(made) + size + size % 2 - 8


@pytest.mark.parametrize(("bits", "width"), [(12, 2), (20, 3)])
def test_samples_of_odd_depth_fill_whole_bytes(tmp_path, bits, width):
    form = struct.pack("<HHIIHH", 1, 1, 8000, 8000 * width, width, bits)
    whole = np.arange(-40, 40) << (8 * width - bits)
    content = b"".join(int(v).to_bytes(width, "little", signed=True) for v in whole)
    _, found = read(tmp_path, wav(chunk(b"fmt ", form), chunk(b"data", content)))
    np.testing.assert_array_equal(found[:, 0] * 2 ** (bits - 1), np.arange(-40, 40))


@pytest.mark.parametrize(
    ("kind", "name"), [(0x55, "MP3"), (2, "Microsoft ADPCM"), (99, "of kind 99")]
)
def test_other_kinds_are_named_with_a_way_out(tmp_path, kind, name):
    form = struct.pack("<HHIIHH", kind, 1, 8000, 4000, 1, 4)
    with pytest.raises(
        UserError, match=rf"its samples are {name}: .*`ffmpeg -i IN\.wav -c:a pcm_s16le"
    ):
        read(tmp_path, wav(chunk(b"fmt ", form), chunk(b"data", b"abcd")))
