#!/usr/bin/env python3
"""The notebooks' Solver cells on lamina's Python package and on plain NumPy, in turns; convolution against plain loops.

Both compute in float32 and use all cores. Images are made up unless --cifar10 names a folder with
cifar-10-batches-bin in it: the times do not depend on them. usage: PYTHONPATH=(the package's folder) python_cells.py [--cifar10 DIR] [--rounds N]
"""
import argparse
import os
import resource
import statistics
import time

import numpy as np
import numpy_course

import lamina
from lamina.data import find_CIFAR10, get_CIFAR10_data
from lamina.fast_layers import conv_backward_fast, conv_forward_fast
from lamina.nets import ConvNet, FullyConnectedNet
from lamina.solver import Solver


def made_up(train):
    X = np.random.randn(train + 1000, 3, 32, 32)
    y = np.random.randint(10, size=train + 1000)
    return {"X_train": X[:train], "y_train": y[:train], "X_val": X[train:], "y_val": y[train:]}


# Name, bar, images, net (lamina's; NumPy's) and what both Solvers are given.
DEEP, DEEP_SCALE = [100, 100, 100, 100, 100], 5e-2
CELLS = [
    ("FullyConnectedNets: six layers, sgd", 4, 4000, lambda: FullyConnectedNet(DEEP, weight_scale=DEEP_SCALE),
     lambda: numpy_course.fully_connected(DEEP, DEEP_SCALE), ("sgd", 1e-2, 100, 5)),
    ("FullyConnectedNets: six layers, momentum", 4, 4000, lambda: FullyConnectedNet(DEEP, weight_scale=DEEP_SCALE),
     lambda: numpy_course.fully_connected(DEEP, DEEP_SCALE), ("sgd_momentum", 1e-2, 100, 5)),
    ("BatchNormalization: six layers, batchnorm", 4, 1000,
     lambda: FullyConnectedNet(DEEP, weight_scale=2e-2, normalization="batchnorm"),
     lambda: numpy_course.fully_connected(DEEP, 2e-2, "batchnorm"), ("adam", 1e-3, 50, 10)),
    ("BatchNormalization: six layers, none", 4, 1000, lambda: FullyConnectedNet(DEEP, weight_scale=2e-2),
     lambda: numpy_course.fully_connected(DEEP, 2e-2), ("adam", 1e-3, 50, 10)),
    ("Dropout: 500 hidden, dropout 0.25", 4, 500, lambda: FullyConnectedNet([500], dropout=0.25),
     lambda: numpy_course.fully_connected([500], dropout=0.25), ("adam", 5e-4, 100, 25)),
    ("Dropout: 500 hidden, none", 4, 500, lambda: FullyConnectedNet([500]),
     lambda: numpy_course.fully_connected([500]), ("adam", 5e-4, 100, 25)),
    ("ConvolutionalNetworks: 16, 32 filters", 8, 100, lambda: ConvNet(num_filters=[16, 32], filter_sizes=[7, 3], weight_scale=1e-2),
     lambda: numpy_course.convolutional([16, 32], [7, 3], 1e-2), ("sgd_momentum", 1e-2, 20, 5)),
    ("ConvolutionalNetworks: 16, 32, 64 filters", 8, 640,
     lambda: ConvNet(num_filters=[16, 32, 64], filter_sizes=[7, 7, 3], weight_scale=1e-2, reg=1e-6),
     lambda: numpy_course.convolutional([16, 32, 64], [7, 7, 3], 1e-2, 1e-6), ("sgd_momentum", 5e-3, 32, 1)),
]


def seconds(solver):
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cifar10")
    parser.add_argument("--rounds", type=int, default=5)
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
    print(f"lamina {lamina.__version__}, {lamina.num_threads()} threads; NumPy {np.__version__}; {options.rounds} rounds in turns")
    print(f"{'cell':<44}{'lamina, s':>11}{'NumPy, s':>11}{'ratio':>8}{'bar':>6}")
    for name, bar, images, ours, theirs, (rule, rate, batch_size, num_epochs) in CELLS:
        part = {key: value[:images] if "train" in key else value for key, value in data.items() if "test" not in key}
        rest = {"update_rule": rule, "optim_config": {"learning_rate": rate}, "batch_size": batch_size,
                "num_epochs": num_epochs}
        times = [(seconds(Solver(ours(), part, verbose=False, **rest)), seconds(numpy_course.Solver(theirs(), part, **rest)))
                 for _ in range(options.rounds)]
        mine, its = (statistics.median(column) for column in zip(*times))
        ratio = statistics.median(b / a for a, b in times)
        print(f"{name:<44}{mine:>11.3f}{its:>11.3f}{ratio:>8.2f}{bar:>6}", flush=True)
    mine, its = loops(options.rounds)
    print(f"{'convolution and its backward, plain loops':<44}{mine:>11.5f}{its:>11.3f}{its / mine:>8.0f}{500:>6}")


if __name__ == "__main__":
    main()
