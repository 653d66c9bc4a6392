#!/usr/bin/env python3
"""Solver with nets of the library: its loop in C++ against its loop in Python."""
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

import numpy as np

from lamina._net_loop import NetLoop
from lamina.nets import ConvNet, FullyConnectedNet, TwoLayerNet
from lamina.solver import Solver
from solver_test import clusters, trained


def in_python(net):
    """The same net with a loss of somebody's own, for which the loop runs in Python."""
    class Own(net):
        def loss(self, X, y=None):
            return super().loss(X, y)

    return Own


def images(**options):
    data = clusters(inputs=48, **options)
    return {name: x.reshape(-1, 3, 4, 4) if name[0] == "X" else x for name, x in data.items()}


FC = {"hidden_dims": [20, 15], "input_dim": 48, "num_classes": 4, "weight_scale": 0.2, "reg": 0.1}
CONV = {"input_dim": (3, 4, 4), "num_filters": [3], "filter_sizes": [3], "num_classes": 4, "weight_scale": 0.1,
        "reg": 0.1}
KINDS = [
    (FullyConnectedNet, FC), (FullyConnectedNet, {**FC, "dropout": 0.7}),
    (FullyConnectedNet, {**FC, "dropout": 0.7, "seed": 5}), (FullyConnectedNet, {**FC, "normalization": "batchnorm"}),
    (FullyConnectedNet, {**FC, "normalization": "layernorm"}), (ConvNet, CONV),
]


