"""Tables: training, a kill and a resume, evaluation and predictions, and what is wrong with calls and files."""

import csv
import io
import json
import math
import os
import random
import shutil
import signal
import subprocess
import time

from command_testing import LAMINA, Directory, check, environment, history, run, same_history, succeeded

COLOURS = ["red", 'dark "blue"', "green; pale"]
KINDS = ["ant", "bee", "cät"]


def write_rows(path, count, seed, columns=("colour", "size", "kind"), separator=","):
    """Rows whose kind follows from colour and size, for the most part."""
    draws = random.Random(seed)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, delimiter=separator, extrasaction="ignore", restval="more")
        writer.writeheader()
        for i in range(count):
            kind = i % 3
            colour = kind if draws.random() < 0.8 else draws.randrange(3)
            size = "" if draws.random() < 0.05 else "%.3f" % (10 * kind + draws.gauss(0, 2))
            writer.writerow({"colour": COLOURS[colour], "size": size, "kind": KINDS[kind]})
    return path


def refused(process, *parts, code=1):
    check(process.returncode == code and len(process.stderr.splitlines()) == 1, process.args, process.returncode, process.stderr)
    check(all(part in process.stderr for part in parts), parts, process.stderr)


def cells(text, separator=","):
    return list(csv.DictReader(io.StringIO(text), delimiter=separator))


def trains_and_answers(base):
    data, out = write_rows(os.path.join(base, "kinds.csv"), 150, 1), os.path.join(base, "run")
    shown = succeeded(run("data", "info", data)).stdout
    check("150 rows, 3 columns: colour, size, kind" in shown, shown)
    shown = succeeded(run("data", "info", data, "--target", "kind")).stdout
    check("2 columns that become 4 numbers" in shown and "3 categories: dark" in shown and "number, mean" in shown, shown)
    done = succeeded(run("train", "--data", data, "--target", "kind", "--out", out))
    check("kinds.csv: 120 train, 15 val and 15 test rows of 4 numbers\n3 classes: ant, bee, cät" in done.stdout, done.stdout)
    check("lamina predict %s NEW.csv" % out in done.stdout, done.stdout)
    config = history(out)["config"]
    check([config[k] for k in ("model", "init", "update_rule", "batch_size", "num_epochs", "target")] ==
          ["fc", "xavier", "adam", 32, 100, "kind"], config)
    found = json.loads(succeeded(run("eval", out, "--json")).stdout)
    check(abs(found["accuracy"] - history(out)["best_val_acc"]) < 1e-12 and found["images"] == 15, found)
    check(found["accuracy"] > 0.85, found)

    # Other rows, columns in another order, one more, and no target.
    new = write_rows(os.path.join(base, "new.tsv"), 60, 2, ("extra", "size", "colour"), "\t")
    answers = cells(succeeded(run("predict", out, new)).stdout, "\t")
    right = sum(row["predicted kind"] == KINDS[i % 3] for i, row in enumerate(answers))
    check(len(answers) == 60 and right > 50, right)
    check(list(answers[0]) == ["extra", "size", "colour", "predicted kind"] + ["probability " + k for k in KINDS], answers[0])
    check(all(abs(sum(float(row["probability " + k]) for k in KINDS) - 1) < 1e-5 for row in answers), "probabilities")
    with open(new, encoding="utf-8") as file:
        given = cells(file.read(), "\t")
    check([{k: row[k] for k in given[0]} for row in answers] == given, "the table's own cells")
    lines = [json.loads(line) for line in succeeded(run("predict", out, new, "--json", "--top", "2")).stdout.splitlines()]
    check([line["line"] for line in lines] == list(range(2, 62)), "a JSON object for each row, by its line")
    for line, row in zip(lines, answers):
        first, second = line["classes"]
        check(first["name"] == row["predicted kind"] and first["probability"] >= second["probability"], line, row)
        check(abs(first["probability"] - float(row["probability " + first["name"]])) < 1e-6, line, row)
    written = os.path.join(base, "predictions.tsv")
    check(succeeded(run("predict", out, new, "--out", written)).stdout == "", "nothing on standard output")
    with open(written, encoding="utf-8") as file:
        check(cells(file.read(), "\t") == answers, "--out")
    again = succeeded(run("predict", out, written)).stdout  # the columns of earlier predictions are replaced
    check(cells(again, "\t") == answers, again)

    labelled = write_rows(os.path.join(base, "labelled.csv"), 30, 3, separator=";")
    found = json.loads(succeeded(run("eval", out, "--data", labelled, "--json")).stdout)
    answers = cells(succeeded(run("predict", out, labelled)).stdout, ";")
    right = sum(row["predicted kind"] == row["kind"] for row in answers)
    check(found["images"] == 30 and found["right"] == right, found, right)
    return data, out


