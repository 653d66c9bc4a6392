"""Kills training runs 200 times at random moments, checkpoint writes among them, and resumes them: the history and the
model must be those of a run that nobody touched."""

import os
import random
import signal
import subprocess
import sys
import time

from command_testing import (LAMINA, Directory, check, environment, history, run, same_history, succeeded,
                             write_cifar10)

KILLS = 200
FLAGS = {
    "fc": ["--model", "fc", "--hidden", "4", "--normalization", "batchnorm", "--dropout", "0.8", "--update-rule", "adam",
           "--batch-size", "30", "--num-train", "100", "--epochs", "8", "--lr-decay", "0.9"],
    "convnet": ["--model", "convnet", "--num-filters", "3", "--filter-sizes", "3", "--conv-stride", "4", "--update-rule",
                "sgd_momentum", "--batch-size", "16", "--num-train", "100", "--epochs", "4"],
}


def start(args, seconds):
    """Starts training; every iteration writes a checkpoint. Kills it after so many seconds; True if it had ended."""
    process = subprocess.Popen([LAMINA, "train", *args], env=environment(LAMINA_CHECKPOINT_SECONDS="0"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        error = process.communicate(timeout=seconds)[1]
        check(process.returncode == 0, "lamina train", args, "gave", process.returncode, error.decode())
        return True
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False


def main():
    draws = random.Random(20)
    began = time.monotonic()
    kills = cut_writes = runs = 0
    with Directory() as base:
        data = write_cifar10(os.path.join(base, "data"), per_file=400, test=50)
        whole, common = {}, {}
        for name, flags in FLAGS.items():
            common[name] = [*flags, "--data", data, "--quiet", "--threads", "1"]
            directory = os.path.join(base, name)
            succeeded(run("train", *common[name], "--out", directory))
            whole[name] = directory
        # How long a start takes and how long a run that writes a checkpoint after each iteration.
        at = time.monotonic()
        succeeded(run("train", *common["fc"], "--out", os.path.join(base, "timed"),
                      env=environment(LAMINA_CHECKPOINT_SECONDS="0")))
        length = time.monotonic() - at
        while kills < KILLS:
            name = list(FLAGS)[runs % 2]
            directory = os.path.join(base, "run-%d" % runs)
            runs += 1
            fresh = True
            while True:
                args = [*common[name], "--out", directory] if fresh else ["--resume", directory, "--threads", "1", "--quiet"]
                # The first part of a start is loading; now and then a run is left alone for long, so that all end.
                limit = draws.uniform(0, length) if draws.random() < 0.9 else 2 * length
                if kills >= KILLS:
                    limit = 100
                if start(args, limit):
                    break
                kills += 1
                cut_writes += any(f.endswith(".tmp") for f in (os.listdir(directory) if os.path.isdir(directory) else []))
                fresh = not os.path.exists(os.path.join(directory, "checkpoint"))
            check(same_history(history(directory), history(whole[name])), directory, "has another history")
            with open(os.path.join(directory, "metrics.csv"), "rb") as a, open(
                    os.path.join(whole[name], "metrics.csv"), "rb") as b:
                check(a.read() == b.read(), directory, "has other metrics")
            left = [f for f in os.listdir(directory) if f.startswith(".")]
            check(not left, directory, "has files left over:", left)
    print("%d kills (%d of them inside a write) over %d runs in %.1f s" %
          (kills, cut_writes, runs, time.monotonic() - began))
    check(cut_writes >= 5, "expected some kills to cut a write")


if __name__ == "__main__":
    sys.exit(main())
