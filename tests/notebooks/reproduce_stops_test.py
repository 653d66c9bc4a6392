"""lamina reproduce where it is stopped: a long training goes on from its checkpoint, and a full disk or a report that
cannot be written lose nothing. And what it shows on a terminal meanwhile."""

import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time

from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "workbench", "cli"))
from command_testing import LAMINA, Directory, check, environment, on_a_terminal, run, succeeded  # noqa: E402

QUICK = ["--quick", "--data", "synthetic"]


def results(directory):
    with open(os.path.join(directory, "results.json")) as file:
        return json.load(file)


def without_seconds(found):
    for notebook in found["notebooks"]:
        for cell in notebook["cells"]:
            cell.pop("seconds", None)
    return found


def cut_before(whole, out, cell):
    """A directory in which a run of the convolutional notebook has come to that cell."""
    os.makedirs(out)
    found = results(whole)
    cells = found["notebooks"][0]["cells"]
    del cells[[c["cell"] for c in cells].index(cell):]
    with open(os.path.join(out, "results.json"), "w") as file:
        json.dump(found, file)


def killed_in_a_training(base, whole):
    """SIGKILL while a ConvNet trains, three times; then the numbers are those of a run that never stopped."""
    out = os.path.join(base, "killed")
    cut_before(whole, out, "15")
    args = ["reproduce", "convolutional", *QUICK, "--out", out]
    checkpoint = os.path.join(out, "convolutional.checkpoint")
    went_on = []
    for kill in range(3):
        process = subprocess.Popen([LAMINA, *args], env=environment(LAMINA_CHECKPOINT_SECONDS="0"),
                                   stdout=subprocess.PIPE, encoding="utf-8")
        started = os.stat(checkpoint).st_mtime_ns if os.path.exists(checkpoint) else 0
        writes, end = 0, time.monotonic() + 100
        while writes < 5 and process.poll() is None and time.monotonic() < end:
            try:
                now = os.stat(checkpoint).st_mtime_ns
                writes += now != started
                started = now
            except FileNotFoundError:
                pass
        process.send_signal(signal.SIGKILL)
        output = process.communicate()[0]
        check(process.returncode == -signal.SIGKILL, "killed while it trains", kill, process.returncode)
        went_on += re.findall(r"going on after iteration (\d+)", output)
    check(len(went_on) == 2 and 1 <= int(went_on[0]) < int(went_on[1]), "each goes on where the one before was", went_on)
    check(len(results(out)["notebooks"][0]["cells"]) == 12, "the cell that was killed is not done")
    done = succeeded(run(*args)).stdout
    check("(going on after iteration " in done and done.count("(taken from results.json)") == 12, done)
    check(not os.path.exists(checkpoint), "the checkpoint goes with its training")
    check(without_seconds(results(out)) == without_seconds(results(whole)), "a killed training found other numbers")

    # A checkpoint that is none is not used, nor one of another training.
    for content in [b"no checkpoint", None]:
        shutil.rmtree(out)
        cut_before(whole, out, "4.4")
        with open(checkpoint, "wb") as file:
            file.write(content or b"")
        check("going on" not in succeeded(run(*args)).stdout, "another checkpoint was used")
        check(without_seconds(results(out)) == without_seconds(results(whole)), "numbers beside a broken checkpoint")


def told_to_stop(args, ask, marker):
    """The signal as soon as a line of the output holds the marker; exit code and standard error."""
    process = subprocess.Popen([LAMINA, *args], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               encoding="utf-8")
    for line in process.stdout:
        if marker in line:
            break
    process.send_signal(ask)
    error = process.communicate()[1]
    return process.returncode, error


def interrupted(base, whole):
    """SIGINT and SIGTERM in a training that has a checkpoint: one line, which says how to go on; a page of what is
    finished; and the numbers of a run that never stopped."""
    out = os.path.join(base, "it's interrupted")
    cut_before(whole, out, "15")
    call = ["reproduce", "convolutional", *QUICK, "--threads", "1", "--out", out]
    checkpoint = os.path.join(out, "convolutional.checkpoint")
    for ask, marker in [(signal.SIGINT, "In [15]"), (signal.SIGTERM, "(going on after iteration ")]:
        code, error = told_to_stop(call, ask, marker)
        check(code == 128 + ask, code, error)
        line = re.fullmatch(r"lamina reproduce: interrupted in convolutional, cell 15; go on with: lamina (.+)\n", error)
        check(line and sorted(shlex.split(line[1])) == sorted(call), error)
        check(os.path.exists(checkpoint), "a checkpoint is left")
        check(len(results(out)["notebooks"][0]["cells"]) == 12, "the cell that was stopped is not done")
        with open(os.path.join(out, "report.html")) as file:
            page = file.read()
        check('id="convolutional-14"' in page and 'id="convolutional-15"' not in page, "a page of what is finished")
    done = succeeded(run(*call)).stdout
    check("(going on after iteration " in done, done)
    check(without_seconds(results(out)) == without_seconds(results(whole)), "a stopped training found other numbers")


