#!/usr/bin/env python3
"""The notebooks' Solver cells on lamina's Python package and on plain NumPy, in turns; convolution against plain loops.

Both compute in the cell's type and use all cores. The longest cells are cut to fewer images, and the experiments over
many nets to one of them. Images are made up unless --cifar10 names a folder with cifar-10-batches-bin in it: the times
do not depend on them. Exits with 1 where a ratio of times is below its bar.

usage: PYTHONPATH=(the package's folder) python_cells.py [--cifar10 DIR] [--rounds N] [--markdown] [--only TEXT]
"""
import argparse
import os
import resource
import statistics
import sys
import time

import numpy as np
import numpy_course

import lamina
from lamina.data import find_CIFAR10, get_CIFAR10_data
from lamina.fast_layers import conv_backward_fast, conv_forward_fast
from lamina.nets import ConvNet, FullyConnectedNet, TwoLayerNet
from lamina.solver import Solver


def made_up(train):
    X = np.random.randn(train + 1000, 3, 32, 32)
    y = np.random.randint(10, size=train + 1000)
    return {"X_train": X[:train], "y_train": y[:train], "X_val": X[train:], "y_val": y[train:]}


def dense(name, bar, images, training, hidden, weight_scale=1e-2, normalization=None, dropout=1, reg=0.0,
          dtype=np.float32):
    return (name, bar, images, lambda: FullyConnectedNet(hidden, dropout=dropout, normalization=normalization, reg=reg,
                                                         weight_scale=weight_scale, dtype=dtype),
            lambda: numpy_course.fully_connected(hidden, weight_scale, normalization, dropout, reg, dtype), training)


def convolutional(name, bar, images, training, filters, sizes, weight_scale=1e-2, reg=0.0):
    return (name, bar, images,
            lambda: ConvNet(num_filters=filters, filter_sizes=sizes, weight_scale=weight_scale, reg=reg),
            lambda: numpy_course.convolutional(filters, sizes, weight_scale, reg), training)


# Name, bar, images, net (lamina's; NumPy's) and what both Solvers are given: rule, learning rate, batch, epochs.
SIX = [100] * 5
CELLS = [
    ("FullyConnectedNets: TwoLayerNet, float64", None, 4000, TwoLayerNet,
     lambda: numpy_course.fully_connected([100], 1e-3, dtype=np.float64), ("sgd", 1e-3, 100, 2)),
    dense("FullyConnectedNets: three layers, float64", None, 50, ("sgd", 1e-2, 25, 20), [100] * 2, 2.2e-2,
          dtype=np.float64),
    dense("FullyConnectedNets: five layers, float64", None, 50, ("sgd", 2.2e-2, 25, 20), [100] * 4, 5.2e-2,
          dtype=np.float64),
    dense("FullyConnectedNets: six layers, sgd", 4, 4000, ("sgd", 1e-2, 100, 5), SIX, 5e-2),
    dense("FullyConnectedNets: six layers, momentum", 4, 4000, ("sgd_momentum", 1e-2, 100, 5), SIX, 5e-2),
    dense("FullyConnectedNets: six layers, rmsprop", 4, 4000, ("rmsprop", 1e-4, 100, 5), SIX, 5e-2),
    dense("FullyConnectedNets: six layers, adam", 4, 4000, ("adam", 1e-3, 100, 5), SIX, 5e-2),
    dense("FullyConnectedNets: the best net", 4, 4000, ("adam", 1e-3, 200, 2), [100] * 4, 1e-2, "batchnorm", 0.7, 3e-2),
    dense("BatchNormalization: six layers, batchnorm", 4, 1000, ("adam", 1e-3, 50, 10), SIX, 2e-2, "batchnorm"),
    dense("BatchNormalization: six layers, none", 4, 1000, ("adam", 1e-3, 50, 10), SIX, 2e-2),
    dense("BatchNormalization: weight scale, batchnorm", 4, 1000, ("adam", 1e-3, 50, 10), [50] * 7, 1e-2, "batchnorm"),
    dense("BatchNormalization: weight scale, none", 4, 1000, ("adam", 1e-3, 50, 10), [50] * 7, 1e-2),
    dense("BatchNormalization: batches of 5", 4, 1000, ("adam", 10**-3.5, 5, 2), SIX, 2e-2, "batchnorm"),
    dense("BatchNormalization: batches of 50", 4, 1000, ("adam", 10**-3.5, 50, 10), SIX, 2e-2, "batchnorm"),
    dense("BatchNormalization: layernorm, batches of 50", 4, 1000, ("adam", 10**-3.5, 50, 10), SIX, 2e-2, "layernorm"),
    dense("Dropout: 500 hidden, dropout 0.25", 4, 500, ("adam", 5e-4, 100, 25), [500], dropout=0.25),
    dense("Dropout: 500 hidden, none", 4, 500, ("adam", 5e-4, 100, 25), [500]),
    convolutional("ConvolutionalNetworks: 16, 32 filters", 8, 100, ("sgd_momentum", 1e-2, 20, 5), [16, 32], [7, 3]),
    convolutional("ConvolutionalNetworks: 16, 32, 64 filters", 8, 640, ("sgd_momentum", 5e-3, 32, 1), [16, 32, 64],
                  [7, 7, 3], reg=1e-6),
]


