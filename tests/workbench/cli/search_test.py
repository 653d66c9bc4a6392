"""lamina search: its table and its best run, the training that repeats a trial, kills and interruptions, settings from a
file, and one line for each call that makes no sense."""

import csv
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time

from command_testing import LAMINA, Directory, check, environment, history, run, succeeded, write_cifar10

FIXED = ["--model", "fc", "--epochs", "9", "--num-train", "200", "--batch-size", "25", "--data", "synthetic"]
SEARCHED = ["--search", "learning-rate=log-uniform:1e-6:1e8", "--search", "hidden=choice:8|16,8", "--search",
            "update-rule=choice:sgd|adam", "--search", "dropout=uniform:0.5:1"]
TRIALS = ["--trials", "12"]


def rows(directory):
    with open(os.path.join(directory, "trials.csv"), newline="") as file:
        return list(csv.DictReader(file))


def table(directory):
    """trials.csv byte for byte, but for the seconds."""
    return [json.dumps({**row, "seconds": ""}) for row in rows(directory)]


def whole_search(base):
    out = os.path.join(base, "whole")
    done = succeeded(run("search", *FIXED, *SEARCHED, *TRIALS, "--out", out, "--threads", "2"))
    check(set(os.listdir(out)) == {"search.jsonl", "trials.csv", "report.html", "best", "dropout.svg", "hidden.svg",
                                   "learning-rate.svg", "update-rule.svg"}, os.listdir(out))
    trials = rows(out)
    check([row["trial"] for row in trials] == [str(i + 1) for i in range(12)], trials)
    check(len({row["seed"] for row in trials}) == 12, "each trial has its own seed")
    check(all(1e-6 <= float(row["learning-rate"]) <= 1e8 and row["hidden"] in ("8", "16,8") and
              row["update-rule"] in ("sgd", "adam") and 0.5 <= float(row["dropout"]) <= 1 for row in trials), trials)
    ends = [row["status"] for row in trials]
    check(ends.count("finished") == 2 and ends.count("failed") >= 1, "expected failed trials among", ends)
    for row in trials:
        check((row["status"] == "failed") == ("expected a finite loss, got" in row["error"]), row)
        check(row["status"] == "failed" or int(row["epochs"]) in ((1, 3) if row["status"] == "stopped" else (9,)), row)
    best = max(trials, key=lambda row: float(row["best_val_acc"] or 0) if row["status"] != "failed" else 0)

    # The console: a line a part, the table with the best first, no codes of a terminal.
    check("\x1b" not in done.stdout and "\r" not in done.stdout, "terminal codes in a pipe")
    check(len(re.findall(r"^Trial +\d+: (epoch|failed)", done.stdout, re.M)) >= 12 + 4 + 2 - 2, done.stdout)
    check(re.search(r"^Rung 1 of 3: 4 trials go on to epoch 3: [\d, ]+$", done.stdout, re.M), done.stdout)
    first = done.stdout.split("trial  best val acc")[1].splitlines()[1].split()
    check(first[0] == best["trial"] and float(first[1]) == round(float(best["best_val_acc"]), 4), first, best)

    # The best run is a run; the command that was printed gives the same.
    seen = history(os.path.join(out, "best"))
    check(seen["best_val_acc"] == float(best["best_val_acc"]), seen["best_val_acc"], best)
    found = json.loads(succeeded(run("eval", os.path.join(out, "best"), "--json")).stdout)
    check(found["accuracy"] == seen["best_val_acc"], found["accuracy"])
    command = re.search(r"^Train it again: +lamina (train .*)$", done.stdout, re.M)[1].split()
    again = os.path.join(base, "again")
    succeeded(run(*command, "--out", again, "--quiet"))
    for key in ("loss_history", "train_acc_history", "val_acc_history", "best_val_acc"):
        check(history(again)[key] == seen[key], "the repeated training has another", key)
    # As docs/search.md says it: the fixed flags, the row's values, its seed; a stopped trial is the run's beginning.
    stopped = [row for row in trials if row["status"] == "stopped"][-1]
    succeeded(run("train", *FIXED, "--seed", stopped["seed"], "--out", again, "--overwrite", "--quiet",
                  *[word for flag in ("learning-rate", "hidden", "update-rule", "dropout")
                    for word in ("--" + flag, stopped[flag])]))
    accuracies = history(again)["val_acc_history"][:int(stopped["epochs"]) + 1]
    check(max(accuracies) == float(stopped["best_val_acc"]), accuracies, stopped)

    page = open(os.path.join(out, "report.html")).read()
    check(not re.search(r'(src|href)="', page), "report.html needs no other file")
    check(page.count("<figcaption>") == 5 and page.count("<tr tabindex") == 12, "report.html")
    figures = [json.loads(text) for text in re.findall('<script type="application/json">(.*?)</script>', page)]
    for row in trials:
        shown = sum(int(row["trial"]) in series.get("keys", []) for figure in figures for series in figure["series"])
        check(shown == (0 if row["status"] == "failed" else 4), "trial", row["trial"], "in", shown, "figures")

    # The same call goes on, and finds nothing to do. So does one thread, from the start.
    done = succeeded(run("search", *FIXED, *SEARCHED, *TRIALS, "--out", out))
    check("nothing is left to do" in done.stdout and table(out) == [json.dumps({**row, "seconds": ""}) for row in trials],
          done.stdout)
    one = os.path.join(base, "one")
    succeeded(run("search", *SEARCHED[4:], *SEARCHED[:4], *FIXED, *TRIALS, "--out", one, "--threads", "1", "--quiet"))
    check(table(one) == table(out), "another table with one thread")
    return out


