"""The site in a real browser, opened from disk: no error, no network, and everything that moves does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the pages are not run")
SLUG = "17-csngf"
CASE = f"cases/{SLUG}--blobs--blob-0.html"
READY = "window.wbirViewer && wbirViewer.state && document.querySelector('canvas') && wbirViewer.state().ready"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


@pytest.fixture(autouse=True)
def no_errors(browser: Browser) -> Iterator[None]:
    """Every test ends with a clean console."""
    browser.errors.clear()
    yield
    assert browser.errors == []


def column(browser: Browser, table: str, number: int) -> list[str]:
    """The text of a column's cells."""
    return browser.run(
        f"[...document.querySelectorAll('{table} tbody tr')].map(r => r.children[{number}].textContent.trim())"
    )


def colours(browser: Browser, canvas: str) -> dict[str, int]:
    """The colours that a canvas shows, as `r,g,b`, with their number of pixels (read from a copy, as reading slows a canvas)."""
    return browser.run(
        f"(() => {{ const c = document.querySelector('{canvas}'); const copy = new OffscreenCanvas(c.width, c.height);"
        " const x = copy.getContext('2d', {willReadFrequently: true}); x.drawImage(c, 0, 0);"
        " const d = x.getImageData(0, 0, c.width, c.height).data; const found = {};"
        " for (let i = 0; i < d.length; i += 4) { const k = `${d[i]},${d[i+1]},${d[i+2]}`; found[k] = (found[k] || 0) + 1 }"
        " return found })()"
    )


def pixels(browser: Browser, canvas: str) -> str:
    return browser.run(f"document.querySelector('{canvas}').toDataURL()")


