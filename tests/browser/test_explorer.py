"""The explorer in JupyterLab, as a student uses it: in headless Chromium, by clicking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from clicks import TOKEN, choose_from_menu, kernel_status, needs_chromium, screenshot
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

pytestmark = [needs_chromium, pytest.mark.slow]

PASSING = (NoSuchElementException, StaleElementReferenceException)
"""What a page that is being drawn may answer."""


def test_a_student_explores(lab: tuple[str, Path], browser: WebDriver) -> None:
    address, folder = lab
    cell = "from xaikit.widgets import explorer\n\nexplorer()"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / "explorer.ipynb")
    browser.get(f"{address}/lab/tree/explorer.ipynb?token={TOKEN}&reset")
    wait = WebDriverWait(browser, 240, ignored_exceptions=PASSING)
    # A cell that runs before the notebook is drawn and its kernel there does nothing at all.
    wait.until(lambda d: "explorer()" in d.find_element(By.CSS_SELECTOR, ".jp-CodeCell").text)
    wait.until(lambda d: "Idle" in kernel_status(d))
    choose_from_menu(browser, "Run", "Run All Cells")

    wait.until(lambda d: status(d) == "Done.")
    assert "Image 0: Ankle boot, classified rightly" in picture(browser).text
    assert "Integrated Gradients" in picture(browser).text
    height = picture(browser).rect["height"]
    assert drawn_whole(browser)
    screenshot(browser, "explorer")

    # Another method.
    control(browser, "Method").select_by_visible_text("Occlusion")
    wait.until(lambda d: "Occlusion" in picture(d).text and status(d) == "Done.")
    assert picture(browser).rect["height"] == pytest.approx(height, abs=2), "the layout jumps"

    # Another image, by its number beside the slider; then one that the network gets wrong.
    readout = browser.find_element(By.CSS_SELECTOR, ".widget-slider .widget-readout")
    readout.click()
    readout.send_keys(Keys.CONTROL, "a")
    readout.send_keys("3", Keys.ENTER)
    wait.until(lambda d: "Image 3: Trouser" in picture(d).text and status(d) == "Done.")
    button(browser, "Next misclassified").click()
    wait.until(lambda d: "taken for" in picture(d).text and status(d) == "Done.")
    screenshot(browser, "explorer_misclassified")

    # A slow method moves the bar, and stops when told to.
    control(browser, "Method").select_by_visible_text("KernelSHAP")
    wait.until(lambda d: "KernelSHAP" in picture(d).text and status(d) == "Done.")
    control(browser, "Segments").select_by_visible_text("single pixels")
    samples = field(browser, "Samples").find_element(By.TAG_NAME, "input")
    samples.send_keys(Keys.CONTROL, "a")
    samples.send_keys("60000", Keys.ENTER)
    first = wait.until(moved(0))
    wait.until(moved(first))
    screenshot(browser, "explorer_running")
    button(browser, "Cancel").click()
    wait.until(lambda d: status(d).startswith("Cancelled."))
    stopped = progress(browser)
    assert stopped < 100 and button(browser, "Explain").is_enabled()
    screenshot(browser, "explorer_cancelled")

    # A newer choice takes the place of a running one.
    control(browser, "Targets").select_by_visible_text("Bag")
    wait.until(moved(0))
    control(browser, "Method").select_by_visible_text("Gradient")
    wait.until(lambda d: "Gradient ·" in picture(d).text and status(d) == "Done.")
    choose_from_menu(browser, "Settings", "Theme", "JupyterLab Dark")
    wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, "body[data-jp-theme-light=false]"))
    wait.until(lambda d: ink(d) > 150)
    screenshot(browser, "explorer_dark")
    choose_from_menu(browser, "Settings", "Theme", "JupyterLab Light")
    wait.until(lambda d: ink(d) < 100)

    # Another page: the same image, and what would have to change in it.
    tabs = browser.find_elements(By.CSS_SELECTOR, ".lm-TabBar-tabLabel")
    next(e for e in tabs if e.text == "Counterfactuals").click()
    wait.until(lambda d: "Wachter et al. · " in picture(d).text and status(d) == "Done.")
    assert " of 9 found" in picture(browser).text and drawn_whole(browser)
    screenshot(browser, "explorer_counterfactuals")

    # The third: which of the training images count for it.
    next(e for e in tabs if e.text == "Training data").click()
    wait.until(lambda d: "strongest proponents" in picture(d).text and status(d) == "Done.")
    assert drawn_whole(browser)
    screenshot(browser, "explorer_training_data")

    # The fourth: the unit that the image excites most, and one of the first layer.
    next(e for e in tabs if e.text == "Units and concepts").click()
    wait.until(lambda d: " of layer 11 (ReLU) · " in picture(d).text and status(d) == "Done.")
    assert "of the training images" in picture(browser).text
    screenshot(browser, "explorer_units")
    control(browser, "Unit").select_by_visible_text("by its number")
    control(browser, "Layer").select_by_visible_text("1 · ReLU · 32 units")
    wait.until(lambda d: "unit 0 of layer 1 (ReLU) · " in picture(d).text and status(d) == "Done.")
    screenshot(browser, "explorer_units_by_number")


def status(driver: WebDriver) -> str:
    found = driver.find_elements(By.CSS_SELECTOR, ".xaikit-status")
    return next((e.text for e in found if e.is_displayed()), "")


def picture(driver: WebDriver) -> WebElement:
    """Return the picture of the page that is open."""
    found = driver.find_elements(By.CSS_SELECTOR, ".xaikit-picture")
    return next((e for e in found if e.is_displayed()), found[0])


def drawn_whole(driver: WebDriver) -> bool:
    """Say whether the picture is wide enough to read, has the shape it was drawn in, and fits."""
    box, drawing = picture(driver), picture(driver).find_element(By.TAG_NAME, "svg")
    script = "const box = arguments[0].viewBox.baseVal; return [box.width, box.height]"
    width, height = driver.execute_script(script, drawing)
    shown = drawing.rect
    return (
        shown["width"] > 500
        and shown["height"] == pytest.approx(shown["width"] * height / width, rel=0.02)
        and shown["height"] <= box.rect["height"]
    )


def field(driver: WebDriver, label: str) -> WebElement:
    """Return the control with this label."""
    labels = driver.find_elements(By.CSS_SELECTOR, ".widget-label")
    return next(e for e in labels if e.text == label).find_element(By.XPATH, "..")


def control(driver: WebDriver, label: str) -> Select:
    return Select(field(driver, label).find_element(By.TAG_NAME, "select"))


def button(driver: WebDriver, label: str) -> WebElement:
    buttons = driver.find_elements(By.CSS_SELECTOR, ".jupyter-button")
    return next(e for e in buttons if e.text.strip() == label)


def progress(driver: WebDriver) -> float:
    """Return how far the bar is, in percent."""
    script = (
        "return parseFloat(document.querySelector('.widget-hprogress .progress-bar').style.width)"
    )
    return float(driver.execute_script(script))


def moved(before: float) -> Callable[[WebDriver], float | bool]:
    """Return a condition: the bar stands further on than before, while rows are computed."""
    return lambda d: before < progress(d) < 100 and " rows" in status(d) and progress(d)


def ink(driver: WebDriver) -> int:
    """Return the brightness of the figure's text, 0 to 255."""
    colour = picture(driver).find_element(By.TAG_NAME, "svg").value_of_css_property("color")
    return int(colour.split("(")[1].split(",")[0])
