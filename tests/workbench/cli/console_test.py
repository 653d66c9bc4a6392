"""What the console says of classes and of an evaluation: names that are long, alike, or many."""

import os
import re

from command_testing import Directory, check, run, succeeded, write_images


def trained(base, names):
    """A run on a few images of each of these classes, and what its training printed."""
    data, out = os.path.join(base, "data%d" % len(os.listdir(base))), os.path.join(base, "run%d" % len(os.listdir(base)))
    write_images(data, 5, names)
    return out, succeeded(run("train", "--model", "fc", "--hidden", "4", "--image-size", "8", "--epochs", "1", "--data", data,
                              "--out", out)).stdout


def evaluation(out, *args):
    """The lines of `lamina eval`, and those from the confusions on."""
    text = succeeded(run("eval", out, *args)).stdout
    check(all(len(line) <= 80 for line in text.splitlines()), text)
    return text, re.split(r"\n\n(?=Confusion|The \d)", text)[1].splitlines()


def names_of_classes(base):
    fashion = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
    line = trained(base, fashion)[1].splitlines()[1]
    check(line == "10 classes: " + ", ".join(sorted(fashion)), line)
    whole = ["a" * 40, "b" * 40, "c", "d" * 4]  # of 101 characters, were it not for the "..."
    line = trained(base, whole)[1].splitlines()[1]
    check(line == "4 classes: " + ", ".join(whole), line)
    many = ["class-%02d" % i for i in range(60)]
    line = trained(base, many)[1].splitlines()[1]
    check(line.startswith("60 classes: class-00, ") and line.endswith(", ..., class-59") and len(line) <= 100, line)


def confusions(base):
    out, _ = trained(base, ["ant", "bee", "cat"])
    text, matrix = evaluation(out)
    check("val split: 3 images, accuracy" in text and matrix[1].split() == ["ant", "bee", "cat"], text)
    out, _ = trained(base, ["class-a", "class-b", "other"])
    text, matrix = evaluation(out, "--split", "all")
    check(matrix[1].split() == ["1", "2", "3"], text)
    check([line[:9].strip() for line in matrix[2:]] == ["1 class-a", "2 class-b", "3 other"], text)
    check(all(sum(map(int, line[9:].split())) == 5 for line in matrix[2:]), text)
    out, _ = trained(base, ["%02d-kind" % i for i in range(20)])
    text, matrix = evaluation(out, "--split", "all")
    check(matrix[1].split() == [str(i + 1) for i in range(20)] and len(matrix) == 22, text)
    out, _ = trained(base, ["class-%02d" % i for i in range(60)])
    text, listed = evaluation(out, "--split", "all")
    check(re.match(r"The 20 commonest of \d+ confusions|Confusions, the commonest first", listed[0]), text)
    counts = [int(line.split()[0]) for line in listed[2:]]
    check(counts == sorted(counts, reverse=True) and len(counts) <= 20, text)


def one_image(base):
    data, out = os.path.join(base, "few"), os.path.join(base, "few-run")
    write_images(os.path.join(data, "train"), 4)
    write_images(os.path.join(data, "test"), 1, ["ant"])
    succeeded(run("train", "--model", "fc", "--hidden", "4", "--epochs", "1", "--data", data, "--out", out))
    check("test split: 1 image, accuracy" in succeeded(run("eval", out, "--split", "test")).stdout, "1 image")


def main():
    with Directory() as base:
        names_of_classes(base)
        confusions(base)
        one_image(base)


if __name__ == "__main__":
    main()