def settle(browser: Browser) -> None:
    """Two frames: what was asked for is drawn."""
    browser.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_every_page_opens_without_error_and_fits_its_width(
    browser: Browser, site: Path, width: int, dark: bool
) -> None:
    for page in sorted(site.rglob("*.html")):
        browser.open(page, width=width, dark=dark)
        if page.parent.name == "cases":
            browser.wait(READY)
        browser.run("document.querySelectorAll('details').forEach(part => { part.open = true })")
        assert browser.run("document.documentElement.scrollWidth") <= width, page.name
        ground = browser.run("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) < 200) is dark


def test_the_console_check_can_fail(browser: Browser, site: Path) -> None:
    browser.open(site / "index.html")
    browser.run(
        "console.error('heard'); setTimeout(() => { throw new Error('thrown') }, 0); new Image().src = 'none.png'; 1"
    )
    settle(browser)
    browser.wait("true")
    assert any("heard" in e for e in browser.errors) and any("thrown" in e for e in browser.errors)
    assert any("not loaded" in e or "none.png" in e for e in browser.errors)
    browser.errors.clear()


def test_the_scoreboard_sorts(browser: Browser, site: Path) -> None:
    browser.open(site / "index.html")
    first = column(browser, "table.score", 0)
    assert first[0].startswith("17")
    browser.run("document.querySelector('table.score thead th button').click()")
    numbers = [text[:2] for text in column(browser, "table.score", 0)]
    assert numbers == [f"{n:02d}" for n in range(1, 27)]
    assert browser.run("document.querySelector('table.score thead th').getAttribute('aria-sort')") == "ascending"
    browser.run("document.querySelector('table.score thead th button').focus()")
    browser.press("Enter")
    assert [text[:2] for text in column(browser, "table.score", 0)] == numbers[::-1]
    assert browser.run("document.querySelectorAll('table.score [aria-sort=descending]').length") == 1


def test_measurements_filter_and_sort(browser: Browser, site: Path) -> None:
    browser.open(site / "papers" / f"{SLUG}.html")
    table = "#measurement-table table"
    rows = len(column(browser, table, 0))
    assert 10 < rows <= 50
    browser.run("{ const s = document.getElementById('measurement-metric'); s.value = [...s.options].find(o => o.text === 'mse').value;"
                " s.dispatchEvent(new Event('change')) }")  # fmt: skip
    assert set(column(browser, table, 4)) == {"mse"} and len(column(browser, table, 0)) == 10
    browser.run(
        "[...document.querySelectorAll('#measurement-table th button')].find(b => b.textContent === 'Value').click()"
    )
    values = list(map(float, column(browser, table, 6)))
    assert values == sorted(values, reverse=True) and len(set(values)) > 2
    browser.run(
        "{ const s = document.getElementById('measurement-search'); s.value = 'truth BLOB-1'; s.dispatchEvent(new Event('input')) }"
    )
    assert column(browser, table, 2) == ["blob-1"] and "1 of 1" in browser.run(
        "document.querySelector('.pager').textContent"
    )
    browser.run(
        "{ const s = document.getElementById('measurement-search'); s.value = 'nothing fits'; s.dispatchEvent(new Event('input')) }"
    )
    assert column(browser, table, 0) == [] and "No row fits." in browser.run(
        "document.querySelector('.pager').textContent"
    )
    browser.run(
        "[...document.querySelectorAll('#measurement-table button')].find(b => b.textContent === 'Clear').click()"
    )
    assert len(column(browser, table, 0)) == rows


def test_thousands_of_measurements_stay_quick(browser: Browser, site: Path) -> None:
    """100 000 rows, filtered and sorted, in well under a second; only one page of them is in the document."""
    browser.open(site / "papers" / f"{SLUG}.html")
    browser.run(
        "{ const d = window.wbirMeasurements; const n = 100000; const many = {words: d.words, cells: {}, value: []};"
        " for (const c in d.cells) many.cells[c] = Array.from({length: n}, (_, i) => d.cells[c][i % d.value.length]);"
        " many.value = Array.from({length: n}, (_, i) => (i * 7919) % 1000); window.wbirMeasurements = many;"
        " document.getElementById('measurement-table').replaceChildren(); document.dispatchEvent(new Event('DOMContentLoaded')) }"
    )
    taken = browser.run(
        "(() => { const began = performance.now(); const s = document.getElementById('measurement-search'); s.value = 'blob';"
        " s.dispatchEvent(new Event('input'));"
        " [...document.querySelectorAll('#measurement-table th button')].find(b => b.textContent === 'Value').click();"
        " return performance.now() - began })()"
    )
    assert taken < 1500 and len(column(browser, "#measurement-table table", 0)) == 50


def test_the_theme_toggles_and_is_remembered(browser: Browser, site: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(site / "index.html")
    light = browser.run(ground)
    browser.run("document.getElementById('theme').click()")
    dark = browser.run(ground)
    assert dark != light and browser.run("document.getElementById('theme').textContent") == "Light"
    browser.open(site / CASE)
    assert browser.run(ground) == dark
    browser.run("localStorage.clear()")


def test_the_viewer_draws_and_its_sliders_move(browser: Browser, site: Path) -> None:
    browser.open(site / CASE)
    browser.wait(READY)
    settle(browser)
    assert browser.run("document.querySelectorAll('canvas').length") == 15
    for image in ("fixed", "moving", "warped", "difference", "jacobian"):
        assert len(colours(browser, f'canvas[data-image={image}][data-axis="2"]')) > 20, image
    fixed, crossing = 'canvas[data-image=fixed][data-axis="2"]', 'canvas[data-image=moving][data-axis="0"]'
    before, across = pixels(browser, fixed), pixels(browser, crossing)
    browser.run(
        "{ const s = document.querySelector('.plane-head input'); s.value = 3; s.dispatchEvent(new Event('input')) }"
    )
    settle(browser)
    assert browser.run("wbirViewer.state().cursor")[2] == 3
    assert pixels(browser, fixed) != before and pixels(browser, crossing) != across, "planes are linked"
    browser.run(f"document.querySelector('{fixed}').focus()")
    for key in ("ArrowRight", "ArrowUp", "PageUp"):
        browser.press(key)
    settle(browser)
    assert browser.run("wbirViewer.state().cursor") == [10, 12, 4]
    assert "10, 12, 4" in browser.run("document.getElementById('values').textContent")


def test_a_click_moves_the_cross_hair_to_the_voxel_below_it(browser: Browser, site: Path) -> None:
    browser.open(site / CASE)
    browser.wait(READY)
    box = browser.run(
        "(() => { const c = document.querySelector('canvas[data-image=fixed][data-axis=\"2\"]');"
        " c.scrollIntoView({block: 'center', behavior: 'instant'});"
        " const b = c.getBoundingClientRect(); return [b.left, b.top, b.width, b.height] })()"
    )
    # 18 x 22 voxels: the middle of voxel (4, 17), second axis upwards.
    at = {"x": box[0] + box[2] * 4.5 / 18, "y": box[1] + box[3] * (22 - 17.5) / 22}
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **at)
    settle(browser)
    assert browser.run("wbirViewer.state().cursor") == [4, 17, 8]
    assert box[2] / box[3] == pytest.approx(18 * 2 / (22 * 2), rel=0.02)


def test_the_viewer_shows_folds_methods_and_windows(browser: Browser, site: Path) -> None:
    browser.open(site / CASE)
    browser.wait(READY)
    settle(browser)
    jacobian, pink = 'canvas[data-image=jacobian][data-axis="2"]', "255,0,128"
    assert colours(browser, jacobian).get(pink, 0) > 20, "the truth of this case folds in its middle"
    warped = 'canvas[data-image=warped][data-axis="2"]'
    before = pixels(browser, warped)
    browser.run(
        "{ const s = document.getElementById('method'); s.value = 'identity'; s.dispatchEvent(new Event('change')) }"
    )
    browser.wait("wbirViewer.state().method === 'identity'")
    settle(browser)
    assert pink not in colours(browser, jacobian) and pixels(browser, warped) != before
    assert "moves nothing" in browser.run("document.getElementById('status').textContent")
    before = pixels(browser, warped)
    browser.run("{ const s = document.getElementById('window'); s.value = 20; s.dispatchEvent(new Event('input')) }")
    settle(browser)
    assert pixels(browser, warped) != before
    browser.run(
        "{ const s = document.getElementById('view'); s.value = 'jacobian'; s.dispatchEvent(new Event('change')) }"
    )
    assert browser.run("[...document.querySelectorAll('.pane')].filter(p => !p.hidden).length") == 3


def test_a_flat_case_has_one_plane(browser: Browser, site: Path) -> None:
    browser.open(site / f"cases/{SLUG}--flat--flat-0.html")
    browser.wait(READY)
    settle(browser)
    assert browser.run(
        "[document.querySelectorAll('canvas').length, document.querySelectorAll('.plane-head input').length]"
    ) == [5, 0]
    assert len(colours(browser, "canvas[data-image=fixed]")) > 20
    browser.run("document.querySelector('canvas').focus()")
    browser.press("PageUp")
    browser.press("ArrowRight")
    assert browser.run("wbirViewer.state().cursor") == [17, 12]


def test_missing_data_are_named(browser: Browser, site: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "demo"
    shutil.copytree(site, copy)
    shutil.rmtree((copy / CASE).with_suffix(""))
    browser.open(copy / CASE)
    browser.wait("document.getElementById('status').textContent.includes('is missing')")
    browser.errors.clear()
