"""The report as a person meets it, in a headless Chromium: `tox run -e browser`.

The file has no `test_` in its name, so that a run of `tests/` on a machine without a browser leaves it out.
"""

import re
import shutil
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from tests import reports

from torchstone.conformance.report import write

INSTALL = "install Chromium and its driver, as with `apt-get install chromium chromium-driver`"
SCHEMES = ("light", "dark")
WAIT = 30  # seconds for a page or a panel to come
READABLE = 4.5  # contrast of text, WCAG 2.2 AA
# Every text that is seen, with its colour and the colours behind it from the innermost to the page.
TEXTS = """
const found = [];
const walker = document.createTreeWalker(arguments[0], NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, own = node.parentElement;
  if (!node.data.trim() || !own.checkVisibility() || own.closest("script, style, noscript, .unseen")) continue;
  const behind = [];
  for (let each = own; each; each = each.parentElement) behind.push(getComputedStyle(each).backgroundColor);
  const style = getComputedStyle(own);
  found.push([node.data.trim().slice(0, 40), own instanceof SVGElement ? style.fill : style.color, behind]);
}
return found;
"""


@pytest.fixture(scope="module")
def driver():
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    chromedriver = shutil.which("chromedriver")
    if not (browser and chromedriver):
        pytest.fail(f"browser: there must be chromium and chromedriver on the path; {INSTALL}", pytrace=False)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    with webdriver.Chrome(options=options, service=Service(chromedriver)) as started:
        yield started


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The address of a report in which every word of the backend means harm."""
    return written(tmp_path_factory.mktemp("hostile"), reports.HOSTILE)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return written(tmp_path_factory.mktemp("plain"), "plain")


def written(folder, text):
    write.write(*reports.results(reports.sample(text), text), folder)
    return (folder / "report.html").as_uri()


def seen(driver, address, width=1280, scheme="light", script=True):
    """Open a page as someone sees it who has this screen and these settings."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    media = [{"name": name, "value": value} for name, value in features.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
    driver.get("about:blank")  # so that an address that differs in its fragment alone is opened anew
    driver.get(address)
    return driver


@contextmanager
def quiet(driver):
    """Nothing is complained about in the console, and no script ran that a backend brought."""
    driver.get_log("browser")
    yield
    assert driver.get_log("browser") == []
    assert driver.execute_script("return window.hurt") is None


def shown(driver, selector):
    return [each for each in driver.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()]


