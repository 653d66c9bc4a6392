"""Whole runs through the command: their files, evaluation, prediction, interruption, settings from a file, full disks."""

import csv
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy
from PIL import Image

from command_testing import (LAMINA, Directory, check, environment, history, on_a_terminal, run, same_history,
                             succeeded, write_cifar10)

EMBED = os.path.abspath(os.path.join(os.path.dirname(LAMINA), "..", "examples", "example_embed"))
CONVNET = ["--model", "convnet", "--num-filters", "4,6", "--filter-sizes", "5,3", "--conv-stride", "2", "--update-rule",
           "sgd_momentum", "--learning-rate", "5e-3", "--batch-size", "32", "--num-train", "200", "--epochs", "3",
           "--print-every", "5"]


def files_of_a_run(base, data):
    out = os.path.join(base, "cnn")
    done = succeeded(run("train", *CONVNET, "--data", data, "--out", out))
    lines = done.stdout.splitlines()
    check(lines[1] == "10 classes: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck", lines[1])
    check(lines[3] == "(Iteration 1 / 18) loss: %s" % lines[3].split()[-1], lines[3])
    check(sum(line.startswith("(Epoch ") for line in lines) == 4, done.stdout)
    check([int(m) for m in re.findall(r"\(Iteration (\d+) / 18\)", done.stdout)] == [1, 6, 11, 16], done.stdout)
    check("\x1b" not in done.stdout and "\r" not in done.stdout, "terminal codes in a pipe")
    names = {"checkpoint", "history.json", "metrics.csv", "model.safetensors", "loss.svg", "accuracy.svg", "filters.png",
             "report.html"}
    check(set(os.listdir(out)) == names, os.listdir(out))
    seen = history(out)
    check(len(seen["loss_history"]) == 18 and len(seen["val_acc_history"]) == 4, seen)
    check(seen["best_val_acc"] == max(seen["val_acc_history"]), seen)
    check(seen["config"]["num_filters"] == [4, 6] and seen["config"]["learning_rate"] == 5e-3, seen["config"])
    check(seen["seconds"] > 0 and abs(seen["images_per_second"] - 18 * 32 / seen["seconds"]) < 1, seen["seconds"])
    with open(os.path.join(out, "metrics.csv")) as file:
        check(len(list(csv.reader(file))) == 19, "metrics.csv")
    check(Image.open(os.path.join(out, "filters.png")).size[0] > 10, "filters.png")
    page = open(os.path.join(out, "report.html")).read()
    check(page.count("<figcaption>") == 2 and not re.search(r'(src|href)="https?:', page), "report.html")

    # Evaluation, from the run and from a copy of its model alone.
    for place in [out, os.path.join(out, "model.safetensors")]:
        found = json.loads(succeeded(run("eval", place, "--split", "val", "--json")).stdout)
        check(found["accuracy"] == seen["best_val_acc"], found["accuracy"], seen["best_val_acc"])
        check(sum(map(sum, found["confusion"])) == found["images"] == 1000, found)
        check(sum(row[i] for i, row in enumerate(found["confusion"])) == found["right"], found)
    table = succeeded(run("eval", out, "--split", "test")).stdout
    check(re.search(r"test split: 50 images, accuracy 0\.\d{4}", table), table)
    check(max(map(len, table.splitlines())) <= 80, table)
    copy = os.path.join(base, "copied.safetensors")
    shutil.copy(os.path.join(out, "model.safetensors"), copy)

    # Prediction: any size, PNG and JPEG, a bad file among good ones.
    for name, size in [("small.png", (5, 9)), ("large.jpg", (700, 500)), ("grey.png", (32, 32))]:
        Image.new("L" if name == "grey.png" else "RGB", size, 90).save(os.path.join(base, name))
    with open(os.path.join(base, "bad.png"), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + b"\0" * 30)
    paths = [os.path.join(base, n) for n in ("small.png", "bad.png", "large.jpg", "grey.png")]
    done = run("predict", copy, *paths)
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "bad.png" in done.stderr, done.stderr)
    answers = done.stdout.splitlines()
    check([a.split(":")[0] for a in answers] == [paths[0], paths[2], paths[3]], answers)
    for answer in answers:
        chances = [float(x) for x in re.findall(r" (\d\.\d{3})(?:,|$)", answer)]
        check(len(chances) == 3 and chances == sorted(chances, reverse=True) and sum(chances) <= 1.002, answer)
    everything = json.loads(succeeded(run("predict", copy, paths[0], "--top", "10", "--json")).stdout)
    check(abs(sum(c["probability"] for c in everything["classes"]) - 1) < 1e-5, everything)

    # The same run again, on one thread: the same numbers. A finished run has nothing to go on with.
    succeeded(run("train", *CONVNET, "--data", data, "--out", out, "--overwrite", "--threads", "1", "--quiet"))
    check(same_history(history(out), seen), "another history with one thread")
    done = succeeded(run("train", "--resume", out))
    check("finished" in done.stdout and same_history(history(out), seen), done.stdout)
    return out


