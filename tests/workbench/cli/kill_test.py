"""Kills training runs 200 times at random moments, checkpoint writes among them, and resumes them: the history and the
model must be those of a run that nobody touched."""

import os
import random
import re
import signal
import subprocess
import sys
import time

from command_testing import (LAMINA, Directory, check, environment, history, run, same_history, succeeded,
                             write_cifar10)

KILLS = 200
FLAGS = {
    "fc": ["--model", "fc", "--hidden", "4", "--normalization", "batchnorm", "--dropout", "0.8", "--update-rule", "adam",
           "--batch-size", "30", "--num-train", "100", "--epochs", "30", "--lr-decay", "0.9"],
    "convnet": ["--model", "convnet", "--num-filters", "3", "--filter-sizes", "3", "--conv-stride", "4", "--update-rule",
                "sgd_momentum", "--batch-size", "16", "--num-train", "100", "--epochs", "20"],
}


def wait_for_write(directory, seconds):
    """Until a file is being written there, or so many seconds have passed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.path.exists(os.path.join(directory, ".checkpoint.tmp")):
            return


def start(args, seconds, directory, patience):
    """Trains, with a checkpoint after every iteration, and kills that after so many seconds, every other time as soon as
    a checkpoint is being written. Whether it had ended, and the iteration after which it went on."""
    process = subprocess.Popen([LAMINA, "train", *args], env=environment(LAMINA_CHECKPOINT_SECONDS="0"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    ended = True
    try:
        output, error = process.communicate(timeout=seconds)
        check(process.returncode == 0, "lamina train", args, "gave", process.returncode, error)
    except subprocess.TimeoutExpired:
        ended = False
        if int(seconds * 1e6) % 2:
            wait_for_write(directory, patience)
        process.send_signal(signal.SIGKILL)
        output = process.communicate()[0]
    found = re.search(r"Continuing after iteration (\d+)", output)
    return ended, int(found[1]) if found else None


# In memory where that can be: a kill does not depend on the disk, and its syncs would take most of the time.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def kill_runs(configurations, count, seed, keep=False):
    """Kills runs of the configurations, by turns, `count` times in all. Returns how often that was inside a write, and
    how often a run then went on from further than before. `keep`: whether the files stay after a failure."""
    draws = random.Random(seed)
    began = time.monotonic()
    kills = cut_writes = runs = gained = 0
    with Directory(MEMORY, keep) as base:
        data = write_cifar10(os.path.join(base, "data"), per_file=400, test=50)
        whole, common, length = {}, {}, {}
        for name, flags in configurations.items():
            common[name] = [*flags, "--data", data, "--threads", "1", "--print-every", "1000"]
            directory = os.path.join(base, name)
            succeeded(run("train", *common[name], "--out", directory))
            whole[name] = directory
            # How long a start and a few iterations with their checkpoints take.
            at = time.monotonic()
            succeeded(run("train", *common[name], "--epochs", "2", "--out", os.path.join(base, name + "-timed"),
                          env=environment(LAMINA_CHECKPOINT_SECONDS="0")))
            length[name] = time.monotonic() - at
        while kills < count:
            name = list(configurations)[runs % len(configurations)]
            directory = os.path.join(base, "run-%d" % runs)
            runs += 1
            fresh, reached = True, 0
            while True:
                args = [*common[name], "--out", directory] if fresh else ["--resume", directory, "--threads", "1"]
                limit = draws.uniform(0, length[name]) if draws.random() < 0.9 else 3 * length[name]
                if kills >= count:
                    limit = 100
                ended, went_on = start(args, limit, directory, length[name] / 2)
                if went_on is not None:
                    check(went_on >= reached, directory, "went on at", went_on, "after", reached)
                    gained += went_on > reached
                    reached = went_on
                if ended:
                    break
                kills += 1
                cut_writes += any(f.endswith(".tmp") for f in (os.listdir(directory) if os.path.isdir(directory) else []))
                fresh = not os.path.exists(os.path.join(directory, "checkpoint"))
            check(same_history(history(directory), history(whole[name])), directory, "has another history")
            with open(os.path.join(directory, "metrics.csv"), "rb") as a, open(
                    os.path.join(whole[name], "metrics.csv"), "rb") as b:
                check(a.read() == b.read(), directory, "has other metrics")
            for file in ["model.safetensors", "diagnostics.csv"]:
                ours, theirs = (os.path.join(d, file) for d in (directory, whole[name]))
                if os.path.exists(theirs):
                    with open(ours, "rb") as a, open(theirs, "rb") as b:
                        check(a.read() == b.read(), directory, "has another", file)
            left = [f for f in os.listdir(directory) if f.startswith(".")]
            check(not left, directory, "has files left over:", left)
    print("%d kills (%d of them inside a write) over %d runs in %.1f s, %s s to start" %
          (kills, cut_writes, runs, time.monotonic() - began, ", ".join("%.2f" % length[name] for name in length)))
    return cut_writes, gained


def main():
    cut_writes, gained = kill_runs(FLAGS, KILLS, seed=20)
    check(cut_writes >= 1, "expected a kill to cut a write")
    check(gained >= 5, "expected resumed runs to keep what was done; only", gained, "starts were further than the last")


if __name__ == "__main__":
    sys.exit(main())
