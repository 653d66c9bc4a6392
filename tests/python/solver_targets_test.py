#!/usr/bin/env python3
"""Solver with targets other than labels, and with weights of examples and classes: C++'s loop and Python's give the same
bits, scores are those of their formulas, and mistakes get one line."""
import unittest

import numpy as np

from lamina.nets import FullyConnectedNet, Sequential
from lamina.solver import Solver

LOSSES = {"softmax": "accuracy", "svm": "accuracy", "sigmoid": "mean F1", "squared": "R^2", "absolute": "R^2",
          "huber": "R^2"}


class Own(Sequential):
    """A net whose iterations run in Python."""

    def loss(self, X, y=None, weights=None):
        return super().loss(X, y, weights)


def data_for(loss, N=90, val=40):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((N + val, 6))
    values = X[:, :3] @ rng.standard_normal((3, 3))
    if loss in ("softmax", "svm"):
        y = np.argmax(values, axis=1)
    else:
        y = (values > 0).astype(np.float64) if loss == "sigmoid" else values + 20
    return {"X_train": X[:N], "y_train": y[:N], "X_val": X[N:], "y_val": y[N:]}


def net_for(loss, kind=Sequential, **options):
    np.random.seed(6)
    return kind("affine 8 | relu | affine 3", input_dim=(6, 1, 1), dtype=np.float64, loss=loss, **options)


def trained(model, data, **options):
    np.random.seed(7)
    solver = Solver(model, data, **{"num_epochs": 3, "batch_size": 10, "verbose": False, "update_rule": "adam",
                                    "optim_config": {"learning_rate": 1e-2}, **options})
    solver.train()
    return solver


def r2(scores, y):
    return np.mean(1 - ((y - scores) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0))


def mean_f1(scores, y):
    predicted, true = scores > 0, y > 0.5
    return np.mean(2 * (predicted & true).sum(0) / (predicted.sum(0) + true.sum(0)))


class Targets(unittest.TestCase):
    def test_both_loops_and_the_formulas(self):
        weights = np.random.default_rng(5).random(90)
        for loss, score in LOSSES.items():
            for more in ({}, {"w_train": weights}):
                data = {**data_for(loss), **more}
                ours, theirs = trained(net_for(loss), data), trained(net_for(loss, Own), data)
                for name in ("loss_history", "train_acc_history", "val_acc_history"):
                    self.assertEqual(getattr(ours, name), getattr(theirs, name), (loss, name))
                for name, w in ours.model.params.items():
                    np.testing.assert_array_equal(w, theirs.model.params[name])
                scores = ours.model.loss(data["X_val"])
                right = {"accuracy": lambda s, y: np.mean(np.argmax(s, axis=1) == y), "mean F1": mean_f1, "R^2": r2}[score]
                self.assertAlmostEqual(ours.best_val_acc, right(scores, data["y_val"]), delta=1e-12)
                self.assertEqual(ours.best_val_acc, max(ours.val_acc_history))
                if more:
                    self.assertNotEqual(ours.loss_history, trained(net_for(loss), data_for(loss)).loss_history, loss)

    def test_scores_below_zero_count(self):
        solver = trained(net_for("squared"), data_for("squared"), optim_config={"learning_rate": 1e-4})
        self.assertLess(solver.best_val_acc, 0)
        self.assertEqual(solver.best_val_acc, max(solver.val_acc_history))
        self.assertTrue(solver.best_params)

    def test_class_weights(self):
        data = data_for("softmax")
        counts = np.bincount(data["y_train"])
        balanced = trained(net_for("softmax"), data, class_weights="balanced")
        for kind, options in [(Own, {"class_weights": "balanced"}), (Sequential, {"class_weights": ",".join(map(str, 1 / counts))})]:
            self.assertEqual(trained(net_for("softmax", kind), data, **options).loss_history, balanced.loss_history)
        by_example = trained(net_for("softmax"), {**data, "w_train": 1 / counts[data["y_train"]]})
        self.assertEqual(by_example.loss_history, balanced.loss_history)
        self.assertNotEqual(trained(net_for("softmax"), data).loss_history, balanced.loss_history)

    def test_one_number_an_example(self):
        data = data_for("squared")
        flat = {**data, "y_train": data["y_train"][:, 0], "y_val": data["y_val"][:, 0]}
        column = {**data, "y_train": data["y_train"][:, :1], "y_val": data["y_val"][:, :1]}
        solvers = []
        for each in (flat, column):
            np.random.seed(1)
            solvers.append(trained(FullyConnectedNet([4], 6, 1, dtype=np.float64, loss="huber", huber_delta=0.5), each))
        self.assertEqual(solvers[0].val_acc_history, solvers[1].val_acc_history)
        loss, grads = solvers[0].model.loss(flat["X_val"], flat["y_val"])
        errors = np.abs(solvers[0].model.loss(flat["X_val"])[:, 0] - flat["y_val"])
        right = np.where(errors <= 0.5, errors ** 2 / 2, 0.5 * (errors - 0.25))
        self.assertAlmostEqual(loss, right.mean(), delta=1e-12)
        self.assertEqual(grads["W2"].shape, (4, 1))

    def test_mistakes(self):
        def refuses(error, pattern, call):
            with self.assertRaisesRegex(error, pattern) as caught:
                call()
            self.assertNotIn("\n", str(caught.exception))

        numbers, labels = data_for("squared"), data_for("softmax")
        refuses(TypeError, "y to be an array of integers", lambda: trained(net_for("softmax"), numbers))
        refuses(ValueError, r"numbers of shape \(10, 3\) as targets of the squared loss",
                lambda: trained(net_for("squared"), labels))
        refuses(ValueError, "training targets of 0 to 1 for the sigmoid loss", lambda: trained(net_for("sigmoid"), numbers))
        for w in (np.ones(89), -np.ones(90), np.zeros(90), np.full(90, np.nan)):
            refuses(ValueError, r"data\['w_train'\]", lambda: trained(net_for("squared"), {**numbers, "w_train": w}))
        refuses(ValueError, "no class_weights where targets are numbers",
                lambda: trained(net_for("squared"), numbers, class_weights="balanced"))
        refuses(ValueError, "class_weights for 3 classes", lambda: trained(net_for("softmax"), labels, class_weights="1,2"))
        model = net_for("svm")
        model.label_smoothing = 0.1
        refuses(ValueError, "no label_smoothing with the svm loss", lambda: model.loss(labels["X_val"], labels["y_val"]))
        refuses(ValueError, "loss to be ", lambda: net_for("hinge"))


if __name__ == "__main__":
    unittest.main()
