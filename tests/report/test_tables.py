"""Tables and sections as text and as Markdown."""

import math
from pathlib import Path

import pytest

from freqjax.report.tables import cell, markdown_section, text_section, text_table
from freqjax.tasks.evaluation import Section, Table

TABLE = Table(("name", "loss", "count"), [("a|b", 0.25, 1200), ("of long name", None, 3)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (-math.inf, "-"),
        (0.0, "0"),
        (0.123456, "0.1235"),
        (-0.123456, "-0.1235"),
        (0.00012, "1.20e-04"),
        (12345, "12,345"),
        (True, "True"),
        ("7 mHz", "7 mHz"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


def test_columns_of_text_are_aligned():
    head, first, second = text_table(TABLE)
    assert head.startswith("name") and second.startswith("of long name")
    assert {len(line) for line in (head, first, second)} == {len(head)}
    assert first.split() == ["a|b", "0.2500", "1,200"] and second.split()[-2:] == ["-", "3"]


def test_a_section_in_both_forms():
    folder = Path("run")
    section = Section("Title", ("Words.", "More."), TABLE, (folder / "figures" / "a.png",))
    assert text_section(section)[:3] == ["Title", "Words.", "More."]
    lines = markdown_section(section, folder)
    assert lines[:4] == ["## Title", "", "Words.", ""]
    assert "| a\\|b | 0.2500 | 1,200 |" in lines
    assert lines[-1] == "![a](figures/a.png)"
    assert markdown_section(Section("Bare"), folder) == ["## Bare"]
