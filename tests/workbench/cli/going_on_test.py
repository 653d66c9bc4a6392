"""A run that goes on past its end, or with data that have moved: the same bits as one that had them from the start."""

import os
import signal
import subprocess
import time

from command_testing import (LAMINA, Directory, check, environment, history, run, same_history, succeeded, write_cifar10,
                             write_images)

NET = ["--net", "conv 4 3x3 | batchnorm | relu | max_pool 2 | affine 10", "--learning-rate", "3e-2", "--batch-size", "20",
       "--num-train", "200", "--seed", "3"]
WAYS = [["--update-rule", "sgd_momentum", "--shuffle", "--lr-decay", "0.8"],
        ["--update-rule", "adam", "--learning-rate", "3e-3", "--average-weights", "0.9", "--mirror", "--shift", "2"],
        ["--schedule", "step", "--step-epochs", "3", "--warmup-epochs", "1", "--dtype", "float64"]]


def model(directory):
    with open(os.path.join(directory, "model.safetensors"), "rb") as file:
        return file.read()


def failed(process, code, *parts):
    check(process.returncode == code and len(process.stderr.splitlines()) == 1, process.args, process.stderr)
    check(all(part in process.stderr for part in parts), parts, process.stderr)


def more_epochs(base, data):
    """Two epochs, then six, then seven, equal seven; also where the best epoch is not the last of the two."""
    early = 0
    for way, flags in enumerate(WAYS):
        whole, parts = (os.path.join(base, "%s%d" % (name, way)) for name in ("whole", "parts"))
        args = [*NET, *flags, "--data", data]
        succeeded(run("train", *args, "--epochs", "7", "--out", whole))
        succeeded(run("train", *args, "--epochs", "2", "--out", parts))
        for epochs in (6, 7):
            accuracies = history(parts)["val_acc_history"]
            early += max(accuracies[:-1]) >= accuracies[-1]
            done = succeeded(run("train", "--resume", parts, "--epochs", epochs))
            check("schedule" not in done.stderr, done.stderr)
        check(same_history(history(whole), history(parts)), "history", flags)
        check(history(parts)["config"] == history(whole)["config"], "settings", flags)
        check(model(whole) == model(parts), "the model", flags)
        check("is finished" in succeeded(run("train", "--resume", parts, "--epochs", "7")).stdout, "nothing is left")
    check(early > 0, "no run had its best epoch before its last one: the test does not test it")


