"""The text of the shipped poems out of Debian's packages bible-kjv and bible-kjv-text.

The poetic books of the King James Version: Job, Psalms, Proverbs, Ecclesiastes, Song of Solomon and
Lamentations.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.poems_vectors import require_hash
from freqjax.errors import UserError
from freqjax.tasks.autoencoder.text import Chapter, tokens_of

_PACKAGES = {
    "bible-kjv-text_4.38_all.deb": "d61b6aad4c51ba9e2800b825325fa6a09e99a0d02a9bb6dc4724fcc4995a1b7a",
    "bible-kjv_4.38_amd64.deb": "75a49c032a6efa9faa2beb4a9acb70974380122906329d0e100de36cc88ff02d",
}
# As the program abbreviates them.
_BOOKS = ("Job", "Psa", "Prv", "Eccl", "SSol", "Lam")
_VERSE = re.compile(r"(?P<book>[1-3]?[A-Za-z]+)(?P<chapter>\d+):\d+ (?P<text>.*)")
_VALIDATION, _TEST = 25, 24


def read_debs(folder: Path) -> list[Chapter]:
    """Read the chapters of the poetic books out of the packages in a folder.

    Raises:
      UserError: a package is missing, or another one.
    """
    for name, sha256 in _PACKAGES.items():
        require_hash(folder / name, sha256)
    with tempfile.TemporaryDirectory() as unpacked:
        for name in _PACKAGES:
            subprocess.run(["dpkg-deb", "-x", folder / name, unpacked], check=True)
        words = ["usr/bin/bible", "-p", "usr/lib/", "-d", "bible.data", "-f", "gen1:1-rev22:21"]
        done = subprocess.run(
            [Path(unpacked) / words[0], *words[1:]],
            cwd=unpacked,
            capture_output=True,
            text=True,
            check=True,
        )
    return chapters_of(done.stdout)


def chapters_of(text: str) -> list[Chapter]:
    """Collect the chapters of the poetic books from a text with a verse a line.

    Raises:
      UserError: a line is no verse.
    """
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        verse = _VERSE.fullmatch(line)
        if verse is None:
            raise UserError(
                f"{line[:60]!r} is no verse: it must be as in 'Job1:1 There was a man'."
            )
        if verse["book"] in _BOOKS:
            found.setdefault(f"{verse['book']} {verse['chapter']}", []).extend(
                tokens_of(verse["text"])
            )
    return [Chapter(title, tuple(tokens)) for title, tokens in found.items()]


def split_chapters(count: int) -> np.ndarray:
    """Draw the split of the chapters, [C] int8: 0 training, 1 validation, 2 test."""
    # The published rows were drawn by this generator.
    order = np.random.RandomState(0).permutation(count)
    split = np.zeros(count, np.int8)
    split[order[:_TEST]] = 2
    split[order[_TEST : _TEST + _VALIDATION]] = 1
    return split


def indexed(chapters: list[Chapter], samples: int = 50, fewest: int = 5) -> dict[str, np.ndarray]:
    """Return the words, and the tokens as their indices.

    A word that stands in no window of `samples` tokens, of which the last of a chapter has `fewest` at least,
    is not listed, and its token is −1.
    """
    words = set()
    for chapter in chapters:
        rest = len(chapter.tokens) % samples
        end = len(chapter.tokens) - (rest if rest < fewest else 0)
        words.update(chapter.tokens[:end])
    index = {word: number for number, word in enumerate(sorted(words))}
    tokens = [index.get(token, -1) for chapter in chapters for token in chapter.tokens]
    lengths = [len(chapter.tokens) for chapter in chapters]
    return {
        "words": np.array(list(index)),
        "tokens": np.array(tokens, np.int16),
        "chapter": np.repeat(np.arange(len(chapters), dtype=np.int16), lengths),
        "chapter_name": np.array([chapter.title for chapter in chapters]),
        "chapter_split": split_chapters(len(chapters)),
    }
