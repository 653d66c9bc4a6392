#!/usr/bin/env python3
"""Solver with models written in NumPy, against the course's loop written out plainly."""
import contextlib
import io
import os
import pickle
import tempfile
import unittest
import warnings

import numpy as np

from lamina import optim
from lamina.nets import TwoLayerNet
from lamina.solver import Solver


class NumpyNet:
    """Affine, ReLU, dropout (keeping p), affine, softmax, in NumPy alone."""

    def __init__(self, inputs=12, hidden=9, classes=4, reg=0.01, p=1.0, dtype=np.float64):
        self.reg, self.p = reg, p
        self.params = {
            "W1": (0.5 * np.random.randn(inputs, hidden)).astype(dtype), "b1": np.zeros(hidden, dtype),
            "W2": (0.5 * np.random.randn(hidden, classes)).astype(dtype), "b2": np.zeros(classes, dtype),
        }
        self.passes = []

    def loss(self, X, y=None):
        self.passes.append((len(X), y is not None))
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        X = X.reshape(len(X), -1).astype(W1.dtype)
        hidden = np.maximum(X @ W1 + b1, 0)
        mask = np.ones_like(hidden)
        if y is not None and self.p != 1:
            mask = (np.random.rand(*hidden.shape) < self.p) / self.p
        scores = hidden * mask @ W2 + b2
        if y is None:
            return scores
        shifted = scores - scores.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -logs[np.arange(len(y)), y].mean() + 0.5 * self.reg * ((W1**2).sum() + (W2**2).sum())
        d = np.exp(logs)
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        grads = {"W2": (hidden * mask).T @ d + self.reg * W2, "b2": d.sum(axis=0)}
        d = d @ W2.T * mask * (hidden > 0)
        grads.update(W1=X.T @ d + self.reg * W1, b1=d.sum(axis=0))
        return loss, grads


def momentum(w, dw, config):
    """The course's rule, in NumPy's arithmetic."""
    config.setdefault("learning_rate", 1e-2)
    config["velocity"] = config.get("momentum", 0.9) * config.get("velocity", np.zeros_like(w)) \
        - config["learning_rate"] * dw
    return w + config["velocity"], config


def accuracy(model, X, y, num_samples):
    if num_samples is not None and len(X) > num_samples:
        rows = np.random.choice(len(X), num_samples)
        X, y = X[rows], y[rows]
    right = [np.argmax(model.loss(X[i:i + 100]), axis=1) == y[i:i + 100] for i in range(0, len(X), 100)]
    return np.concatenate(right).mean()