def settings_from_a_file(base, data):
    path = os.path.join(base, "run.toml")
    with open(path, "w") as file:
        file.write('model = "convnet"\nnum-filters = [4, 6]\nfilter_sizes = "5,3"\nconv-stride = 2\n'
                   'update-rule = "sgd_momentum"\nlearning-rate = 0.005\nbatch-size = 16\nnum-train = 200\nepochs = 3\n'
                   'quiet = true\nno-batch-norm = false\ndata = "%s"\n' % data)
    out = os.path.join(base, "toml")
    done = succeeded(run("train", "--config", path, "--batch-size", "32", "--out", out))
    check(done.stdout.startswith("Best validation accuracy"), "quiet = true prints the closing lines only:", done.stdout)
    check(same_history(history(out), history(os.path.join(base, "cnn"))), "a TOML file and flags gave other runs")


def interrupted(args, out, number=signal.SIGINT):
    """What a run that got the signal says at its end; one that was quicker than the signal is begun anew."""
    for _ in range(20):
        shutil.rmtree(out, ignore_errors=True)
        process = subprocess.Popen([LAMINA, "train", *args, "--out", out], env=environment(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, encoding="utf-8")
        while not os.path.exists(os.path.join(out, "checkpoint")) and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(number)
        error = process.communicate(timeout=600)[1]
        if process.returncode != 0:
            return process.returncode, error
    check(False, "twenty runs were quicker than the signal:", args)


def interruption(base, data):
    args = ["--model", "fc", "--hidden", "50,50", "--dropout", "0.7", "--num-train", "1000", "--batch-size", "50",
            "--epochs", "40", "--seed", "7", "--data", data, "--quiet"]
    whole = os.path.join(base, "whole")
    succeeded(run("train", *args, "--out", whole))
    for number in (signal.SIGINT, signal.SIGTERM):
        out = os.path.join(base, "stopped-%d" % number)
        code, error = interrupted(args, out, number)
        check(code == 128 + number and re.fullmatch(
            r"lamina train: interrupted after iteration \d+; go on with: lamina train --resume \S+\n", error), error)
        check(os.path.exists(os.path.join(out, "report.html")), "an interrupted run has its report")
        succeeded(run(*error.split("go on with: lamina ")[1].split(), "--quiet"))
        check(same_history(history(out), history(whole)), "an interrupted run has another history")


def on_terminal(base, data):
    """A line that moves: epoch, bar, loss, accuracy, images a second, time left; the epochs' lines stay."""
    out = os.path.join(base, "terminal")
    code, shown = on_a_terminal("train", *CONVNET, "--epochs", "30", "--data", data, "--out", out,
                                env=environment(TERM="xterm", COLUMNS="80"))
    check(code == 0, shown)
    moving = re.findall(r"epoch +\d+/30 \[[=> ]*\] +\d+% loss \d+\.\d{4}  val acc (?:\d\.\d{3}|  -  )  [\d,]+ img/s  \d+:\d\d left",
                        shown)
    check(len(moving) >= 2, shown[-3000:])
    check(len(re.findall(r"\(Epoch \d+ / 30\) train acc: \d\.\d{6}; val_acc: \d\.\d{6}\r?\n", shown)) == 31, shown[-3000:])
    check("(Iteration" not in shown, "losses are for pipes")


def products_of_bfloat16(base, data):
    """--precision bf16, from a flag or a file: near float32, kept by a run that goes on, and by the model it leaves."""
    args = [*CONVNET, "--epochs", "20", "--data", data, "--quiet"]
    toml = os.path.join(base, "bf16.toml")
    with open(toml, "w") as file:
        file.write('precision = "bf16"\n')
    whole, stopped, full = (os.path.join(base, name) for name in ("bf16", "bf16-stopped", "unrounded"))
    succeeded(run("train", *args, "--precision", "bf16", "--out", whole))
    succeeded(run("train", *args, "--out", full))
    seen, other = history(whole)["loss_history"], history(full)["loss_history"]
    check(history(whole)["config"]["precision"] == "bf16" and history(full)["config"]["precision"] == "full", "config")
    check(seen != other and all(abs(a - b) < 0.02 for a, b in zip(seen[:5], other[:5])), seen[:5], other[:5])
    interrupted([*args, "--config", toml], stopped)
    done = succeeded(run("train", "--resume", stopped))
    check("ConvNet, float32, products in bf16:" in done.stdout, done.stdout)
    check(same_history(history(stopped), history(whole)), "a run in bf16 that goes on has another history")
    models = [open(os.path.join(out, "model.safetensors"), "rb").read() for out in (whole, full)]
    headers = [json.loads(m[8:8 + int.from_bytes(m[:8], "little")]) for m in models]
    tensors = [{name: (t["dtype"], t["shape"]) for name, t in h.items() if name != "__metadata__"} for h in headers]
    check(tensors[0] == tensors[1], "the same tensors in both precisions:", tensors)
    found = json.loads(succeeded(run("eval", whole, "--split", "val", "--json")).stdout)
    check(found["accuracy"] == history(whole)["best_val_acc"], found["accuracy"])


def another_processor(base, data):
    """A run that goes on with another instruction set says so, and goes on."""
    args = ["--model", "fc", "--hidden", "5", "--num-train", "200", "--batch-size", "50", "--epochs", "100",
            "--data", data, "--quiet"]
    out = os.path.join(base, "moved")
    interrupted(args, out)
    # The last of the known names is that of every processor: "portable", or what takes its place.
    known = run("train", "--resume", out, env=environment(LAMINA_TARGET="none")).stderr
    simplest = re.search(r"one of .*?(\S+), got 'none'", known).group(1)
    done = succeeded(run("train", "--resume", out, env=environment(LAMINA_TARGET=simplest)))
    here = re.match(r"lamina \S+, (.+), ", succeeded(run("--version")).stdout).group(1)
    said = [line for line in (done.stdout + done.stderr).splitlines() if here in line and simplest in line]
    check(len(said) == 1, "one line that names", here, "and", simplest, done.stdout[:500], done.stderr)
    check(len(history(out)["loss_history"]) == 400, "the run was not finished")
    done = succeeded(run("eval", out, "--split", "val"))
    check(simplest not in done.stdout + done.stderr, done.stdout)


def full_disk(base, data):
    """A limit on the size of files stands for a full disk: the run ends with one line, what was written stays."""
    out = os.path.join(base, "full")
    args = ["--model", "fc", "--hidden", "20", "--update-rule", "adam", "--num-train", "100", "--batch-size", "50",
            "--epochs", "4", "--data", data, "--out", out]
    limit = 400_000  # below the checkpoint with adam's state, above the first one without it

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = run("train", *args, preexec_fn=limited, restore_signals=False)
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "checkpoint" in done.stderr, done.stderr)
    succeeded(run("train", "--resume", out))
    check(len(history(out)["loss_history"]) == 8, "the run goes on once there is room")


