"""mu-law and A-law against the tables of G.711 and, where it is there, against libsndfile."""

import struct

import numpy as np
import pytest

from freqjax.recordings import companding, open_recording

# Code → 16-bit value: ends, middle and signs of both tables, as G.711 prints them.
PRINTED = {
    "MU_LAW": {0x00: -32124, 0x80: 32124, 0x7F: 0, 0xFF: 0, 0x0F: -16764, 0xF0: 120, 0xFE: 8, 0x70: -120},
    "A_LAW": {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xD4: 24, 0xC5: 264, 0x80: 5504, 0x1A: -4032},
}  # fmt: skip


@pytest.mark.parametrize("law", PRINTED)
def test_codes_stand_for_what_the_standard_prints(law):
    table = getattr(companding, law) * 2**15
    for code, value in PRINTED[law].items():
        assert table[code] == value, hex(code)
    np.testing.assert_array_equal(np.sort(table), -np.sort(table)[::-1])


@pytest.mark.parametrize("law", PRINTED)
def test_every_value_is_written_as_its_code_and_the_rest_as_the_nearest(law):
    table = getattr(companding, law)
    codes, beyond = companding.encode(table, table)
    np.testing.assert_array_equal(table[codes], table)
    assert beyond == 0
    samples = np.linspace(-1.5, 1.5, 1001)
    codes, beyond = companding.encode(samples, table)
    nearest = np.abs(samples[:, None] - table).min(axis=1)
    np.testing.assert_allclose(np.abs(samples - table[codes]), nearest, atol=1e-15)
    assert beyond == np.sum(np.abs(samples) > 1)


@pytest.mark.parametrize(("kind", "law"), [(7, "MU_LAW"), (6, "A_LAW")])
def test_a_telephone_recording_goes_there_and_back(tmp_path, kind, law):
    codes = np.arange(256, dtype=np.uint8)
    form = struct.pack("<HHIIHHH", kind, 1, 8000, 8000, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 256)
    content = (
        b"RIFF" + struct.pack("<I", 4 + len(chunks) + 256) + b"WAVE" + chunks + codes.tobytes()
    )
    (tmp_path / "a.wav").write_bytes(content)
    recording = open_recording(tmp_path / "a.wav", "--input")
    assert recording.layout == f"WAV, 8-bit {'mu-law' if kind == 7 else 'A-law'}"
    (found,) = recording.chunks(1000)
    np.testing.assert_array_equal(found[:, 0], getattr(companding, law))
    with recording.writer(tmp_path / "b.wav") as writer:
        writer.write(found[:, 0])
    again = open_recording(tmp_path / "b.wav", "--input")
    assert again.layout == recording.layout and writer.clipped == 0
    np.testing.assert_array_equal(next(again.chunks(1000)), found)


@pytest.mark.parametrize("law", PRINTED)
def test_libsndfile_decodes_the_same(tmp_path, law):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.wav"
    values = np.random.default_rng(0).uniform(-0.9, 0.9, 500)
    soundfile.write(path, values, 8000, subtype="ULAW" if law == "MU_LAW" else "ALAW")
    ours = np.concatenate(list(open_recording(path, "--input").chunks(99)))[:, 0]
    np.testing.assert_array_equal(ours, soundfile.read(path)[0])
