#!/usr/bin/env python3
"""Run by a Python into which the wheel was installed, outside the tree: the packages are there, and a net trains."""
import importlib
import os
import sys

import numpy as np

import lamina
from cs6353.classifiers.cnn import ConvNet
from cs6353.solver import Solver

if not os.path.abspath(lamina.__file__).startswith(os.path.abspath(sys.prefix)):
    sys.exit(f"expected lamina below {sys.prefix}, got {lamina.__file__}")
for package in ("lamina", "cs6353", "cs231n"):
    folder = os.path.dirname(importlib.import_module(package).__file__)
    if not os.path.isfile(os.path.join(folder, "py.typed")):
        sys.exit(f"expected py.typed in {folder}")
for module in ("layers", "fast_layers", "layer_utils", "classifiers.fc_net", "classifiers.cnn", "optim", "solver",
               "gradient_check", "data_utils", "vis_utils", "im2col"):
    importlib.import_module(f"cs231n.{module}")
np.random.seed(231)
y = np.arange(60) % 3
X = np.random.randn(3, 3, 8, 8)[y] + 0.1 * np.random.randn(60, 3, 8, 8)
model = ConvNet((3, 8, 8), [4], [3], 3, weight_scale=0.1)
solver = Solver(model, {"X_train": X, "y_train": y, "X_val": X, "y_val": y}, update_rule="adam",
                optim_config={"learning_rate": 1e-2}, num_epochs=5, batch_size=20, verbose=False)
solver.train()
if solver.best_val_acc < 0.9:
    sys.exit(f"expected an accuracy of 0.9 or more, got {solver.best_val_acc}")
print(f"lamina {lamina.__version__} in {sys.prefix}: accuracy {solver.best_val_acc}")
