"""report.html of a quick reproduction, in headless Chromium: every figure is drawn, in light and dark and at a phone's
width, and pointer, keyboard, legend and zoom work, without an error in the console and without a network."""

import io
import json
import os
import sys

from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser_testing import browser, no_errors, opened
from command_testing import Directory, check, run, succeeded  # its place is added by browser_testing

PAPER = {"light": (255, 255, 255), "dark": (18, 22, 28)}


def points(chart):
    """Points drawn of each series that is shown."""
    groups = chart.find_elements(By.CSS_SELECTOR, "g.series")
    return {g.get_attribute("data-name"): int(g.get_attribute("data-points")) for g in groups}


def every_figure(driver, found, scheme):
    """Figure by figure what results.json holds: its series' points, and ink on the paper."""
    experiments = [e for n in found["notebooks"] for c in n["cells"] for e in c["experiments"]]
    plots = [p for e in experiments for p in e["histories"]]
    charts = driver.find_elements(By.CSS_SELECTOR, "figure.chart")
    check(len(charts) == len(plots) > 40, len(charts), "figures of", len(plots))
    for chart, plot in zip(charts, plots):
        check(chart.get_attribute("data-drawn") == "yes", "drawn", plot["title"])
        want = {s["name"]: sum(isinstance(y, (int, float)) and (y > 0 or not plot.get("log_y")) for y in s["y"])
                for s in plot["series"]}
        check(points(chart) == want, plot["title"], points(chart), want)
        drawn = driver.execute_script(
            "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'});"
            "return [...arguments[0].querySelectorAll('g.series')].filter(g => g.dataset.points > 1).map(g => {"
            "const line = g.querySelector('.line'); return [line.getTotalLength(), getComputedStyle(line).stroke]; })", chart)
        check(all(length > 20 for length, _ in drawn), plot["title"], drawn)
        shot = chart.find_element(By.CSS_SELECTOR, ".chart-plot").screenshot_as_png
        colours = Image.open(io.BytesIO(shot)).convert("RGB").getcolors(1 << 24)
        check(sum(n for n, c in colours if c != PAPER[scheme]) > 500, plot["title"], "is nearly empty")
        for _, stroke in drawn[-1:]:  # the last series lies on top
            ink = tuple(int(v) for v in stroke[4:-1].split(","))
            near = sum(n for n, c in colours if max(abs(a - b) for a, b in zip(c, ink)) < 40)
            check(near > 30, plot["title"], near, "pixels of the colour", ink)
    images = [i for e in experiments for i in e["images"]]
    pictures = driver.find_elements(By.CSS_SELECTOR, ".picture img")
    check(len(pictures) == len(images) > 0, len(pictures), "pictures")
    check(all(driver.execute_script("return arguments[0].naturalWidth > 9", p) for p in pictures), "pictures are empty")
    paper = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    check(paper == "rgb(%d, %d, %d)" % PAPER[scheme], scheme, paper)
    checks = sum(len(c["checks"]) for n in found["notebooks"] for c in n["cells"])
    rows = driver.find_elements(By.CSS_SELECTOR, ".checks tbody tr")
    check(len(rows) == checks, len(rows), "rows of", checks, "checks")


def keyboard(driver, chart):
    plot, values = chart.find_element(By.CSS_SELECTOR, ".chart-plot"), chart.find_element(By.CSS_SELECTOR, ".chart-values")
    last_button = chart.find_elements(By.CSS_SELECTOR, ".chart-legend button")[-1]
    driver.execute_script("arguments[0].focus()", last_button)
    ActionChains(driver).send_keys(Keys.TAB).perform()
    check(driver.switch_to.active_element == plot, "Tab goes from the legend to the figure")
    check(values.is_displayed(), "values are shown on focus")
    first = values.text
    plot.send_keys(Keys.ARROW_RIGHT)
    check(values.text != first and "sgd_momentum" in values.text, "the right arrow goes on", first, values.text)
    plot.send_keys(Keys.HOME)
    check(values.text == first, "Home goes back")
    plot.send_keys(Keys.END)
    before = points(chart)
    plot.send_keys("+")
    zoomed = points(chart)
    check(all(1 < zoomed[name] < before[name] for name in before), "+ zooms in", before, zoomed)
    plot.send_keys("0")
    check(points(chart) == before, "0 shows all again")
    plot.send_keys(Keys.ESCAPE)
    check(not values.is_displayed(), "Escape hides the values")


