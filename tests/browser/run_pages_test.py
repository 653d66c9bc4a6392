"""The pages of `train --diagnose` and of `search`, in headless Chromium: every figure is drawn, in light and dark and at
a phone's width, and pointer and keyboard work, without an error in the console and without a network."""

import base64
import csv
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
SIZES = [("light", 1200), ("dark", 1200), ("light", 390), ("dark", 390)]
INSIDE = {"Gradients": "gradient_norm", "Updates": "update_ratio", "Weights": "weight_norm",
          "Outputs, deviation": "output_std", "Outputs, mean": "output_mean", "ReLU outputs that are 0": "zero_share",
          "ReLUs that are 0 for a whole batch": "dead_share"}


def rows(directory, name):
    with open(os.path.join(directory, name), newline="") as file:
        return list(csv.DictReader(file))


def title(plot):
    return plot.find_element(By.TAG_NAME, "figcaption").text


def picture(driver):
    """The whole page."""
    size = driver.execute_script("return [document.documentElement.clientWidth, document.documentElement.scrollHeight]")
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {
        "captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}})
    return Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")


def ink(driver, plots, scheme):
    """No figure is empty, all of it lies on the paper, and its curves and dots have ink of their own colour."""
    page = picture(driver)
    for plot in plots:
        name = title(plot)
        box, strokes, cut_off = driver.execute_script(
            "const svg = arguments[0].querySelector('.chart-plot > svg'), r = svg.getBoundingClientRect();"
            "const width = document.documentElement.clientWidth;"
            "return [[r.left, r.top, r.right, r.bottom].map((v, i) => v + (i % 2 ? scrollY : scrollX)),"
            "[...svg.querySelectorAll('path.line[d*=\"L\"],path.dot')].map(n => getComputedStyle(n).stroke),"
            "[...svg.querySelectorAll('text')].filter(t => { const r = t.getBoundingClientRect();"
            " return r.left < 0 || r.right > width; }).map(t => t.textContent)]", plot)
        colours = page.crop([round(v) for v in box]).getcolors(1 << 24)
        check(sum(n for n, c in colours if c != PAPER[scheme]) > 500, name, "is nearly empty")
        check(strokes, name, "has neither curve nor dot")
        last = tuple(int(v) for v in strokes[-1][4:-1].split(","))  # it lies on top
        near = sum(n for n, c in colours if max(abs(a - b) for a, b in zip(c, last)) < 40)
        check(near > 4, name, scheme, near, "pixels of", last)
        check(not cut_off, name, "text is cut off", cut_off)


def curves(driver, out):
    """Figure by figure what the run's files hold."""
    plots = driver.find_elements(By.CSS_SELECTOR, "figure.chart")
    with open(os.path.join(out, "history.json")) as file:
        history = json.load(file)
    measured = rows(out, "diagnostics.csv")
    check([title(plot) for plot in plots] == ["Training loss", "Accuracy", *INSIDE], [title(p) for p in plots])
    for plot, name in zip(plots, ["Training loss", "Accuracy", *INSIDE]):
        data = json.loads(plot.find_element(By.TAG_NAME, "script").get_attribute("textContent"))
        if name == "Training loss":
            check(len(data["series"][0]["y"]) == len(history["loss_history"]), "losses", data)
        elif name == "Accuracy":
            check([len(s["y"]) for s in data["series"]] == [len(history["val_acc_history"])] * 2, "accuracies", data)
        else:
            of = [r for r in measured if r["quantity"] == INSIDE[name]]
            for s in data["series"]:
                want = [float(r["value"]) for r in of if r["layer"] == s["name"]]
                check(len(s["y"]) == len(want) > 0, name, s["name"], len(s["y"]), len(want))
                check(all(abs(a - b) <= 1e-5 * abs(b) for a, b in zip(s["y"], want)), name, s["name"])
            check({s["name"] for s in data["series"]} == {r["layer"] for r in of}, name, "layers")
            lines = plot.find_elements(By.CSS_SELECTOR, ".chart-plot path.line[d*='L']")
            check(len(lines) == len(data["series"]), name, len(lines), "curves")
    pictures = driver.find_elements(By.CSS_SELECTOR, ".filters img")
    check(len(pictures) == 1, len(pictures), "pictures")
    check(all(driver.execute_script("return arguments[0].naturalWidth > 9", p) for p in pictures), "the filters")
    return plots


def values_of_a_run(driver, plot):
    values, layers = plot.find_element(By.CSS_SELECTOR, ".chart-values"), ["conv 1", "conv 2", "affine 3"]
    svg, frame_of = plot.find_element(By.CSS_SELECTOR, ".chart-plot > svg"), plot.find_element(By.CSS_SELECTOR, ".chart-plot")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", plot)
    check(not values.is_displayed(), "no values before")
    ActionChains(driver).move_to_element(svg).perform()
    check(values.is_displayed() and values.text.startswith("iteration ") and all(n in values.text for n in layers),
          "values under the pointer", values.text)
    check(len([c for c in plot.find_elements(By.CSS_SELECTOR, "circle[r='4.5']") if c.is_displayed()]) == 3, "dots")
    box, frame = values.rect, plot.rect
    check(frame["x"] - 1 <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"] + 1, box, frame)
    ActionChains(driver).move_to_element(driver.find_element(By.TAG_NAME, "h1")).perform()
    check(not values.is_displayed(), "gone with the pointer")

    last_button = plot.find_elements(By.CSS_SELECTOR, ".chart-legend button")[-1]
    driver.execute_script("arguments[0].focus()", last_button)
    ActionChains(driver).send_keys(Keys.TAB).perform()
    plot = frame_of
    check(driver.switch_to.active_element == plot and values.is_displayed(), "Tab goes from the legend to the figure")
    plot.send_keys(Keys.HOME)
    check(values.text.startswith("iteration 1\n"), values.text)
    plot.send_keys(Keys.ARROW_RIGHT)
    check(values.text.startswith("iteration 2\n"), values.text)
    plot.send_keys(Keys.END)
    check(values.text.startswith("iteration 40\n"), values.text)
    plot.send_keys(Keys.ESCAPE)
    check(not values.is_displayed(), "Escape hides the values")


def train_page(driver, base):
    out = os.path.join(base, "run")
    succeeded(run("train", "--data", "synthetic", "--num-filters", "4,6", "--filter-sizes", "5,3", "--conv-stride", "2",
                  "--num-train", "500", "--batch-size", "50", "--epochs", "4", "--update-rule", "adam", "--diagnose",
                  "--quiet", "--out", out))
    page = os.path.join(out, "report.html")
    for scheme, width in SIZES:
        opened(driver, page, scheme, width)
        ink(driver, curves(driver, out), scheme)
        no_errors(driver)
    for width in [1200, 390]:
        opened(driver, page, "light", width)
        values_of_a_run(driver, driver.find_elements(By.CSS_SELECTOR, "figure.chart")[3])
        no_errors(driver)


def page_of_a_failed_run(driver, base):
    """The one accuracy of a run that failed in its first epoch lies on an axis that begins at 0."""
    out = os.path.join(base, "failed")
    done = run("train", "--data", "synthetic", "--model", "two-layer", "--learning-rate", "1e10", "--epochs", "1", "--quiet",
               "--out", out)
    check(done.returncode == 1, done.stdout, done.stderr)
    opened(driver, os.path.join(out, "report.html"), "light", 1200)
    accuracy = driver.find_elements(By.CSS_SELECTOR, "figure.chart")[1]
    ticks = [t.text for t in accuracy.find_elements(By.CSS_SELECTOR, "text.tick[text-anchor='middle']")]
    check(float(ticks[0]) == 0 and len(ticks) > 2, title(accuracy), ticks)
    no_errors(driver)


def dots(driver, out):
    """A dot a trial in the figure of each setting, a row a trial in the table."""
    plots = driver.find_elements(By.CSS_SELECTOR, "figure.chart")
    trials = rows(out, "trials.csv")
    want = ["Accuracy against hidden", "Accuracy against learning-rate", "Accuracy against reg", "How the trials learned"]
    check([title(plot) for plot in plots] == want, [title(p) for p in plots])
    for plot in plots[:3]:
        keys = [c.get_attribute("data-key") for c in plot.find_elements(By.CSS_SELECTOR, "path.dot[data-key]")]
        check(sorted(keys, key=int) == [str(i + 1) for i in range(len(trials))], title(plot), keys)
        check(len(plot.find_elements(By.CSS_SELECTOR, "circle.ring")) == 1, title(plot), "the best is ringed")
    curves_of = len(plots[3].find_elements(By.CSS_SELECTOR, "g.series"))
    check(curves_of == len(trials), curves_of, "curves of", len(trials))
    check(len(driver.find_elements(By.CSS_SELECTOR, ".trials tbody tr")) == len(trials), "rows")
    return plots


def points_at_a_trial(driver):
    on = "return [...document.querySelectorAll('.on')].map(n => n.tagName + n.dataset.key).sort()"
    plots = driver.find_elements(By.CSS_SELECTOR, "figure.chart")
    check(driver.execute_script(on) == [], "nothing stands out at first")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", plots[1])
    dot = plots[1].find_elements(By.CSS_SELECTOR, "path.dot[data-key]")[0]
    key = dot.get_attribute("data-key")
    ActionChains(driver).move_to_element(dot).perform()
    check(driver.execute_script(on) == ["TR" + key, *["path" + key] * 3], driver.execute_script(on))
    check("Trial " + key in dot.find_element(By.TAG_NAME, "title").get_attribute("textContent"), "what is told of a dot")
    dot.click()
    row = driver.find_element(By.CSS_SELECTOR, "tr[data-key='%s']" % key)
    seen = driver.execute_script("const r = arguments[0].getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight", row)
    check(seen, "a click goes to the trial's row")
    other = driver.find_elements(By.CSS_SELECTOR, ".trials tbody tr")[-1]
    other_key = other.get_attribute("data-key")
    driver.execute_script("arguments[0].focus()", other)
    check(driver.execute_script(on) == ["TR" + other_key, *["path" + other_key] * 3], driver.execute_script(on))


def search_page(driver, base):
    out = os.path.join(base, "search")
    succeeded(run("search", "--data", "synthetic", "--model", "fc", "--epochs", "3", "--num-train", "500", "--trials", "9",
                  "--update-rule", "adam", "--search", "learning-rate=log-uniform:1e-4:1e-2", "--search",
                  "hidden=choice:20|20,20|40", "--search", "reg=uniform:0:1", "--quiet", "--out", out))
    page = os.path.join(out, "report.html")
    for scheme, width in SIZES:
        opened(driver, page, scheme, width)
        ink(driver, dots(driver, out), scheme)
        no_errors(driver)
    opened(driver, page, "light", 1200)
    points_at_a_trial(driver)
    no_errors(driver)


def main():
    with Directory() as base:
        driver = browser()
        try:
            train_page(driver, base)
            page_of_a_failed_run(driver, base)
            search_page(driver, base)
        finally:
            driver.quit()
    print("the pages are as they should be")


if __name__ == "__main__":
    sys.exit(main())
