"""FLAC, Ogg and AIFF by way of soundfile, and what is said without it."""

import sys

import numpy as np
import pytest

from freqjax import UserError
from freqjax.recordings import open_recording, signal

_ANGLES = np.arange(5000)[:, None] * [0.02, 0.05]
SIGNAL = 0.7 * np.sin(_ANGLES) + np.random.default_rng(4).uniform(-0.1, 0.1, (5000, 2))


def write(path, subtype=None):
    pytest.importorskip("soundfile").write(path, SIGNAL, 48_000, subtype=subtype)


@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("a.flac", "PCM_16", 2.0**-15),
        ("a.FLAC", "PCM_24", 2.0**-23),
        ("a.aiff", "FLOAT", 1e-7),
        ("a.ogg", None, 0.3),  # lossy
    ],
)
def test_sounds_go_there_and_back(tmp_path, name, subtype, step):
    write(tmp_path / name, subtype)
    recording = open_recording(tmp_path / name, "--input")
    assert (recording.sampling_rate, recording.samples, len(recording.names)) == (48_000, 5000, 2)
    with recording.writer(tmp_path / f"b{name[1:]}") as writer:
        for chunk in signal(recording, 1, 700, "--input"):
            writer.write(chunk)
    assert writer.clipped == 0
    again = open_recording(tmp_path / f"b{name[1:]}", "--input")
    assert again.layout == recording.layout
    found = np.concatenate(list(again.chunks(999)))
    assert found.shape == (5000, 1)
    assert np.abs(found[:, 0] - SIGNAL[:, 1]).max() <= step


def test_beyond_full_scale_is_cut_and_counted(tmp_path):
    write(tmp_path / "a.flac", "PCM_16")
    recording = open_recording(tmp_path / "a.flac", "--input")
    with recording.writer(tmp_path / "b.flac") as writer:
        writer.write(np.r_[np.linspace(-1.5, 1.5, 1001), np.zeros(3999)])
    assert writer.clipped == np.sum(np.abs(np.linspace(-1.5, 1.5, 1001)) > 1)
    (found,) = open_recording(tmp_path / "b.flac", "--input").chunks(10_000)
    np.testing.assert_allclose(
        found[:1001, 0], np.clip(np.linspace(-1.5, 1.5, 1001), -1, 1), atol=1e-4
    )


@pytest.mark.parametrize("cut", [0, 20, 3000])
def test_a_damaged_sound_is_one_sentence(tmp_path, cut):
    write(tmp_path / "a.flac")
    (tmp_path / "a.flac").write_bytes((tmp_path / "a.flac").read_bytes()[:cut])
    with pytest.raises(UserError, match=r"a\.flac: (it cannot be read|its header promises)"):
        list(open_recording(tmp_path / "a.flac", "--input").chunks(1000))


def test_without_soundfile_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    (tmp_path / "a.flac").write_bytes(b"fLaC")
    with pytest.raises(
        UserError, match=r"needs the package soundfile: `pip install 'freqjax\[audio\]'`"
    ):
        open_recording(tmp_path / "a.flac", "--input")