def numbers_and_labels(base):
    """Numbers in the unit of their columns, several labels at once, and what eval says of them against predict's table."""
    data = os.path.join(base, "numbers.csv")
    draws = random.Random(7)
    with open(data, "w") as file:
        file.write("a,b,price,weight,cheap,heavy\n")
        for _ in range(300):
            a, b = draws.gauss(0, 1), draws.gauss(0, 1)
            price, weight = 20000 + 3000 * a - 1000 * b + draws.gauss(0, 300), 5 + 0.1 * b
            file.write(f"{a},{b},{price},{weight},{int(price < 20000)},{int(weight > 5)}\n")
    out = os.path.join(base, "two")
    succeeded(run("train", "--data", data, "--target", "price,weight", "--ignore-columns", "cheap,heavy", "--loss", "squared",
                  "--epochs", "30", "--learning-rate", "0.01", "--out", out, "-q"))
    found = json.loads(succeeded(run("eval", out, "--split", "all", "--json")).stdout)
    rows = cells(succeeded(run("predict", out, data)).stdout)
    check([t["name"] for t in found["targets"]] == ["price", "weight"], found)
    first = json.loads(succeeded(run("predict", out, data, "--json")).stdout.splitlines()[0])
    check(all(abs(t["value"] - float(rows[0]["predicted " + t["name"]])) < 1e-5 * t["value"] for t in first["targets"]), first, rows[0])
    for target in found["targets"]:
        errors = [float(row["predicted " + target["name"]]) - float(row[target["name"]]) for row in rows]
        rmse = math.sqrt(sum(e * e for e in errors) / len(errors))
        check(abs(target["rmse"] - rmse) < 1e-4 * rmse and target["r2"] > 0.9, target, rmse)
    check(abs(history(out)["best_val_acc"] - json.loads(succeeded(run("eval", out, "--json")).stdout)["mean_r2"]) < 1e-6, "R^2")
    check("price" in succeeded(run("data", "info", data, "--target", "price", "--loss", "squared")).stdout, "data info")
    refused(run("train", "--data", data, "--target", "price"), "numbers are predicted with the loss squared, absolute or huber")

    out = os.path.join(base, "labels")
    succeeded(run("train", "--data", data, "--target", "cheap,heavy", "--ignore-columns", "price,weight", "--loss", "sigmoid",
                  "--epochs", "30", "--out", out, "-q"))
    rows = cells(succeeded(run("predict", out, data)).stdout)
    for name in "cheap", "heavy":
        check(sum(row["predicted " + name] == row[name] for row in rows) > 280, name)
        check(all((float(row["probability " + name]) > 0.5) == (row["predicted " + name] == "1") for row in rows), name)
    refused(run("train", "--data", data, "--target", "price", "--loss", "sigmoid"), "expected a label of 0 or 1")