def interrupted_side_by_side(base):
    """Where trainings run side by side, their cell starts again."""
    out = os.path.join(base, "side by side")
    args = ["reproduce", "dropout", *QUICK, "--out", out]
    succeeded(run(*args))
    found = results(out)
    cells = [c["cell"] for c in found["notebooks"][0]["cells"]]
    held = json.loads(json.dumps(found))
    del held["notebooks"][0]["cells"][cells.index("Question 2"):]
    with open(os.path.join(out, "results.json"), "w") as file:
        json.dump(held, file)
    code, error = told_to_stop(args, signal.SIGINT, "In [Question 2]")
    check(code == 130 and "interrupted in dropout, Question 2; go on with: " in error, code, error)
    check(len(results(out)["notebooks"][0]["cells"]) == len(held["notebooks"][0]["cells"]), "the cell is not done")
    again = succeeded(run(*args)).stdout
    check(again.count("(taken from results.json)") == cells.index("Question 2"), again)
    check(without_seconds(results(out)) == without_seconds(found), "other numbers")


def images_in_folders(base):
    """--image-size and --split-seed decide what the notebooks see, and stand in the call that goes on."""
    data = os.path.join(base, "shades")
    for name, shade in [("dark", 40), ("light", 200)]:
        os.makedirs(os.path.join(data, name))
        for i in range(30):
            Image.new("RGB", (20, 20), (shade + i, shade, shade - i)).save(os.path.join(data, name, "%d.png" % i))
    digests = []
    for number, flags in enumerate([["--image-size", "12x16"], ["--image-size", "12x16", "--split-seed", "3"]]):
        out = os.path.join(base, "folders%d" % number)
        code, error = told_to_stop(["reproduce", "dropout", "--quick", "--data", data, *flags, "--out", out],
                                   signal.SIGINT, "In [5]")
        check(code == 130 and " %s " % " ".join(flags) in error, code, error)
        digests.append(results(out)["data"]["digest"])
    check(digests[0] != digests[1], "the seed splits")
    code, error = told_to_stop(["reproduce", "dropout", "--quick", "--data", data, "--out", os.path.join(base, "folders0")],
                               signal.SIGINT, "In [5]")
    check(code == 1 and "other data" in error, code, error)


def limited(limit):
    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return limit_files


def disk_full(base):
    """A file cannot grow beyond a limit: one line, exit code 1, and what was finished before stands."""
    out = os.path.join(base, "full")
    args = ["reproduce", "dropout", *QUICK, "--out", out]
    done = run(*args, preexec_fn=limited(25_000), restore_signals=False)
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1 and out in done.stderr, done.stderr)
    before = results(out)["notebooks"][0]["cells"]
    check(1 <= len(before) < 8, len(before), "cells fit")
    again = succeeded(run(*args)).stdout
    check(again.count("(taken from results.json)") == len(before), again)
    check(results(out)["notebooks"][0]["cells"][:len(before)] == before, "finished cells stand")

    # The page alone does not fit: the results are whole.
    os.remove(os.path.join(out, "report.html"))
    os.makedirs(os.path.join(out, "report.html", "x"))
    done = run(*args)
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "report.html" in done.stderr, done.stderr)
    check(len(results(out)["notebooks"][0]["cells"]) == 8, "results without a page")
    shutil.rmtree(os.path.join(out, "report.html"))
    succeeded(run(*args))
    with open(os.path.join(out, "report.html")) as file:
        check(file.read().endswith("</html>\n"), "the page is written from results.json")


def unwritable(base):
    if os.geteuid() == 0:
        return  # nothing is unwritable for root; reproduce_test tries /proc
    out = os.path.join(base, "closed")
    os.makedirs(out, mode=0o500)
    done = run("reproduce", "dropout", *QUICK, "--out", out)
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1 and out in done.stderr, done.stderr)


def two_at_once(base):
    out = os.path.join(base, "two")
    first = subprocess.Popen([LAMINA, "reproduce", "fully-connected", *QUICK, "--out", out], env=environment(),
                             stdout=subprocess.DEVNULL)
    while not os.path.exists(os.path.join(out, "results.json")) and first.poll() is None:
        time.sleep(0.005)
    second = run("reproduce", "dropout", *QUICK, "--out", out)
    still = first.poll() is None
    first.kill()
    first.wait()
    check(still and second.returncode == 1 and "another process" in second.stderr, still, second.stderr)


