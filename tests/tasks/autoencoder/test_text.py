"""Texts as users have them."""

import json

import pytest

from freqjax import UserError
from freqjax.tasks.autoencoder.text import Chapter, read_chapters, tokens_of


def test_tokens_are_words_in_lower_case():
    text = "The LORD's my shepherd—I'll not 'want'; rock ’n’ roll, the Lord’s o'er'the 3rd x1y"
    assert " ".join(tokens_of(text)) == (
        "the lord's my shepherd i'll not want rock n roll the lord's o'er the rd x y"
    )


def test_blank_lines_separate_the_poems_of_a_file(tmp_path):
    path = tmp_path / "songs.txt"
    path.write_bytes("\ufeff\r\nOne two\r\nthree\r\n \t\r\n\r\nfour\r\n\r\n123\r\n".encode())
    assert read_chapters(path) == [
        Chapter("songs 1", ("one", "two", "three")),
        Chapter("songs 2", ("four",)),
    ]


def test_a_folder_has_a_poem_in_each_file(tmp_path):
    (tmp_path / "b.txt").write_text("two\n\nthree")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "c.md").write_text("four")
    (tmp_path / "d.txt").write_text("...")
    assert read_chapters(tmp_path) == [Chapter("a", ("one",)), Chapter("b", ("two", "three"))]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (["One two", ["three", "four"]], [("p 1", "one two"), ("p 2", "three four")]),
        (
            [
                {"title": "A  b", "lines": ["One", "two"]},
                {"poem": "x", "title": None},
                {"text": "y"},
            ],
            [("A b", "one two"), ("p 2", "x"), ("p 3", "y")],
        ),
        ({"A": "One", "B": ["two", "three"]}, [("A", "one"), ("B", "two three")]),
        (
            [{"title": "A", "text": "x"}, {"title": "A", "text": "y"}],
            [("A", "x"), ("A (2)", "y")],
        ),
        ([{"text": "x", "author": "A"}, ""], [("p 1", "x")]),
    ],
)
def test_poems_of_json(tmp_path, value, wanted):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(value))
    assert [(c.title, " ".join(c.tokens)) for c in read_chapters(path)] == wanted


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"\xff\xfe", "it must be text in UTF-8, and byte 0 is not."),
        ("a.txt", b"123", "it must hold words of the letters a to z, and has none."),
        ("a.json", b"{", "it is not JSON (Expecting property name"),
        ("a.json", b"[" * 100_000, "it is not JSON (it is nested too deep)."),
        ("a.json", b"3", "it must hold a list of texts, a list of objects"),
        ("a.json", b"[]", "it must hold words"),
        ("a.json", b'["a", 3]', ", item 2 is 3: it must hold"),
        ("a.json", b'[{"text": {"x": 1}}]', ", item 1, text is {'x': 1}: it must hold"),
        ("a.json", b'[{"title": "x", "words": "y"}]', ", item 1 has title, words: it must hold"),
        ("a.json", b'{"x": [["y"]]}', ", x is [['y']]: it must hold"),
        ("a.pdf", b"", "it must end in .txt or .json, or be a folder of .txt."),
    ],
)
def test_a_bad_text_is_one_sentence(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as raised:
        read_chapters(tmp_path / name)
    assert str(raised.value).startswith(f"task.data is {tmp_path / name}")
    assert said in str(raised.value)


def test_a_missing_text_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        read_chapters(tmp_path / "a.txt")
    with pytest.raises(UserError, match="the folder must hold a"):
        read_chapters(tmp_path)