def one(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def come(driver, selector):
    """The first element of the page that a click leads to: a click returns before its page or its panel is there."""
    wait = WebDriverWait(driver, WAIT, ignored_exceptions=[StaleElementReferenceException])
    return wait.until(lambda _: shown(driver, selector), f"nothing is shown that is {selector}")[0]


def press(driver, *keys):
    driver.switch_to.active_element.send_keys(*keys)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_opens_with_nothing_to_complain_about_and_loads_nothing(driver, hostile, scheme):
    with quiet(driver):
        seen(driver, hostile, scheme=scheme)
        assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_hostile_text_is_text_and_runs_nothing(driver, hostile):
    with quiet(driver):
        seen(driver, hostile)
        assert "<script>window.hurt = 1</script>" in one(driver, "h1").text
        assert "<script>" in driver.title
        for cell in ("step-value", "adam-trajectories", "mse-value", "mse-low-precision"):
            seen(driver, f"{hostile}#{cell}")
            body = one(driver, "#panel-body")
            assert "<script>window.hurt = 1</script>" in body.get_attribute("textContent")
            assert not body.find_elements(By.CSS_SELECTOR, "script, img, [onerror]")


def test_search_finds_components_clauses_and_words(driver, plain):
    seen(driver, plain)
    search = one(driver, "#search")
    for query, rows in (("adam", ["adam"]), ("StepLR", ["step"]), ("mse.1", ["mse"]), ("bias xyzzy", []), ("", None)):
        search.clear()
        search.send_keys(query or "x", *([] if query else [Keys.BACKSPACE]))
        found = [row.find_element(By.TAG_NAME, "b").text for row in shown(driver, "tr.component")]
        assert found == (["mse", "adam", "step"] if rows is None else rows)
    search.send_keys("outside the root")
    assert [row.find_element(By.TAG_NAME, "b").text for row in shown(driver, "tr.component")] == ["adam"]
    assert one(driver, "#found").text == "1 of 3 components, 1 clause"
    one(driver, 'a.cell[href="#adam-trajectories"]').click()
    assert come(driver, "#panel .entry h3").text == "adam.9"
    assert len(shown(driver, "#panel .entry")) == 1
    assert "as filtered" in one(driver, "#filtered").text


def test_an_outcome_filters_by_its_tile_and_by_its_chip(driver, plain):
    seen(driver, plain)
    one(driver, ".tile.known").click()
    assert [row.find_element(By.TAG_NAME, "b").text for row in shown(driver, "tr.component")] == ["adam"]
    assert one(driver, ".chip.known").get_attribute("aria-pressed") == "true"
    one(driver, ".chip.known").click()
    assert one(driver, ".tile.known").get_attribute("aria-pressed") == "false"
    assert len(shown(driver, "tr.component")) == 3


def test_a_cell_opens_by_keyboard_and_gives_the_focus_back(driver, plain):
    with quiet(driver):
        seen(driver, plain)
        press(driver, "/")
        assert driver.switch_to.active_element == one(driver, "#search")
        link = one(driver, 'a.cell[href="#step-value"]')
        for _ in range(60):
            press(driver, Keys.TAB)
            if driver.switch_to.active_element == link:
                break
        assert driver.switch_to.active_element == link
        assert link.value_of_css_property("outline-style") == "solid"
        assert float(link.value_of_css_property("outline-width").removesuffix("px")) >= 2
        press(driver, Keys.ENTER)
        come(driver, "#panel-title:focus")
        assert driver.current_url.endswith("#step-value")
        for _ in range(200):  # the focus stays inside
            press(driver, Keys.TAB)
            inside = driver.execute_script("return document.activeElement.closest('#panel, body')?.id ?? ''")
            assert inside in ("panel", "")
        press(driver, Keys.ESCAPE)
        assert come(driver, "a.cell:focus") == link
        assert not one(driver, "#panel").is_displayed()


def test_everything_that_takes_the_focus_shows_it(driver, plain):
    seen(driver, plain)
    stops = len(shown(driver, "a[href], button, input, summary, [tabindex='0']"))
    for _ in range(stops):
        press(driver, Keys.TAB)
        active = driver.switch_to.active_element
        if active.tag_name == "body":
            break
        assert active.value_of_css_property("outline-style") == "solid", active.get_attribute("outerHTML")[:200]


def test_a_failing_clause_is_shown_with_all_that_a_person_needs(driver, plain):
    seen(driver, plain)
    one(driver, '.failing a[href="#step-value:step.1"]').click()
    entry = come(driver, "#panel .entry:focus")
    for word in ("step.1", "MUST", "expected", "0.01", "actual", "9e+16 ×", "shrunk program"):
        assert word in entry.text
    assert "It behaves as late: plain" in one(driver, "#panel .diagnosis").text
    assert len(entry.find_elements(By.CSS_SELECTOR, "svg[role=img]")) == 2
    assert entry.find_elements(By.TAG_NAME, "math")
    box, bar = entry.rect, one(driver, ".panel-bar").rect
    assert box["y"] >= bar["y"] + bar["height"] - 1


def test_a_script_is_copied_by_its_button(driver, plain):
    seen(driver, f"{plain}#step-value:step.1")
    driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    script = shown(driver, '#panel [id="step-value:step.1"] .code')[-1]
    script.find_element(By.TAG_NAME, "summary").click()
    button = script.find_element(By.CSS_SELECTOR, ".copy")
    button.click()
    WebDriverWait(driver, WAIT).until(lambda _: button.text in ("Copied", "Selected"))
    if button.text == "Copied":
        copied = driver.execute_async_script(
            "navigator.clipboard.readText().then(arguments[0], e => arguments[0](String(e)))"
        )
    else:
        copied = driver.execute_script("return getSelection().toString()")
    assert copied.strip() == "# plain\nimport torch"


@pytest.mark.parametrize("cell", ["", "#step-value", "#adam-low-precision"])
@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_is_wider_than_the_screen(driver, hostile, cell, width):
    seen(driver, hostile + cell, width=width)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    if cell:
        assert driver.execute_script("return document.querySelector('#panel').scrollWidth") <= width


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [360, 1280])
def test_text_stands_out_from_what_is_behind_it(driver, plain, scheme, width):
    seen(driver, plain, width=width, scheme=scheme)
    one(driver, ".chip.known").click()  # a chosen chip and its tile have other colours
    for details in shown(driver, "details:not([open]) > summary"):
        details.click()
    driver.execute_script("document.querySelectorAll('td.dim').forEach((cell) => cell.classList.remove('dim'))")
    found = driver.execute_script(TEXTS, one(driver, "body"))
    for cell in ("step-value", "adam-trajectories", "mse-options", "mse-value", "mse-low-precision"):
        seen(driver, f"{plain}#{cell}", width=width, scheme=scheme)
        found += driver.execute_script(TEXTS, one(driver, "#panel"))
    assert len(found) > 300
    poor = {(text, colour) for text, colour, behind in found if contrast(colour, behind) < READABLE}
    assert not poor


def contrast(colour, behind):
    """The contrast ratio of WCAG of a colour on the colours behind it, the innermost first."""
    ground = (255.0, 255.0, 255.0)
    for each in reversed(behind):
        ground = over(each, ground)
    light, dark = sorted((luminance(over(colour, ground)), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def over(colour, ground):
    """A colour of CSS, which may be seen through, on another one."""
    red, green, blue, *alpha = (float(number) for number in re.findall(r"[\d.]+", colour.removeprefix("color(srgb")))
    scale = 255 if colour.startswith("color(srgb") else 1
    share = alpha[0] if alpha else 1.0
    return tuple(
        share * scale * top + (1 - share) * under for top, under in zip((red, green, blue), ground, strict=True)
    )


def luminance(colour):
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_is_that_of_the_standard():
    assert round(contrast("rgb(0, 0, 0)", ["rgb(255, 255, 255)"]), 1) == 21.0
    assert round(contrast("rgb(119, 119, 119)", ["rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"]), 2) == 4.48


def test_it_is_read_without_a_script(driver, plain):
    seen(driver, f"{plain}#step-value:step.1", script=False)
    try:
        text = one(driver, "#cells").text
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "9e+16 ×" in text
    assert "adam.22" in text