def interrupted_and_longer(base, data):
    whole, parts = os.path.join(base, "unbroken"), os.path.join(base, "interrupted")
    args = [*NET, *WAYS[0], "--data", data]
    process = subprocess.Popen([LAMINA, "train", *args, "--epochs", "100000", "--out", parts], env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(os.path.join(parts, "history.json")) or len(history(parts)["loss_history"]) < 10:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    check(process.wait(timeout=60) == 130, "an interrupted run")
    done = len(history(parts)["loss_history"])
    epochs = done // 10 + 2
    failed(run("train", "--resume", parts, "--epochs", done // 10), 2, "expected more epochs than the run has done")
    succeeded(run("train", "--resume", parts, "--epochs", epochs))
    succeeded(run("train", *args, "--epochs", epochs, "--out", whole))
    check(same_history(history(whole), history(parts)) and model(whole) == model(parts), "a shorter end", done)


def schedules_and_refusals(base, data):
    out = os.path.join(base, "cosine")
    succeeded(run("train", *NET, "--schedule", "cosine", "--data", data, "--epochs", "2", "--out", out))
    failed(run("train", "--resume", out, "--epochs", "1"), 2, "expected more epochs than the run has done, 2, got 1")
    failed(run("train", "--resume", out, "--epochs", "3", "--seed", "1"), 2, "--seed cannot be given with it")
    check(len(history(out)["loss_history"]) == 20, "a refusal left the run as it was")
    done = succeeded(run("train", "--resume", out, "--epochs", "4"))
    check("from here on the learning rate is that of a run of 4 epochs, so far it was that of a run of 2" in done.stderr,
          done.stderr)
    check(len(history(out)["loss_history"]) == 40 and history(out)["config"]["num_epochs"] == 4, history(out)["config"])
    out = os.path.join(base, "patient")
    patient = succeeded(run("train", "--model", "two-layer", "--num-train", "100", "--learning-rate", "1e-30", "--epochs", "50",
                            "--patience", "3", "--data", data, "--out", out))
    failed(run("train", "--resume", out, "--epochs", "60"), 2, "a patience of 3 ended")
    check("brought no better" not in succeeded(run("train", "--resume", os.path.join(base, "cosine"))).stdout, "no patience")
    for done in patient, succeeded(run("train", "--resume", out)):
        check("Ended by --patience: 3 accuracy checks in a row brought no better validation accuracy\n" in done.stdout, done.stdout)
    check("--resume" not in open(os.path.join(out, "report.html")).read(), "the report recommends what cannot be")


def moved_data(base, data):
    out, moved = os.path.join(base, "moved-run"), os.path.join(base, "moved")
    succeeded(run("train", *NET, "--data", data, "--epochs", "1", "--out", out))
    os.rename(data, moved)
    other = write_cifar10(os.path.join(base, "other"), per_file=400, test=50, seed=2)
    gone = "%s: expected the run's data, found that they are no longer there" % data
    failed(run("train", "--resume", out, "--epochs", "2"), 1, gone + "; --data NEW says where they are now")
    failed(run("eval", out), 1, gone + "; --data NEW says where they are now")
    succeeded(run("eval", out, "--data", moved))
    searched = os.path.join(base, "search-of-moved")
    succeeded(run("search", *NET[:-2], "--data", moved, "--epochs", "1", "--search", "reg=uniform:0:1", "--trials", "1", "--out",
                  searched))
    os.rename(moved, data)
    done = run("search", "--resume", searched)
    check(done.returncode == 1 and "no longer there" in done.stderr and "--data" not in done.stderr, done.stderr)
    os.rename(data, moved)
    failed(run("train", "--resume", out, "--epochs", "2", "--data", other), 1, other,
           "expected the data that the run started with", "--data NEW says where the run's data are, if they have moved")
    succeeded(run("train", "--resume", out, "--epochs", "2", "--data", moved))
    check(history(out)["config"]["data"] == moved and len(history(out)["loss_history"]) == 20, history(out)["config"])
    succeeded(run("train", "--resume", out, "--epochs", "3"))
    home, gone = os.path.join(base, "home"), os.path.join(base, "gone")
    os.rename(moved, home)
    succeeded(run("train", *NET, "--data", "cifar10", "--data-dir", home, "--epochs", "1", "--out", out, "--overwrite"))
    os.rename(home, gone)
    for command in ["train", "--epochs", "2", "--resume"], ["eval"]:
        failed(run(*command, out), 1, "%s: expected the directory of the run's data, found no such thing" % home, "--data-dir NEW")
    succeeded(run("train", "--resume", out, "--epochs", "2", "--data-dir", gone))


def files_of_a_finished_run(base, data):
    """Its model and report are written again where they are missing or damaged: the same model."""
    out = os.path.join(base, "finished")
    succeeded(run("train", *NET, *WAYS[1], "--data", data, "--epochs", "3", "--out", out))
    before = model(out)
    os.remove(os.path.join(out, "model.safetensors"))
    os.remove(os.path.join(out, "report.html"))
    done = succeeded(run("train", "--resume", out))
    check("written again from the checkpoint: model.safetensors and report.html" in done.stderr, done.stderr)
    check("nothing is left to do" in done.stdout and model(out) == before, done.stdout)
    check(os.path.exists(os.path.join(out, "report.html")), "the report")
    check(succeeded(run("train", "--resume", out)).stderr == "", "nothing is missing now")
    for damaged in [before[:-2] + b"abc"[:2], before[:-100], before.replace(b"conv 4", b"conv 5"), b""]:
        with open(os.path.join(out, "model.safetensors"), "wb") as file:
            file.write(damaged)
        failed(run("eval", out), 1, "model.safetensors: damaged (",
               "; 'lamina train --resume %s' writes it again from the run's checkpoint" % out)
        done = succeeded(run("train", "--resume", out))
        check("missing or damaged is written again from the checkpoint: model.safetensors\n" in done.stderr, done.stderr)
        check(model(out) == before, "the damaged model is written again")
    failed(run("eval", os.path.join(out, "checkpoint")), 1, "found the run's checkpoint; give %s or its model.safetensors" % out)
    alone = os.path.join(base, "alone.safetensors")
    with open(alone, "wb") as file:
        file.write(before[:-100])
    check("--resume" not in run("eval", alone).stderr, "a model without its run")


def no_test_images(base):
    """Where a set has no images for testing, nothing recommends them."""
    data, out = os.path.join(base, "untested"), os.path.join(base, "untested-run")
    for part in ("train", "val"):
        write_images(os.path.join(data, part), 6)
    small = ["--model", "fc", "--hidden", "4", "--epochs", "1", "--data", data]
    done = [succeeded(run("train", *small, "--out", out)), succeeded(run("train", "--resume", out)),
            succeeded(run("search", *small, "--search", "reg=uniform:0:1", "--trials", "1", "--out", out + "-search"))]
    for process in done:
        command = [line.split("lamina ")[1] for line in process.stdout.splitlines() if line.startswith("Next:")][0]
        check(command.endswith("--split val"), process.stdout)
        succeeded(run(*command.split()))
    for place in out, out + "-search":
        check("--split test" not in open(os.path.join(place, "report.html")).read(), "the report of", place)


def directory_named_like_a_set(base, data):
    """The name stands for the set, in the run's file and in the command that a search prints too."""
    here, out = os.path.join(base, "here"), os.path.join(base, "named")
    for name in ("cifar10", "synthetic"):
        os.makedirs(os.path.join(here, name))
    for name in ("cifar10", "synthetic"):
        succeeded(run("train", *NET, "--data", name, "--data-dir", data, "--epochs", "1", "--out", out, "--overwrite", cwd=here))
        check(history(out)["config"]["data"] == name, history(out)["config"])
        succeeded(run("eval", out, cwd=here))
        succeeded(run("train", "--resume", out, "--epochs", "2", cwd=here))
    done = succeeded(run("search", *NET[:-2], "--data", "cifar10", "--data-dir", data, "--epochs", "1", "--search", "reg=uniform:0:1",
                         "--trials", "1", "--out", os.path.join(base, "searched"), cwd=here))
    check(" --data cifar10 " in done.stdout, done.stdout)
    os.rename(os.path.join(here, "cifar10"), os.path.join(here, "own"))
    for kind in ("ant", "bee"):
        write_images(os.path.join(here, "own"), 4, [kind])
    succeeded(run("train", "--model", "fc", "--hidden", "4", "--data", "own", "--epochs", "1", "--out", out, "--overwrite", cwd=here))
    check(history(out)["config"]["data"] == os.path.join(here, "own"), history(out)["config"])


def main():
    with Directory() as base:
        data = write_cifar10(os.path.join(base, "data"), per_file=400, test=50)
        more_epochs(base, data)
        interrupted_and_longer(base, data)
        schedules_and_refusals(base, data)
        directory_named_like_a_set(base, data)
        files_of_a_finished_run(base, data)
        no_test_images(base)
        moved_data(base, data)


if __name__ == "__main__":
    main()
