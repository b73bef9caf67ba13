"""The page of a sweep in a browser: every control does what it says, compared with sweep.json."""

import pytest

from freqjax.page.writing import NAME
from freqjax.sweep.page import writing
from tests.page import sweeps
from tests.page.browsers import Opened, browser

pytest.importorskip("bokeh", reason="Bokeh is not installed")

ROWS = "[...document.querySelectorAll('#replicas tbody tr')]"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder with a page, and its sweep.json."""
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    found = sweeps.write(folder)
    (folder / NAME).write_text(writing.page_of(folder), encoding="utf-8")
    return folder, found["rows"]


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture
def opened(swept, chromium):
    found = Opened(chromium, swept[0] / NAME)
    yield found
    assert found.complaints == []
    assert found.outside == []


def selected(opened):
    """Return the replicas that are marked, which must be the same in table, coordinates and curves."""
    page = opened.page
    table = page.evaluate(
        f"{ROWS}.filter((r) => r.matches('.on')).map((r) => Number(r.dataset.replica))"
    )
    boxes = page.evaluate(
        f"{ROWS}.filter((r) => r.querySelector('input').checked).map((r) => Number(r.dataset.replica))"
    )
    lines = page.evaluate(
        "[...document.querySelectorAll('polyline.on title')].map((t) => Number(t.textContent.split(' ')[1]))"
    )
    curves = page.evaluate("freqjax.state.given.curves.frozen.picked.data.xs.length")
    assert sorted(table) == sorted(boxes) == sorted(lines) and curves == len(lines)
    return sorted(table)


def shown(opened):
    """Return the replicas of the rows that are shown, from above."""
    return opened.page.evaluate(
        f"{ROWS}.filter((r) => !r.hidden).map((r) => Number(r.dataset.replica))"
    )


def drag(opened, axis, start, end):
    """Drag along an axis, from one share of its height to another; the foot is 0."""
    line = opened.page.locator(".axis line").nth(axis)
    line.scroll_into_view_if_needed()
    box = line.bounding_box()
    assert box is not None
    heights = [box["y"] + box["height"] * (1 - share) for share in (start, end)]
    opened.page.mouse.move(box["x"], heights[0])
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"], heights[1], steps=3)
    opened.page.mouse.up()


def test_a_brush_selects_and_brushes_of_two_axes_select_what_both_do(swept, opened):
    _, rows = swept
    assert selected(opened) == []
    drag(opened, 1, 0.5, 1.05)
    wide = [row["replica"] for row in rows if row["network.hidden_size"] == 10]
    assert selected(opened) == wide and len(wide) == 6
    assert "6 of 12 replicas are selected" in opened.page.inner_text("#selected")
    drag(opened, 0, 0.4, 0.6)
    both = [r for r in wide if rows[r]["train.seed"] == 1]
    assert selected(opened) == both and len(both) == 2
    # A click on the axis undoes its brush; clear undoes all.
    box = opened.page.locator(".axis line").nth(0).bounding_box()
    opened.page.mouse.click(box["x"], box["y"] + 20)
    assert selected(opened) == wide
    opened.page.click("#clear")
    assert selected(opened) == []
    assert opened.page.inner_text("#selected") == "no replica is selected"


def test_a_brush_of_a_loss_selects_by_its_numbers(swept, opened):
    _, rows = swept
    drag(opened, 4, 0.0, 0.5)
    known = sorted((row["test_mse"], row["replica"]) for row in rows if row["test_mse"] is not None)
    found = selected(opened)
    assert 0 < len(found) < len(known)
    assert found == sorted(replica for _, replica in known[: len(found)])
    # What is not finite stands above the axis.
    opened.page.click("#clear")
    drag(opened, 4, 1.04, 1.2)
    assert selected(opened) == [sweeps.LOST]


def test_the_keyboard_alone_selects_by_the_ends_and_by_the_rows(swept, opened):
    _, rows = swept
    page = opened.page
    page.focus("#ends summary")
    page.keyboard.press("Enter")
    page.focus("[data-end='4 1']")
    middle = sorted(row["test_mse"] for row in rows if row["test_mse"] is not None)[5]
    page.keyboard.type(repr(middle))
    page.keyboard.press("Enter")
    wanted = [r["replica"] for r in rows if r["test_mse"] is not None and r["test_mse"] <= middle]
    assert selected(opened) == wanted and len(wanted) == 6
    page.select_option("[data-end='2 0']", label="0.01")
    wanted = [r for r in wanted if rows[r]["optimizer.learning_rate"] == 0.01]
    assert selected(opened) == wanted
    page.focus("#clear")
    page.keyboard.press("Enter")
    assert page.input_value("[data-end='4 1']") == ""
    page.focus("tr[data-replica='3'] input")
    page.keyboard.press("Space")
    assert selected(opened) == [3]
    page.keyboard.press("Space")
    assert selected(opened) == []


def test_a_heading_sorts_by_a_click_and_by_enter_and_what_is_unknown_stays_last(swept, opened):
    _, rows = swept
    page = opened.page
    known = sorted((row["test_mse"], row["replica"]) for row in rows if row["test_mse"] is not None)
    upwards = [replica for _, replica in known]
    heading = page.get_by_role("button", name="test MSE").last
    heading.click()
    assert shown(opened) == [*upwards, sweeps.LOST]
    sorting = (
        "[...document.querySelectorAll('#replicas th')].map((h) => h.ariaSort).filter(Boolean)"
    )
    assert page.evaluate(sorting) == ["ascending"]
    heading.focus()
    page.keyboard.press("Enter")
    assert shown(opened) == [*upwards[::-1], sweeps.LOST]
    assert page.evaluate(sorting) == ["descending"]
    page.get_by_role("button", name="network.hidden_size").click()
    sizes = [rows[r]["network.hidden_size"] for r in shown(opened)]
    assert sizes == sorted(sizes)  # 10 stands after 4


def test_the_rows_are_filtered_by_text_and_by_the_selection(swept, opened):
    _, rows = swept
    page = opened.page
    page.fill("#rows_filter", "0.001")
    assert shown(opened) == [r["replica"] for r in rows if r["optimizer.learning_rate"] == 0.001]
    assert page.inner_text("#listed") == "6 of 12 shown"
    page.fill("#rows_filter", "")
    page.check("tr[data-replica='5'] input")
    page.check("#only")
    assert shown(opened) == [5]
    page.uncheck("#only")
    assert len(shown(opened)) == 12
    page.fill("#filter", "learning_rate")
    visible = page.locator("#config tr:visible").all_inner_texts()
    assert visible[0].startswith("optimizer.learning_rate")
    assert all("learning_rate" in text for text in visible)
    # Letters in a field are no keys of the page.
    before = page.evaluate("document.documentElement.dataset.theme")
    page.press("#rows_filter", "t")
    assert page.evaluate("document.documentElement.dataset.theme") == before


def test_a_setting_is_hidden_with_its_replicas_in_both_panels(opened):
    page = opened.page
    visible = (
        "Object.values(freqjax.state.given.curves)"
        ".map(({ settings }) => settings[0].drawn.map((one) => one.visible))"
    )
    members = page.evaluate("[...freqjax.state.given.curves.frozen.settings[0].lines.data.replica]")
    assert page.evaluate(visible) == [[True] * 3] * 2
    page.check(f"tr[data-replica='{members[0]}'] input")
    picked = "freqjax.state.given.curves.frozen.picked.data.xs.length"
    assert page.evaluate(picked) == 1
    page.uncheck("[data-setting='0']")
    assert page.evaluate(visible) == [[False] * 3] * 2 and page.evaluate(picked) == 0
    page.check("[data-setting='0']")
    assert page.evaluate(visible) == [[True] * 3] * 2 and page.evaluate(picked) == 1


def test_the_best_replica_has_a_link_to_its_folder(swept, opened):
    link = opened.page.locator("#replicas a")
    assert link.count() == 1
    assert link.evaluate("(a) => a.href") == f"{(swept[0] / 'best').as_uri()}/"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_is_wider_than_the_window_and_colours_follow_the_theme(
    swept, chromium, width, theme
):
    size = {"width": width, "height": 800}
    found = Opened(chromium, swept[0] / NAME, viewport=size, color_scheme=theme)
    page = found.page
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    line = "getComputedStyle(document.querySelector('polyline.replica')).stroke"
    mean = "freqjax.state.given.curves.frozen.settings[0].drawn[1].glyph.fill_color"
    before = page.evaluate(f"[{line}, {mean}]")
    page.click("#theme")
    assert all(a != b for a, b in zip(before, page.evaluate(f"[{line}, {mean}]"), strict=True))
    assert found.complaints == [] and found.outside == []
