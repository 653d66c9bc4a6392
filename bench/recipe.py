"""The whole recipe of (n) as a user runs it, `lamina train`: its wall time against its steps' time, and its memory."""
import json
import os
import shutil
import subprocess
import tempfile
import time

import page

FLAGS = ("--model convnet --num-filters 16,32,64 --filter-sizes 7,7,3 --weight-scale 0.01 --reg 1e-6 --batch-size 32 "
         "--update-rule sgd_momentum --learning-rate 5e-3 --epochs 3 --seed 231 --data cifar10").split()


def changes(flags):
    """Those of the flags that make it another run."""
    return [f for f in zip(flags[::2], flags[1::2]) if f[0] != "--data-dir"]


def train(command, flags):
    """(wall seconds, megabytes at the peak, history.json)."""
    directory = tempfile.mkdtemp(prefix="lamina-recipe-")
    try:
        start = time.perf_counter()
        out = os.path.join(directory, "run")
        process = subprocess.Popen([command, "train", *FLAGS, "--quiet", *flags, "--out", out])
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"[bench] lamina train ended with {process.returncode}")
        with open(os.path.join(out, "history.json"), encoding="utf-8") as file:
            return wall, used.ru_maxrss / 1024, json.load(file)
    finally:
        shutil.rmtree(directory)


def run(field, args, peaks):
    rows = []
    bfloat16 = "error" not in field.lamina.ask(kind="train", case="c1", threads=1, steps=1, precision="bfloat16")
    for name, flags in [("float32", []), *([("bfloat16", ["--precision", "bf16"])] if bfloat16 else [])]:
        wall, memory, history = train(args.lamina, [*flags, *args.recipe])
        steps = history["seconds"]
        rows.append([name, f"{len(history['loss_history']):,}", f"{steps:.1f} s", f"{wall:.1f} s",
                     f"{wall / steps:.3f}", f"{memory:.0f} MB", f"{history['best_val_acc']:.3f}"])
        print(" | ".join(rows[-1]), flush=True)
    head = ["recipe of (n)", "steps", "steps' time", "whole time", "whole over steps", "peak memory", "best validation"]
    shown = " ".join(FLAGS + [word for flag in changes(args.recipe) for word in flag])
    return f"{page.machine(field, peaks)}; `lamina train {shown}`.\n\n" + page.table(head, rows)
