"""The page in a real Chromium: it loads, sorts, fits a phone, and runs nothing that came from a config."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from browser import PHONE, WIDE, chromium, resize, system_theme

from sinegan.report.figures.all_figures import all_figures
from sinegan.report.figures.style import svg
from sinegan.report.load import load_sweep
from sinegan.report.page.page import page
from sinegan.report.referee.analysis import Analysis

pytestmark = pytest.mark.slow

FileConfiguration = Callable[..., Path]
FileSamples = Callable[..., None]
ATTACK = "<script>alert(1)</script>"
LABELS = ["loss=" + ATTACK, "loss=b", "loss=c", "loss=d"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture
def opened(
    browser: Any, tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> Any:
    """The browser with the page of four configurations: 2, 10, 0.00005, and one of which every run failed."""
    for place, level in enumerate((2.0, 10.0, 5e-5, 1.0)):
        file_configuration(
            tmp_path / "sweep" / str(place),
            [LABELS[place]],
            {seed: [3.0, level * (1 + seed / 10)] for seed in range(3)},
            status=dict.fromkeys(range(3), "failed") if place == 3 else {},
            message=f"ValueError: {ATTACK}" if place == 3 else "",
        )
        file_samples(tmp_path / "sweep" / str(place))
    sweep = load_sweep(tmp_path / "sweep")
    analysis = Analysis(sweep)
    figures = {name: svg(figure) for name, figure in all_figures(analysis).items()}
    table = analysis.table.assign(rank=[2, 3, 1, 4], tie_group=["a", "b", "c", None])
    comparison = {"a": LABELS[0], "b": LABELS[1], "metric": "rmse", "n": 3, "ratio": 0.2, "p_corrected": 0.01}
    sentences = ["Nothing is separated.", ATTACK]
    effects = pd.DataFrame({"key": ["loss"], "effect": [0.5]})
    tables = {"table": table, "comparisons": pd.DataFrame([comparison]), "effects": effects}
    vars(analysis).update(tables)  # as if they had been computed
    text = page(analysis, sentences, figures)
    (tmp_path / "index.html").write_text(text)
    browser.get_log("browser")
    system_theme(browser, "light")
    resize(browser, WIDE)
    browser.get((tmp_path / "index.html").as_uri())
    browser.execute_script("localStorage.clear()")
    browser.refresh()
    return browser


def column(browser: Any, place: int, table: str = "configurations") -> list[str]:
    """The shown texts of a column, from top to bottom."""
    rows = "[...document.getElementById(arguments[0]).tBodies[0].rows]"
    script = f"return {rows}.map(row => row.cells[arguments[1]].innerText)"
    found: list[str] = browser.execute_script(script, table, place)
    return found


def header(browser: Any, title: str) -> Any:
    (found,) = [th for th in browser.find_elements("css selector", "#configurations th") if title in th.text]
    return found


def ground(browser: Any) -> str:
    return str(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))


def test_the_page_loads_without_console_messages_and_other_files(opened: Any) -> None:
    assert opened.get_log("browser") == []
    assert opened.title == "Report of sweep"
    loaded = opened.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []


def test_the_page_opens_with_the_answer(opened: Any) -> None:
    answer = opened.find_element("id", "answer")
    assert "Nothing is separated." in answer.text
    assert answer.location["y"] + answer.size["height"] < WIDE[1] / 2


def test_every_picture_is_drawn(opened: Any) -> None:
    pictures = opened.find_elements("css selector", "figure img")
    names = [one.get_attribute("id") for one in opened.find_elements("css selector", "figure")]
    assert names == [
        f"figure-{name}"
        for name in ("intervals", "learning_curves", "generated_curves", "value_and_probabilities")
    ]
    for picture in pictures:
        assert opened.execute_script(
            "return arguments[0].complete && arguments[0].naturalWidth > 100", picture
        )
        assert picture.size["height"] > 100


def test_a_click_sorts_a_table_by_value_and_a_second_click_reverses_it(opened: Any) -> None:
    assert column(opened, 4) == ["2.19", "11", "5.48e-05", "–"]
    estimate = header(opened, "estimate")
    assert estimate.get_attribute("aria-sort") is None
    estimate.find_element("tag name", "button").click()
    assert column(opened, 4) == ["5.48e-05", "2.19", "11", "–"]
    assert column(opened, 0) == ["c", ATTACK, "b", "d"]
    assert estimate.get_attribute("aria-sort") == "ascending"
    estimate.find_element("tag name", "button").click()
    assert column(opened, 4) == ["11", "2.19", "5.48e-05", "–"]
    assert estimate.get_attribute("aria-sort") == "descending"
    names = header(opened, "loss")
    names.find_element("tag name", "button").click()
    assert column(opened, 0) == [ATTACK, "b", "c", "d"]
    assert names.get_attribute("aria-sort") == "ascending"
    assert estimate.get_attribute("aria-sort") is None


def test_a_table_can_be_sorted_by_keyboard(opened: Any) -> None:
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    reached = []
    for _ in range(60):
        opened.switch_to.active_element.send_keys(keys.TAB)
        active = opened.switch_to.active_element
        reached.append(active.get_attribute("id") or active.text or active.get_attribute("aria-label"))
        if active.tag_name == "button" and "estimate" in active.text:
            break
    assert reached[0] == "theme"
    assert reached[1:6] == ["Table", "Pictures", "What failed", "Settings", "Provenance"]
    assert opened.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    active.send_keys(keys.ENTER)
    assert column(opened, 4) == ["5.48e-05", "2.19", "11", "–"]
    active.send_keys(keys.SPACE)
    assert column(opened, 4) == ["11", "2.19", "5.48e-05", "–"]


def test_on_a_phone_the_page_does_not_scroll_sideways_but_its_tables_do(opened: Any) -> None:
    resize(opened, PHONE)
    assert opened.execute_script("return document.documentElement.scrollWidth") == PHONE[0]
    opened.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
    assert opened.execute_script("return document.documentElement.scrollWidth") == PHONE[0]
    region = opened.find_element("css selector", ".scroll:has(#configurations)")
    assert opened.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", region)
    assert region.get_attribute("tabindex") == "0"
    assert header(opened, "loss").find_element("tag name", "button").is_displayed()


def test_a_script_in_a_name_an_answer_or_a_message_stays_text(opened: Any) -> None:
    assert column(opened, 0)[0] == ATTACK
    assert ATTACK in opened.find_element("id", "answer").text
    assert column(opened, 0, "comparisons") == [f"loss={ATTACK}"]
    assert column(opened, 5, "ends") == [f"ValueError: {ATTACK}"]
    assert opened.execute_script("return document.scripts.length") == 1
    script = "const s = document.createElement('script'); s.textContent = 'ran = 1'; document.body.append(s)"
    opened.execute_script(script)
    assert opened.execute_script("return window.ran") is None


def test_the_theme_follows_the_system_until_the_button_changes_it(opened: Any) -> None:
    light = ground(opened)
    system_theme(opened, "dark")
    dark = ground(opened)
    assert light == "rgb(255, 255, 255)"
    assert dark == "rgb(20, 23, 27)"
    button = opened.find_element("id", "theme")
    assert button.text == "Light"
    button.click()
    assert ground(opened) == light
    assert button.text == "Dark"
    opened.refresh()
    assert ground(opened) == light
    opened.find_element("id", "theme").click()
    assert ground(opened) == dark
