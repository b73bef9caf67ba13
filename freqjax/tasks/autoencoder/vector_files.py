"""Files of word vectors: word2vec as text or binary, GloVe, and .npz, told apart by their content.

word2vec begins with a line of two whole numbers, the count of words and D; then each word is followed by D
numbers, as text on a line, or as a space and D little-endian float32. GloVe is such text without that first
line. An .npz holds `words` [W], `vectors` [V, D] and, where V is not W, `row_of_word` [W], −1 for none.
Only the vectors of words that are wanted are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from freqjax.errors import UserError
from freqjax.recordings import require_file
from freqjax.tasks.archives import read_arrays
from freqjax.tasks.autoencoder.vocabulary import Vocabulary, make_vocabulary
from freqjax.text import printable, shortened

_ALLOWED = (
    "it must be vectors of word2vec (text or binary), of GloVe, or an .npz of words and vectors"
)
# Neither a line of text nor a word of a binary file is longer, bytes.
_LONGEST_LINE, _LONGEST_WORD = 4_000_000, 10_000
_Pairs = Iterator[tuple[str, np.ndarray]]
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zX": "xz", b"7z\xbc\xaf": "7-Zip"}


def read_vectors(
    path: Path, wanted: Collection[str] | None = None, field: str = "task.vectors"
) -> Vocabulary:
    """Read the vectors of words.

    Args:
      path: a file of vectors.
      wanted: the words to keep; None for all.
      field: the field that named the file, for messages.

    Returns:
      The words that are wanted and in the file, in its order.

    Raises:
      UserError: the file is missing, damaged or of another kind, or has none of the words.
    """
    require_file(path, field)
    source = f"{field} is {printable(str(path))}"
    wanted = None if wanted is None else frozenset(wanted)
    with path.open("rb") as file:
        beginning = file.read(4)
        file.seek(0)
        for magic, name in _PACKED.items():
            if beginning.startswith(magic):
                raise UserError(f"{source}: it is packed by {name}: unpack it first; {_ALLOWED}.")
        if beginning == b"PK\x03\x04":
            found = _from_archive(path, wanted, source)
        else:
            vectors: dict[str, np.ndarray] = {}
            for word, vector in _pairs(file, path.stat().st_size, wanted, source):
                vectors.setdefault(word, vector)
            stacked = np.stack(list(vectors.values())) if vectors else np.zeros((0, 1), np.float32)
            found = make_vocabulary(list(vectors), stacked)
    if not len(found.vectors):
        raise UserError(f"{source}: it must have a vector of a word of the text, and has none.")
    return found


def _pairs(file: IO[bytes], size: int, wanted: frozenset[str] | None, source: str) -> _Pairs:
    """Read the words that are wanted, each with its vector [D] float32, from a file of `size` bytes."""
    header = _header(file.readline(_LONGEST_LINE))
    if header is None:
        file.seek(0)
        return _text_pairs(file, wanted, source)
    count, dimensions = header
    start = file.tell()
    fields = file.readline(_LONGEST_LINE).split()
    file.seek(start)
    if count < 1 or dimensions < 1:
        raise UserError(
            f"{source}: its first line states {count} words of {dimensions} numbers: there must be some."
        )
    is_text = len(fields) > dimensions and _numbers(fields[-dimensions:]) is not None
    # A word and its numbers take at least so many bytes; the last line may lack its end.
    least = count * (2 * dimensions + 2 if is_text else 4 * dimensions + 1)
    if least > size - start + 1:
        raise UserError(
            f"{source}: its first line states {count} words of {dimensions} numbers, which do not fit into "
            f"the {size - start} bytes that follow."
        )
    if is_text:
        return _text_pairs(file, wanted, source, header)
    return _binary_pairs(file, wanted, source, header)


def _header(line: bytes) -> tuple[int, int] | None:
    """Return the count of words and D that the first line of word2vec states; None if it is none."""
    words = line.split()
    if len(words) != 2 or len(line) > 100 or not all(word.isdigit() for word in words):
        return None
    return int(words[0]), int(words[1])


def _numbers(words: list[bytes]) -> np.ndarray | None:
    """Return numbers written as text, float32; None if one is none."""
    try:
        values = np.array(words, dtype=np.bytes_).astype(np.float64)
    except ValueError:
        return None
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _text_pairs(
    file: IO[bytes],
    wanted: frozenset[str] | None,
    source: str,
    header: tuple[int, int] | None = None,
) -> _Pairs:
    """Read a word and its numbers from each line; with a header the file stands behind it."""
    dimensions = None if header is None else header[1]
    count, first = 0, 1 if header is None else 2
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), first):
        fields = line.split()
        if not fields:
            continue
        count += 1
        if dimensions is None:
            dimensions = len(fields) - 1
            if dimensions < 1 or _numbers(fields[1:]) is None:
                raise UserError(f"{source}: {_ALLOWED}, and its first line is {_shown(line)}.")
        if len(fields) <= dimensions:
            raise UserError(
                f"{source}: line {number} has {len(fields) - 1} numbers: it must have {dimensions}, as the "
                "first."
            )
        # Some words of GloVe have spaces inside.
        word = b" ".join(fields[:-dimensions]).decode("utf-8", "replace")
        if wanted is None or word in wanted:
            vector = _numbers(fields[-dimensions:])
            if vector is None:
                raise UserError(
                    f"{source}: line {number}, of {_shown(word)}, holds what is no number."
                )
            yield word, _finite(vector, word, source)
    if header is not None and count != header[0]:
        raise UserError(f"{source}: its first line states {header[0]} words, and it has {count}.")


def _binary_pairs(
    file: IO[bytes], wanted: frozenset[str] | None, source: str, header: tuple[int, int]
) -> _Pairs:
    """Read a word, a space and its numbers, as often as the header says."""
    count, dimensions = header
    size = 4 * dimensions
    for number in range(1, count + 1):
        name = bytearray()
        while (letter := file.read(1)) not in (b" ", b"") and len(name) <= _LONGEST_WORD:
            name += letter
        # Some programs end a vector with a line feed, others do not.
        word = bytes(name).lstrip(b"\n").decode("utf-8", "replace")
        packed = file.read(size)
        if letter != b" " or len(packed) < size:
            raise UserError(
                f"{source}: its first line states {count} words of {dimensions} numbers, and word {number} "
                f"is cut off; {_ALLOWED}."
            )
        if wanted is None or word in wanted:
            yield word, _finite(np.frombuffer(packed, "<f4").astype(np.float32), word, source)
    if file.read(2).strip(b"\n"):
        raise UserError(f"{source}: more follows the {count} words that its first line states.")


def _from_archive(path: Path, wanted: frozenset[str] | None, source: str) -> Vocabulary:
    arrays = read_arrays(path, source, ("words", "vectors"), ("row_of_word",))
    words, vectors = arrays["words"], arrays["vectors"]
    if words.ndim != 1 or words.dtype.kind not in "US":
        raise UserError(
            f"{source}: words is {words.dtype} {words.shape}: it must be text [W], one for each word."
        )
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or 0 in vectors.shape:
        raise UserError(f"{source}: vectors is {vectors.dtype} {vectors.shape}: it must be [V, D].")
    rows = arrays.get("row_of_word", np.arange(len(words)))
    if "row_of_word" not in arrays and len(words) != len(vectors):
        raise UserError(
            f"{source}: vectors has {len(vectors)} rows and words {len(words)}: they must be as many, or "
            "row_of_word must be there."
        )
    if rows.shape != words.shape or rows.dtype.kind not in "iu":
        raise UserError(
            f"{source}: row_of_word is {rows.dtype} {rows.shape}: it must be whole numbers {words.shape}."
        )
    if len(rows) and not -1 <= int(rows.min()) <= int(rows.max()) < len(vectors):
        raise UserError(
            f"{source}: row_of_word goes from {rows.min()} to {rows.max()}: it must be from −1 to "
            f"{len(vectors) - 1}."
        )
    spelled = [w.decode("utf-8", "replace") if isinstance(w, bytes) else w for w in words.tolist()]
    kept = [i for i, word in enumerate(spelled) if wanted is None or word in wanted]
    used, new = np.unique(rows.astype(np.int64)[kept], return_inverse=True)
    missing = int(len(used) > 0 and used[0] < 0)
    used, new = used[missing:], new - missing
    with np.errstate(over="ignore"):
        needed = vectors[used].astype(np.float32)
    for i, row in zip(kept, new, strict=True):
        if row >= 0:
            _finite(needed[row], spelled[i], source)
    return make_vocabulary([spelled[i] for i in kept], needed, new)


def _finite(vector: np.ndarray, word: str, source: str) -> np.ndarray:
    """Return the vector of a word.

    Raises:
      UserError: it holds a number that is not finite.
    """
    if not np.isfinite(vector).all():
        raise UserError(f"{source}: the vector of {_shown(word)} must hold finite numbers alone.")
    return vector


def _shown(value: str | bytes) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return repr(printable(shortened(text.rstrip("\r\n"), 60)))
