"""A residual net by three doors: as a list of blocks in C++ (examples/res_net.cc), as a text on the command line and as a
text in TOML. It is trained by each to the same losses and the same parameters, to the bit; the file of the model that C++
saved is one that the command reads. python_test.py has the fourth door."""

import json
import os
import re
import subprocess

from command_testing import LAMINA, Directory, check, history, run, succeeded

NET = ("conv 16 3x3 stride 2 | batchnorm | relu | repeat 2 ( residual ( conv 16 3x3 | batchnorm | relu | conv 16 3x3 "
       "| batchnorm ) | relu ) | global_average_pool | affine 10")
EXAMPLE = os.path.abspath(os.path.join(os.path.dirname(LAMINA), "..", "examples", "example_res_net"))
FLAGS = ["--data", "synthetic", "--epochs", "1", "--update-rule", "adam", "--seed", "231", "--quiet"]


def tensors(path):
    """What a safetensors file holds behind its header."""
    with open(path, "rb") as file:
        content = file.read()
    return content[8 + int.from_bytes(content[:8], "little"):]


with Directory() as base:
    printed = subprocess.run([EXAMPLE], cwd=base, capture_output=True, text=True, check=True).stdout
    losses = [float(loss) for loss in re.findall(r"^\(Iteration \d+ / 100\) loss: ([\d.]+)$", printed, re.M)]
    check(len(losses) == 10, printed)
    check("W5 has the numerical gradient" in printed and "FAILED" not in printed, printed)

    toml = os.path.join(base, "net.toml")
    with open(toml, "w", encoding="utf-8") as file:
        file.write(f'net = """{NET}"""\n')
    model = os.path.join(base, "res_net.safetensors")
    for name, flags in (("text", ["--net", NET]), ("toml", ["--config", toml])):
        out = os.path.join(base, name)
        succeeded(run("train", *flags, *FLAGS, "--out", out))
        check([float(f"{loss:.6f}") for loss in history(out)["loss_history"][::10]] == losses, name)
        check(tensors(os.path.join(out, "model.safetensors")) == tensors(model), name)
    accuracy = float(re.search(r"^test accuracy: ([\d.]+)$", printed, re.M)[1])
    evaluated = succeeded(run("eval", model, "--data", "synthetic", "--split", "test", "--json")).stdout
    check(json.loads(evaluated)["accuracy"] == accuracy, evaluated, accuracy)
    for command in (["summary", "--net", NET], ["gradcheck", "--net", NET, "--entries", "3"]):
        succeeded(run(*command))
