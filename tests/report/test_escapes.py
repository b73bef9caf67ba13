"""Names and paths in Markdown are text, whatever stands in them."""

import pytest

from freqjax.report.escapes import block, code, inline
from freqjax.report.tables import markdown_figures, markdown_section
from freqjax.tasks.evaluation import Section, Table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)>"),
        ("[a](javascript:b)", r"\[a\](javascript:b)"),
        ("**loud** & `id` | \\", r"\*\*loud\*\* \& \`id\` \| \\"),
        ("a\nb\x1b", r"a\\nb\\x1b"),
        ("0.5 → 0.1 (2 Hz), loss_per_frequency", "0.5 → 0.1 (2 Hz), loss_per_frequency"),
    ],
)
def test_markup_is_escaped(text, shown):
    assert inline(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b", "`a b`"),
        ("a`b", "``a`b``"),
        ("`id`", "`` `id` ``"),
        ("``<b>", "``` ``<b> ```"),
        ("a\nb", r"`a\nb`"),
    ],
)
def test_a_backtick_does_not_end_code(text, shown):
    assert code(text) == shown


def test_a_fence_does_not_end_a_block():
    assert block(["a", "```", "<b>\n"], "sh") == ["````sh", "a", "```", r"<b>\n", "````"]


def test_sections_and_figures_hold_text_alone(tmp_path):
    table = Table(("name", "n|m"), [("<b>", 1)])
    figure = tmp_path / "a folder" / "x](y).png"
    lines = markdown_section(Section("<i>", ("a < b",), table, [figure]), tmp_path)
    assert lines == [
        r"## \<i>", "", r"a \< b", "", r"| name | n\|m |", "| --- | --- |", r"| \<b> | 1 |", "",
        r"![x\](y)](a%20folder/x%5D%28y%29.png)",
    ]  # fmt: skip
    assert markdown_figures([], tmp_path) == []