class BothLoops(unittest.TestCase):
    def compare(self, net, options, data, **settings):
        runs = []
        for kind in (net, in_python(net)):
            np.random.seed(231)
            model = kind(**options)
            solver = Solver(model, data, **{"optim_config": {"learning_rate": 3e-3}, "lr_decay": 0.9, "batch_size": 30,
                                            "num_epochs": 3, "num_train_samples": 70, **settings})
            self.assertEqual(NetLoop.of(solver) is None, kind is not net)
            lines = trained(solver)
            solver.num_epochs = 2
            lines += trained(solver)
            runs.append((solver, model, lines, np.random.get_state()[1:3]))
        (fast, model, lines, state), (slow, plain, expected, expected_state) = runs
        self.assertEqual(len(fast.loss_history), 5 * (len(data["X_train"]) // 30))
        tolerance = 1e-12 if model.params["b1" if "b1" in model.params else "b_1"].dtype == np.float64 else 1e-5
        np.testing.assert_allclose(fast.loss_history, slow.loss_history, rtol=tolerance)
        np.testing.assert_array_equal(state[0], expected_state[0])
        self.assertEqual(state[1], expected_state[1])
        self.assertEqual((fast.epoch, fast.num_epochs), (slow.epoch, slow.num_epochs))
        self.assertEqual(list(model.params), list(plain.params))
        self.assertEqual({type(loss) for loss in fast.loss_history}, {float})
        if tolerance == 1e-12:
            self.assertEqual(lines, expected)
            self.assertEqual(fast.train_acc_history, slow.train_acc_history)
            self.assertEqual(fast.val_acc_history, slow.val_acc_history)
            self.assertEqual(fast.best_val_acc, slow.best_val_acc)
        for name in model.params:
            self.close(model.params[name], plain.params[name], tolerance)
            self.close(fast.best_params[name], slow.best_params[name], tolerance)
            config, expected = fast.optim_configs[name], slow.optim_configs[name]
            self.assertEqual(set(config), set(expected))
            for key in config:
                self.close(config[key], expected[key], tolerance)
        for ours, theirs in zip(getattr(model, "bn_params", []), getattr(plain, "bn_params", [])):
            self.assertEqual(sorted(ours), sorted(theirs))
            for key in {"running_mean", "running_var"} & set(theirs):
                self.close(ours[key], theirs[key], tolerance)

    def close(self, got, expected, tolerance):
        got, expected = np.asarray(got), np.asarray(expected)
        self.assertEqual((got.shape, got.dtype), (expected.shape, expected.dtype))
        np.testing.assert_allclose(got, expected, rtol=100 * tolerance, atol=100 * tolerance)

    def test_nets(self):
        for net, options in KINDS:
            with self.subTest(net=net.__name__, options=options):
                self.compare(net, {**options, "dtype": np.float64}, images())
                self.compare(net, {**options, "dtype": np.float32}, images(dtype=np.float32), update_rule="adam")

    def test_rules(self):
        for rule in ("sgd", "sgd_momentum", "rmsprop", "adam"):
            self.compare(FullyConnectedNet, {**FC, "dtype": np.float64}, images(), update_rule=rule)
        self.compare(FullyConnectedNet, {**FC, "dtype": np.float64}, images(), update_rule="sgd_momentum",
                     optim_config={"momentum": 0.5, "nesterov": True})
        self.compare(FullyConnectedNet, {**FC, "dtype": np.float64}, images(), update_rule="rmsprop", optim_config={})

    def test_two_layer_net(self):
        self.compare(TwoLayerNet, {"input_dim": 48, "hidden_dim": 9, "num_classes": 4, "weight_scale": 0.1}, images())

    def test_settings(self):
        for settings in [{"num_train_samples": None, "num_val_samples": 33}, {"print_every": 1}, {"print_every": 1000}]:
            self.compare(FullyConnectedNet, {**FC, "dtype": np.float64}, images(), **settings)

    def test_kinds_of_data(self):
        plain = images()
        bytes_, whole = ({**plain, **{name: np.clip(40 * plain[name] + 90, 0, 255).astype(kind)
                                      for name in ("X_train", "X_val")}} for kind in ("u1", "i4"))
        fortran = {name: np.asfortranarray(x) for name, x in plain.items()}
        backwards = {name: x[::-1] for name, x in plain.items()}
        half = {name: x.astype(np.float16) if name[0] == "X" else x.astype(np.uint8) for name, x in plain.items()}
        foreign = {name: x.astype(x.dtype.newbyteorder()) for name, x in plain.items()}
        lists = {name: x.tolist() for name, x in plain.items()}
        for data in (bytes_, whole, fortran, backwards, half, foreign, lists):
            self.compare(FullyConnectedNet, {**FC, "dtype": np.float64, "weight_scale": 0.01}, data)

    def test_one_configuration_each(self):
        runs = []
        for kind in (FullyConnectedNet, in_python(FullyConnectedNet)):
            np.random.seed(1)
            solver = Solver(kind(**FC, dtype=np.float64), images(), num_epochs=2, verbose=False)
            solver.optim_configs["W2"] = {"learning_rate": 0.1}
            solver.train()
            runs.append(solver.loss_history)
        np.testing.assert_allclose(*runs, rtol=1e-12)


class TheLoop(unittest.TestCase):
    def setUp(self):
        np.random.seed(231)
        self.model, self.data = FullyConnectedNet(**FC, dtype=np.float64), images()

    def solver(self, **options):
        return Solver(self.model, self.data, **{"batch_size": 50, "num_epochs": 2, "verbose": False, **options})

    def test_where_it_runs(self):
        class Own(Solver):
            def _step(self):
                super()._step()

        self.assertIsNotNone(NetLoop.of(self.solver()))
        self.assertIsNone(NetLoop.of(Own(self.model, self.data)))
        self.assertIsNone(NetLoop.of(self.solver(update_rule=lambda w, dw, config: (w, config))))
        solver = self.solver()
        solver.check_accuracy = lambda *arguments, **named: 0.5
        self.assertIsNone(NetLoop.of(solver))

    def test_edited_parameters_count(self):
        solver = self.solver(optim_config={"learning_rate": 0.0})
        for name in self.model.params:
            self.model.params[name] = np.asfortranarray(0 * self.model.params[name])
        solver.train()
        np.testing.assert_allclose(solver.loss_history, np.log(4))
        for w in self.model.params.values():
            np.testing.assert_array_equal(w, 0)

    def test_order_of_parameters(self):
        np.random.seed(7)
        expected = self.solver(update_rule="adam")
        before = dict(self.model.params)
        expected.train()
        self.model.params = {name: before[name] for name in reversed(before)}
        np.random.seed(7)
        solver = self.solver(update_rule="adam")
        solver.train()
        self.assertEqual(solver.loss_history, expected.loss_history)
        for name, w in self.model.params.items():
            self.assertEqual(solver.optim_configs[name]["m"].shape, w.shape)

    def test_best_parameters_are_left(self):
        solver = self.solver(optim_config={"learning_rate": 0.5}, num_epochs=8)
        solver.train()
        self.assertEqual(solver.check_accuracy(self.data["X_val"], self.data["y_val"]), solver.best_val_acc)
        for name, w in self.model.params.items():
            np.testing.assert_array_equal(w, solver.best_params[name])
            self.assertFalse(np.shares_memory(w, solver.best_params[name]))

    def test_checkpoints(self):
        with tempfile.TemporaryDirectory() as folder:
            solver = self.solver(checkpoint_name=os.path.join(folder, "run"), num_epochs=3)
            solver.train()
            losses = []
            for epoch in range(4):
                with open(f"{solver.checkpoint_name}_epoch_{epoch}.pkl", "rb") as file:
                    kept = pickle.load(file)
                losses.append(kept["model"].loss(self.data["X_val"], self.data["y_val"])[0])
                self.assertEqual(len(kept["loss_history"]), max(4 * epoch, 1))
        self.assertEqual(losses, sorted(losses, reverse=True))  # each has the parameters of its moment
        self.assertEqual(len(set(losses)), 4)

    def test_labels(self):
        for name, message in [("y_train", "[Ll]abel|y of|class"), ("y_val", "labels of 0 to 3 .*, got 4")]:
            y = self.data[name].copy()
            y[:] = 4
            solver = Solver(self.model, {**self.data, name: y}, verbose=False)
            with self.assertRaisesRegex(ValueError, message):
                solver.train()
        with self.assertRaisesRegex(TypeError, "y to be an array of integers"):
            Solver(self.model, {**self.data, "y_train": self.data["y_train"] + 0.5}, verbose=False).train()

    def test_shapes(self):
        data = {name: x[:, :, :, :3] if name[0] == "X" else x for name, x in self.data.items()}
        with self.assertRaisesRegex(ValueError, r"\(100, 3, 4, 3\)"):
            Solver(self.model, data, verbose=False).train()

    def test_nan(self):
        self.model.params["W2"][0, 0] = np.nan
        solver = self.solver()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            solver.train()
        ours = [str(w.message) for w in caught if "[Solver]" in str(w.message)]
        self.assertEqual(len(ours), 1)
        self.assertTrue(np.isnan(solver.loss_history).all())
        self.assertEqual(len(solver.loss_history), 8)

    def test_check_accuracy_of_many(self):
        X = np.random.randint(0, 256, (49000, 3, 4, 4)).astype(np.uint8)
        scores = self.model.loss(X)
        y = np.argmax(scores, axis=1)
        y[:4900] = (y[:4900] + 1) % 4
        self.assertEqual(self.solver().check_accuracy(X, y), 0.9)

    def test_interrupt(self):
        """Ctrl-C stops at once; histories and parameters are those of the iterations so far."""
        script = """if True:
            import sys
            import numpy as np
            from lamina.nets import FullyConnectedNet
            from lamina.solver import Solver
            X, y = np.random.randn(300, 48), np.random.randint(0, 4, 300)
            model = FullyConnectedNet([20], input_dim=48, num_classes=4)
            solver = Solver(model, dict(X_train=X, y_train=y, X_val=X, y_val=y), batch_size=3, num_epochs=10**7,
                            print_every=10**9, update_rule="adam", verbose=False)
            before = {name: w.copy() for name, w in model.params.items()}
            print("ready", flush=True)
            try:
                solver.train()
            except KeyboardInterrupt:
                steps = len(solver.loss_history)
                assert solver.optim_configs["W1"]["t"] == steps, (solver.optim_configs["W1"]["t"], steps)
                assert all((before[name] != w).any() for name, w in model.params.items())
                solver.num_epochs = 1
                solver.train()
                print(steps, len(solver.loss_history) - steps, len(solver.val_acc_history) > 1)
        """
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as run:
            self.assertEqual(run.stdout.readline(), "ready\n")
            time.sleep(0.5)
            start = time.monotonic()
            run.send_signal(signal.SIGINT)
            rest = run.stdout.read().split()
            self.assertEqual(run.wait(), 0)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(rest[1:], ["100", "True"])
        self.assertGreater(int(rest[0]), 100)


if __name__ == "__main__":
    unittest.main()