def texts_of_the_courses_nets(base):
    for i, flags in enumerate([["--model", "two-layer", "--hidden", "9"],
                               ["--model", "fc", "--hidden", "8,7", "--normalization", "batchnorm", "--dropout", "0.7"],
                               ["--num-filters", "3,4", "--filter-sizes", "5,3", "--conv-stride", "2", "--init", "he"],
                               ["--model", "three-layer-convnet", "--num-filters", "3", "--hidden", "7"]]):
        shown = succeeded(run("summary", *flags)).stdout
        text = re.search(r"^The same layers as text: --net '(.*)'$", shown, re.M)[1]
        again = succeeded(run("summary", "--net", text)).stdout
        totals = [re.search(r"^total +([\d,]+)", summary, re.M)[1] for summary in (shown, again)]
        check("as text" not in again and totals[0] == totals[1], shown, again)
        losses = []
        for name, net in [("model", flags), ("text", ["--net", text])]:
            out = os.path.join(base, f"text-{i}-{name}")
            succeeded(run("train", *net, "--data", "synthetic", "--num-train", "100", "--batch-size", "25", "--epochs", "2",
                          "--learning-rate", "1e-3", "--reg", "0.1", "--out", out))
            losses.append([history(out)[key] for key in ("loss_history", "val_acc_history")])
        check(losses[0] == losses[1] and len(losses[0][0]) == 8, text, losses)