def course(model, data, rule, config, epochs, batch, decay=1.0, train_samples=1000, val_samples=None, every=10):
    """The course's training loop from its description: losses, accuracies, best parameters, lines."""
    X, y = data["X_train"], data["y_train"]
    losses, train, val, lines, best, best_acc = [], [], [], [], {}, 0
    configs = {name: dict(config) for name in model.params}
    per_epoch = max(len(X) // batch, 1)
    total = epochs * per_epoch
    epoch = 0
    for t in range(total):
        rows = np.random.choice(len(X), batch)
        loss, grads = model.loss(X[rows], y[rows])
        losses.append(loss)
        for name in model.params:
            model.params[name], configs[name] = rule(model.params[name], grads[name], configs[name])
        if t % every == 0:
            lines.append("(Iteration %d / %d) loss: %f" % (t + 1, total, loss))
        if (t + 1) % per_epoch == 0:
            epoch += 1
            for name in configs:
                configs[name]["learning_rate"] *= decay
        if t == 0 or t == total - 1 or (t + 1) % per_epoch == 0:
            train.append(accuracy(model, X, y, train_samples))
            val.append(accuracy(model, data["X_val"], data["y_val"], val_samples))
            lines.append("(Epoch %d / %d) train acc: %f; val_acc: %f" % (epoch, epochs, train[-1], val[-1]))
            if val[-1] > best_acc:
                best_acc, best = val[-1], {name: w.copy() for name, w in model.params.items()}
    return losses, train, val, best, lines


def clusters(N=230, val=110, inputs=12, classes=4, seed=5, dtype=np.float64):
    """Points around a centre for each class."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((classes, inputs))
    y = rng.integers(0, classes, N + val)
    X = (centres[y] + 1.2 * rng.standard_normal((N + val, inputs))).astype(dtype)
    return {"X_train": X[:N], "y_train": y[:N], "X_val": X[N:], "y_val": y[N:]}


def trained(solver):
    """What train() prints, line by line."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        solver.train()
    return printed.getvalue().splitlines()


class CourseLoop(unittest.TestCase):
    def compare(self, rule, reference, config, tolerance, p=1.0, data=None, **options):
        data = data or clusters()
        settings = {"epochs": 4, "batch": 25, **options}
        np.random.seed(231)
        expected = course(NumpyNet(p=p), data, reference, config, **settings)
        state = np.random.get_state()[1:3]
        np.random.seed(231)
        model = NumpyNet(p=p)
        solver = Solver(model, data, update_rule=rule, optim_config=config, num_epochs=settings["epochs"],
                        batch_size=settings["batch"], lr_decay=settings.get("decay", 1.0),
                        num_train_samples=settings.get("train_samples", 1000),
                        num_val_samples=settings.get("val_samples"), print_every=settings.get("every", 10))
        lines = trained(solver)
        self.assertEqual(lines, expected[4])
        for got, expected_state in zip(np.random.get_state()[1:3], state):
            np.testing.assert_array_equal(got, expected_state)
        np.testing.assert_allclose(solver.loss_history, expected[0], rtol=tolerance, atol=0)
        self.assertEqual((solver.train_acc_history, solver.val_acc_history), expected[1:3])
        self.assertEqual(solver.best_val_acc, max(expected[2]))
        self.assertEqual(solver.epoch, settings["epochs"])
        for name, best in expected[3].items():
            np.testing.assert_allclose(solver.best_params[name], best, rtol=tolerance * 10, atol=tolerance * 10)
            np.testing.assert_array_equal(model.params[name], solver.best_params[name])

    def test_to_the_last_bit_with_a_rule_in_numpy(self):
        self.compare(momentum, momentum, {"learning_rate": 1e-2}, 0, decay=0.9, p=0.8)
        self.compare(momentum, momentum, {"learning_rate": 1e-2, "momentum": 0.5}, 0, train_samples=57, val_samples=31,
                     every=3, p=0.5)
        self.compare(momentum, momentum, {"learning_rate": 1e-2}, 0, epochs=7, batch=300, every=1)  # 1 an epoch
        self.compare(momentum, momentum, {"learning_rate": 1e-2}, 0, epochs=1, batch=229)
        self.compare(momentum, momentum, {"learning_rate": 1e-2}, 0, train_samples=None)

    def test_rules_by_name(self):
        def sgd(w, dw, config):
            return w - config["learning_rate"] * dw, config

        self.compare("sgd", sgd, {"learning_rate": 0.1}, 1e-12, decay=0.95)
        self.compare("sgd_momentum", momentum, {"learning_rate": 0.01}, 1e-12, decay=0.95)

    def test_images(self):
        data = clusters()
        for name in ("X_train", "X_val"):
            data[name] = data[name].reshape(-1, 3, 2, 2)
        self.compare(momentum, momentum, {"learning_rate": 1e-2}, 0, data=data)


class Settings(unittest.TestCase):
    def setUp(self):
        np.random.seed(231)
        self.model, self.data = NumpyNet(), clusters()

    def solver(self, **options):
        return Solver(self.model, self.data, **{"batch_size": 50, "num_epochs": 2, "verbose": False, **options})

    def test_defaults(self):
        solver = Solver(self.model, self.data)
        self.assertIs(solver.update_rule, optim.sgd)
        self.assertEqual((solver.lr_decay, solver.batch_size, solver.num_epochs, solver.num_train_samples),
                         (1, 100, 10, 1000))
        self.assertEqual((solver.num_val_samples, solver.checkpoint_name, solver.print_every, solver.verbose),
                         (None, None, 10, True))
        self.assertEqual((solver.epoch, solver.best_val_acc, solver.best_params, solver.loss_history), (0, 0, {}, []))
        self.assertEqual(solver.optim_configs, {name: {} for name in self.model.params})

    def test_a_rule_that_raises_leaves_a_loss_for_each_update(self):
        calls = []

        def rule(w, dw, config):
            calls.append(1)
            if len(calls) == 4 * 3 + 1:  # the first of four parameters, in the fourth step
                raise RuntimeError("stop")
            return w - 0.1 * dw, config

        solver = self.solver(update_rule=rule)
        self.assertRaisesRegex(RuntimeError, "^stop$", solver.train)
        self.assertEqual(len(solver.loss_history), 3)

    def test_goes_on(self):
        solver = self.solver(optim_config={"learning_rate": 0.1}, lr_decay=0.5)
        solver.train()
        first, best = list(solver.loss_history), {name: w.copy() for name, w in solver.best_params.items()}
        for name, w in self.model.params.items():
            self.assertIsNot(w, solver.best_params[name])
        solver.num_epochs, solver.batch_size, best_acc = 3, 23, solver.best_val_acc
        solver.train()
        self.assertEqual(solver.loss_history[:8], first)
        self.assertEqual((len(solver.loss_history), solver.epoch), (8 + 30, 5))
        self.assertEqual(solver.optim_configs["W1"]["learning_rate"], 0.1 * 0.5**5)
        self.assertEqual(len(solver.val_acc_history), 3 + 4)
        if solver.best_val_acc == best_acc:  # no later one was better: the best are those of the first call
            for name, w in best.items():
                np.testing.assert_array_equal(solver.best_params[name], w)

    def test_a_rule_by_name_between(self):
        solver = self.solver()
        solver.train()
        solver.update_rule = "adam"
        solver.train()
        self.assertIs(solver.update_rule, optim.adam)
        self.assertEqual(solver.optim_configs["W1"]["t"], 8)
        solver.update_rule = "sdg"
        with self.assertRaisesRegex(ValueError, '^Invalid update_rule "sdg"$'):
            solver.train()

    def test_a_configuration_between(self):
        solver = self.solver(update_rule="sgd_momentum", optim_config={"learning_rate": 0.1}, lr_decay=0.5)
        solver.train()
        self.assertEqual(solver.optim_configs["W1"]["learning_rate"], 0.025)
        velocity = solver.optim_configs["W1"]["velocity"]
        solver.num_epochs = 0
        solver.train()
        self.assertEqual(solver.optim_configs["W1"]["learning_rate"], 0.025)
        solver.optim_config = {"learning_rate": 0.1, "momentum": 0.5}
        solver.train()
        self.assertEqual(solver.optim_configs["W1"], {"learning_rate": 0.1, "momentum": 0.5, "velocity": velocity})
        solver.optim_config["learning_rate"] = 0.3
        solver.train()
        self.assertEqual(solver.optim_configs["b2"]["learning_rate"], 0.3)

    def test_rules_added_to_the_course_s_module(self):
        import cs6353.optim
        calls = []

        def mine(w, dw, config):
            calls.append(1)
            return w - 0.1 * dw, config

        cs6353.optim.mine = mine
        try:
            self.solver(update_rule="mine").train()
            self.assertIs(self.solver(update_rule="adam").update_rule, optim.adam)
        finally:
            del cs6353.optim.mine
        self.assertEqual(len(calls), 8 * 4)

    def test_losses_of_one_element(self):
        plain = self.model.loss
        self.model.loss = lambda X, y=None: plain(X) if y is None else (np.reshape(plain(X, y)[0], 1), plain(X, y)[1])
        solver = self.solver(verbose=True)
        self.assertIn("loss: ", trained(solver)[0])
        self.assertEqual({type(loss) for loss in solver.loss_history}, {np.float64})

    def test_quiet(self):
        self.assertEqual(trained(self.solver()), [])

    def test_check_accuracy(self):
        solver = self.solver()
        X, y = self.data["X_train"], self.data["y_train"]
        expected = np.mean(np.argmax(self.model.loss(X), axis=1) == y)
        self.model.passes.clear()
        self.assertEqual(solver.check_accuracy(X, y, batch_size=64), expected)
        self.assertEqual(self.model.passes, [(64, False)] * 3 + [(38, False)])
        self.assertEqual(solver.check_accuracy(X.tolist(), y.tolist()), expected)
        np.random.seed(4)
        rows = np.random.choice(230, 60)
        np.random.seed(4)
        expected = np.mean(np.argmax(self.model.loss(X[rows]), axis=1) == y[rows])
        self.assertEqual(solver.check_accuracy(X, y, 60), expected)
        for wrong in [(X, y[:-1]), (X[:0], y[:0]), (3, 4)]:
            with self.assertRaises(ValueError):
                solver.check_accuracy(*wrong)
        for wrong in [{"batch_size": 0}, {"num_samples": 0}]:
            with self.assertRaises(ValueError):
                solver.check_accuracy(X, y, **wrong)

    def test_checkpoints(self):
        with tempfile.TemporaryDirectory() as folder:
            solver = self.solver(checkpoint_name=os.path.join(folder, "run"), verbose=True, num_epochs=2)
            lines = trained(solver)
            self.assertEqual(sorted(os.listdir(folder)), [f"run_epoch_{epoch}.pkl" for epoch in range(3)])
            self.assertIn(f'Saving checkpoint to "{folder}/run_epoch_1.pkl"', lines)
            with open(os.path.join(folder, "run_epoch_1.pkl"), "rb") as file:
                kept = pickle.load(file)
        self.assertEqual(kept["loss_history"], solver.loss_history[:4])
        self.assertEqual(kept["val_acc_history"], solver.val_acc_history[:2])
        self.assertEqual((kept["epoch"], kept["batch_size"], kept["lr_decay"]), (1, 50, 1.0))
        self.assertIs(kept["update_rule"], optim.sgd)
        self.assertEqual(sorted(kept["model"].params), sorted(self.model.params))

    def test_progress_bar(self):
        class Bar:
            def __init__(self, total):
                self.total, self.done, self.closed = total, 0, False
                bars.append(self)

            def update(self, count):
                self.done += count

            def close(self):
                self.closed = True

        bars = []
        self.solver(tqdm=Bar).train()
        self.assertEqual([(bar.total, bar.done, bar.closed) for bar in bars], [(8, 8, True)])

    def test_interrupt(self):
        solver = self.solver(num_epochs=10)
        plain = self.model.loss

        def loss(X, y=None):
            if len(solver.loss_history) == 11:
                raise KeyboardInterrupt
            return plain(X, y)

        self.model.loss = loss
        with self.assertRaises(KeyboardInterrupt):
            solver.train()
        self.assertEqual((len(solver.loss_history), solver.epoch, len(solver.val_acc_history)), (11, 2, 3))

    def test_overridden_step(self):
        class Counting(Solver):
            steps = 0

            def _step(self):
                self.steps += 1
                super()._step()

        solver = Counting(self.model, self.data, num_epochs=1, verbose=False)
        solver.train()
        self.assertEqual((solver.steps, len(solver.loss_history)), (2, 2))

    def test_running_averages_of_the_best(self):
        self.model.bn_params = [{"mode": "train", "running_mean": np.zeros(1)}]
        means, plain = [], self.model.loss

        def loss(X, y=None):
            if y is not None:
                self.model.bn_params[0]["running_mean"] += 1
            return plain(X, y)

        self.model.loss = loss
        solver = self.solver(optim_config={"learning_rate": 0.3}, num_epochs=6)
        solver.train()
        checks = [1, 4, 8, 12, 16, 20, 24]
        best = checks[int(np.argmax(solver.val_acc_history))]
        self.assertEqual(self.model.bn_params[0]["running_mean"], [best])

    def test_nan(self):
        self.model.params["W2"][0, 0] = np.nan
        for number in (1, 0):  # once a Solver
            solver = solver if not number else self.solver(num_epochs=3)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                solver.train()
            ours = [str(w.message) for w in caught if "[Solver]" in str(w.message)]
            self.assertEqual(len(ours), number)
            if number:
                self.assertTrue(ours[0].startswith("[Solver] the loss is nan at iteration 1: "), ours)
        self.assertEqual(len(solver.loss_history), 24)
        self.assertTrue(np.isnan(solver.loss_history).all())


class Errors(unittest.TestCase):
    def setUp(self):
        self.data = clusters()

    def refuses(self, error, pattern, data=None, **options):
        with self.assertRaisesRegex(error, pattern) as caught:
            Solver(NumpyNet(), self.data if data is None else data, **options)
        self.assertNotIn("\n", str(caught.exception))

    def test_options(self):
        self.refuses(ValueError, '^Unrecognized arguments "num_epoch", "x"$', num_epoch=3, x=1)
        for rule in ("sdg", "_config", "annotations", "TYPE_CHECKING", None, 3):
            self.refuses(ValueError, f'^Invalid update_rule "{rule}"$', update_rule=rule)
        self.refuses(ValueError, "batch_size of 1 or more, got 0", batch_size=0)
        self.refuses(ValueError, "num_epochs of 0 or more, got -1", num_epochs=-1)
        self.refuses(ValueError, "print_every of 1 or more, got 0", print_every=0)
        self.refuses(ValueError, "num_val_samples of 1 or more, got 0", num_val_samples=0)
        self.refuses(TypeError, "batch_size to be a whole number, got 2.5", batch_size=2.5)
        self.refuses(TypeError, "lr_decay to be a number, got str", lr_decay="0.9")
        self.refuses(TypeError, "optim_config to be a dictionary, got float", optim_config=1e-3)

    def one_line(self, error, pattern, call):
        with self.assertRaisesRegex(error, pattern) as caught:
            call()
        self.assertNotIn("\n", str(caught.exception))

    def test_more_options(self):
        self.refuses(ValueError, r"\[Solver\] expected batch_size below 2\^31, got 1000000000000", batch_size=10**12)
        self.refuses(ValueError, r"\[Solver\] expected batch_size below 2\^31", batch_size=2**61)
        self.refuses(TypeError, r"\[Solver\] expected tqdm to be True, False or a function, got int", tqdm=5)
        ragged = [[1.0, 2.0], [3.0]]
        self.refuses(TypeError, r"\[Solver\] expected data\['X_val'\] to be an array of real numbers",
                     data={**self.data, "X_val": ragged})

    def test_models(self):
        self.one_line(TypeError, r"\[Solver\] expected a model .*, got NoneType", lambda: Solver(None, self.data))
        for params in (None, [1]):
            model = NumpyNet()
            model.params = params
            self.one_line(TypeError, r"\[Solver\] expected model.params to be a dictionary, got ",
                          lambda model=model: Solver(model, self.data))

    def test_state(self):
        for model in (NumpyNet(), TwoLayerNet(12, 5, 4)):
            def changed(model=model, **attributes):
                solver = Solver(model, self.data, num_epochs=1, verbose=False)
                for name, value in attributes.items():
                    setattr(solver, name, value)
                return solver.train

            configs = {name: {} for name in model.params}
            self.one_line(TypeError, r"\[Solver\] expected loss_history to be a list, got tuple",
                          changed(loss_history=()))
            self.one_line(TypeError, r"\[Solver\] expected optim_configs\['W2'\] to be a dictionary, got int",
                          changed(optim_configs={**configs, "W2": 3}))
            self.one_line(ValueError, r"\[Solver\] expected optim_configs\['W1'\], got only the keys",
                          changed(optim_configs={"W2": {}}))
            self.one_line(TypeError, r"\[Solver\] expected optim_configs to be a dictionary",
                          changed(optim_configs=None))
            changed(optim_configs={**configs, "W2": None})()

    def test_data(self):
        self.refuses(TypeError, "data to be a dictionary of X_train, y_train, X_val, y_val, got list", data=[1, 2])
        for name in self.data:
            rest = {key: value for key, value in self.data.items() if key != name}
            self.refuses(ValueError, rf"expected data\['{name}'\], got only the keys", data=rest)
            self.refuses(TypeError, rf"data\['{name}'\] to be an array of real numbers", data={**self.data, name: [None]})
            self.refuses(ValueError, rf"1 example or more in data\['{name}'\], got shape", data={**self.data, name: []})
        self.refuses(ValueError, r"X_train of shape \(230, 12\) and y_train of shape \(229,\)",
                     data={**self.data, "y_train": self.data["y_train"][:-1]})
        self.refuses(ValueError, r"X_val of shape \(110, 11\)", data={**self.data, "X_val": self.data["X_val"][:, 1:]})


if __name__ == "__main__":
    unittest.main()
