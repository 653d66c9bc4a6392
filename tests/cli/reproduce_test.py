"""lamina reproduce: the notebooks cell by cell, killed and run again, refused where it cannot write or the data are others.

LAMINA_CIFAR10, a directory of --data-dir with CIFAR-10, adds the first notebook's draws on the notebooks' own data."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time

from command_testing import LAMINA, Directory, check, environment, run, succeeded, write_cifar10

CELLS = {
    "fully-connected": "5 6 7 8 Q1 9 10 11 12 14 15 16 Q2 17 18 18+ 19 20".split(),
    "batch-normalization": "5 6 7 8 9 10 12 Q1 14 Q2 Q3 16 17 18 Q4".split(),
    "dropout": "5 6 Q1 7 8 Q2 Q3".split(),
    "convolutional": "4 5 6 7 8 9 10 11 12 13 14 15 17 18 19".split() + ["table 1", "table 2", "4.4"],
}
CELLS = {name: [c.replace("Q", "Question ") for c in cells] for name, cells in CELLS.items()}
# What the notebook prints of cells 12 and 19; drawn after all that came before in its stream.
DRAWN = {("12", "solver_hidden_dim"): 188, ("12", "solver_reg"): 0.5845246460134131,
         ("12", "solver_learning_rate"): 0.0005899695658298456, ("19", "solver_reg"): 0.01831920225912328,
         ("19", "solver_learning_rate"): 0.0007944894378317135, ("19", "dropout"): 0.7374521923170966,
         ("19", "epoch"): 15}


def results(directory):
    with open(os.path.join(directory, "results.json")) as file:
        return json.load(file)


def checks(found, notebook):
    cells = next(n for n in found["notebooks"] if n["name"] == notebook)["cells"]
    return {(c["cell"], k["name"]): k for c in cells for k in c["checks"]}


def holds_by_its_own_numbers(entry):
    values = entry["value"] if isinstance(entry["value"], list) else [entry["value"]]
    if entry["kind"] == "below":
        return values[0] < entry["bound"]
    if entry["kind"] == "above":
        return values[0] > entry["bound"]
    printed = entry["printed"] if isinstance(entry["printed"], list) else [entry["printed"]]
    return len(values) == len(printed) and all(abs(a - b) <= entry["tolerance"] for a, b in zip(values, printed))


def structure(found, out):
    """Every cell is there; each check has its numbers and holds by them; each experiment its histories."""
    check(found["data"]["name"] == "synthetic" and not found["is_cifar10"] and found["quick"], "head of results.json")
    counted = {True: 0, False: 0, None: 0}
    experiments = 0
    for notebook in found["notebooks"]:
        check([c["cell"] for c in notebook["cells"]] == CELLS[notebook["name"]], notebook["name"])
        for cell in notebook["cells"]:
            for entry in cell["checks"]:
                check(entry["cell"] == cell["cell"] and entry["name"], entry)
                counted[entry["holds"]] += 1
                if entry["holds"] is None:
                    check(entry["note"].startswith("not checked: "), entry)
                else:
                    check(entry["holds"] == holds_by_its_own_numbers(entry), entry)
                check(entry["name"] in cell["output"], "what was checked was printed", entry)
            for experiment in cell["experiments"]:
                experiments += 1
                check(experiment["cell"] == cell["cell"] and experiment["name"] and experiment["text"], experiment)
                check(experiment["histories"] or experiment["tables"] or experiment["images"], experiment)
                if cell["cell"].startswith("Question"):
                    check(experiment["question"] and experiment["answer"] and re.search(r"\d", experiment["finding"]), experiment)
                    check(experiment["finding"] in cell["output"], "the finding was printed", experiment)
                for table in experiment["tables"]:
                    check(table["rows"] and all(len(r["values"]) == len(table["columns"]) - 1 for r in table["rows"]), table)
                for plot in experiment["histories"]:
                    check(plot["title"] and plot["x_label"] and plot["series"], plot["title"])
                    for series in plot["series"]:
                        check(len(series["x"]) == len(series["y"]) > 0, series["name"])
                        check(all(y is not None and math.isfinite(y) for y in series["y"]), series["name"])
                for image in experiment["images"]:
                    check(open(os.path.join(out, image["file"]), "rb").read(4) == b"\x89PNG", image)
    check(found["checks"] == {"hold": counted[True], "fail": counted[False], "not_checked": counted[None]}, counted)
    check(counted[False] == 0 and counted[True] > 150 and experiments >= 26, counted, experiments)
    other = [k["note"] for k in checks(found, "fully-connected").values() if k["holds"] is None]
    check(any("other data (synthetic" in note for note in other), other)
    scales = next(c for c in found["notebooks"][1]["cells"] if c["cell"] == "12")["experiments"][0]["histories"]
    check(len(scales) == 3 and all(p["log_x"] and len(s["x"]) == 20 for p in scales for s in p["series"]), "scales")
    contradicted = checks(found, "batch-normalization")[("6", "largest mean (test-time)")]
    check("contradicts its text" in contradicted["note"], contradicted)


def draws(found):
    seen = checks(found, "fully-connected")
    for key, value in DRAWN.items():
        check(seen[key]["value"] == value and seen[key]["holds"], key, seen[key])


def without_seconds(found):
    for notebook in found["notebooks"]:
        for cell in notebook["cells"]:
            del cell["seconds"]
            cell["checks"] = [k for k in cell["checks"] if k["name"] != "speedup"]
            cell["output"] = re.sub(r"speedup: .*", "", cell["output"])
    return found


def killed_and_run_again(base, whole):
    """SIGKILL within a training; the rest is done as if nothing had happened, the finished cells are not repeated."""
    out = os.path.join(base, "killed")
    args = [LAMINA, "reproduce", "fully-connected", "--quick", "--data", "synthetic", "--out", out]
    process = subprocess.Popen(args, env=environment(LAMINA_CHECKPOINT_SECONDS="0.01"), stdout=subprocess.DEVNULL)
    checkpoint = os.path.join(out, "fully-connected.checkpoint")
    while process.poll() is None and not (os.path.exists(os.path.join(out, "results.json"))
                                          and results(out)["notebooks"][0:1]
                                          and len(results(out)["notebooks"][0]["cells"]) >= 8
                                          and os.path.exists(checkpoint)):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = results(out)["notebooks"][0]["cells"]
    check(8 <= len(before) < len(CELLS["fully-connected"]) and os.path.exists(checkpoint), "killed in the middle", len(before))
    done = succeeded(run(*args[1:])).stdout
    check(done.count("(taken from results.json)") == len(before), done)
    check(done.count("(going on after iteration ") == 1, "the training was not gone on with", done)
    check(not os.path.exists(checkpoint), "a finished training's checkpoint is removed")
    after = results(out)["notebooks"][0]["cells"]
    check(after[:len(before)] == before, "finished cells stand as they were")
    check(without_seconds(results(out))["notebooks"][0] == without_seconds(whole)["notebooks"][0],
          "a run that was killed found other numbers")


def refusals(base, out):
    def refused(*args):
        done = run("reproduce", "dropout", *args)
        check(done.returncode == 1 and len(done.stderr.splitlines()) == 1, args, done.stderr)
        return done.stderr

    before = results(out)
    check("of a run with --quick" in refused("--data", "synthetic", "--out", out), "another length")
    data = write_cifar10(os.path.join(base, "data"), per_file=400, test=50)
    check("other data (synthetic)" in refused("--quick", "--data", data, "--out", out), "other data")
    check(results(out) == before, "results stand as they were")
    check("cannot be made a directory" in refused("--data", "synthetic", "--out", "/proc/no/where"), "unwritable")
    check("results.json" in refused("--data", "synthetic", "--out", "/proc"), "unwritable directory")
    check("no-such-data" in refused("--data", "no-such-data", "--out", os.path.join(base, "x")), "no data")
    broken = os.path.join(base, "broken")
    os.makedirs(broken)
    with open(os.path.join(broken, "results.json"), "w") as file:
        file.write("{")
    check("expected the results of a reproduction" in refused("--data", "synthetic", "--out", broken), "broken file")
    done = run("reproduce", "everything")
    check(done.returncode == 2 and "expected one of" in done.stderr, done.stderr)

    # Checks that failed: that of a cell which trained stands, and the exit code is 1; the other cell is run again.
    cells = {c["cell"]: c for c in before["notebooks"][2]["cells"]}
    trained, plain = cells["8"]["checks"][0], cells["5"]["checks"][0]
    trained["holds"] = plain["holds"] = False
    with open(os.path.join(out, "results.json"), "w") as file:
        json.dump(before, file)
    done = run("reproduce", "dropout", "--quick", "--data", "synthetic", "--out", out)
    check(done.returncode == 1 and "FAILED: dropout, cell 8: %s" % trained["name"] in done.stdout, done.stdout)
    check("FAILED: dropout, cell 5" not in done.stdout and done.stdout.count("(taken from") == len(cells) - 1, done.stdout)


def own_data(base):
    directory = os.environ.get("LAMINA_CIFAR10")
    if not directory:
        print("not run: the first notebook on CIFAR-10, whose place LAMINA_CIFAR10 would name")
        return
    out = os.path.join(base, "cifar10")
    succeeded(run("reproduce", "fully-connected", "--quick", "--data", "cifar10", "--data-dir", directory, "--out", out))
    found = results(out)
    check(found["is_cifar10"], found["data"])
    draws(found)
    seen = checks(found, "fully-connected")
    for key in [("15", "first loss"), ("16", "first loss"), ("18", "sgd: first loss"),
                ("18", "sgd_momentum: first loss")]:
        check(seen[key]["holds"] is True, seen[key])


def main():
    with Directory() as base:
        out = os.path.join(base, "all")
        succeeded(run("reproduce", "all", "--quick", "--data", "synthetic", "--out", out, timeout=1400))
        found = results(out)
        structure(found, out)
        draws(found)
        start = time.monotonic()
        again = succeeded(run("reproduce", "all", "--quick", "--data", "synthetic", "--out", out)).stdout
        check(again.count("(taken from results.json)") == sum(map(len, CELLS.values())), again)
        check(time.monotonic() - start < 10 and results(out) == found, "a second run does nothing")
        killed_and_run_again(base, found)
        refusals(base, out)
        own_data(base)
    print("the notebooks are reproduced as they should be")


if __name__ == "__main__":
    sys.exit(main())
