"""ResNet-20 by one command line: killed and resumed to the bit, evaluated, diagnosed, summarised, and asked about a
picture."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import tomllib

from PIL import Image

from command_testing import LAMINA, Directory, check, environment, history, run, same_history, succeeded, write_cifar10

CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "examples", "resnet20.toml")


def killed(flags, seconds):
    """Trains with a checkpoint after every iteration and kills that after so many seconds. Whether it had ended."""
    process = subprocess.Popen([LAMINA, "train", *flags], env=environment(LAMINA_CHECKPOINT_SECONDS="0"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        check(process.wait(seconds) == 0, flags, process.stderr.read())
        return True
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False


def content(out, name):
    with open(os.path.join(out, name), "rb") as file:
        return file.read()


def main():
    draws = random.Random(5)
    with Directory() as base:
        data = write_cifar10(os.path.join(base, "data"), per_file=400, test=50)
        flags = ["--config", CONFIG, "--data", data, "--batch-size", "64", "--epochs", "2", "--num-train", "320", "--quiet"]
        whole, again = (os.path.join(base, name) for name in ("whole", "again"))
        begin = time.monotonic()
        succeeded(run("train", *flags, "--diagnose", "--out", whole))
        took = time.monotonic() - begin
        check(os.path.exists(os.path.join(whole, "diagnostics.csv")), os.listdir(whole))

        kills, go_on = 0, [*flags, "--out", again]
        while not killed(go_on, took * draws.uniform(0.3, 0.7) if kills < 3 else 600):
            kills += 1
            if os.path.exists(os.path.join(again, "checkpoint")):
                go_on = ["--resume", again, "--quiet"]
        check(kills >= 1, "no kill came in time")
        check(same_history(history(whole), history(again)), "history after", kills, "kills")
        check(content(whole, "model.safetensors")[-4096:] == content(again, "model.safetensors")[-4096:], "the model")

        found = json.loads(succeeded(run("eval", whole, "--split", "val", "--json")).stdout)
        check(found["accuracy"] == history(whole)["best_val_acc"], found["accuracy"])
        with open(CONFIG, "rb") as file:
            summary = succeeded(run("summary", "--net", tomllib.load(file)["net"])).stdout
        check(re.search(r"^total +272,474 ", summary, re.M), summary)
        picture = os.path.join(whole, "accuracy.svg")
        check(run("predict", whole, picture).returncode == 1, "a figure is no picture")
        Image.new("RGB", (40, 50), (200, 30, 30)).save(os.path.join(base, "red.png"))
        line = succeeded(run("predict", whole, os.path.join(base, "red.png"))).stdout
        check(re.fullmatch(r".*red\.png: \w+ [01]\.\d{3}, \w+ 0\.\d{3}, \w+ 0\.\d{3}\n", line), line)
        print(f"ResNet-20: {kills} kills, same bits")


if __name__ == "__main__":
    sys.exit(main())
