"""What messages say about a word that was mistyped, and how names are printed that could mislead."""

import os

from command_testing import Directory, check, expect, run, succeeded, write_images

TRAIN = ["--model", "fc", "--hidden", "6", "--image-size", "8", "--epochs", "1", "--batch-size", "10"]


def flags_are_named():
    """A message about a wrong value begins with its flag, also in commands whose help shows no groups of flags."""
    wrong = [("--reg", "-1", "a number from 0 on"), ("--weight-scale", "0", "a number above 0"), ("--hidden", "0", "whole numbers"),
             ("--dropout", "7", "a number above 0 and up to 1"), ("--label-smoothing", "2", "a number"), ("--init", "foo", "one of")]
    for command in "summary", "gradcheck":
        for flag, value, wanted in wrong:
            expect(2, r"^lamina %s: %s: expected %s.*, got '%s'" % (command, flag, wanted, value), command, "--model", "fc", flag, value)
        shown = succeeded(run(command, "--help")).stdout
        check("--num-filters" in shown and "--reg X" in shown, "hidden flags", shown)


def words_that_are_near():
    expect(2, r"lamina data: unknown argument 'inof'; did you mean info\? ", "data", "inof")
    expect(2, r"lamina data: unknown argument 'xyz'; the commands are info, fetch ", "data", "xyz")
    expect(2, r"lamina: unknown argument 'nosuch'; the commands are train, eval, predict, summary, .*, data ", "nosuch")
    for flag, value, meant in [("--update-rule", "Adam", "adam"), ("--update-rule", "sgd-momentum", "sgd_momentum"),
                               ("--schedule", "cosin", "cosine"), ("--model", "cnn", "convnet"), ("--dtype", "float", "float32 or float64")]:
        expect(2, r"%s: expected one of .*, got '%s'; did you mean %s\? " % (flag, value, meant), "train", flag, value)
    expect(2, r"--split: expected one of .*, got 'tset'; did you mean test\? ", "eval", "x", "--split", "tset")
    expect(2, r"unknown flag '--dataset'; did you mean --data\? ", "train", "--dataset", "x")
    # The word that was typed.
    expect(2, r"^lamina train: --lr: expected a number above 0, got '-1'", "train", "--lr", "-1")
    expect(2, r"^lamina train: --lr: expected a number above 0, got '-1'", "train", "--lr=-1")
    expect(2, r"^lamina train: --optimizer: expected one of .*, got 'lion'", "train", "--optimizer", "lion")
    expect(2, r"^lamina train: --learning-rate: expected", "train", "--learning-rate", "-1")
    expect(2, r"--momentum belongs to --optimizer sgd_momentum, got adam", "train", "--optimizer", "adam", "--momentum", "0.5")


def configuration_file(base):
    path = os.path.join(base, "a.toml")
    for line, found in [("lr = -1", "lr: expected a number above 0, got '-1'"), ("resume = 'x'", "resume: --resume belongs on the command line"),
                        ("config = 'x'", "config: --config belongs on the command line"), ("update_rule = 'Adam'", "did you mean adam\\?")]:
        with open(path, "w") as file:
            file.write(line + "\n")
        expect(2, r"a.toml:1: .*" + found, "train", "--config", path)
        check("lr: --l" not in run("train", "--config", path).stderr, "the flag's name twice")


def help_and_version():
    for words, flags in [(["help"], ["--help"]), (["help", "train"], ["train", "--help"]), (["help", "data", "info"], ["data", "info", "--help"]),
                         (["version"], ["--version"]), (["-V"], ["--version"]), (["-v"], ["--version"])]:
        check(succeeded(run(*words)).stdout == succeeded(run(*flags)).stdout, words, "is not", flags)
    expect(2, r"unknown argument 'trian'; did you mean train\?", "help", "trian")
    expect(2, r"unknown argument 'inof'; did you mean info\?", "help", "data", "inof")


def names_that_mislead(base):
    """Bytes that are not UTF-8, and marks that turn the direction of a text, reach no terminal as they are."""
    data, out = os.path.join(base, "turned\u202egnp"), os.path.join(base, "run\u2066")
    write_images(data, 6, ["ant", "b\u202dee", "cat\u2028s"])
    latin = os.fsencode(base) + b"/lat\xe4n.png"
    write_images(os.fsdecode(latin)[:-len("/lat?n.png")], 1, ["x"], name=os.path.basename(os.fsdecode(latin)))
    missing = os.fsdecode(b"no\xfftwhere.png")
    said = [succeeded(run("train", *TRAIN, "--data", data, "--out", out)), succeeded(run("eval", out)), succeeded(run("data", "info", data)),
            succeeded(run("predict", out, os.fsdecode(latin))), run("predict", out, missing), run("eval", missing),
            run("train", "--model", missing), run(missing)]
    for process in said:
        text = process.stdout + process.stderr
        check(not any(c in text for c in "\u202e\u202d\u2066\u2028"), process.args, repr(text))
    raw = [run("predict", out, os.fsdecode(latin), errors="strict"), run("predict", out, missing, errors="strict")]
    check("lat\ufffdn.png: " in raw[0].stdout and "no\ufffdtwhere.png" in raw[1].stderr, raw)
    check("--split test" in said[0].stdout and "lamina eval $'" in said[0].stdout, said[0].stdout)
    fine = os.path.join(base, "f\u00e4rben \U0001f41d \u4e2d.png")
    os.rename(latin, fine)
    check(fine + ": " in succeeded(run("predict", out, fine)).stdout, "a name in UTF-8 is printed as it is")


def quiet(base):
    """-q leaves out what is as it should be, and keeps what was skipped."""
    data, out = os.path.join(base, "split"), os.path.join(base, "quiet")
    for part in "train", "val", "test":
        write_images(os.path.join(data, "deeper", part), 4)
    calls = [["train", *TRAIN, "--data", data, "--out", out, "--overwrite"],
             ["search", *TRAIN, "--data", data, "--search", "reg=uniform:0:1", "--trials", "1", "--out", out + "-search", "--overwrite"]]
    for call in calls:
        check("own split is used" in succeeded(run(*call)).stderr, call)
        check(succeeded(run(*call, "-q")).stderr == "", call)
    with open(os.path.join(data, "deeper", "train", "ant", "notes.txt"), "w"):
        pass
    for call in calls:
        said = succeeded(run(*call, "-q")).stderr
        check("skipped 1 entry" in said and len(said.splitlines()) == 1, said)


def main():
    with Directory() as base:
        flags_are_named()
        words_that_are_near()
        configuration_file(base)
        help_and_version()
        names_that_mislead(base)
        quiet(base)


if __name__ == "__main__":
    main()
