"""Pages in a browser: nothing is complained of, nothing is fetched, and every control does what it says."""

import numpy as np
import pytest

import freqjax
from freqjax.page import traces, writing
from tests.page.browsers import Opened, browser
from tests.twins import tiny_config

pytest.importorskip("bokeh", reason="Bokeh is not installed")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a finished run with a page."""
    folder = tmp_path_factory.mktemp("page") / "run"
    config = tiny_config(task={"duration": 4.0}, train={"epochs": 4, "diagnose": False})
    freqjax.train(config, folder, say=lambda line: None)
    return folder


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture
def opened(run, chromium):
    found = Opened(chromium, run / writing.NAME)
    yield found
    assert found.complaints == []
    assert found.outside == []


def test_a_group_is_chosen_by_its_button_and_by_its_key(run, opened):
    trained = freqjax.load(run)
    from freqjax.training.prepared import Prepared

    prepared = Prepared(trained.config)
    found = traces.traces_of(prepared.task, prepared.frozen(trained.params))
    opened.page.click("[data-trace='1']")
    for place, key in ((1, None), (0, "1"), (1, "2")):
        if key is not None:
            opened.page.keyboard.press(key)
        opened.settle()
        pressed = opened.page.locator("[data-trace][aria-pressed='true']").all_inner_texts()
        assert pressed == [found[place].name]
        output = next(s for s in found[place].series if s.name == "output")
        wanted = output.integers * output.scale
        np.testing.assert_allclose(opened.shown("output"), wanted, atol=1e-3)
        target = next(s for s in found[place].series if s.name == "target")
        np.testing.assert_allclose(
            opened.shown("error"), wanted - target.integers * target.scale, atol=1e-3
        )


def test_keys_zoom_and_move_and_never_leave_the_signal(opened):
    whole = opened.range()
    opened.page.keyboard.press("+")
    zoomed = opened.range()
    assert np.diff(zoomed) == pytest.approx(np.diff(whole) / 2)
    opened.page.keyboard.press("ArrowRight")
    assert opened.range()[0] == pytest.approx(zoomed[0] + np.diff(zoomed)[0] / 4)
    for _ in range(9):
        opened.page.keyboard.press("ArrowRight")
    assert opened.range()[1] == pytest.approx(whole[1])
    opened.page.keyboard.press("0")
    assert opened.range() == pytest.approx(whole)


def test_a_drag_zooms_both_signal_and_error(opened):
    whole = opened.range()
    box = opened.page.locator("#signals .bk-Figure").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    opened.page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 0.5 * box["width"], middle, steps=4)
    opened.page.mouse.up()
    opened.settle()
    assert np.diff(opened.range()) < 0.5 * np.diff(whole)
    same = (
        "Bokeh.documents[0].get_model_by_name('figure error').x_range === freqjax.state.given.range"
    )
    assert opened.page.evaluate(same)


def test_the_input_can_be_hidden(opened):
    visible = (
        "Bokeh.documents[0].get_model_by_name('figure signal').renderers"
        ".find((line) => line.name === 'input').visible"
    )
    assert opened.page.evaluate(visible)
    opened.page.uncheck("#input")
    assert not opened.page.evaluate(visible)
    opened.page.keyboard.press("i")
    assert opened.page.evaluate(visible) and opened.page.is_checked("#input")


def test_the_slider_shows_the_outputs_of_an_earlier_epoch(run, opened):
    from freqjax.page import snapshots

    kept = snapshots.read(run)
    assert kept is not None and len(kept.epochs) == 4
    opened.page.evaluate(
        "(() => { const s = document.getElementById('epoch'); s.value = '0';"
        " s.dispatchEvent(new Event('input')); })()"
    )
    opened.settle()
    assert opened.page.inner_text("#shown_epoch") == "1"
    wanted = kept.integers[0, 0] * kept.scales[0, 0]
    np.testing.assert_allclose(opened.shown("output")[-len(wanted) :], wanted, atol=1e-6)
    opened.page.keyboard.press("Escape")
    opened.page.evaluate(
        "(() => { const s = document.getElementById('epoch'); s.value = s.max;"
        " s.dispatchEvent(new Event('input')); })()"
    )
    assert opened.page.inner_text("#shown_epoch") == "the weights kept"


def test_the_theme_changes_and_lines_with_it(opened):
    colour = "Bokeh.documents[0].get_model_by_name('figure signal').renderers[1].glyph.line_color"
    before = opened.page.evaluate(f"[document.documentElement.dataset.theme, {colour}]")
    opened.page.click("#theme")
    after = opened.page.evaluate(f"[document.documentElement.dataset.theme, {colour}]")
    assert {before[0], after[0]} == {"light", "dark"} and before[1] != after[1]


def test_the_config_is_filtered_and_commands_are_copied(opened):
    opened.page.fill("#filter", "learning_rate")
    shown = opened.page.locator("#config tr:visible").all_inner_texts()
    assert len(shown) == 1 and shown[0].startswith("optimizer.learning_rate")
    # Letters in a field are no keys of the page.
    opened.page.press("#filter", "i")
    assert opened.page.is_checked("#input")
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = opened.page.locator(".copy").first
    button.click()
    assert button.inner_text() == "copied"
    command = opened.page.locator(".command code").first.inner_text()
    assert opened.page.evaluate("navigator.clipboard.readText()") == command


def test_sound_begins_and_ends(opened):
    opened.page.click("#play")
    assert opened.page.inner_text("#play") == "stop"
    opened.page.click("#play")
    assert opened.page.inner_text("#play") == "play"


@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_is_wider_than_the_window(run, chromium, width):
    found = Opened(chromium, run / writing.NAME, viewport={"width": width, "height": 800})
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    assert found.complaints == []
