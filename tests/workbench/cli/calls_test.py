"""Calls that fail: each gives its exit code and exactly one line that says what was expected and what was found."""

import gzip
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import time

from command_testing import LAMINA, Directory, check, environment, expect, history, run, succeeded, write_cifar10


def threads_of(args, env):
    """How many threads a training uses, which is ended then."""
    process = subprocess.Popen([LAMINA, *args], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    most, end = 0, time.monotonic() + 60
    try:
        while process.poll() is None and time.monotonic() < end:
            try:
                with open("/proc/%d/status" % process.pid) as file:
                    threads = int(re.search(r"Threads:\s+(\d+)", file.read())[1])
            except (OSError, TypeError):
                continue
            if threads > 1 and threads == most:
                return most
            most = threads
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(args[-1], ignore_errors=True)
    return most


def write_idx(directory):
    """Grey images of 28 x 28 pixels in MNIST's files."""
    os.makedirs(directory)
    for name, count in [("train", 2500), ("t10k", 50)]:
        with open(os.path.join(directory, name + "-images-idx3-ubyte"), "wb") as file:
            file.write(struct.pack(">4i", 2051, count, 28, 28) + bytes(count * 784))
        with open(os.path.join(directory, name + "-labels-idx1-ubyte"), "wb") as file:
            file.write(struct.pack(">2i", 2049, count) + bytes(i % 10 for i in range(count)))


def damaged_data(base, data):
    """A file that is cut short or of another kind is named, with what was expected and what was found."""
    cifar = os.path.join(base, "cut", "cifar-10-batches-bin")
    shutil.copytree(data, cifar)
    with open(os.path.join(cifar, "data_batch_3.bin"), "r+b") as file:
        file.truncate(3073 * 100 + 5)
    expect(1, r"cut/cifar-10-batches-bin/data_batch_3.bin: expected .*3073.*, (found|got) 307305", "data", "info", os.path.dirname(cifar))
    grey = os.path.join(base, "cut-idx")
    write_idx(grey)
    images = os.path.join(grey, "train-images-idx3-ubyte")
    with open(images, "rb") as file:
        whole = file.read()
    for bytes_left, found in [(whole[:-1], r"expected .*(found|got)"), (b"", r"expected .*(found|got)"),
                              (b"\x89PNG\r\n\x1a\n" + whole[8:], r"expected .*(found|got)")]:
        with open(images, "wb") as file:
            file.write(bytes_left)
        expect(1, r"train-images-idx3-ubyte: " + found, "data", "info", grey)
    with gzip.open(images + ".gz", "wb") as file:
        file.write(whole)
    os.remove(images)
    with open(images + ".gz", "r+b") as file:
        file.truncate(os.path.getsize(images + ".gz") // 2)
    expect(1, r"train-images-idx3-ubyte.gz: expected", "data", "info", grey)
    archive = os.path.join(base, "cifar-10-binary.tar.gz")
    with open(archive, "wb") as file:
        file.write(b"\x1f\x8b\x08" + b"\0" * 200)
    expect(1, r"cifar-10-binary.tar.gz: ", "data", "info", archive)


def other_cifar(base):
    """CIFAR-10's Python version and CIFAR-100 are named in all their forms."""
    place = os.path.join(base, "others")
    sets = [("cifar-10-batches-py", ["data_batch_1", "data_batch_2", "test_batch"], "cifar-10-python.tar.gz", "found its Python version"),
            ("cifar-100-python", ["train", "test", "meta"], "cifar-100-python.tar.gz", "found CIFAR-100"),
            ("cifar-100-binary", ["train.bin", "test.bin"], "cifar-100-binary.tar.gz", "found CIFAR-100")]
    for folder, files, archive, found in sets:
        os.makedirs(os.path.join(place, folder))
        for name in files:
            with open(os.path.join(place, folder, name), "w") as file:
                file.write("a pickle")
        forms = [[place], [os.path.join(place, folder)], *([os.path.join(place, folder, name)] for name in files if name != "meta"),
                 ["cifar10", "--data-dir", place], ["cifar10", "--data-dir", os.path.join(place, folder)]]
        for form in forms:
            expect(1, found + r"; 'lamina data fetch cifar10' downloads", "data", "info", *form)
        packed = os.path.join(base, "packed")
        os.makedirs(packed)
        with tarfile.open(os.path.join(packed, archive), "w:gz") as tar:
            tar.add(os.path.join(place, folder), folder)
        for form in [[packed], [os.path.join(packed, archive)], ["cifar10", "--data-dir", packed]]:
            expect(1, archive + r": .*" + found + r"; 'lamina data fetch cifar10' downloads", "data", "info", *form)
        shutil.rmtree(packed)
        shutil.rmtree(place)


def without_rights(base, done):
    """What a directory that may not be read, or written to, says to somebody who is not root."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        print("skipped: calls without rights, since setpriv (util-linux) is missing")
        return
    closed = os.path.join(base, "closed")
    shutil.copytree(done, os.path.join(closed, "run"))
    os.chmod(base, 0o755)
    os.chmod(closed, 0o000)
    try:
        for args in [["eval", closed + "/run"], ["predict", closed + "/run", "a.png"], ["train", "--resume", closed + "/run"],
                     ["train", "--model", "fc", "--data", "synthetic", "--out", closed + "/new"],
                     ["search", "--resume", closed + "/run"]]:
            other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
            process = subprocess.run([*other, LAMINA, *args], env=environment(), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", timeout=600)
            lines = process.stderr.splitlines()
            check(process.returncode == 1 and len(lines) == 1 and "Permission denied" in lines[0] and "closed" in lines[0] and
                  "filesystem error" not in lines[0], args, "gave", process.returncode, process.stderr)
    finally:
        os.chmod(closed, 0o700)


def output_that_fails(done):
    """Nothing that was asked for is there where it could not be printed: a failure."""
    for args in [["summary"], ["eval", done], ["eval", done, "--json"], ["train", "--help"], ["--version"]]:
        with open("/dev/full", "w") as full:
            process = subprocess.run([LAMINA, *args], env=environment(), stdin=subprocess.DEVNULL, stdout=full,
                                     stderr=subprocess.PIPE, encoding="utf-8", timeout=600)
        check(process.returncode == 1 and "expected an output that can be written to" in process.stderr, args, "into a full disk gave", process.returncode,
              process.stderr)


def files_that_may_not_grow(base, data):
    """A limit on the size of files is an error of writing like any other, not the end by a signal."""
    call = [LAMINA, "train", "--model", "two-layer", "--hidden", "50", "--epochs", "1", "--num-train", "100", "--data", data, "--out",
            os.path.join(base, "limited")]
    done = subprocess.run(["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *call], env=environment(), stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, encoding="utf-8", timeout=600)
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "limited" in done.stderr, done.returncode, done.stderr)


def streams_that_are_closed(base, data):
    """An error keeps its exit code where it cannot be told, and a file never gets the number of a stream."""
    for args, code in [(["train", "--epochs", "0"], 2), (["eval", base], 1), (["trian"], 2)]:
        for closing in ["2>&-", "2>/dev/full", ">&- 2>&-", "<&- >&- 2>&-"]:
            done = subprocess.run(["sh", "-c", 'exec "$@" ' + closing, "sh", LAMINA, *args], env=environment(), timeout=600)
            check(done.returncode == code, args, closing, "gave", done.returncode)
    out = os.path.join(base, "closed streams")
    call = [LAMINA, "search", "--search", "learning-rate=log-uniform:1e-4:1e-2", "--trials", "3", "--model", "two-layer",
            "--hidden", "5", "--epochs", "1", "--num-train", "100", "--data", data, "--out", out]
    subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *call], env=environment(), timeout=600)
    with open(os.path.join(out, "search.jsonl")) as file:
        check(all(line.startswith("{") for line in file), "the console's text is in", out)
    succeeded(run(*call[1:]))  # nothing is left to do


def main():
    with Directory() as base:
        data = write_cifar10(os.path.join(base, "data"), per_file=400, test=50)
        streams_that_are_closed(base, data)
        files_that_may_not_grow(base, data)
        small = ["--model", "two-layer", "--hidden", "5", "--epochs", "1", "--batch-size", "50", "--num-train", "100",
                 "--data", data]

        def path(name, text=None):
            full = os.path.join(base, name)
            if text is not None:
                with open(full, "w") as file:
                    file.write(text)
            return full

        os.makedirs(path("python/cifar-10-batches-py"))
        path("python/cifar-10-batches-py/data_batch_1", "pickle")
        for place in (path("python"), path("python/cifar-10-batches-py")):
            expect(1, r"expected CIFAR-10 in its binary version, found its Python version", "train", "--data", place, "--out",
                   path("x"))
        other_cifar(base)

        # Words that many people know.
        short = path("short")
        succeeded(run("train", *small, "--lr", "2e-3", "--optimizer", "adam", "-o", short, "-q"))
        config = history(short)["config"]
        check(config["learning_rate"] == 2e-3 and config["update_rule"] == "adam", config)

        # The command line.
        expect(2, r"unknown argument 'trian'; did you mean train", "trian")
        expect(2, r"lamina train: unknown flag '--epoch'; did you mean --epochs\? ", "train", "--epoch", "3")
        expect(2, r"unknown flag '--batch_size'; did you mean --batch-size\? ", "train", "--batch_size", "3")
        expect(2, r"--search foo: expected a flag of lamina train or a name in braces in --net, found neither \(", "search", "--search", "foo=uniform:0:1")
        expect(2, r"--epochs: expected a whole number from 1 on, got '0'", "train", "--epochs", "0")
        expect(2, r"--epochs: expected a whole number from 1 on, got 'x'", "train", "--epochs=x")
        expect(2, r"--epochs: expected a value, got none", "train", "--epochs")
        expect(2, r"--learning-rate: expected a number above 0, got '-1'", "train", "--learning-rate=-1")
        expect(2, r"--learning-rate: expected a number above 0, got 'nan'", "train", "--learning-rate", "nan")
        expect(2, r"--dropout: expected a number above 0 and up to 1, got '0'", "train", "--model", "fc", "--dropout", "0")
        expect(2, r"--model: expected one of two-layer, fc, convnet, three-layer-convnet, got 'cnn'", "train", "--model", "cnn")
        expect(2, r"--dtype: expected one of float32, float64, got 'half'", "train", "--dtype", "half")
        expect(2, r"--precision: expected one of full, bf16, got 'half'", "train", "--precision", "half")
        expect(2, r"--precision bf16 belongs to --dtype float32, got float64", "train", "--precision", "bf16", "--dtype", "float64")
        expect(2, r"--precision bf16 belongs to --dtype float32, got float64", "summary", "--precision", "bf16", "--dtype", "float64")
        expect(2, r"--update-rule: expected one of sgd, sgd_momentum, rmsprop, adam", "train", "--update-rule", "lion")
        expect(2, r"--hidden: expected whole numbers of 1 to 1000000, comma-separated, got '10,,10'", "train", "--hidden", "10,,10")
        expect(2, r"--hidden does not belong to --model convnet, which has --num-filters", "train", "--hidden", "10")
        expect(2, r"--hidden: expected a whole number of 1 to 1000000, got '10,10'", "train", "--model", "two-layer", "--hidden", "10,10")
        expect(2, r"as many --filter-sizes as --num-filters, got 7,3 for 16; 7,3 is the default of --filter-sizes \(", "train",
               "--num-filters", "16")
        expect(2, r"got 3 for 32,32; 32,32 is the default of --num-filters \(", "summary", "--filter-sizes", "3")
        expect(2, r"got 3 for 4,5 \(", "train", "--filter-sizes", "3", "--num-filters", "4,5")
        expect(2, r"--filter-sizes: expected odd numbers, got 4", "train", "--filter-sizes", "4,3")
        expect(2, r"--momentum belongs to --update-rule sgd_momentum, got adam", "train", "--update-rule", "adam", "--momentum", "0.5")
        expect(2, r"--warmup-epochs: expected fewer than --epochs 3, got 3 ", "train", *small, "--epochs", "3", "--warmup-epochs", "3")
        expect(2, r"--warmup-epochs: expected fewer than --epochs 1, got 1.5 ", "train", *small, "--schedule", "one-cycle",
               "--warmup-epochs", "1.5")
        for flags in [["--learning-rate", "1e-2", "--weight-decay", "100"], ["--weight-decay", "2000"]]:  # 1e-3, two-layer's
            expect(2, r"--weight-decay: expected less than 1 / --learning-rate 0.0+1, got \d+: ", "train", *small, *flags)
        for flag, value, table in [("--image-size", "16", ""), ("--split-seed", "0", " or a table"),
                                   ("--val-fraction", "0.1", " or a table"), ("--test-fraction", "0.1", " or a table")]:
            for where in ["auto", "cifar10", data]:
                expect(2, flag + r" belongs to a directory with one folder of images a class" + table + ", got " + where, "train",
                       *small[:-1], where, flag, value)
        expect(2, r"--split-seed belongs to a directory", "search", "--search", "reg=uniform:0:1", "--split-seed", "1")
        expect(2, r"--image-size belongs to a directory", "reproduce", "dropout", "--data", "synthetic", "--image-size", "16")
        expect(2, r"--image-size: expected the data that it is about, got none", "data", "info", "--image-size", "16")
        expect(2, r"--image-size belongs to a directory .* got synthetic", "data", "info", "synthetic", "--image-size", "16")
        expect(1, r"nowhere", "train", "--data", path("nowhere"), "--image-size", "16", "--out", path("x"))
        expect(2, r"--seed: expected a whole number of 0 to 4294967295", "train", "--seed", "4294967296")
        expect(2, r"--threads", "train", "--threads", "-1")
        expect(2, r"--resume goes on with the run's own settings: --seed cannot", "train", "--resume", base, "--seed", "5")
        expect(2, r"--split: expected one of train, val, test, all, got 'dev'", "eval", base, "--split", "dev")
        expect(2, r": expected a run: a run directory or a model.safetensors, got none", "eval")
        expect(2, r": expected an image \(a PNG or JPEG file\) or a table, got none \(", "predict", base)
        expect(2, r"'-x.png' was taken for a flag, a file of that name is ./-x.png", "predict", base, "-x.png")
        expect(2, r": expected the name of a data set, got none", "data", "fetch")
        expect(2, r"data: expected one of cifar10, got 'imagenet'", "data", "fetch", "imagenet")
        expect(2, r"machine's \d+ GB|at most \d+ parameters", "summary", "--model", "fc", "--hidden", "1000000,1000000")
        expect(2, r"2x2 max pool.*input_dim", "summary", "--num-filters", "4,4", "--filter-sizes", "3,3", "--conv-stride", "30")

        expect(2, r"--model: expected a value, got none", "train", "--model")
        expect(2, r"--epochs: expected a whole number from 1 on, got '99999999999999999999'", "train", "--epochs",
               "99999999999999999999")
        expect(2, r"--no-batch-norm: expected no value", "train", "--no-batch-norm=3")
        expect(2, r"--quiet: expected no value", "train", "--quiet=maybe")
        expect(2, r"expected one of the commands info, fetch, got none", "data")
        for flag in ["--resume", "--config", "--out", "--data", "--data-dir"]:
            expect(2, flag + r": expected a value, got an empty text", "train", flag, "")
        expect(2, r"run: expected a value, got an empty text", "eval", "")

        # The number of threads.
        for text, code, pattern in [("abc", 2, r"expected LAMINA_NUM_THREADS to be a number of threads, 1 to 4096, got 'abc'"),
                                    ("0", 2, r"1 to 4096, got '0'")]:
            expect(code, pattern, "train", *small, "--out", path("threads"), env=environment(LAMINA_NUM_THREADS=text))
        sanitized = os.environ.get("LAMINA_TEST_SANITIZED")
        if sanitized:
            print("not run under a sanitizer, whose runtime has threads of its own: how many threads train")
        for args, env, threads in [] if sanitized else [([], environment(LAMINA_NUM_THREADS="3", LAMINA_MOST_THREADS="64"), 3),
                                                        (["--threads", "2"], environment(LAMINA_NUM_THREADS="3", LAMINA_MOST_THREADS="64"), 2),
                                                        (["--threads", "9"], environment(LAMINA_MOST_THREADS="2"), 2)]:
            check(threads_of(["train", "--model", "fc", "--hidden", "3000,3000", "--data", "synthetic", *args,
                              "--out", path("threads")], env) == threads, "threads with", args, "are not", threads)

        # The configuration file.
        expect(2, r"a.toml:1: epoch: unknown key; did you mean epochs\?", "train", "--config", path("a.toml", "epoch = 3\n"))
        expect(2, r"b.toml:2: epochs: expected a whole number from 1 on, got '0'", "train", "--config",
               path("b.toml", "seed = 1\nepochs = 0\n"))
        expect(2, r"c.toml:1: not TOML", "train", "--config", path("c.toml", "epochs = = 3\n"))
        for line, remedy in [("model=fc", r'; a text needs quotes: model = "fc" \('), ("data = /tmp/x # here", r'data = "/tmp/x" \('),
                             ("num-filters = 16,32", r"; a list needs brackets: num-filters = \[16,32\] \(")]:
            expect(2, r"words.toml:2: not TOML: .*" + remedy, "train", "--config", path("words.toml", "epochs = 3\n" + line + "\n"))
        expect(2, r"bars.toml:1: not TOML", "train", "--config", path("bars.toml", "[" + 97 * "|"))
        expect(2, r"d.toml:1: no-batch-norm: expected true or false", "train", "--config", path("d.toml", "no-batch-norm = 3\n"))
        expect(2, r"e.toml:1: solver: unknown key", "train", "--config", path("e.toml", "[solver]\nepochs = 3\n"))
        expect(2, r"none.toml: expected a file that can be read", "train", "--config", path("none.toml"))
        expect(2, r"/dev/zero: expected a regular file", "train", "--config", "/dev/zero", timeout=60)
        os.mkfifo(path("pipe.toml"))
        expect(2, r"pipe.toml: expected a regular file", "train", "--config", path("pipe.toml"), timeout=60)
        expect(2, r"g.toml:2: num_filters: expected each key once, got num-filters as well", "train", "--config",
               path("g.toml", "num-filters = [4]\nnum_filters = [8]\n"))
        expect(2, r"f.toml:1: resume: --resume belongs on the command line", "train", "--config", path("f.toml", "resume = 'x'\n"))

        # Data.
        expect(1, r"nowhere", "train", "--data", path("nowhere"), "--out", path("x"))
        check(not os.path.exists(path("x")), "a run that could not begin left its directory")
        expect(1, r"nowhere: expected a directory of data sets \(--data-dir\), found no such thing", "data", "info", "--data-dir",
               path("nowhere"), env=environment(LAMINA_DATA=data))
        for call in ["train", "--out", path("x"), "--data", "cifar10"], ["data", "info", "cifar10"]:
            expect(1, r"nowhere: expected a directory of data sets \(--data-dir\), found no such thing", *call, "--data-dir",
                   path("nowhere"), env=environment(LAMINA_DATA=data))
        check(data in succeeded(run("data", "info", "--data-dir", data)).stdout, "data info --data-dir")
        os.makedirs(path("empty"))
        expect(1, r"empty", "data", "info", path("empty"))
        damaged_data(base, data)
        expect(1, r"data_batch_1.bin: expected the directory of CIFAR-10's files, found one of them", "data", "info",
               os.path.join(data, "data_batch_1.bin"))

        # Runs.
        done = path("done")
        succeeded(run("train", *small, "--out", done))
        before = open(os.path.join(done, "history.json")).read()
        expect(1, r"done: holds a run already", "train", *small, "--out", done)
        expect(1, r"nowhere", "train", *small[:-1], path("nowhere"), "--out", done, "--overwrite")
        check(open(os.path.join(done, "history.json")).read() == before, "a call that failed changed a finished run")
        expect(1, r"no-run", "train", "--resume", path("no-run"))
        expect(1, r"empty.*found no run", "train", "--resume", path("empty"))
        expect(1, r"plain", "train", *small, "--out", os.path.join(path("plain", "text"), "run"))
        expect(1, r"plain", "train", *small, "--out", path("plain"))
        expect(1, r"/proc", "train", *small, "--out", "/proc/lamina")
        expect(1, r"empty.*model.safetensors", "eval", path("empty"))
        expect(1, r"nowhere", "eval", path("nowhere"))
        expect(1, r"plain", "eval", path("plain"))
        grey = os.path.join(base, "grey")
        write_idx(grey)
        expect(1, r"expected examples of \(3, 32, 32\).*found \(1, 28, 28\)", "eval", done, "--data", grey)
        expect(1, r"a b.png", "predict", done, "a\nb.png")
        expect(1, r"no where: expected", "eval", "no\nwhere")
        expect(1, r"File name too long", "eval", "x" * 300)
        expect(1, r"File name too long", "train", *small, "--out", path("x" * 300))
        expect(2, r"images a batch, which take \d+ GB to train on; with this net \d+ would fit", "train", "--data", "synthetic", "--batch-size", "1000000", "--out",
               path("large"))
        expect(2, r"1000000 images a slot, which take \d+ GB to train on; with this net \d+ would fit", "train", "--data", "synthetic", "--batch-size", "2000000", "--slots", "2", "--out",
               path("large"))
        check(not os.path.exists(path("large")), "a run that could not begin left its directory")
        without_rights(base, done)
        output_that_fails(done)
        expect(1, r"plain", "predict", done, path("plain"))
        for other in os.path.join(done, "history.json"), os.path.join(done, "report.html"):
            expect(1, re.escape(other) + r": expected a model file or a checkpoint \(safetensors\), got a file of another kind",
                   "predict", other, done)
        shutil.copytree(done, path("searched/best"))
        expect(1, r"searched: expected a run directory, found that of a search, whose best run is .*/searched/best$", "eval",
               path("searched"))
        for name in ["checkpoint", "model.safetensors"]:
            whole = open(os.path.join(done, name), "rb").read()
            for bad in [b"", whole[: len(whole) // 2], b"\xff" * 64, whole[:-3] + b"abc"]:
                broken = path("broken")
                os.makedirs(broken, exist_ok=True)
                with open(os.path.join(broken, name), "wb") as file:
                    file.write(bad)
                if name == "checkpoint":
                    expect(1, r"broken/checkpoint", "train", "--resume", broken)
                else:
                    expect(1, r"broken/model.safetensors", "eval", broken)
        with open(os.path.join(broken, "model.safetensors"), "wb") as file:
            file.write(whole.replace(b"lamina model 3", b"lamina model 2"))
        expect(0, r"broken is of an earlier version, without a checksum", "eval", broken)
        # Other data than those that the run began with.
        started = path("started")
        expect(2, r"LAMINA_CHECKPOINT_SECONDS", "train", *small, "--out", started,
               env=environment(LAMINA_CHECKPOINT_SECONDS="soon"))
        first = path("first")
        expect(1, r"iteration 1 of .*: look for numbers in the data that are not finite, or try a smaller weight_scale or "
               r"normalization; the last checkpoint", "train", *small, "--weight-scale", "1e38", "--out", first)
        expect(1, r"loss.*iteration.*learning rate.*start anew, with a smaller --learning-rate and --overwrite; the last "
               r"checkpoint.*started/checkpoint", "train", *small,
               "--learning-rate", "1e30", "--epochs", "30", "--out", started)
        check(len(history(started)["loss_history"]) >= 1, "the losses before the bad one are in history.json")
        other = write_cifar10(path("other"), per_file=400, test=50, seed=2)
        os.rename(data, path("kept"))
        os.rename(other, data)
        expect(1, r"expected the data that the run started with", "train", "--resume", started)
    print("all calls gave their line")


if __name__ == "__main__":
    sys.exit(main())