def nets_and_data(base, data):
    check("308,310" in succeeded(run("summary", "--model", "two-layer")).stdout, "summary")
    for flags in (["--model", "fc", "--hidden", "20,30", "--normalization", "batchnorm", "--reg", "3.14"],
                  ["--num-filters", "3,4", "--filter-sizes", "5,3", "--conv-stride", "2"],
                  ["--model", "three-layer-convnet", "--num-filters", "3", "--hidden", "7"],
                  ["--model", "fc", "--dropout", "0.5"]):
        done = succeeded(run("gradcheck", *flags))
        check("All gradients agree" in done.stdout and "FAILED" not in done.stdout, done.stdout)
        check("hardly checked" not in done.stdout, done.stdout)
    # Batch normalization of a single example gives 0 whatever it is of.
    done = succeeded(run("gradcheck", "--model", "fc", "--hidden", "5", "--batch-size", "1", "--normalization", "batchnorm"))
    check("hardly checked" in done.stdout and done.stdout.count("ok, all near 0") == 4, done.stdout)
    done = succeeded(run("data", "info", data)).stdout
    check(re.search(r"all +1,000 +1,000 +50", done), done)
    check("cifar10" in succeeded(run("data", "info")).stdout, "data info")
    for args in (["--help"], ["train", "--help"], ["eval", "--help"], ["predict", "--help"], ["summary", "--help"],
                 ["gradcheck", "--help"], ["reproduce", "--help"], ["search", "--help"], ["data", "--help"],
                 ["data", "info", "--help"], ["data", "fetch", "--help"]):
        text = succeeded(run(*args)).stdout
        check(max(map(len, text.splitlines())) <= 100, args, text)


BETTER = ["--schedule", "cosine", "--warmup-epochs", "1", "--shuffle", "--mirror", "--shift", "3", "--init", "he",
          "--weight-decay", "1e-3", "--update-rule", "sgd_momentum", "--nesterov", "--label-smoothing", "0.1", "--pool",
          "2,2", "--conv-stride", "1,2", "--average-weights", "0.9", "--mirror-averaging", "--patience", "30",
          "--clip-norm", "0.5", "--slots", "5"]