def on_terminal(base):
    """A line that moves: what trains, how far it is, how long it takes; none of it in a pipe."""
    code, shown = on_a_terminal("reproduce", "fully-connected", *QUICK, "--out", os.path.join(base, "terminal"))
    check(code == 0, shown[-2000:])
    lines = re.findall(r"\r(\[[=> ]+\] +\d+% [^\r\x1b]+)", shown)
    check(len(lines) >= 3, shown[-2000:])
    check(any(re.search(r"cell 1\d\+?, [^:]+: iteration [\d,]+ / [\d,]+  loss \d+\.\d+  \d+:\d\d left", x) for x in lines), lines)
    check(all(len(x) < 80 for x in lines), lines)
    check("\r" not in run("reproduce", "dropout", *QUICK, "--out", os.path.join(base, "pipe")).stdout, "in a pipe")


def overwritten(base, whole):
    """--overwrite starts the named notebooks anew, alone; and the exit code is that of the notebooks asked for."""
    out = os.path.join(base, "anew")
    args = ["reproduce", "dropout", *QUICK, "--out", out]

    def held(found):
        with open(os.path.join(out, "results.json"), "w") as file:
            json.dump(found, file)

    succeeded(run(*args))
    first = results(out)
    other = results(whole)["notebooks"][0]
    check_of = {c["cell"]: c["checks"][0] for c in first["notebooks"][0]["cells"] if c["checks"]}["8"]
    other["cells"][1]["checks"][0]["holds"] = False
    held({**first, "notebooks": [*first["notebooks"], other]})
    done = succeeded(run(*args)).stdout
    check("FAILED" not in done and " 0 failed" in done and "--overwrite" not in done, done)

    held_before, check_of["holds"] = check_of["holds"], False
    held({**first, "notebooks": [*first["notebooks"], other]})
    done = run(*args)
    check(done.returncode == 1 and "FAILED: dropout, cell 8: " in done.stdout, done.stdout)
    anew = re.findall(r"To start anew: lamina (.*)\n", done.stdout)
    check(len(anew) == 1 and "--overwrite" in anew[0], done.stdout)
    with open(os.path.join(out, "dropout.checkpoint"), "w") as file:
        file.write("of another time")
    again = succeeded(run(*shlex.split(anew[0]))).stdout
    check("(taken from" not in again and not os.path.exists(os.path.join(out, "dropout.checkpoint")), again)
    check_of["holds"] = held_before
    check(without_seconds(results(out))["notebooks"][0] == without_seconds(first)["notebooks"][0], "other numbers")
    check(results(out)["notebooks"][1] == other, "notebooks that are not named stand")

    # What does not go together is refused where something else would be lost, and replaced where nothing is.
    held({**results(out), "lamina": "0.0"})
    done = run(*args, "--overwrite")
    check(done.returncode == 1 and "of lamina 0.0" in done.stderr and len(results(out)["notebooks"]) == 2, done.stderr)
    held({**results(out), "notebooks": results(out)["notebooks"][:1]})
    check("of lamina 0.0" in run(*args).stderr, "another version")
    succeeded(run(*args, "--overwrite"))
    check(without_seconds(results(out)) == without_seconds(first), "all replaced")


def in_bf16(base, whole):
    out = os.path.join(base, "bf16")
    cut_before(whole, out, "17")
    done = run("reproduce", "convolutional", *QUICK, "--precision", "bf16", "--out", out)
    check(done.returncode == 1 and "without --precision bf16" in done.stderr, done.stderr)
    with open(os.path.join(out, "results.json")) as file:
        found = json.load(file)
    found["precision"] = "bf16"
    with open(os.path.join(out, "results.json"), "w") as file:
        json.dump(found, file)
    succeeded(run("reproduce", "convolutional", *QUICK, "--precision", "bf16", "--out", out))
    losses = []
    for directory in [whole, out]:
        cell = next(c for c in results(directory)["notebooks"][0]["cells"] if c["cell"] == "17")
        losses.append(cell["experiments"][0]["histories"][0]["series"][0]["y"])
    check(losses[0] != losses[1], "bf16 rounds")
    check(all(abs(a - b) < 0.02 * a for a, b in zip(losses[0][:3], losses[1][:3])), losses[0][:3], losses[1][:3])


def main():
    with Directory() as base:
        whole = os.path.join(base, "whole")
        succeeded(run("reproduce", "convolutional", *QUICK, "--out", whole))
        killed_in_a_training(base, whole)
        disk_full(base)
        if os.environ.get("LAMINA_TEST_SANITIZED"):
            print("not run under a sanitizer, where they take half an hour: interruptions, --overwrite, --precision bf16, a terminal")
            return
        images_in_folders(base)
        interrupted(base, whole)
        interrupted_side_by_side(base)
        in_bf16(base, whole)
        overwritten(base, whole)
        unwritable(base)
        two_at_once(base)
        on_terminal(base)
    print("what is stopped goes on")


if __name__ == "__main__":
    sys.exit(main())
