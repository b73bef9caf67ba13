"""Texts of the user: chapters or poems in files, and their tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from freqjax.errors import UserError
from freqjax.recordings import require_file
from freqjax.system.files import parse_json
from freqjax.text import printable, shortened

_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?")
_BLANK = re.compile(r"\n[ \t\r\f\v]*\n\s*")
# Keys of an object of JSON that hold its text, and its title; the first that is there counts.
_TEXTS = ("text", "lines", "poem")
_ALLOWED = (
    "it must hold a list of texts, a list of objects with text, lines or poem and perhaps a title, or one "
    "object of title: text; a text is a string or a list of strings"
)


class Chapter(NamedTuple):
    """A chapter, or a poem: a text that no split divides.

    Attributes:
      title: its name, unique in its file.
      tokens: in order, at least one.
    """

    title: str
    tokens: tuple[str, ...]


def tokens_of(text: str) -> tuple[str, ...]:
    """Return the words of a text in lower case, with at most one apostrophe inside: the lord's."""
    return tuple(_TOKEN.findall(text.replace("’", "'").lower()))


def texts_in(folder: Path) -> list[Path]:
    """Return the texts of a folder, by name."""
    return sorted(file for file in folder.glob("*.txt") if file.is_file())


def read_chapters(path: Path, field: str = "task.data") -> list[Chapter]:
    """Read the chapters of a text.

    Args:
      path: a .txt, whose chapters are separated by blank lines; a folder of such, each of which is one
        chapter; or a .json, a list of texts, a list of objects with `text`, `lines` or `poem` and perhaps
        `title`, or an object of title: text. A text is a string or a list of strings.
      field: the field that named it, for messages.

    Returns:
      The chapters that have a token, in order; those of a folder by name.

    Raises:
      UserError: there is no such file, it is of another kind or damaged, or has no words.
    """
    source = f"{field} is {printable(str(path))}"
    if path.is_dir():
        files = texts_in(path)
        if not files:
            raise UserError(f"{source}: the folder must hold a .txt for each chapter or poem.")
        texts = [
            (file.stem, _content(file, f"{field} is {printable(str(file))}")) for file in files
        ]
    else:
        if path.suffix.lower() not in (".txt", ".json"):
            raise UserError(f"{source}: it must end in .txt or .json, or be a folder of .txt.")
        require_file(path, field)
        content = _content(path, source)
        if path.suffix.lower() == ".txt":
            parts = [part for part in _BLANK.split(content) if part.strip()]
            texts = [(f"{path.stem} {number}", part) for number, part in enumerate(parts, 1)]
        else:
            texts = _texts_of_json(content, path.stem, source)
    chapters = [Chapter(title, tokens_of(text)) for title, text in _numbered(texts)]
    chapters = [chapter for chapter in chapters if chapter.tokens]
    if not chapters:
        raise UserError(f"{source}: it must hold words of the letters a to z, and has none.")
    return chapters


def _content(path: Path, source: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{source}: it must be text in UTF-8, and byte {error.start} is not."
        ) from None
    except OSError as error:
        raise UserError(f"{source}: it cannot be read ({error.strerror}).") from None


def _texts_of_json(content: str, name: str, source: str) -> list[tuple[str, str]]:
    try:
        value = parse_json(content)
    except ValueError as error:
        raise UserError(f"{source}: it is not JSON ({error}).") from None
    if isinstance(value, Mapping):
        return [
            (str(title), _text(text, f"{source}, {_shown(title)}")) for title, text in value.items()
        ]
    if not isinstance(value, list):
        raise UserError(f"{source}: {_ALLOWED}.")
    texts = []
    for number, item in enumerate(value, 1):
        title, where = f"{name} {number}", f"{source}, item {number}"
        if isinstance(item, Mapping):
            if isinstance(item.get("title"), str) and item["title"].strip():
                title = item["title"]
            key = next((key for key in _TEXTS if key in item), None)
            if key is None:
                keys = ", ".join(map(_shown, list(item)[:8])) or "no keys"
                raise UserError(f"{where} has {keys}: {_ALLOWED}.")
            item, where = item[key], f"{where}, {key}"
        texts.append((title, _text(item, where)))
    return texts


def _text(value: Any, where: str) -> str:
    """Return a text that is a string or a list of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    raise UserError(f"{where} is {_shown(value)}: {_ALLOWED}.")


def _shown(value: Any) -> str:
    return printable(shortened(value if isinstance(value, str) else repr(value), 60))


def _numbered(texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Make titles unique: the second of a title has (2) behind it."""
    used: set[str] = set()
    found = []
    for title, text in texts:
        title = " ".join(printable(title).split())
        unique, number = title, 2
        while unique in used:
            unique, number = f"{title} ({number})", number + 1
        used.add(unique)
        found.append((unique, text))
    return found
