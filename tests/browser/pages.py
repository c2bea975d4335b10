"""The site as a person meets it, in a headless Chromium: `tox run -e docs` builds it and `tox run -e browser` looks."""

from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from tests.browser.report import READABLE, SCHEMES, TEXTS, WAIT, come, contrast, driver, one, quiet, seen

__all__ = ["driver"]  # a fixture
SITE = Path(__file__).parents[2] / "docs" / "_site"
PAGES = ("index", "catalogue", "clauses", "detection", "findings", "runs", "faq", "backends", "guides/failure")
COMPONENTS = ("optimizers/adam", "losses/ctc", "schedulers/one_cycle", "optimizer")
PHONE, DESK = 390, 1400


def page(name):
    file = SITE / f"{name.partition('#')[0]}.html"
    if not file.is_file():
        pytest.fail(
            f"browser: the site must be there, got no {file.name}; build it with `tox run -e docs`", pytrace=False
        )
    return file.as_uri() + "".join(name.partition("#")[1:])


def box(driver, selector):
    return driver.execute_script(
        "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", selector
    )


@pytest.mark.parametrize("name", [*PAGES, *COMPONENTS])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_is_wider_than_the_window(driver, name, width):
    with quiet(driver):
        seen(driver, page(name), width=width)
        wide = driver.execute_script("return document.documentElement.scrollWidth")
        inner = driver.execute_script(
            "const c = document.querySelector('.content'); return [c.scrollWidth, c.clientWidth]"
        )
    assert wide <= width
    assert inner[0] <= inner[1]


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_code_is_beside_the_definition_or_below_it(driver, name):
    seen(driver, page(name), width=DESK)
    formulas, code = box(driver, "#definition"), box(driver, "#in-code")
    assert formulas["right"] < code["left"]
    assert formulas["top"] == code["top"]
    driver.execute_script("document.querySelector('.clause:last-of-type').scrollIntoView()")
    assert 0 <= box(driver, "#in-code")["top"] < 10, "it stays in view"
    seen(driver, page(name), width=PHONE)
    assert box(driver, "#definition")["bottom"] <= box(driver, "#in-code")["top"]


def test_what_is_pointed_at_lights_up_the_other(driver):
    seen(driver, page("optimizers/adam"), width=DESK)
    clause, line = one(driver, '[id="adam.6"]'), one(driver, '[data-clauses="adam.6"]')
    driver.execute_script("arguments[0].scrollIntoView()", clause)
    ActionChains(driver).move_to_element(clause.find_element(By.CSS_SELECTOR, "p")).perform()
    assert "meant" in line.get_attribute("class")
    seen_part, own = box(driver, ".listing"), box(driver, '[data-clauses="adam.6"]')
    assert seen_part["top"] <= own["top"] <= own["bottom"] <= seen_part["bottom"]
    ActionChains(driver).move_to_element(line).perform()
    assert "meant" in clause.get_attribute("class")
    assert "meant" not in line.get_attribute("class")


@pytest.mark.parametrize(("id", "lines"), [("adam.6", 1), ("cross_entropy.5", 1), ("optimizer.11", 0)])
def test_an_id_leads_to_all_that_is_known_of_the_clause(driver, id, lines):
    seen(driver, page("index"), width=DESK)
    one(driver, "input.sidebar-search").send_keys(id, Keys.ENTER)
    first = come(driver, "#search-results li a")
    assert first.text == id
    first.click()
    clause = come(driver, f'[id="{id}"]')
    WebDriverWait(driver, WAIT).until(lambda _: 0 <= box(driver, f'[id="{id}"]')["top"] < 200, "it is not in view")
    titles = [each.text for each in clause.find_elements(By.TAG_NAME, "h4") if each.is_displayed()]
    assert {"In code", "Tests", "Broken by", "Who conforms", "Cite this clause"} <= set(titles)
    assert len(clause.find_elements(By.CSS_SELECTOR, ".clause-code")) == lines


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_list_of_clauses_is_narrowed_by_an_id(driver, width):
    seen(driver, page("clauses"), width=width)
    one(driver, "input.narrow").send_keys("cross_entropy.5")
    rows = driver.execute_script(
        "return [...document.querySelectorAll('article tr')].filter((r) => r.checkVisibility())"
    )
    ids = [row.text.split()[0] for row in rows]
    assert [id for id in ids if id != "clause"] == ["cross_entropy.5", "linear_cross_entropy.5"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["index", "optimizers/adam#adam.6", "losses/cross_entropy", "findings"])
def test_text_stands_out_from_what_is_behind_it(driver, name, scheme):
    seen(driver, page(name), width=DESK, scheme=scheme)
    found = driver.execute_script(TEXTS, one(driver, "article"))
    poor = {(text, colour) for text, colour, behind in found if contrast(colour, behind) < READABLE}
    assert not poor
