"""Runs whose targets are numbers or several labels at once, one for each loss, through the command: the score by its name
everywhere, predictions, and a resume to the bit."""

import json
import os
import sys

import numpy as np

from command_testing import Directory, check, history, on_a_terminal, run, same_history, succeeded

SIZES = {"train": 240, "val": 60, "test": 40}
NET = ["--net", "affine 12 | relu | affine {}", "--batch-size", "20", "--epochs", "6", "--update-rule", "adam",
       "--learning-rate", "1e-2", "--dtype", "float64", "--threads", "1", "--print-every", "1000"]


def write_set(path, make_y, **more):
    """Examples of five numbers, with y made from them."""
    draws = np.random.RandomState(3)
    arrays = {}
    for split, n in SIZES.items():
        X = draws.randn(n, 5)
        arrays["X_" + split], arrays["y_" + split] = X, make_y(X)
    np.savez(path, **arrays, **more)
    return path


def numbers(X):
    return np.stack([X[:, 0] - 2 * X[:, 1], np.abs(X[:, 2]) + 30], axis=1)


def labels(X):
    return np.stack([X[:, 0] > 0, X[:, 1] + X[:, 2] > 1, X[:, 3] > 9], axis=1).astype(np.float32)  # nothing has the third


def classes(X):
    return (X[:, 0] > 0.8).astype(np.int64)


def train(base, name, data, outputs, *flags):
    """A run and the same one with a stop in between; its directory."""
    whole, parted = os.path.join(base, name), os.path.join(base, name + "-parted")
    net = [word.format(outputs) for word in NET]
    done = succeeded(run("train", *net, "--data", data, *flags, "--out", whole))
    shorter = [word if word != "6" else "3" for word in net]
    succeeded(run("train", *shorter, "--data", data, *flags, "--out", parted))
    succeeded(run("train", "--resume", parted, "--epochs", "6", "--threads", "1"))
    check(same_history(history(whole), history(parted)), name, "resumed has another history")
    files = [open(os.path.join(directory, "model.safetensors"), "rb").read() for directory in (whole, parted)]
    check(len(files[0]) == len(files[1]), name, "resumed has another model")
    return whole, done.stdout


def evaluation(directory, split="val"):
    return json.loads(succeeded(run("eval", directory, "--split", split, "--json")).stdout)


def check_regression(base):
    data = write_set(os.path.join(base, "numbers.npz"), numbers, w_train=np.linspace(0, 2, SIZES["train"]))
    results = {}
    for loss in ("squared", "absolute", "huber"):
        more = ["--huber-delta", "0.5"] if loss == "huber" else []
        directory, shown = train(base, loss, data, 2, "--loss", loss, *more)
        record = history(directory)
        check(record["score"] == "R^2", record["score"])
        check(record["val_acc_history"][0] < 0, "30 is far from what the net begins with", record["val_acc_history"])
        check("2 targets: 0, 1\n" in shown, shown)
        check("; val R^2: %.6f\n" % record["val_acc_history"][-1] in shown, shown)
        check("Best validation R^2 %.4f after" % record["best_val_acc"] in shown, shown)
        check(record["best_val_acc"] == max(record["val_acc_history"]), "the best is the highest", record["best_val_acc"])
        found = evaluation(directory)
        check(found["mean_r2"] == record["best_val_acc"], found["mean_r2"], "is not", record["best_val_acc"])
        check([target["name"] for target in found["targets"]] == ["0", "1"], found)
        for target in found["targets"]:
            check(0 < target["mae"] <= target["rmse"], target)
        check(found["examples"] == SIZES["val"] and found["score"] == "R^2", found)
        text = succeeded(run("eval", directory)).stdout
        check("R^2 %.4f" % record["best_val_acc"] in text and "RMSE" in text and "mean" in text, text)
        with open(os.path.join(directory, "report.html")) as file:
            page = file.read()
        for words in ("Best validation R^2", "Predicted against true: 1", "Residuals: 0"):
            check(words in page, words, "is not in the report")
        results[loss] = record["loss_history"]
    check(len({json.dumps(losses) for losses in results.values()}) == 3, "the losses differ")
    info = succeeded(run("data", "info", data)).stdout
    check("2 numbers to predict" in info and "240 train, 60 val and 40 test examples" in info, info)
    # Weights of the examples matter.
    other = write_set(os.path.join(base, "unweighted.npz"), numbers)
    directory, _ = train(base, "unweighted", other, 2, "--loss", "squared")
    check(history(directory)["loss_history"] != results["squared"], "weights change nothing")
    return data