def what_makes_models_better(base, data):
    """All such options at once: their names in the settings, the accuracy of the model file, kill and resume."""
    args = ["--num-filters", "4,6", "--filter-sizes", "5,3", "--batch-size", "32", "--num-train", "300", "--epochs", "30",
            "--learning-rate", "1e-3", "--data", data, "--quiet", *BETTER]
    whole = os.path.join(base, "better")
    succeeded(run("train", *args, "--out", whole))
    seen = history(whole)
    for key, value in {"schedule": "cosine", "warmup_epochs": 1, "shuffle": True, "mirror": True, "shift": 3,
                       "init": "he", "weight_decay": 1e-3, "nesterov": True, "label_smoothing": 0.1, "pools": [2, 2],
                       "conv_strides": [1, 2], "average_weights": 0.9, "mirror_averaging": True, "patience": 30,
                       "clip_norm": 0.5, "slots": 5}.items():
        check(seen["config"][key] == value, key, seen["config"])
    for place in [whole, os.path.join(whole, "model.safetensors")]:
        found = json.loads(succeeded(run("eval", place, "--json")).stdout)
        check(found["accuracy"] == seen["best_val_acc"], found["accuracy"], seen["best_val_acc"])

    # A C++ program that embeds the net answers as `lamina predict` does.
    pixels = numpy.random.RandomState(5).randint(256, size=(32, 32, 3)).astype(numpy.uint8)
    for name in ("noise.ppm", "noise.png"):
        Image.fromarray(pixels).save(os.path.join(base, name))
    answer = subprocess.run([EMBED, os.path.join(whole, "model.safetensors"), "noise.ppm"], cwd=base, capture_output=True,
                            text=True, check=True).stdout
    guess = json.loads(succeeded(run("predict", whole, os.path.join(base, "noise.png"), "--json")).stdout)["classes"][0]
    check(answer == f"noise.ppm: {guess['name']}, probability {guess['probability']:.6g}\n", answer, guess)

    for number in (signal.SIGKILL, signal.SIGINT):
        out = os.path.join(base, "better-%d" % number)
        process = subprocess.Popen([LAMINA, "train", *args, "--out", out],
                                   env=environment(LAMINA_CHECKPOINT_SECONDS="0"), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while not os.path.exists(os.path.join(out, "checkpoint")):
            time.sleep(0.005)
        time.sleep(0.1)
        process.send_signal(number)
        process.wait(timeout=60)
        succeeded(run("train", "--resume", out, "--quiet"))
        check(same_history(history(out), seen), "a run that was stopped by", number, "has another history")

    # The keys of a file; flags that do not fit.
    path = os.path.join(base, "better.toml")
    with open(path, "w") as file:
        file.write('schedule = "one-cycle"\nshuffle = true\npool = [1, 2]\nmirror = true\nshift = 2\ninit = "he"\n'
                   'num-filters = [4, 6]\nfilter-sizes = [5, 3]\nnum-train = 100\nepochs = 1\ndata = "%s"\n' % data)
    out = os.path.join(base, "better-toml")
    succeeded(run("train", "--config", path, "--out", out, "--quiet"))
    check(history(out)["config"]["schedule"] == "one-cycle" and history(out)["config"]["pools"] == [1, 2], "TOML")
    for wrong in (["--nesterov"], ["--step-factor", "0.5"], ["--init", "he", "--weight-scale", "1"],
                  ["--pool", "2,2,2"], ["--label-smoothing", "1"], ["--average-weights", "1"], ["--clip-norm", "0"],
                  ["--slots", "0"], ["--slots", "101"]):
        done = run("train", *wrong, "--data", data, "--out", os.path.join(base, "none"))
        check(done.returncode == 2 and len(done.stderr.splitlines()) == 1, wrong, done.stderr)

    # A run without improvement ends: at this rate nothing is learnt.
    out = os.path.join(base, "patient")
    succeeded(run("train", "--model", "two-layer", "--num-train", "100", "--learning-rate", "1e-30", "--epochs", "50",
                  "--patience", "3", "--data", data, "--out", out, "--quiet"))
    check(len(history(out)["val_acc_history"]) == 4, history(out)["val_acc_history"])
    check("finished" in succeeded(run("train", "--resume", out)).stdout, "a run that ended early is finished")


def own_images(base):
    """One folder a class: trained on, named in answers, and recognised by a resume."""
    data = os.path.join(base, "shades")
    for name, shade in [("light", 200), ("dark", 40), ("middling", 120)]:
        os.makedirs(os.path.join(data, name))
        for i in range(12):
            image = Image.new("RGB", (20 + i, 40 - i), (shade + i, shade, shade - i))
            image.save(os.path.join(data, name, "%d.%s" % (i, "jpg" if i % 2 else "png")))
    with open(os.path.join(data, "light", "notes.txt"), "w") as file:
        file.write("no image")
    out = os.path.join(base, "own")
    args = ["--data", data, "--image-size", "12x16", "--num-filters", "4", "--filter-sizes", "3", "--update-rule", "adam",
            "--batch-size", "6", "--epochs", "6"]
    done = succeeded(run("train", *args, "--out", out))
    check("shades: 30 train, 3 val and 3 test images of (3, 12, 16)" in done.stdout, done.stdout)
    check("skipped 1 entry" in done.stderr and "notes.txt" in done.stderr, done.stderr)
    check(history(out)["config"]["image_size"] == [12, 16], history(out)["config"])
    found = json.loads(succeeded(run("eval", out, "--json")).stdout)
    check([c["name"] for c in found["classes"]] == ["dark", "light", "middling"], found)
    check(found["accuracy"] == history(out)["best_val_acc"], found)
    answer = succeeded(run("predict", out, os.path.join(data, "dark", "0.png"))).stdout
    check(set(re.findall(r"[a-z]+(?= \d\.)", answer)) == {"dark", "light", "middling"}, answer)

    # Another image of the same name, then another name of a class: not the data of the run.
    stopped = os.path.join(base, "own-stopped")
    process = subprocess.Popen([LAMINA, "train", *args[:-1], "100000", "--out", stopped], env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(os.path.join(stopped, "checkpoint")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    check(process.wait(timeout=60) == 130, "an interrupted run")
    os.rename(os.path.join(data, "light"), os.path.join(data, "lighter"))
    done = run("train", "--resume", stopped)
    check(done.returncode == 1 and "expected the data that the run started with" in done.stderr, done.stderr)
    os.rename(os.path.join(data, "lighter"), os.path.join(data, "light"))
    for i in range(12):
        Image.new("RGB", (9, 9), (i, 2, 3)).save(os.path.join(data, "light", "%d.png" % i))
    done = run("train", "--resume", stopped)
    check(done.returncode == 1 and "expected the data that the run started with" in done.stderr, done.stderr)
    with open(os.path.join(data, "dark", "0.png"), "w") as file:
        file.write("broken")
    done = run("train", *args, "--out", os.path.join(base, "none"))
    check(done.returncode == 1 and "found 1 file: dark/0.png (" in done.stderr.splitlines()[-1], done.stderr)


def arrays_of_numpy(base):
    """A .npz file: trained on, evaluated, named where an array is missing, and recognised by a resume."""
    random = numpy.random.RandomState(0)
    arrays = {}
    for split, n in [("train", 120), ("val", 40), ("test", 40)]:
        arrays["y_" + split] = random.randint(3, size=n)
        arrays["X_" + split] = random.randn(n, 3, 6, 6) + arrays["y_" + split][:, None, None, None]
    data, out = os.path.join(base, "own.npz"), os.path.join(base, "arrays")
    numpy.savez(data, **arrays)
    args = ["--num-filters", "4", "--filter-sizes", "3", "--batch-size", "20", "--data", data]
    done = succeeded(run("train", *args, "--epochs", "4", "--out", out))
    check("own.npz: 120 train, 40 val and 40 test images of (3, 6, 6)" in done.stdout, done.stdout)
    found = json.loads(succeeded(run("eval", out, "--split", "val", "--json")).stdout)
    check(found["accuracy"] == history(out)["best_val_acc"] > 0.5, found)
    stopped = os.path.join(base, "arrays-stopped")
    interrupted(args, stopped)
    arrays["X_val"][3, 1, 2, 2] += 1
    numpy.savez_compressed(data, **arrays)
    done = run("train", "--resume", stopped)
    check(done.returncode == 1 and "expected the data that the run started with" in done.stderr, done.stderr)
    del arrays["y_test"]
    numpy.savez(data, **arrays)
    done = run("train", *args, "--out", os.path.join(base, "none"))
    check(done.returncode == 1 and done.stderr.rstrip().endswith("found no y_test"), done.stderr)


def main():
    with Directory() as base:
        data = write_cifar10(os.path.join(base, "data"), per_file=400, test=50)
        files_of_a_run(base, data)
        settings_from_a_file(base, data)
        interruption(base, data)
        on_terminal(base, data)
        products_of_bfloat16(base, data)
        another_processor(base, data)
        full_disk(base, data)
        texts_of_the_courses_nets(base)
        nets_and_data(base, data)
        what_makes_models_better(base, data)
        own_images(base)
        arrays_of_numpy(base)
    print("all runs are as they should be")


if __name__ == "__main__":
    sys.exit(main())