def legend(driver, chart):
    button = chart.find_elements(By.CSS_SELECTOR, ".chart-legend button")[0]
    before, ticks = points(chart), [t.text for t in chart.find_elements(By.CSS_SELECTOR, "text.tick")]
    button.send_keys(Keys.ENTER)
    check(button.get_attribute("aria-pressed") == "false" and list(points(chart)) == list(before)[1:], points(chart))
    chart.find_element(By.CSS_SELECTOR, ".chart-plot").send_keys(Keys.END)
    values = chart.find_element(By.CSS_SELECTOR, ".chart-values").text
    check(list(before)[0] + " " not in values, "a hidden series has no values", values)
    # The page scrolls smoothly, and a click does not wait for that.
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)
    button.click()
    check(points(chart) == before, "shown again")
    check([t.text for t in chart.find_elements(By.CSS_SELECTOR, "text.tick")] == ticks, "with the same axes")


def pointer(driver, chart):
    plot, reset = chart.find_element(By.CSS_SELECTOR, ".chart-plot"), chart.find_elements(By.CSS_SELECTOR, ".chart-tools button")[-1]
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", plot)
    values, before = chart.find_element(By.CSS_SELECTOR, ".chart-values"), points(chart)
    ActionChains(driver).move_to_element(plot).perform()
    check(values.is_displayed() and "sgd" in values.text, "values under the pointer", values.text)
    check(not reset.is_enabled(), "nothing to reset")
    ActionChains(driver).move_to_element_with_offset(plot, -40, 0).click_and_hold().move_by_offset(80, 0).release().perform()
    zoomed = points(chart)
    check(all(1 < zoomed[name] < before[name] for name in before), "dragging zooms", before, zoomed)
    reset.click()
    check(points(chart) == before, "reset")
    ActionChains(driver).move_to_element_with_offset(plot, -40, 0).click_and_hold().move_by_offset(80, 0).release().perform()
    ActionChains(driver).double_click(plot).perform()
    check(points(chart) == before, "a double click resets")
    chart.find_element(By.CSS_SELECTOR, ".chart-table summary").click()
    check(len(chart.find_elements(By.CSS_SELECTOR, ".chart-table tbody tr")) > 2, "values as a table")


def page_keyboard(driver):
    """Every link and control can be reached, and the checks be opened, without a pointer."""
    unfold = driver.find_element(By.ID, "unfold")
    folds = "return [...document.querySelectorAll('.checks')].map(t => t.closest('details').open)"
    check(not any(driver.execute_script(folds)), "checks are folded")
    unfold.send_keys(Keys.ENTER)
    check(all(driver.execute_script(folds)), "checks are open")
    broken = driver.execute_script("return [...document.querySelectorAll('a[href^=\"#\"]')].filter(a => "
                                   "!document.getElementById(a.hash.slice(1))).map(a => a.hash)")
    check(not broken, "links to nothing", broken)


def main():
    with Directory() as base:
        out = os.path.join(base, "notebooks")
        succeeded(run("reproduce", "all", "--quick", "--data", "synthetic", "--out", out, timeout=1200))
        page = os.path.join(out, "report.html")
        with open(os.path.join(out, "results.json")) as file:
            found = json.load(file)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        check("http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text, "outside links")
        os.rename(os.path.join(out, "filters.png"), os.path.join(base, "filters.png"))  # the page needs no file
        driver = browser()
        try:
            for scheme, width in [("light", 1400), ("dark", 1400), ("light", 390)]:
                opened(driver, page, scheme, width)
                every_figure(driver, found, scheme)
                no_errors(driver)
            opened(driver, page, "light", 1400)
            page_keyboard(driver)
            chart = driver.find_element(By.CSS_SELECTOR, "#fully-connected-18 figure.chart")
            keyboard(driver, chart)
            legend(driver, chart)
            pointer(driver, chart)
            no_errors(driver)
        finally:
            driver.quit()
    print("the page is as it should be")


if __name__ == "__main__":
    sys.exit(main())
