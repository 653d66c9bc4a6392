"""train --diagnose: what is measured and said, that it changes no bit, and that kills lose none of it."""

import csv
import os
import re
import shutil
import signal
import subprocess
import time

from command_testing import (LAMINA, Directory, check, environment, history, run, same_history, succeeded,
                             write_cifar10)

DEEP = ["--model", "fc", "--hidden", "20,20,20,20,20", "--batch-size", "50", "--num-train", "400", "--threads", "1"]
QUANTITIES = ["weight_norm", "gradient_norm", "shift_gradient_norm", "update_ratio", "output_mean", "output_std",
              "zero_share", "dead_share"]


def read(directory, name):
    with open(os.path.join(directory, name), "rb") as file:
        return file.read()


def tensors(directory):
    """The bytes of a model file behind its header, which has the run's settings."""
    model = read(directory, "model.safetensors")
    return model[8 + int.from_bytes(model[:8], "little"):]


def said(output):
    """The sentences that a run prints of its net's inside."""
    found = re.search(r"^What was found inside the net:\n((?:- .*\n(?:  .*\n)*)+)", output, re.M)
    return [" ".join(item.split()) for item in found[1][2:].split("\n- ")] if found else []


def measures_and_changes_nothing(base, data):
    flags = [*DEEP, "--weight-scale", "0.01", "--learning-rate", "1e-3", "--epochs", "3", "--dropout", "0.8", "--data", data]
    plain, looked = os.path.join(base, "plain"), os.path.join(base, "looked")
    done = succeeded(run("train", *flags, "--out", plain))
    check(not said(done.stdout) and "inside" not in done.stdout, done.stdout)
    check(not os.path.exists(os.path.join(plain, "diagnostics.csv")), "diagnostics.csv without --diagnose")
    check("--diagnose" in read(plain, "report.html").decode(), "the page says how to look inside")
    done = succeeded(run("train", *flags, "--out", looked, "--diagnose", "4"))
    sentences = said(done.stdout)
    check(sentences and all(s.endswith(".") for s in sentences), done.stdout)
    check(max(map(len, done.stdout.splitlines())) <= 100, done.stdout)
    check(same_history(history(plain), history(looked)), "looking changed the history")
    check(tensors(plain) == tensors(looked), "looking changed the model")

    with open(os.path.join(looked, "diagnostics.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    times = sorted({int(row["iteration"]) for row in rows})
    check(times == [*range(1, 11), 12, 16, 20, 24], times)
    losses = [float(row["value"]) for row in rows if row["quantity"] == "loss"]
    check(losses == [history(looked)["loss_history"][t - 1] for t in times], losses)
    for layer in ["affine %d" % i for i in range(1, 7)]:
        of = [row["quantity"] for row in rows if row["layer"] == layer and row["iteration"] == "12"]
        check(of == QUANTITIES[:None if layer != "affine 6" else 6], layer, of)

    page = read(looked, "report.html").decode()
    check("Inside the net" in page and page.count("<figcaption>") == 2 + 7, page.count("<figcaption>"))
    for sentence in sentences:
        text = sentence.replace("&", "&amp;").replace("'", "&#39;")
        check(text in page or sentence in page, "not in report.html:", sentence)
    # Replaced by a run that does not look, the file is gone.
    succeeded(run("train", *flags, "--out", looked, "--overwrite", "--quiet"))
    check(not os.path.exists(os.path.join(looked, "diagnostics.csv")), "an earlier run's diagnostics.csv")


def says_what_is_wrong(base, data):
    def sentences(*flags):
        done = run("train", *DEEP, "--data", data, "--epochs", "15", "--diagnose", "--quiet", "--out",
                   os.path.join(base, "wrong"), "--overwrite", *flags)
        return " ".join(said(done.stdout)), done

    text, done = sentences("--weight-scale", "1e-4", "--learning-rate", "1e-3")
    check(done.returncode == 0 and "Gradients vanish" in text and "too high" not in text, text)
    text, done = sentences("--weight-scale", "1", "--learning-rate", "1e-30")
    check(done.returncode == 0 and "The untrained net's outputs explode" in text and "vanish" not in text, text)
    text, done = sentences("--weight-scale", "0.02", "--learning-rate", "1", "--update-rule", "adam")
    check("The learning rate is too high" in text and "Dead ReLUs" in text and "untrained" not in text, text)
    text, done = sentences("--weight-scale", "0.02", "--learning-rate", "100")
    check(done.returncode == 1 and "the loss is not finite" in text and "The learning rate is too high" in text, text)
    page = read(os.path.join(base, "wrong"), "report.html").decode()
    check("the loss is not finite" in page and "The learning rate is too high" in page, "the page of a failed run")
    iteration = re.search("at iteration ([0-9]+) of", done.stderr)[1]
    check("The loss was not finite at iteration %s," % iteration in page, "the iteration that ended it", iteration)
    check("--overwrite" in page and "--learning-rate 10 " in page and "--resume" not in page, "how it is started anew")
    # --diagnose aside, the page says so too.
    failed = run("train", *DEEP, "--weight-scale", "0.02", "--learning-rate", "100", "--data", data, "--quiet", "--out",
                        os.path.join(base, "wrong"), "--overwrite")
    page = read(os.path.join(base, "wrong"), "report.html").decode()
    check(failed.returncode == 1 and "The loss was not finite at iteration" in page, "without --diagnose")
    text, done = sentences("--hidden", "40", "--weight-scale", "0.01", "--learning-rate", "1e-3")
    check(done.returncode == 0 and text.startswith("Nothing is wrong: "), text)
    text, done = sentences("--hidden", "40", "--weight-scale", "0.01", "--learning-rate", "1e-3", "--epochs", "1")
    check(text.startswith("Too short to tell: the last measurement is of iteration 8"), text)


def loses_nothing(base, data):
    """Killed and gone on with, a run has the measurements of an unbroken one."""
    flags = [*DEEP, "--weight-scale", "0.01", "--learning-rate", "1e-3", "--epochs", "30", "--data", data, "--diagnose", "3"]
    whole = os.path.join(base, "whole")
    done = succeeded(run("train", *flags, "--out", whole))
    sentences = said(done.stdout)
    broken = os.path.join(base, "broken")
    kills = 0
    for kill, args in [(signal.SIGKILL, [*flags, "--out", broken]), (signal.SIGKILL, ["--resume", broken]),
                       (signal.SIGINT, ["--resume", broken])]:
        process = subprocess.Popen([LAMINA, "train", *args], env=environment(LAMINA_CHECKPOINT_SECONDS="0"),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   encoding="utf-8")
        before = measured(broken)
        end = time.monotonic() + 60
        while process.poll() is None and measured(broken) < before + 5 and time.monotonic() < end:
            time.sleep(0.001)
        kills += process.poll() is None
        process.send_signal(kill)
        process.communicate()
    check(kills == 3, "the run ended before it was killed")
    copy = os.path.join(base, "copy")
    shutil.copytree(broken, copy)
    done = succeeded(run("train", "--resume", broken))
    check("anew" not in done.stdout + done.stderr, done.stdout, done.stderr)
    check(read(broken, "diagnostics.csv") == read(whole, "diagnostics.csv"), "other measurements after kills")
    check(said(done.stdout) == sentences, done.stdout, sentences)

    # Without the file the run goes on all the same, says so, and measures from there on.
    os.remove(os.path.join(copy, "diagnostics.csv"))
    done = succeeded(run("train", "--resume", copy))
    check("anew" in done.stdout + done.stderr, done.stdout, done.stderr)
    check(same_history(history(copy), history(whole)), "another history without diagnostics.csv")
    check(read(whole, "diagnostics.csv").endswith(read(copy, "diagnostics.csv").split(b"\n", 1)[1]), "another end")


def measured(directory):
    try:
        return read(directory, "diagnostics.csv").count(b",loss,")
    except FileNotFoundError:
        return 0


def takes_its_number(base, data):
    out = os.path.join(base, "number")
    for wrong in ["0", "-3", "2.5", "often"]:
        done = run("train", *DEEP, "--data", data, "--out", out, "--diagnose=" + wrong)
        check(done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "--diagnose" in done.stderr, done.stderr)
    check(not os.path.exists(out), "a directory after a wrong flag")
    path = os.path.join(base, "run.toml")
    for line, count in [("diagnose = true", 40), ("diagnose = 20", 12), ("diagnose = false", 0)]:
        with open(path, "w") as file:
            file.write(line + "\nepochs = 5\n")
        succeeded(run("train", *DEEP, "--config", path, "--data", data, "--out", out, "--overwrite", "--quiet"))
        check(measured(out) == count, line, measured(out))


def main():
    with Directory() as base:
        data = write_cifar10(os.path.join(base, "data"), test=50)
        measures_and_changes_nothing(base, data)
        says_what_is_wrong(base, data)
        loses_nothing(base, data)
        takes_its_number(base, data)


main()