def kills(base, whole, count=24, seed=3):
    """Killed at random moments and run again: the table of the search that nobody touched, nothing finished repeated."""
    draws = random.Random(seed)
    at = time.monotonic()
    succeeded(run("search", *FIXED, *SEARCHED, *TRIALS, "--out", os.path.join(base, "timed"), "--quiet",
                  env=environment(LAMINA_CHECKPOINT_SECONDS="0")))
    length = time.monotonic() - at
    killed = searches = went_on = 0
    while killed < count:
        out = os.path.join(base, "killed-%d" % searches)
        searches += 1
        lines = []
        while True:
            args = ["--resume", out] if lines and draws.random() < 0.5 else [*FIXED, *SEARCHED, *TRIALS, "--out", out]
            process = subprocess.Popen([LAMINA, "search", *args, "--quiet", "--threads", str(draws.choice((1, 2)))],
                                       env=environment(LAMINA_CHECKPOINT_SECONDS="0"), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
            try:
                error = process.communicate(timeout=100 if killed >= count else draws.uniform(0.1, 1.3) * length)[1]
                check(process.returncode == 0, args, "gave", process.returncode, error)
                ended = True
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                killed += 1
                ended = False
            journal = os.path.join(out, "search.jsonl")
            now = open(journal).read().splitlines(True) if os.path.exists(journal) else []
            kept = [line for line in lines if line.endswith("\n")]
            check(now[:len(kept)] == kept, "what was finished stands in the journal")
            went_on += len(kept) > 1
            lines = now
            if ended:
                break
        check(table(out) == table(whole), out, "has another table")
        check(history(os.path.join(out, "best"))["loss_history"] == history(os.path.join(whole, "best"))["loss_history"],
              out, "has another best run")
        parts = [(p["trial"], p["rung"]) for p in map(json.loads, lines[1:])]
        check(len(parts) == len(set(parts)), "a part was trained twice", parts)
        check(set(os.listdir(out)) == set(os.listdir(whole)), os.listdir(out))
    print("%d kills over %d searches, %d of them with trials done, %.2f s a search" % (killed, searches, went_on, length))
    return went_on


def catches(process, number):
    """Whether the process has a handler for this signal."""
    with open("/proc/%d/status" % process.pid) as file:
        caught = int(re.search(r"^SigCgt:\s*(\w+)$", file.read(), re.M).group(1), 16)
    return bool(caught >> (number - 1) & 1)


def early_interruption(base):
    """A signal that comes before the first trial ends in the same line; --resume then trains all trials."""
    for number in (signal.SIGINT, signal.SIGTERM):
        out = os.path.join(base, "early-%d" % number)
        process = subprocess.Popen([LAMINA, "search", *FIXED, *SEARCHED, *TRIALS, "--out", out], env=environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        while process.poll() is None and not catches(process, number):
            time.sleep(0.0005)
        process.send_signal(number)
        error = process.communicate(timeout=600)[1]
        check(process.returncode == 128 + number and error == "lamina search: interrupted; go on with: lamina search --resume "
              + out + "\n", process.returncode, error)
        check(len(rows(out)) == 12, rows(out))


def interruption(base, whole):
    stopped = 0
    for i, number in enumerate((signal.SIGINT, signal.SIGTERM)):
        out = os.path.join(base, "stopped-%d" % i)
        process = subprocess.Popen([LAMINA, "search", *FIXED, *SEARCHED, *TRIALS, "--out", out],
                                   env=environment(LAMINA_CHECKPOINT_SECONDS="0"), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, encoding="utf-8")
        journal = os.path.join(out, "search.jsonl")
        while process.poll() is None and not (os.path.exists(journal) and open(journal).read().count("\n") > 3):
            time.sleep(0.002)
        process.send_signal(number)
        error = process.communicate(timeout=60)[1]
        if process.returncode == 0:
            continue  # it was quicker than the signal
        stopped += 1
        check(process.returncode == 128 + number and re.fullmatch(
            r"lamina search: interrupted; go on with: lamina search --resume \S+\n", error), error)
        check(os.path.exists(os.path.join(out, "report.html")) and len(rows(out)) == 12, "files of an interrupted search")
        check(any(row["status"] in ("waiting", "running") for row in rows(out)), rows(out))
        succeeded(run("eval", os.path.join(out, "best")))
        succeeded(run(*error.split("go on with: lamina ")[1].split(), "--quiet"))
        check(table(out) == table(whole), "an interrupted search has another table")
    check(stopped >= 1, "expected a signal before the search had ended")


def settings_from_a_file(base, whole):
    path = os.path.join(base, "search.toml")
    with open(path, "w") as file:
        file.write('model = "fc"\nepochs = 9\nnum_train = 200\nbatch-size = 50\ndata = "synthetic"\ntrials = 12\n'
                   'reg = 0.5\n[search]\nlearning_rate = "log-uniform:1e-6:1e8"\nhidden = [8, [16, 8]]\n'
                   'update-rule = ["sgd", "adam"]\ndropout = "uniform:0.5:1"\nbatch_size = "integer:1:2"\n')
    done = run("search", "--config", path, "--out", os.path.join(base, "x"))
    check(done.returncode == 2 and "--search batch-size: expected a flag that is not fixed" in done.stderr, done.stderr)
    with open(path) as file:
        text = file.read().replace('batch_size = "integer:1:2"\n', 'seed = "integer:1:2"\n')
    with open(path, "w") as file:
        file.write(text.replace("reg = 0.5\n", "").replace('seed = "integer:1:2"\n', ""))
    # The command line wins over the file, fixed or searched.
    out = os.path.join(base, "toml")
    succeeded(run("search", "--config", path, "--batch-size", "25", "--out", out, "--quiet"))
    check(table(out) == table(whole), "a TOML file and flags gave other tables")
    out = os.path.join(base, "toml-2")
    succeeded(run("search", "--config", path, "--dropout", "0.8", "--search", "batch-size=choice:20|40", "--trials", "2",
                  "--epochs", "1", "--out", out, "--quiet"))
    check("dropout" not in rows(out)[0] and rows(out)[0]["batch-size"] in ("20", "40"), rows(out))
    done = run("train", "--config", path)
    check(done.returncode == 2 and "search: belongs to lamina search" in done.stderr, done.stderr)


def switches_and_seeds(base):
    data = write_cifar10(os.path.join(base, "data"), per_file=400, test=50)
    out = os.path.join(base, "switch")
    done = succeeded(run("search", "--num-filters", "3", "--filter-sizes", "3", "--conv-stride", "4", "--num-train", "60",
                         "--batch-size", "20", "--epochs", "1", "--data", data, "--trials", "6", "--search",
                         "no-batch-norm=choice:true|false", "--search", "seed=integer:7:9", "--out", out))
    check({row["no-batch-norm"] for row in rows(out)} == {"true", "false"}, rows(out))
    check({row["seed"] for row in rows(out)} <= {"7", "8", "9"}, rows(out))
    command = re.search(r"^Train it again: +lamina (train .*)$", done.stdout, re.M)[1].split()
    again = os.path.join(base, "switched")
    succeeded(run(*command, "--out", again, "--quiet"))
    check(history(again)["loss_history"] == history(os.path.join(out, "best"))["loss_history"], command)


def names_in_a_net(base):
    """Numbers and words of a net: a trial is what lamina train makes of the net with its values, also after a resume."""
    directory = os.path.join(base, "names")
    net = "conv {width} 3x3 | {act} | max_pool 4 | affine {width} | {act} | affine 10"
    done = succeeded(run("search", "--data", "synthetic", "--epochs", "2", "--num-train", "200", "--net", net, "--trials", "4",
                         "--search", "width=integer:2:5", "--search", "act=choice:relu|gelu|tanh", "--out", directory))
    found = [(row["width"], row["act"]) for row in rows(directory)]
    check(len(set(found)) > 1 and all(2 <= int(width) <= 5 for width, _ in found), found)
    best = max(rows(directory), key=lambda row: float(row["best_val_acc"]))
    again = shlex.split(re.search(r"^Train it again: lamina (train .*)$", done.stdout, re.M)[1])
    check(net.replace("{width}", best["width"]).replace("{act}", best["act"]) in again, again)
    succeeded(run(*again, "--out", os.path.join(base, "drawn")))
    check(history(os.path.join(base, "drawn"))["best_val_acc"] == float(best["best_val_acc"]), best)
    drawn = [net.replace("{width}", width).replace("{act}", act) for width, act in found]
    with open(os.path.join(directory, "search.jsonl")) as file:
        parts = [json.loads(line) for line in file][1:]
    check(len(parts) >= 4 and all(part["net"] == drawn[part["trial"] - 1] for part in parts), parts)
    page = open(os.path.join(directory, "report.html")).read()
    check(f"<code>{drawn[int(best['trial']) - 1]}</code>" in page, "the report shows the drawn net")
    whole = table(directory)
    os.remove(os.path.join(directory, "trials.csv"))
    succeeded(run("search", "--resume", directory))
    check(table(directory) == whole, "the table after a resume")
    for wrong, search, message in [
            ("conv {width} 3x3 | affine 10", ["lr=uniform:0.1:1"], "expected a range for {width}, such as --search width="),
            ("conv 3 3x3 | affine 10", ["width=integer:1:3"], "or a name in braces in --net, found neither"),
            ("conv {seed} 3x3 | affine 10", ["seed=integer:1:3"], "that is no flag of lamina train, got {seed}"),
            ("conv {../w} 3x3 | affine 10", ["../w=integer:1:3"], "letters and digits in braces, got {../w}"),
            ("conv {w} 3x3 | {act} | affine 10", ["w=integer:1:3", "act=choice:gelo|relo"], "' at 13; did you mean"),
            ("conv {w 3x3 | affine 10", ["lr=uniform:0.1:1"], "got '{w' at 5")]:
        ranges = [part for text in search for part in ("--search", text)]
        result = run("search", "--data", "synthetic", "--net", wrong, *ranges, "--out", os.path.join(base, "wrong"))
        check(result.returncode == 2 and message in result.stderr and result.stderr.count("\n") == 1, wrong, result.stderr)


def wrong_calls(base, whole):
    rate = "learning-rate=log-uniform:1e-4:1e-2"
    for args, wanted in [
            ([], "expected one or more --search FLAG=RANGE"),
            (["--search", "learning-rate"], "expected FLAG=RANGE, such as"),
            (["--search", "learning-rate=log-uniform:0:1"], "expected MIN above 0, where logarithms are, got 'log-uniform:0:1'"),
            (["--search", "learning-rate=uniform:2:1"], "expected MIN below MAX, got 'uniform:2:1'"),
            (["--search", "learning-rate=normal:0:1"], "expected uniform:MIN:MAX, log-uniform:MIN:MAX, integer:"),
            (["--search", "learning-rte=uniform:0:1"], "did you mean learning-rate"),
            (["--search", "data=choice:mnist|cifar10"], "expected a flag of the net or its training"),
            (["--search", "threads=integer:1:2"], "expected a flag of the net or its training"),
            (["--search", "dropout=uniform:0.5:1.5"], "expected a number above 0 and up to 1, got '1.5'"),
            (["--search", "batch-size=uniform:10:20"], "trial 1 (batch-size 1"),
            (["--search", "update-rule=choice:adam|sdg"], "expected one of sgd, sgd_momentum, rmsprop, adam, adagrad, adamw, got 'sdg'"),
            (["--search", "no-batch-norm=uniform:0:1"], "expected choice:true|false"),
            (["--search", rate, "--search", rate], "expected one range a flag, got two"),
            (["--search", rate, "--learning-rate", "1"], "expected a flag that is not fixed, got --learning-rate too"),
            (["--search", rate, "--model", "convnet", "--hidden", "5"], "--hidden does not belong to --model convnet"),
            (["--search", rate, "--trials", "0"], "expected a whole number of 1 to 100000, got '0'"),
            (["--resume", whole, "--trials", "3"], "--trials cannot be given with it"),
            (["--search", "reg=uniform:0:1", "--momentum", "0.5"], "--momentum belongs to --update-rule sgd_momentum"),
    ]:
        done = run("search", *args, "--out", os.path.join(base, "wrong"))
        check(done.returncode == 2 and wanted in done.stderr and done.stderr.count("\n") == 1, args, done.stderr)
        check(not os.path.exists(os.path.join(base, "wrong")), args, "made a directory")
    for args, wanted in [
            (["--resume", base], "expected the directory of a search, found none"),
            ([*FIXED, *SEARCHED, "--trials", "13", "--out", whole], "was started with --trials 12, not 13"),
            ([*FIXED, *SEARCHED, *TRIALS, "--reg", "1", "--out", whole], "was started without --reg, now with 1;"),
            ([*FIXED[:2], *FIXED[4:], *SEARCHED, *TRIALS, "--out", whole], "was started with --epochs 9, now without;"),
            (["--search", rate, "--data", "cifar10", "--out", os.path.join(base, "wrong")], "expected it in"),
    ]:
        done = run("search", *args)
        check(done.returncode == 1 and wanted in done.stderr and done.stderr.count("\n") == 1, args, done.stderr)
    out = os.path.join(base, "all-failed")
    done = run("search", "--model", "fc", "--data", "synthetic", "--trials", "3", "--epochs", "1", "--out", out, "--search",
               "learning-rate=uniform:1e20:1e21")
    check(done.returncode == 1 and "every trial failed, the first with: expected a finite loss" in done.stderr, done.stderr)
    check([row["status"] for row in rows(out)] == ["failed"] * 3, rows(out))
    # Another search in its place.
    succeeded(run("search", "--model", "fc", "--data", "synthetic", "--trials", "2", "--epochs", "1", "--out", out, "--search",
                  "hidden=choice:5|6", "--overwrite", "--quiet"))
    check(len(rows(out)) == 2 and not os.path.exists(os.path.join(out, "learning-rate.svg")), os.listdir(out))


def main():
    with Directory("/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as base:
        whole = whole_search(base)
        went_on = kills(base, whole)
        check(went_on >= 4, "expected kills in the middle; only", went_on)
        early_interruption(base)
        interruption(base, whole)
        settings_from_a_file(base, whole)
        switches_and_seeds(base)
        names_in_a_net(base)
        wrong_calls(base, whole)
    print("all searches are as they should be")


if __name__ == "__main__":
    sys.exit(main())
