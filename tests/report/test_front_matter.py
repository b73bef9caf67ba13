"""Front matter against PyYAML, and against the grammar of what is written where that is not installed."""

import json
import re

import pytest

from freqjax.report.front_matter import front_matter
from freqjax.text import printable

HOSTILE = [
    "plain",
    "a: b",
    "- a",
    "# a",
    "yes",
    "No",
    "null",
    "~",
    "",
    " a ",
    "1.0",
    "1e5",
    "0x1F",
    "12:30:45",
    "2024-01-31",
    "'a'",
    '"a"',
    "a\\nb",
    "{a: b}",
    "[a]",
    "&a",
    "*a",
    "!!python/object/apply:os.system [ls]",
    "---",
    "...",
    "a\n---\nb",
    "a #b",
    "%a",
    "@a",
    "`a`",
    "é☃𝄞",
    "\x1b[31m",
    "\ud800",
    "\u2028",
    "\ufeff",
    "\uffff",
    "\x85",
    "<script>",
]
NUMBERS = [0, -3, 10**20, 0.1, 1e-5, -2.5e-300, 1e16, 1e22, 5e-324, 123456.789, True, False]
VALUES = {
    "texts": HOSTILE,
    "numbers": NUMBERS,
    "nested": [{"a: b": {"c": ["d", {"e": 1}]}, "f": "g"}, {"h": {"i": {"j": "-"}}}],
    **{text: text for text in HOSTILE},
}


def shown(value):
    """Return `value` with its texts as a terminal may show them."""
    if isinstance(value, dict):
        return {shown(key): shown(own) for key, own in value.items()}
    if isinstance(value, list):
        return [shown(own) for own in value]
    return printable(value) if isinstance(value, str) else value


@pytest.mark.parametrize("loader", ["SafeLoader", "CSafeLoader"])
def test_an_independent_parser_reads_what_was_written(loader):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    if not hasattr(yaml, loader):
        pytest.skip("PyYAML is without libyaml")
    text = "\n".join(front_matter(VALUES)) + "\n\n# Heading: with a colon\n"
    _, block, rest = re.split(r"^---$", text, flags=re.MULTILINE)
    assert rest.strip() == "# Heading: with a colon"
    found = yaml.load(block, Loader=getattr(yaml, loader))
    assert found == shown(VALUES)
    assert list(map(type, found["numbers"])) == list(map(type, NUMBERS))


def test_every_scalar_is_quoted_as_in_json_or_plainly_a_word_or_a_number():
    lines = front_matter(VALUES)
    assert lines[0] == lines[-1] == "---" and "---" not in lines[1:-1]
    quoted = r'"(?:[^"\\]|\\["\\]|\\u[0-9a-f]{4})*"'
    scalar = rf"(?:[A-Za-z][\w.-]*|-?\d+(?:\.\d+(?:e[+-]\d+)?)?|{quoted})"
    line = re.compile(rf" *(?:- )?(?:(?P<key>{scalar}):(?: (?P<value>{scalar}))?|{scalar})")
    for one in lines[1:-1]:
        assert line.fullmatch(one), one
    texts = [one.removeprefix("- ") for one in lines[2 : 2 + len(HOSTILE)]]
    read = [json.loads(text) if text.startswith('"') else text for text in texts]
    assert read == list(map(printable, HOSTILE))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, b"a", object(), [], {}])
def test_what_yaml_would_read_otherwise_is_refused(value):
    with pytest.raises(ValueError, match="cannot stand in front matter"):
        front_matter({"a": [{"b": value}]})
