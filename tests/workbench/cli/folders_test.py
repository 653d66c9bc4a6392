"""Image folders as people have them: a split of their own, one folder deeper, a contest's layout, broken images."""

import json
import os
import shutil

from command_testing import Directory, check, history, run, succeeded, write_images

TRAIN = ["--model", "fc", "--hidden", "6", "--image-size", "8", "--epochs", "1", "--batch-size", "10"]


def train(data, out, *more):
    return run("train", *TRAIN, "--data", data, "--out", out, *more)


def failed(process, *parts):
    check(process.returncode == 1 and len(process.stderr.splitlines()) == 1, process.args, process.stderr)
    check(all(part in process.stderr for part in parts), parts, process.stderr)


def splits(base):
    data, out = os.path.join(base, "split"), os.path.join(base, "split-run")
    for part, count in [("train", 10), ("val", 4), ("test", 5)]:
        write_images(os.path.join(data, "animals", part), count)
    done = succeeded(train(data, out))
    check("split: 30 train, 12 val and 15 test images" in done.stdout, done.stdout)
    check("\n3 classes: ant, bee, cat\n" in done.stdout, done.stdout)
    check("the images are taken from %s/animals" % data in done.stderr, done.stderr)
    for split, count in [("train", 30), ("val", 12), ("test", 15), ("all", 57)]:
        found = json.loads(succeeded(run("eval", out, "--split", split, "--json")).stdout)
        check(found["images"] == count and sum(map(sum, found["confusion"])) == count, split, found)
        check([c["images"] for c in found["classes"]] == [count // 3] * 3, split, found)
    check("split, all splits: 57 images" in succeeded(run("eval", out, "--split", "all")).stdout, "the table of all")


def contest(base):
    data = os.path.join(base, "contest")
    write_images(data, 5, ["ant", "bee"], "train/{}.{}.png")
    failed(run("data", "info", os.path.join(data, "train")), "train: expected one folder of images a class, found images without classes",
           "such as train/ant; the files' names suggest the classes ant and bee")
    write_images(data, 5, ["cat"], "test/{1}.png")
    failed(train(data, os.path.join(base, "none")), "the folders test and train of a split without classes",
           "suggest the classes ant and bee")
    write_images(data, 5, ["cat"], "{}/{}.png")
    done = succeeded(train(data, os.path.join(base, "odd")))
    check("trained as classes: test and train" in done.stderr, done.stderr)


def broken(base):
    """All broken images are named at once; --skip-broken, which the run keeps, trains on the others."""
    data, out = os.path.join(base, "broken"), os.path.join(base, "skipping")
    write_images(data, 20)
    for kind, text in [("ant", ""), ("bee", "<html>"), ("cat", "GIF89a")]:
        with open(os.path.join(data, kind, "07.png"), "w") as file:
            file.write(text)
    failed(train(data, out), "3 files: ant/07.png", "bee/07.png", "cat/07.png", "GIF", "--skip-broken")
    done = succeeded(train(data, out, "--skip-broken"))
    check("skipped what cannot be read in %s: 3 files: ant/07.png" % data in done.stderr, done.stderr)
    check(history(out)["config"]["skip_broken"] is True, history(out)["config"])
    found = succeeded(run("eval", out, "--split", "all", "--json"))
    check(json.loads(found.stdout)["images"] == 57 and "3 files" in found.stderr, found.stdout, found.stderr)
    check("not those" not in found.stderr, found.stderr)
    failed(run("data", "info", data), "3 files: ant/07.png")
    advice = "--skip-broken leaves out those that cannot"
    whole, later = os.path.join(base, "whole"), os.path.join(base, "whole-run")
    write_images(whole, 20)
    succeeded(train(whole, later))
    with open(os.path.join(whole, "ant", "07.png"), "w"):
        pass
    failed(run("eval", later), "1 file: ant/07.png", advice)
    found = succeeded(run("eval", later, "--skip-broken", "--split", "all", "--json"))
    check(json.loads(found.stdout)["images"] == 59 and "are not those" in found.stderr, found.stdout, found.stderr)
    refused = run("train", "--resume", later, "--epochs", "2")
    failed(refused, "1 file: ant/07.png", "the run could read them when it started: restore them")
    check("--skip-broken" not in refused.stderr, refused.stderr)
    for command in train(data, out, "--overwrite"), run("data", "info", data):
        failed(command, advice)
    table = succeeded(run("data", "info", data, "--skip-broken")).stdout
    check(sum(map(int, table.splitlines()[-1].split()[1:])) == 57, "data info --skip-broken", table)
    # A further broken file makes the set another one.
    shutil.copy(os.path.join(data, "ant", "07.png"), os.path.join(data, "ant", "08.png"))
    check("these data (broken) are not those" in succeeded(run("eval", out)).stderr, "a smaller set")


def hostile_names(base):
    """Control characters in names reach no terminal; names that JSON cannot hold are refused before the training."""
    data, out = os.path.join(base, "a\x1b[31m\nb"), os.path.join(base, "hostile\n\x1b]0;x")
    for i, name in enumerate(["one\x1b[2J", "two\nlines", "three\u009b1m"]):
        write_images(data, 6, ["ant"], name + "/%d{1}.png" % i)
    os.rename(os.path.join(data, "two\nlines", "10.png"), os.path.join(data, "two\nlines", "x\x1b\n.webp"))
    said = [succeeded(train(data, out)), succeeded(run("eval", out)), succeeded(run("data", "info", data)),
            succeeded(run("predict", out, os.path.join(data, "two\nlines", "11.png"))), run("train", "--resume", out)]
    with open(os.path.join(data, "two\nlines", "11.png"), "w") as file:
        file.write("broken")
    said += [train(data, os.path.join(base, "none")), run("train", "--resume", os.path.join(base, "no\x1bwhere"))]
    for process in said:
        text = process.stdout + process.stderr
        check(not any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in text), process.args, repr(text))
        check("\nb" not in text and "\nlines" not in text, process.args, text)
    shell = [line.split("eval ")[1] for line in said[0].stdout.splitlines() if "lamina eval" in line][0]
    check(shell == "$'%s' --split test" % out.replace("\n", "\\012").replace("\x1b", "\\033"), shell)

    latin = os.fsencode(base) + b"/f\xe4rben"
    write_images(os.fsdecode(latin), 6)
    refused = [run("train", *TRAIN, "--data", os.fsdecode(latin), "--out", os.path.join(base, "latin")),
               run("train", *TRAIN, "--data", ".", "--out", os.path.join(base, "latin"), cwd=latin),
               run("search", *TRAIN, "--data", os.fsdecode(latin), "--search", "seed=choice:1|2", "--trials", "1", "--out",
                   os.path.join(base, "latin"))]
    os.rename(latin, os.fsencode(base) + b"/proper")
    os.rename(os.path.join(base, "proper", "bee"), os.fsencode(base) + b"/proper/b\xe4e")
    refused += [train(os.path.join(base, "proper"), os.path.join(base, "latin")), run("data", "info", os.path.join(base, "proper"))]
    for process, what in zip(refused, ["a path"] * 3 + ["a class's name"] * 2):
        check(process.returncode == 1 and "expected %s in UTF-8" % what in process.stderr, process.args, process.stderr)
    check(not os.path.exists(os.path.join(base, "latin")), "a refused run left its directory")


def main():
    with Directory() as base:
        splits(base)
        contest(base)
        broken(base)
        hostile_names(base)


if __name__ == "__main__":
    main()