def unknown_cells(base, out):
    path = os.path.join(base, "unknown.csv")
    with open(path, "w") as file:
        file.write("size,colour,kind\n1,red,ant\n2,violet,ant\n")
    refused(run("predict", out, path), path + ": line 3, column 'colour': expected one of the 3 categories", "found 'violet'")
    refused(run("eval", out, "--data", path), "line 3, column 'colour'")
    done = succeeded(run("predict", out, path, "--allow-unknown"))
    check(len(cells(done.stdout)) == 2 and "1 cell has a category that no training row has" in done.stderr, done.stderr)
    done = succeeded(run("eval", out, "--data", path, "--allow-unknown", "--json"))
    check(json.loads(done.stdout)["images"] == 2, done.stdout)
    for text, parts in [("size,kind\n1,ant\n", ["expected a column 'colour', found 'size', 'kind'"]),
                        ("size,colour\n1,red\nbig,red\n", ["line 3, column 'size': expected a number, found 'big'"]),
                        ("size,colour\n1\n", ["line 2: expected 2 cells as in the header, found 1"])]:
        with open(path, "w") as file:
            file.write(text)
        refused(run("predict", out, path), path + ": ", *parts)


def killed_and_resumed(base, data):
    """A run that is killed and goes on gives the history of one that never stopped."""
    call = ["train", "--data", data, "--target", "kind", "--epochs", "3000", "--seed", "3"]
    whole, broken = os.path.join(base, "whole"), os.path.join(base, "broken")
    succeeded(run(*call, "--out", whole, "-q"))
    process = subprocess.Popen([LAMINA, *call, "--out", broken, "-q"], stdout=subprocess.DEVNULL,
                               env=environment(LAMINA_CHECKPOINT_SECONDS="0.02"))
    checkpoint = os.path.join(broken, "checkpoint")
    while not os.path.exists(checkpoint) and process.poll() is None:
        time.sleep(0.002)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    check(process.wait() == -signal.SIGKILL, "the run ended before it was killed")
    succeeded(run("train", "--resume", broken, "-q"))
    check(same_history(history(whole), history(broken)), "another history after a kill")
    copy = os.path.join(base, "copy.csv")
    shutil.copy(data, copy)
    with open(copy, "a", encoding="utf-8") as file:
        file.write("red,1,ant\n")
    refused(run("train", "--resume", broken, "--epochs", "3001", "--data", copy), "expected the data that the run started with")


def wrong_calls(base, data, out):
    refused(run("train", "--data", data), "--target: expected the column of %s to predict" % data, code=2)
    refused(run("train", "--data", data, "--target", "knd"), "expected a column 'knd'", "did you mean kind?")
    refused(run("train", "--data", data, "--target", "kind", "--image-size", "9"), "--image-size belongs to a directory", code=2)
    refused(run("train", "--data", "synthetic", "--target", "kind"), "--target belongs to a table (.csv, .tsv), got synthetic", code=2)
    refused(run("data", "info", "--target", "kind"), "--target: expected the data", code=2)
    refused(run("predict", out, data, data), "expected one table", code=2)
    refused(run("predict", out, data, "--mirror-averaging"), "--mirror-averaging belongs to images", code=2)
    refused(run("predict", out, os.path.join(base, "none.csv")), "expected a file, found none")
    refused(run("predict", out, os.path.join(base, "cat.png")), "expected a table (.csv, .tsv) for a net", "cat.png", code=2)
    for flag in (["--cutout", "1"], ["--shift", "1"], ["--mirror"], ["--mirror-averaging"]):
        refused(run("train", "--data", data, "--target", "kind", "--out", os.path.join(base, "augmented"), *flag),
                "expected images (C, H, W) for mirror, shift, cutout", code=2)


def other_nets(base, data):
    out = os.path.join(base, "net")
    succeeded(run("train", "--data", data, "--target", "kind", "--net", "affine 16 | layernorm | relu | affine 3", "--epochs", "5",
                  "--out", out))
    check(history(out)["config"]["net"].startswith("affine 16"), history(out)["config"])
    found = os.path.join(base, "search")
    succeeded(run("search", "--data", data, "--target", "kind", "--epochs", "2", "--search", "learning-rate=log-uniform:1e-4:1e-2", "--trials",
                  "2", "--out", found))
    succeeded(run("predict", os.path.join(found, "best"), data))


def main():
    with Directory() as base:
        data, out = trains_and_answers(base)
        numbers_and_labels(base)
        unknown_cells(base, out)
        killed_and_resumed(base, data)
        wrong_calls(base, data, out)
        other_nets(base, data)


if __name__ == "__main__":
    main()
