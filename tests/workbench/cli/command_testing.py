"""What the tests of the command share: running it, and small data for it."""

import json
import os
import pty
import random
import re
import shutil
import subprocess
import sys
import tempfile

LAMINA = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/lamina"


def environment(**changes):
    env = {k: v for k, v in os.environ.items() if not k.startswith("LAMINA_") and k != "XDG_CACHE_HOME"}
    env["LAMINA_DATA"] = "/nonexistent"
    env["HOME"] = "/nonexistent"
    env.update(changes)
    return env


def run(*args, timeout=1800, **options):
    """The finished process of `lamina args`, its output as text."""
    options.setdefault("env", environment())
    options.setdefault("errors", "replace")
    return subprocess.run([LAMINA, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, encoding="utf-8", **options)


def on_a_terminal(*args, env=None):
    """The exit code of `lamina args` on a terminal of its own, and all that it showed there."""
    ours, terminal = pty.openpty()
    process = subprocess.Popen([LAMINA, *map(str, args)], env=env or environment(), stdin=subprocess.DEVNULL, stdout=terminal,
                               stderr=terminal)
    os.close(terminal)
    shown = b""
    try:
        while read := os.read(ours, 1 << 16):
            shown += read
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    return process.wait(), shown.decode()


def check(condition, *what):
    if not condition:
        print("FAILED:", *what)
        sys.exit(1)


def succeeded(process):
    check(process.returncode == 0, process.args, "gave", process.returncode, process.stdout, process.stderr)
    return process


def expect(code, pattern, *args, **options):
    """A call that fails, with one line on standard error in which the pattern is found."""
    done = run(*args, **options)
    lines = done.stderr.splitlines()
    text = "%s gave %d: %s" % (" ".join(map(str, args)), done.returncode, done.stderr)
    check(done.returncode == code, text)
    check(len(lines) == 1, "expected one line on standard error;", text)
    check(re.search(pattern, lines[0]), "expected", repr(pattern) + ";", text)


def write_cifar10(directory, per_file=400, test=1000, seed=1):
    """A data set in CIFAR-10's layout: five files of `per_file` images whose colour leans by class, and a test file."""
    draws = random.Random(seed)
    os.makedirs(directory)
    for name, count in [("data_batch_%d.bin" % i, per_file) for i in range(1, 6)] + [("test_batch.bin", test)]:
        records = bytearray()
        for _ in range(count):
            label = draws.randrange(10)
            noise = bytearray(draws.randbytes(3072))
            for plane in range(3):
                lean = 60 if (label >> plane) & 1 else 0
                for i in range(1024 * plane + 100 * label % 900, 1024 * (plane + 1), 3):
                    noise[i] = noise[i] // 2 + lean
            records.append(label)
            records += noise
        with open(os.path.join(directory, name), "wb") as file:
            file.write(records)
    return directory


SHADES = {"ant": 40, "bee": 120, "cat": 200}


def write_images(directory, count, kinds=tuple(SHADES), name="{}/{:02}.png"):
    """Image files of one colour, `count` of each kind."""
    from PIL import Image

    for kind in kinds:
        for i in range(count):
            path = os.path.join(directory, name.format(kind, i))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Image.new("RGB", (8 + i, 9), (SHADES.get(kind, 80) + i, 50, 60)).save(path)


def history(directory):
    with open(os.path.join(directory, "history.json")) as file:
        return json.load(file)


def same_history(a, b):
    """Byte for byte: the losses and accuracies as they stand in the files."""
    keys = ["loss_history", "train_acc_history", "val_acc_history", "best_val_acc"]
    return all(json.dumps(a[k]) == json.dumps(b[k]) for k in keys)


class Directory:
    """A directory that is gone afterwards, unless it is to be kept after a failure."""

    def __init__(self, parent=None, keep=False):
        self.parent = parent
        self.keep = keep

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="lamina-test-", dir=self.parent)
        return self.path

    def __exit__(self, failure, *_):
        if failure and self.keep:
            print("The files are kept in", self.path)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
