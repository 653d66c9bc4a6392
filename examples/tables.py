#!/usr/bin/env python3
"""Tables: the four that scikit-learn brings along, written as CSV files, and nets that learn to predict a column of each.

    ./run python    # builds the package
    PYTHONPATH=build/release/python /usr/bin/python3 examples/tables.py    # needs Debian's python3-sklearn

The same by the command: lamina train --data diabetes.csv --target progression --loss squared
"""
import csv
import os
import tempfile

import numpy as np
from sklearn import datasets

from lamina.data import load_table
from lamina.nets import Sequential
from lamina.solver import Solver

TABLES = {"wine": (datasets.load_wine, "kind", "softmax"), "breast cancer": (datasets.load_breast_cancer, "tumour", "softmax"),
          "digits": (datasets.load_digits, "digit", "softmax"), "diabetes": (datasets.load_diabetes, "progression", "squared")}

with tempfile.TemporaryDirectory() as folder:
    for name, (load, target, loss) in TABLES.items():
        given = load()
        path = os.path.join(folder, name + ".csv")
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*map(str, given.feature_names), target])
            writer.writerows([*row, given.target_names[y] if loss == "softmax" else y] for row, y in zip(given.data, given.target))

        data = load_table(path, target, loss=loss, val_fraction=0.15, test_fraction=0.15)
        np.random.seed(1)
        columns, outputs = data["X_train"].shape[1], len(data["names"])
        model = Sequential(f"affine 100 init xavier | relu | affine {outputs} init xavier", (columns,), loss=loss)
        solver = Solver(model, data, update_rule="adam", optim_config={"learning_rate": 1e-3}, batch_size=32, shuffle=True,
                        num_epochs=50 if loss == "squared" else 100, verbose=False)
        solver.train()
        score = solver.check_accuracy(data["X_test"], data["y_test"])
        print(f"{name}: {len(data['X_train'])} rows of {columns} numbers to learn from; "
              f"{'R^2' if loss == 'squared' else 'accuracy'} of {len(data['X_test'])} others {score:.3f}")