def seconds(solver):
    time.sleep(0.1)  # until the other's threads sleep: OpenBLAS's look for work for some 30 ms after their last
    start = time.perf_counter()
    solver.train()
    return time.perf_counter() - start


def loops(rounds):
    """Convolution of 16 images, forward and backward: (lamina's, the loops') seconds."""
    x, w, b = np.random.randn(16, 3, 31, 31), np.random.randn(25, 3, 3, 3), np.random.randn(25)
    param = {"stride": 2, "pad": 1}

    def fast():
        out, cache = conv_forward_fast(x, w, b, param)
        return out, *conv_backward_fast(out, cache)

    start = time.perf_counter()
    out = numpy_course.conv_forward_naive(x, w, b, 2, 1)
    slow = out, *numpy_course.conv_backward_naive(out, x, w, 2, 1)
    naive = time.perf_counter() - start
    for ours, theirs in zip(fast(), slow):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    times = []
    for _ in range(20 * rounds):
        start = time.perf_counter()
        fast()
        times.append(time.perf_counter() - start)
    return statistics.median(times), naive


class Table:
    """Lines of times, and the cells whose ratio is below its bar."""

    def __init__(self, markdown):
        self.markdown, self.below = markdown, []
        if markdown:
            print("| Cell | lamina, s | NumPy, s | Ratio | Bar |\n| --- | ---: | ---: | ---: | ---: |")
        else:
            print(f"{'cell':<46}{'lamina, s':>11}{'NumPy, s':>11}{'ratio':>8}{'bar':>6}")

    def add(self, name, mine, its, ratio, bar):
        found = [f"{mine:.4f}", f"{its:.3f}", f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}",
                 "" if bar is None else str(bar)]
        if self.markdown:
            print("| " + " | ".join([name, *found]) + " |", flush=True)
        else:
            print(f"{name:<46}{found[0]:>11}{found[1]:>11}{found[2]:>8}{found[3]:>6}", flush=True)
        if bar is not None and ratio < bar:
            self.below.append(f"{name}: {ratio:.2f} times as fast, expected {bar}")


def measured(cell, data, rounds):
    """Medians of lamina's and of NumPy's seconds, and of their ratio, over rounds in turns."""
    _, _, images, ours, theirs, (rule, rate, batch_size, num_epochs) = cell
    part = {key: value[:images] if "train" in key else value for key, value in data.items() if "test" not in key}
    rest = {"update_rule": rule, "optim_config": {"learning_rate": rate}, "batch_size": batch_size,
            "num_epochs": num_epochs}
    times = [(seconds(Solver(ours(), part, verbose=False, **rest)),
              seconds(numpy_course.Solver(theirs(), part, **rest))) for _ in range(rounds)]
    return (*(statistics.median(column) for column in zip(*times)), statistics.median(b / a for a, b in times))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cifar10")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", action="store_true", help="print a table for a page")
    parser.add_argument("--only", default="", help="the cells whose names have this text in them")
    options = parser.parse_args()
    np.random.seed(0)
    if options.cifar10:
        os.environ["LAMINA_DATA"] = options.cifar10
        start = time.perf_counter()
        data = get_CIFAR10_data()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"CIFAR-10 read from {find_CIFAR10()} in {time.perf_counter() - start:.2f} s; at most {peak:.2f} GiB so far")
    else:
        data = made_up(4000)
    print(f"lamina {lamina.__version__}, {lamina.num_threads()} threads; NumPy {np.__version__}; "
          f"{options.rounds} rounds in turns", end="\n\n" if options.markdown else "\n")
    table = Table(options.markdown)
    for cell in CELLS:
        if options.only in cell[0]:
            table.add(cell[0], *measured(cell, data, options.rounds), cell[1])
    name = "Convolution and its backward, plain loops"
    if options.only in name:
        mine, its = loops(options.rounds)
        table.add(name, mine, its, its / mine, 500)
    if table.below:
        sys.exit("\n".join(["", *table.below]))


if __name__ == "__main__":
    main()
