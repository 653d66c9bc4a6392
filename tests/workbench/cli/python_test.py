"""The same training by the command, whose loop is C++'s Solver, and by Python's Solver: the same losses and accuracies to
the bit, with all options that the two share. Python rounds the losses of a net in float32 to float32, as NumPy would."""

import glob
import os
import sys

from command_testing import LAMINA, Directory, check, history, run, succeeded

PACKAGE = os.path.join(os.path.dirname(LAMINA), "..", "python")
if not glob.glob(os.path.join(PACKAGE, "lamina", "_core*.so")):
    print("skipped: the comparison with Python's Solver, whose module is not built")
    sys.exit(0)
sys.path.insert(0, PACKAGE)

import numpy as np  # noqa: E402

from lamina.nets import ConvNet, FullyConnectedNet, Sequential  # noqa: E402
from lamina.solver import Solver  # noqa: E402

DENSE = (["--model", "fc", "--hidden", "20,15", "--normalization", "batchnorm", "--dropout", "0.7", "--reg", "0.01"],
         lambda **options: FullyConnectedNet([20, 15], 192, 10, 0.7, "batchnorm", 0.01, **options))
IMAGES = (["--model", "convnet", "--num-filters", "16,24", "--filter-sizes", "5,3", "--reg", "0.02"],
          lambda **options: ConvNet((3, 8, 8), [16, 24], [5, 3], 10, 1e-3, 0.02, **options))
RES_NET = ("conv 16 3x3 stride 2 | batchnorm | relu | repeat 2 ( residual ( conv 16 3x3 | batchnorm | relu | conv 16 3x3 "
           "| batchnorm ) | relu ) | global_average_pool | affine 10")  # that of examples/res_net.cc
RESIDUAL = (["--net", RES_NET, "--reg", "0.01"],
            lambda **options: Sequential(RES_NET, (3, 8, 8), reg=0.01, **options))
RUNS = [
    (DENSE, {}),
    (DENSE, {"update_rule": "adam", "schedule": "cosine", "warmup_epochs": 1, "shuffle": True, "weight_decay": 0.1,
             "clip_norm": 0.5, "average_weights": 0.9, "lr_decay": 0.9, "dtype": "float64"}),
    (DENSE, {"update_rule": "adamw", "schedule": "step", "step_epochs": 2, "step_factor": 0.3, "patience": 2}),
    (DENSE, {"update_rule": "adagrad", "clip_norm": 0.01}),
    (IMAGES, {"update_rule": "sgd_momentum", "nesterov": True, "schedule": "one-cycle", "mirror": True, "shift": 2,
              "mirror_averaging": True, "average_weights": 0.8, "shuffle": True, "clip_norm": 2.0, "weight_decay": 1e-3}),
    (IMAGES, {"update_rule": "rmsprop", "mirror": True, "precision": "bf16"}),
    (RESIDUAL, {"update_rule": "adam"}),
    (DENSE, {"slots": 5, "update_rule": "adam", "average_weights": 0.9}),
    (IMAGES, {"slots": 32, "shuffle": True, "mirror": True, "shift": 1}),
    (RESIDUAL, {"update_rule": "sgd_momentum", "shuffle": True, "dtype": "float64"}),
]


def arrays():
    random = np.random.RandomState(5)
    y = {"train": random.randint(10, size=300), "val": random.randint(10, size=120), "test": random.randint(10, size=20)}
    means = 20 * random.randn(10, 3, 8, 8)
    data = {f"y_{split}": labels for split, labels in y.items()}
    data.update({f"X_{split}": means[labels] + 50 * random.randn(len(labels), 3, 8, 8) for split, labels in y.items()})
    return data


def flags_of(options):
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        yield from [flag] if value is True else [flag, str(value)]


def by_python(net, data, options):
    settings = {name: value for name, value in options.items() if name not in ("precision", "dtype")}
    np.random.seed(231)
    model = net(precision=options.get("precision", "full"), dtype=np.dtype(options.get("dtype", "float32")))
    solver = Solver(model, data, num_epochs=4, batch_size=32, verbose=False, num_train_samples=1000,
                    optim_config={"learning_rate": 2e-3}, **settings)
    solver.train()
    return solver


with Directory() as base:
    data = arrays()
    path = os.path.join(base, "data.npz")
    np.savez(path, **data)
    for i, ((flags, net), options) in enumerate(RUNS):
        out = os.path.join(base, str(i))
        succeeded(run("train", *flags, "--data", path, "--epochs", "4", "--batch-size", "32", "--learning-rate", "2e-3",
                      "--out", out, "--quiet", *flags_of(options)))
        expected, solver = history(out), by_python(net, data, options)
        dtype = np.dtype(options.get("dtype", "float32")).type
        check(solver.loss_history == [float(dtype(loss)) for loss in expected["loss_history"]], options)
        check(solver.train_acc_history == expected["train_acc_history"], options)
        check(solver.val_acc_history == expected["val_acc_history"], options)
        check(len(set(solver.val_acc_history)) > 1, "nothing is learnt", options)