def check_labels(base):
    data = write_set(os.path.join(base, "labels.npz"), labels)
    directory, shown = train(base, "sigmoid", data, 3, "--loss", "sigmoid")
    record = history(directory)
    check(record["score"] == "mean F1" and record["best_val_acc"] > 0.7, record["best_val_acc"])
    check("Best validation mean F1" in shown, shown)
    found = evaluation(directory)
    check(found["mean_f1"] == record["best_val_acc"], found)
    third = found["labels"][2]
    check(third["true"] == 0 and third["recall"] == 0, third)
    counted = [label for label in found["labels"] if label["true"] + label["predicted"] > 0]
    for key in ("precision", "recall"):
        mean = sum(label[key] for label in counted) / len(counted)
        check(abs(found["mean_" + key] - mean) < 1e-12, key, found)
    for label in counted:
        if label["f1"] > 0:
            check(abs(label["f1"] - 2 / (1 / label["precision"] + 1 / label["recall"])) < 1e-12, label)
    with open(os.path.join(directory, "report.html")) as file:
        check("Precision and recall" in file.read(), "no curves in the report")
    return data


def check_classes(base):
    data = write_set(os.path.join(base, "classes.npz"), classes)
    losses = {}
    for name, flags in {"softmax": [], "weighted": ["--class-weights", "balanced"], "svm": ["--loss", "svm"]}.items():
        directory, shown = train(base, name, data, 2, *flags)
        record = history(directory)
        check(record["score"] == "accuracy" and "; val_acc: " in shown, record["score"], shown)
        check(evaluation(directory)["accuracy"] == record["best_val_acc"], name)
        losses[name] = json.dumps(record["loss_history"])
    check(len(set(losses.values())) == 3, "class weights and losses matter")
    return data


def check_pictures(base):
    """Predictions for an image: a number of each target, or labels with their probabilities."""
    from PIL import Image

    picture = os.path.join(base, "one.png")
    Image.new("RGB", (4, 4), (200, 30, 90)).save(picture)
    draws = np.random.RandomState(5)
    X = {split: draws.randint(0, 256, (n, 3, 4, 4)).astype(np.uint8) for split, n in SIZES.items()}
    bright = {split: x.reshape(len(x), 3, -1).mean(2) / 255 for split, x in X.items()}
    for loss, key, value in (("squared", "targets", "value"), ("sigmoid", "labels", "probability")):
        y = {s: b if loss == "squared" else (b > 0.5).astype(np.float64) for s, b in bright.items()}
        data = os.path.join(base, loss + "-pictures.npz")
        np.savez(data, **{"X_" + s: x for s, x in X.items()}, **{"y_" + s: t for s, t in y.items()})
        out = os.path.join(base, loss + "-pictures")
        succeeded(run("train", "--net", "affine 3 init scale 1e-4", "--loss", loss, "--data", data, "--epochs", "1", "--out", out))
        line = json.loads(succeeded(run("predict", out, picture, "--json", "--top", "2")).stdout)
        check(len(line[key]) == (3 if loss == "squared" else 2), line)
        check(all(set(each) == {"name", value} for each in line[key]), line)
        if loss == "sigmoid":
            p = [each[value] for each in line[key]]
            check(1 > p[0] >= p[1] > 0, p)
        check(succeeded(run("predict", out, picture)).stdout.startswith(picture + ": "), picture)


def check_search(base, data):
    out = os.path.join(base, "search")
    done = succeeded(run("search", "--net", "affine 2", "--loss", "squared", "--data", data, "--search",
                         "learning-rate=log-uniform:1e-3:1e-1", "--trials", "3", "--epochs", "2", "--halving", "1", "--out", out))
    check("best val R^2" in done.stdout and "acc" not in done.stdout, done.stdout)
    check(history(os.path.join(out, "best"))["score"] == "R^2", "the best run's score")
    with open(os.path.join(out, "report.html")) as file:
        page = file.read()
    check("R^2 against learning-rate" in page and "ccuracy" not in page.split("<script>")[0], "the report names R^2")


def check_mistakes(base, of_numbers, of_labels, of_classes):
    def error(data, outputs, *flags):
        done = run("train", "--net", "affine %d" % outputs, "--data", data, "--epochs", "1", "--out",
                   os.path.join(base, "mistake"), *flags)
        check(done.returncode in (1, 2) and done.stderr.count("\n") == 1, flags, done.stderr)
        return done.stderr

    check("expected labels as targets for the softmax loss, found numbers" in error(of_numbers, 2), "softmax")
    check("expected numbers as targets for the squared loss, found labels" in error(of_classes, 2, "--loss", "squared"),
          "squared")
    check("targets of 0 to 1 for the sigmoid loss" in error(of_numbers, 2, "--loss", "sigmoid"), "sigmoid")
    check("3" in error(of_numbers, 3, "--loss", "squared"), "as many scores as numbers")
    check("class_weights" in error(of_labels, 3, "--loss", "sigmoid", "--class-weights", "balanced"), "class weights")


def main():
    with Directory() as base:
        of_numbers, of_labels, of_classes = check_regression(base), check_labels(base), check_classes(base)
        check_pictures(base)
        check_search(base, of_numbers)
        check_mistakes(base, of_numbers, of_labels, of_classes)
        code, shown = on_a_terminal("train", "--net", "affine 2", "--loss", "squared", "--data", of_numbers, "--epochs", "1",
                                    "--out", os.path.join(base, "terminal"))
        check(code == 0 and "val R^2" in shown and "val acc" not in shown, shown)


if __name__ == "__main__":
    sys.exit(main())
